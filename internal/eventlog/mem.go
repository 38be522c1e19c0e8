package eventlog

import (
	"time"

	"auwai/internal/kv"
	"auwai/internal/partition"
)

// Mem is what the owner of a partition knows of its streams. It is used by the node's loop only, and
// dies with the ownership.
//
// What stands in the store is read from the store. Mem holds where the group being built appends,
// and when folding is due. Both survive the undoing of a command: the first is checked against the
// head at each use, the second is a hint.
type Mem struct {
	p       partition.ID
	nextKey kv.Key
	streams map[string]*streamMem
}

type streamMem struct {
	headKey kv.Key

	// The tail that the group being built appends to.
	group  uint64
	number uint64
	key    kv.Key
	size   int

	tails   uint64        // tails that are not folded, those on their way included
	bytes   int           // about their sum
	since   time.Duration // when Due first saw them, on the monotonic clock
	waiting bool          // since is set
	planned bool          // a plan was given out and is not settled
}

func newMem(p partition.ID) *Mem {
	return &Mem{p: p, nextKey: nextKey(p), streams: map[string]*streamMem{}}
}

func (m *Mem) stream(p partition.ID, name string) *streamMem {
	s, ok := m.streams[name]
	if !ok {
		s = &streamMem{headKey: headKey(p, name)}
		m.streams[name] = s
	}
	return s
}

func (s *streamMem) startTail(tx *partition.Tx, stream string, number uint64) {
	s.group, s.number, s.size = tx.Group(), number, 0
	s.key = tailKey(tx.Partition(), stream, number)
}
