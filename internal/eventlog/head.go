package eventlog

import (
	"encoding/binary"
	"fmt"
	"time"

	"auwai/internal/partition"
)

// head is the resident record of a stream. Tails are numbered; the blocks cover the tails from
// blockFirst to first without a gap, so that a fold or an expiry that is out of date, or that was
// made from an incomplete page, shows itself.
type head struct {
	next       uint64 // number of the next tail
	first      uint64 // number of the first tail that is not folded
	blockFirst uint64 // number of the first tail in the oldest block
	blockFrom  uint64 // no block holds a position before this one
	blocks     uint64
	blockBytes uint64 // of the blocks' values
	oldest     uint64 // milliseconds: the oldest block was folded then, or later
}

const (
	headFormat = 1
	headLen    = 1 + 7*8
)

func (h *head) tails() uint64 { return h.next - h.first }

func (h *head) empty() bool { return h.tails() == 0 && h.blocks == 0 }

func (h *head) encode() []byte {
	b := make([]byte, 1, headLen)
	b[0] = headFormat
	for _, n := range [...]uint64{h.next, h.first, h.blockFirst, h.blockFrom, h.blocks, h.blockBytes, h.oldest} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return b
}

func decodeHead(v []byte) (h head, ok bool) {
	if len(v) != headLen || v[0] != headFormat {
		return head{}, false
	}
	n := func(i int) uint64 { return binary.BigEndian.Uint64(v[1+8*i:]) }
	return head{n(0), n(1), n(2), n(3), n(4), n(5), n(6)}, true
}

// readHead returns the head of a stream; found is false when nothing is kept of it.
func readHead(tx *partition.Tx, stream string, key []byte) (h head, found bool) {
	v := tx.Get(key)
	if v == nil {
		return head{}, false
	}
	h, ok := decodeHead(v)
	if !ok {
		partition.Invariant(false, "eventlog: head of stream %q is malformed: %x", stream, v)
	}
	return h, true
}

// Kept says what is kept of a stream.
type Kept struct {
	Stream string
	Tails  int // not folded yet
	Blocks int
	Bytes  int64     // of the blocks, as stored
	Oldest time.Time // the oldest block was folded then, or later; zero without blocks
}

func (h *head) kept(stream string) Kept {
	k := Kept{Stream: stream, Tails: int(h.tails()), Blocks: int(h.blocks), Bytes: int64(h.blockBytes)} //nolint:gosec // counts of keys
	if h.blocks > 0 {
		k.Oldest = millis(h.oldest)
	}
	return k
}

func (k Kept) String() string {
	return fmt.Sprintf("%s: %d tails, %d blocks of %d bytes", k.Stream, k.Tails, k.Blocks, k.Bytes)
}
