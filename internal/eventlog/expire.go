package eventlog

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"auwai/internal/kv"
	"auwai/internal/partition"
)

// Policy is how long a stream is kept: by age and by size, whichever ends first.
type Policy struct {
	Age time.Duration // of a block, since its folding; 0: not kept
	// Bytes bounds the stored bytes of the stream's blocks in this partition; 0: no bound. A bound
	// for a node is divided by partition.Count.
	Bytes int64
}

// How much of a stream one command expires.
const (
	expireBlocks = 64
	expireRead   = 2 << 20
	expirePieces = 4_000
)

// Expirable is a stream of which something is to be expired. The caller scans Range, gives the
// entries to Build and submits what it returns; else it calls Mem.Unplan in the loop.
type Expirable struct {
	Stream string
	Range  kv.Range
	before time.Time // blocks that were folded then or before go
	excess int64     // so many bytes go, the oldest first
}

// Expirable returns the streams of which something is to be expired, sorted by name. A stream is not
// named again until its expiry was applied, or unplanned.
func (m *Mem) Expirable(now partition.Now, policy func(stream string) Policy) []Expirable {
	var out []Expirable
	at := m.clock.now(now)
	for _, name := range slices.Sorted(maps.Keys(m.streams)) {
		s := m.streams[name]
		if s.head.blocks == 0 || s.expiring {
			continue
		}
		p := policy(name)
		x := Expirable{Stream: name, before: at.Add(-p.Age)}
		if p.Bytes > 0 {
			x.excess = int64(s.head.blockBytes) - p.Bytes //nolint:gosec // bytes on a disk
		}
		if x.excess <= 0 && millis(s.head.oldest).After(x.before) {
			continue
		}
		s.expiring = true
		x.Range = kv.Range{
			From: blockKey(m.p, name, s.head.blockFrom), To: blockKey(m.p, name, ^uint64(0)),
			Limit: expireBlocks, MaxBytes: expireRead,
		}
		out = append(out, x)
	}
	return out
}

// Expire removes the oldest blocks of a stream, and the pieces of the large records in them.
type Expire struct {
	Stream string
	Blocks []BlockInfo
	// oldest is what is known of the blocks that are left: the oldest was folded then, or later.
	oldest uint64
}

// Build makes the command that expires what is due of a page of x.Range. A command without blocks
// only learns how old the oldest block is; nil is returned for an empty page.
func (x Expirable) Build(blocks []kv.Entry) (*Expire, error) {
	if len(blocks) == 0 {
		return nil, nil //nolint:nilnil // nothing to do is not an error
	}
	c := &Expire{Stream: x.Stream}
	excess, pieces := x.excess, 0
	for _, e := range blocks {
		i, err := ReadBlockInfo(e.Value)
		if err != nil {
			return nil, fmt.Errorf("expire stream %q: key %x: %w", x.Stream, e.Key, err)
		}
		for _, r := range i.Refs {
			pieces += r.Pieces
		}
		c.oldest = i.Folded
		due := excess > 0 || !millis(i.Folded).After(x.before)
		if !due || pieces > expirePieces && len(c.Blocks) > 0 {
			break
		}
		excess -= int64(i.size)
		c.Blocks = append(c.Blocks, i)
	}
	return c, nil
}

// Apply removes the blocks. It reads resident keys only.
func (c *Expire) Apply(tx *partition.Tx) error {
	m := memory(tx)
	key := headKey(tx.Partition(), c.Stream)
	h, found := readHead(tx, c.Stream, key)
	if !found || uint64(len(c.Blocks)) > h.blocks {
		return ErrStale
	}
	for n := range c.Blocks {
		i := &c.Blocks[n]
		if h.blockFirst != i.FirstTail || uint64(i.size) > h.blockBytes { //nolint:gosec // a length
			return ErrStale
		}
		tx.Delete(blockKey(tx.Partition(), c.Stream, i.LastPos))
		for _, ref := range i.Refs {
			deletePieces(tx, ref)
		}
		h.blockFirst += i.Tails
		h.blockFrom = i.LastPos + 1
		h.blocks--
		h.blockBytes -= uint64(i.size) //nolint:gosec // a length
	}
	h.oldest = max(h.oldest, c.oldest)
	if h.empty() {
		tx.Delete(key)
		tx.After(func() { delete(m.streams, c.Stream) })
		return nil
	}
	tx.Set(key, h.encode())
	tx.After(func() {
		s := m.stream(c.Stream)
		s.head, s.expiring = h, false
	})
	return nil
}
