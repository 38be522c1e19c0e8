package eventlog

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"auwai/internal/fault"
	"auwai/internal/kv"
	"auwai/internal/partition"
)

// When tails are folded, and how many by one command.
const (
	foldBytes = 64 << 10 // bytes of a stream's tails
	foldAge   = 10 * time.Second
	foldTails = 512       // tails of one block: deletes of one command
	foldRead  = 384 << 10 // bytes of tails in one block
)

// ErrStale answers a fold or an expiry that does not fit what is kept: it was made from a page that
// is out of date or incomplete. The caller plans anew.
var ErrStale = fault.New(fault.Conflict, "eventlog: what is kept of the stream has changed")

// Foldable is a stream whose tails are due for folding. The caller scans Range, gives the entries to
// Build and submits what it returns. When it did not come to that, or the command failed, it calls
// Mem.Unplan in the loop.
type Foldable struct {
	Stream string
	Range  kv.Range
	at     time.Time
}

// Foldable returns the streams whose tails are due, sorted by name. A stream is not named again until
// its fold was applied, or unplanned.
func (m *Mem) Foldable(now partition.Now) []Foldable {
	var out []Foldable
	at := m.clock.now(now)
	for _, name := range slices.Sorted(maps.Keys(m.streams)) {
		s := m.streams[name]
		if s.head.tails() == 0 || s.folding {
			continue
		}
		if !s.waiting {
			s.since, s.waiting = now.Mono, true
		}
		if !s.left && s.bytes < foldBytes && s.head.tails() < foldTails && now.Mono-s.since < foldAge {
			continue
		}
		s.folding = true
		out = append(out, Foldable{Stream: name, at: at, Range: kv.Range{
			From:     tailKey(m.p, name, s.head.first),
			To:       tailKey(m.p, name, s.head.next),
			Limit:    foldTails,
			MaxBytes: foldRead,
		}})
	}
	return out
}

// Unplan says that the plan to fold or to expire a stream was given up: it is due again.
func (m *Mem) Unplan(stream string) {
	if s, ok := m.streams[stream]; ok {
		s.folding, s.expiring = false, false
	}
}

// Fold replaces tails of a stream by a block.
type Fold struct {
	Stream string
	Info   BlockInfo
	Value  []byte // of the block
	bytes  int    // of the tails
}

// Build makes the command that folds the tails of a page of f.Range, nil when the page is empty. tag
// may be nil. It is pure and takes up to 2 ms, so it belongs outside the loop.
func (f Foldable) Build(tails []kv.Entry, tag Tagger) (*Fold, error) {
	if len(tails) == 0 {
		return nil, nil //nolint:nilnil // nothing to do is not an error
	}
	size := 0
	for _, e := range tails {
		size += len(e.Value)
	}
	c := &Fold{Stream: f.Stream, bytes: size}
	records := make([]byte, 0, size)
	for n, e := range tails {
		name, number, ok := lastOf(e.Key)
		if !ok || name != f.Stream {
			return nil, fmt.Errorf("fold stream %q: key %x: %w", f.Stream, e.Key, errRecord)
		}
		if n == 0 {
			c.Info.FirstTail = number
		}
		if number != c.Info.FirstTail+uint64(n) {
			return nil, ErrStale
		}
		records = append(records, e.Value...)
	}
	c.Info.Tails = uint64(len(tails))
	c.Info.Folded = uint64(max(f.at.UnixMilli(), 0))
	if err := c.Info.describe(records, tag); err != nil {
		return nil, fmt.Errorf("fold stream %q, tails from %d: %w", f.Stream, c.Info.FirstTail, err)
	}
	c.Value = encodeBlock(&c.Info, records)
	c.Info.size = len(c.Value)
	return c, nil
}

// Apply replaces the tails. It reads resident keys only.
func (c *Fold) Apply(tx *partition.Tx) error {
	m := memory(tx)
	p := tx.Partition()
	key := headKey(p, c.Stream)
	h, found := readHead(tx, c.Stream, key)
	if !found || h.first != c.Info.FirstTail || c.Info.Tails > h.tails() {
		return ErrStale
	}
	for n := range c.Info.Tails {
		tx.Delete(tailKey(p, c.Stream, c.Info.FirstTail+n))
	}
	tx.Set(blockKey(p, c.Stream, c.Info.LastPos), c.Value)
	if h.blocks == 0 {
		h.blockFirst, h.blockFrom, h.oldest = c.Info.FirstTail, c.Info.FirstPos, c.Info.Folded
	}
	h.first += c.Info.Tails
	h.blocks++
	h.blockBytes += uint64(len(c.Value))
	tx.Set(key, h.encode())
	tx.After(func() {
		s := m.stream(c.Stream)
		s.head, s.folding, s.waiting = h, false, false
		s.bytes = max(s.bytes-c.bytes, 0)
		if h.tails() == 0 {
			s.bytes, s.left = 0, false
		}
	})
	return nil
}
