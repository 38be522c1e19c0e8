package jobqueue

import (
	"time"

	"auwai/internal/ident"
)

// The effects of commands, released in order when they are durable. Dispatch gives each to
// Mem.Observe, and keeps its windows by them. Settles says that it ends a mark in Mem.

// BecameReady says that a job is ready at its place (Pair, Band, Seq). Job is the whole record with
// payload, so that it need not be read back; it is not changed after. After an attempt that was not
// counted, the place may be the old one.
type BecameReady struct {
	Job     *Job
	Settles bool
}

// Changed says that a ready job has another record, and perhaps another place: OldBand, OldSeq.
type Changed struct {
	Job     *Job
	OldBand Band
	OldSeq  uint64
	Settles bool
}

// Gone says that a job that waited at a place is not ready any more (cancelled, superseded).
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

// BecameBlocked says that a job waits for others, or for its turn in its chain.
type BecameBlocked struct {
	Pair    Pair
	ID      ident.Suffix
	Settles bool
}

// RootMoved says that a root has a newer generation, or was cancelled: ready jobs of the pair with this
// signature that RootRecord.Ends reports are not to be begun. Dispatch drops them from its windows by
// the command Drop.
type RootMoved struct {
	Pair      Pair
	Signature string
	Root      RootRecord
}

// Purged says that all that waits in a pair and has a place before Before is being swept: it is not
// ready any more, whatever a window or a scan shows.
type Purged struct {
	Pair   Pair
	Before uint64
}

// CancelRunning says that a job that runs was cancelled: dispatch cancels its attempt. Whatever the
// attempt reports then, done excepted, ends the job as cancelled.
type CancelRunning struct {
	ID   ident.Suffix
	Pair Pair
}

// Finished says that a job's life ended in a final state, or that it died, for metrics.
type Finished struct {
	ID      ident.Suffix
	Pair    Pair
	State   State
	Tries   int // attempts that counted, a successful one included
	Created time.Time
	Settles bool
}

// Retried says that an attempt failed and the job waits again, for metrics.
type Retried struct {
	Pair Pair
}

// Recovered says what an opening found claimed: by an owner that ended without a word, and by one
// that stopped in order; and how many of them go on.
type Recovered struct {
	Crashed, Orderly, Kept int
}

// Repaired says that a key was found that leads nowhere, and was removed: a defect of the program,
// to be logged.
type Repaired struct {
	Text string
}
