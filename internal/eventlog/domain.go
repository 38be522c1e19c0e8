package eventlog

import (
	"auwai/internal/partition"
	"auwai/internal/tuple"
)

// Domain is the event log as package node opens it.
type Domain struct{}

// Families declares the keys of the log.
func (Domain) Families() []partition.Family { return Families() }

// Slot is where the memory of the log is kept.
func (Domain) Slot() partition.Slot { return partition.SlotEvents }

// Open builds the memory of a partition from the heads of its streams. Tails that an earlier owner
// left are due for folding at once.
func (Domain) Open(o partition.Opening) (mem any, first []partition.Command) {
	m := newMem(o.Partition, o.Now)
	prefix := partition.Key(o.Partition, FamHead)
	for _, e := range o.Resident(prefix) {
		name, _, ok := tuple.TakeString(e.Key[len(prefix):])
		h, okHead := decodeHead(e.Value)
		partition.Invariant(ok && okHead, "eventlog: head at key %x is malformed: %x", e.Key, e.Value)
		s := m.stream(name)
		s.head, s.left = h, h.tails() > 0
	}
	return m, nil
}

// Decode knows no messages: streams are written by the commands of other domains.
func (Domain) Decode(byte, []byte) (c partition.Command, ok bool, err error) { return nil, false, nil }
