package jobqueue

import (
	"time"

	"auwai/internal/ident"
)

// The effects of commands, released in order when they are durable. Dispatch keeps its windows by
// them.

// BecameReady says that a job is ready at its place (Pair, Band, Seq). Job is the whole record with
// payload, so that it need not be read back; it is not changed after.
type BecameReady struct {
	Job     *Job
	Settles bool // Mem.Settled(Job.ID) is due
}

// Changed says that a ready job has another record, and perhaps another place: OldBand, OldSeq.
type Changed struct {
	Job     *Job
	OldBand Band
	OldSeq  uint64
	Settles bool
}

// Gone says that a job that waited at a place is not ready any more (cancelled, superseded, …).
type Gone struct {
	ID      ident.Suffix
	Pair    Pair
	Band    Band
	Seq     uint64
	Settles bool
}

// BecameDelayed says that a job is due at a moment; dispatch sets its timer.
type BecameDelayed struct {
	Pair    Pair
	Due     time.Time
	ID      ident.Suffix
	Settles bool
}

// RootMoved says that a root has a newer generation: ready jobs of the pair with this signature that
// Older reports are superseded. Dispatch drops them from its windows by the command Supersede.
type RootMoved struct {
	Pair Pair
	Root RootRecord
}

// Finished says that a job's life ended in a final state, for metrics.
type Finished struct {
	Pair    Pair
	State   State
	Tries   int
	Created time.Time
}

// Retried says that an attempt failed and the job waits again, for metrics.
type Retried struct {
	Pair Pair
}
