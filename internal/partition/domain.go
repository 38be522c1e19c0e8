package partition

import "auwai/internal/kv"

// Domain is what a domain (job queue, event log, …) gives to the node that opens partitions.
type Domain interface {
	// Families declares the domain's keys.
	Families() []Family
	// Open returns the domain's memory of a partition that is being opened, kept in its Slot, and the
	// commands that must be applied before any other, such as the return of claims that were found.
	Open(o Opening) (mem any, first []Command)
	// Slot is where the memory is kept.
	Slot() Slot
	// Decode turns a message into the command it stands for; ok is false when the kind is not this
	// domain's. Kinds are declared in the domain's keys.go, like families.
	Decode(kind byte, body []byte) (c Command, ok bool, err error)
}

// Opening describes the partition that is being opened.
type Opening struct {
	Partition ID
	Epoch     uint64
	Now       Now
	// Resident returns the entries of resident families whose keys begin with the prefix, sorted.
	Resident func(prefix kv.Key) []kv.Entry
}
