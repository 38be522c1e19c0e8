package eventlog

import (
	"encoding/binary"
	"fmt"
	"time"

	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/kv"
	"auwai/internal/partition"
	"auwai/internal/tuple"
)

// A record that is larger than a value of the store may be is stored ahead, in pieces, by commands
// of their own; the append refers to them. Until then a due key marks them, so that pieces whose
// append never came are found without a search.
const (
	PieceSize = 512 << 10      // bytes of a piece; the last one may be shorter
	MaxPieces = 32             // of one record
	pieceLife = 24 * time.Hour // of pieces that nothing refers to
)

// Ref names data that was stored ahead by StorePiece. The zero value names none.
type Ref struct {
	ID     ident.Suffix
	Size   int // of all pieces
	Pieces int
}

// NewRef returns the reference of size bytes under id.
func NewRef(id ident.Suffix, size int) Ref {
	return Ref{ID: id, Size: size, Pieces: (size + PieceSize - 1) / PieceSize}
}

const refLen = ident.SuffixLen + 4 + 2

func (r *Ref) append(dst []byte) []byte {
	dst = append(dst, r.ID[:]...)
	dst = binary.BigEndian.AppendUint32(dst, uint32(r.Size))    //nolint:gosec // at most MaxPieces × PieceSize
	return binary.BigEndian.AppendUint16(dst, uint16(r.Pieces)) //nolint:gosec // at most MaxPieces
}

func takeRef(src []byte) (r Ref, rest []byte, ok bool) {
	if len(src) < refLen {
		return Ref{}, nil, false
	}
	copy(r.ID[:], src)
	r.Size = int(binary.BigEndian.Uint32(src[ident.SuffixLen:]))
	r.Pieces = int(binary.BigEndian.Uint16(src[ident.SuffixLen+4:]))
	return r, src[refLen:], r.Pieces <= MaxPieces && r.Size <= r.Pieces*PieceSize
}

func pieceKey(p partition.ID, id ident.Suffix, n int) kv.Key {
	return tuple.Uint16(append(partition.Key(p, FamChunk), id[:]...), uint16(n)) //nolint:gosec // at most MaxPieces
}

func dueKey(p partition.ID, id ident.Suffix) kv.Key {
	return append(partition.Key(p, FamChunkDue), id[:]...)
}

// StorePiece keeps piece N of the data that Ref names. It is for data over MaxRecord, before the
// command that calls AppendRef.
type StorePiece struct {
	Ref  Ref
	N    int
	Data []byte
}

// Apply stores the piece.
func (c *StorePiece) Apply(tx *partition.Tx) error {
	if c.N < 0 || c.N >= c.Ref.Pieces || c.Ref.Pieces > MaxPieces || len(c.Data) > PieceSize {
		return fault.Newf(fault.TooLarge, "eventlog: piece %d of %d with %d bytes; at most %d pieces of %d bytes",
			c.N, c.Ref.Pieces, len(c.Data), MaxPieces, PieceSize)
	}
	tx.Set(pieceKey(tx.Partition(), c.Ref.ID, c.N), c.Data)
	due := tuple.Uint64(nil, uint64(max(tx.Now().UnixMilli(), 0)))
	tx.Set(dueKey(tx.Partition(), c.Ref.ID), tuple.Uint16(due, uint16(c.Ref.Pieces))) //nolint:gosec // at most MaxPieces
	return nil
}

// Pieces cuts data into the pieces of ref.
func Pieces(ref Ref, data []byte) []*StorePiece {
	out := make([]*StorePiece, 0, ref.Pieces)
	for n := range ref.Pieces {
		out = append(out, &StorePiece{Ref: ref, N: n, Data: data[n*PieceSize : min((n+1)*PieceSize, len(data))]})
	}
	return out
}

// ErrPiecesGone answers an append whose pieces were not stored, or were swept since.
var ErrPiecesGone = fault.New(fault.Conflict, "eventlog: the stored pieces of a large record are gone; send it again")

// AppendRef adds a record whose data is prefix followed by what ref names.
func AppendRef(tx *partition.Tx, stream string, at time.Time, prefix []byte, ref Ref) (pos uint64, err error) {
	due := dueKey(tx.Partition(), ref.ID)
	if tx.Get(due) == nil {
		if tx.Missed() {
			return 0, nil
		}
		return 0, ErrPiecesGone
	}
	tx.Delete(due)
	data := append(ref.append(make([]byte, 0, refLen+len(prefix))), prefix...)
	return add(tx, stream, Record{At: at, Data: data, ref: true}), nil
}

// RefKey is the key that AppendRef reads, for Hinter.
func RefKey(p partition.ID, ref Ref) kv.Key { return dueKey(p, ref.ID) }

// PiecesRange is the range of the keys that mark data nothing refers to yet. They are few: one is
// there between the storing of a large record and its append.
func PiecesRange(p partition.ID) kv.Range { return kv.Prefix(partition.Key(p, FamChunkDue)) }

// SweepPieces removes stored pieces whose append has not come within 24 hours. IDs are from the keys
// of PiecesRange; one of them that was appended meanwhile, or is younger, is left alone.
type SweepPieces struct{ IDs []ident.Suffix }

// SweepablePieces returns the command for a page of PiecesRange, nil when nothing is due.
func SweepablePieces(entries []kv.Entry, now time.Time) *SweepPieces {
	c := &SweepPieces{}
	for _, e := range entries {
		_, _, _, rest, ok := partition.SplitKey(e.Key)
		if !ok || len(rest) != ident.SuffixLen || !pieceIsOld(e.Value, now) || len(c.IDs) == maxSweptPieces {
			continue
		}
		c.IDs = append(c.IDs, ident.Suffix(rest))
	}
	if len(c.IDs) == 0 {
		return nil
	}
	return c
}

const maxSweptPieces = 64 // × (MaxPieces + 1) operations

func pieceIsOld(v []byte, now time.Time) bool {
	ms, _, ok := tuple.TakeUint64(v)
	return ok && !millis(ms).Add(pieceLife).After(now)
}

// Reads names the marks.
func (c *SweepPieces) Reads(dst []kv.Key, p partition.ID) []kv.Key {
	for _, id := range c.IDs {
		dst = append(dst, dueKey(p, id))
	}
	return dst
}

// Apply removes what is still due.
func (c *SweepPieces) Apply(tx *partition.Tx) error {
	for _, id := range c.IDs {
		key := dueKey(tx.Partition(), id)
		v := tx.Get(key)
		if v == nil || !pieceIsOld(v, tx.Now()) {
			continue
		}
		n, _, _ := tuple.TakeUint16(v[8:])
		deletePieces(tx, Ref{ID: id, Pieces: min(int(n), MaxPieces)})
		tx.Delete(key)
	}
	return nil
}

func deletePieces(tx *partition.Tx, ref Ref) {
	for n := range ref.Pieces {
		tx.Delete(pieceKey(tx.Partition(), ref.ID, n))
	}
}

func describeChunk(rest []byte) string {
	if len(rest) != ident.SuffixLen+2 {
		return fmt.Sprintf("malformed %x", rest)
	}
	n, _, _ := tuple.TakeUint16(rest[ident.SuffixLen:])
	return fmt.Sprintf("%s piece %d", ident.Suffix(rest[:ident.SuffixLen]), n)
}

func describeChunkDue(rest []byte) string {
	if len(rest) != ident.SuffixLen {
		return fmt.Sprintf("malformed %x", rest)
	}
	return ident.Suffix(rest).String()
}
