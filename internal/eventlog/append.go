package eventlog

import (
	"encoding/binary"
	"time"

	"auwai/internal/partition"
)

// The bounds of records and tails. A value of the store takes 1 MiB, and one group writes up to
// 4 MiB, so a stream may get several tails from one group.
const (
	MaxRecord = 512 << 10 // bytes of data that Append takes; larger ones go through AppendRef
	maxTail   = 256 << 10 // bytes after which a group starts another tail of the stream
)

// Append adds a record to a stream and returns its position. Positions count all records of the
// partition, whatever the stream. at is the receive stamp, usually tx.Now(). data is copied; it may
// have MaxRecord bytes. The stream's name has 1 to 255 bytes.
//
// It reads resident keys only, so it never misses.
func Append(tx *partition.Tx, stream string, at time.Time, data []byte) (pos uint64) {
	return add(tx, stream, Record{At: at, Data: data})
}

func add(tx *partition.Tx, stream string, r Record) uint64 {
	if len(r.Data) > MaxRecord {
		partition.Invariant(false, "eventlog: record of %d bytes in stream %q, at most %d", len(r.Data), stream, MaxRecord)
	}
	m := memory(tx)
	r.Pos = m.takePosition(tx)
	s := m.stream(stream)
	h, found := readHead(tx, stream, s.headKey)
	starts := !found || s.group != tx.Group() || s.number >= h.next || s.size+len(r.Data)+maxHeader > maxTail
	if starts {
		if !found {
			// A stream that begins anew counts its tails from a number never used before: no tail
			// of a stream has a greater number than the position of its first record.
			h = head{next: r.Pos, first: r.Pos, blockFirst: r.Pos, blockFrom: r.Pos}
		}
		s.startTail(tx, stream, h.next)
		h.next++
		tx.Set(s.headKey, h.encode())
		tx.After(func() { s.head = h })
	}
	before := 0
	var value []byte
	if !starts {
		// This group's own write: it is found in the group being built, and never missed.
		value = tx.Get(s.key)
		before = len(value)
	}
	value = appendRecord(grow(value, len(r.Data)+maxHeader), &r)
	tx.Set(s.key, value)
	s.size = len(value)
	s.bytes += len(value) - before
	return r.Pos
}

// grow makes room for n more bytes. It doubles, since a tail is appended to hundreds of times.
func grow(b []byte, n int) []byte {
	if cap(b)-len(b) >= n {
		return b
	}
	return append(make([]byte, 0, max(2*cap(b), len(b)+n, 512)), b...)
}

func (m *Mem) takePosition(tx *partition.Tx) uint64 {
	pos := uint64(1)
	if v := tx.Get(m.nextKey); len(v) == 8 {
		pos = binary.BigEndian.Uint64(v)
	}
	tx.Set(m.nextKey, binary.BigEndian.AppendUint64(make([]byte, 0, 8), pos+1))
	return pos
}

func memory(tx *partition.Tx) *Mem {
	m, ok := tx.Mem(partition.SlotEvents).(*Mem)
	if !ok {
		partition.Invariant(false, "eventlog: partition %d was opened without its event log", tx.Partition())
	}
	return m
}
