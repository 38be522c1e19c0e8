package eventlog

import (
	"maps"
	"slices"
	"time"

	"auwai/internal/kv"
	"auwai/internal/partition"
)

// Mem is what the owner of a partition knows of its streams. It is used by the node's loop only, and
// dies with the ownership.
//
// What stands in the store is read from the store. Mem holds where the group being built appends, a
// copy of each head, and when folding is due. All of it survives the undoing of a command: the first
// is checked against the head at each use, the copies follow commands that succeeded, and the rest
// is a hint.
type Mem struct {
	p       partition.ID
	nextKey kv.Key
	streams map[string]*streamMem
	clock   steadyClock
}

type streamMem struct {
	headKey kv.Key

	// The tail that the group being built appends to.
	group  uint64
	number uint64
	key    kv.Key
	size   int

	head     head          // as the last command left it
	bytes    int           // about the sum of the tails
	since    time.Duration // when Foldable first saw the tails, on the monotonic clock
	waiting  bool          // since is set
	left     bool          // tails are left of an earlier owner: due whatever their age
	folding  bool          // a plan was given out and is not settled
	expiring bool          // the same
}

func newMem(p partition.ID, now partition.Now) *Mem {
	return &Mem{p: p, nextKey: nextKey(p), streams: map[string]*streamMem{}, clock: newSteadyClock(now)}
}

func (m *Mem) stream(name string) *streamMem {
	s, ok := m.streams[name]
	if !ok {
		s = &streamMem{headKey: headKey(m.p, name)}
		m.streams[name] = s
	}
	return s
}

func (s *streamMem) startTail(tx *partition.Tx, stream string, number uint64) {
	s.group, s.number, s.size = tx.Group(), number, 0
	s.key = tailKey(tx.Partition(), stream, number)
}

// Kept says what is kept of each stream, sorted by name, commands on their way included.
func (m *Mem) Kept() []Kept {
	out := make([]Kept, 0, len(m.streams))
	for _, name := range slices.Sorted(maps.Keys(m.streams)) {
		h := m.streams[name].head
		if !h.empty() {
			out = append(out, h.kept(name))
		}
	}
	return out
}

// Steady returns the wall clock without its jumps: what expires goes by it. See steadyClock.
func (m *Mem) Steady(now partition.Now) time.Time { return m.clock.now(now) }
