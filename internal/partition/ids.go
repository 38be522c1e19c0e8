package partition

import (
	"hash/fnv"
	"time"
)

// ID is the number of a partition.
type ID uint16

// Count is the number of partitions. It is part of the format: the same everywhere, so that a store
// can be moved between engines and farms of any size.
const Count = 64

// Farm is the pseudo-wiki under which farm-wide state lives, in partition 0.
const Farm = "*farm"

// Of returns the partition of a wiki that has no stored placement.
func Of(wiki string) ID {
	if wiki == Farm {
		return 0
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(wiki)) // a hash's Write never fails
	return ID(h.Sum32() % Count)
}

// Now is a moment on both clocks of a machine. Wall is for stamps that people and other systems
// read; Mono, a duration since some start on a clock that counts suspend, is for deadlines.
type Now struct {
	Wall time.Time
	Mono time.Duration
}

// Limits of commands and groups.
const (
	MaxRounds     = 8         // how often a command may miss
	MaxGroupOps   = 4_000     // operations after which a group takes no further command
	MaxGroupSize  = 1_900_000 // bytes after which a group takes no further command
	smallGroupOps = 400       // operations below which callers that are answered may still join the group
	MaxPending    = 16_384    // commands waiting in one partition; more are refused
	// sharedRounds is how often a command misses beside others. What they change may be what it looks
	// at next, so after that nothing else is applied in the partition until it is.
	sharedRounds = 4
)
