package eventlog

import (
	"encoding/binary"
	"time"

	"auwai/internal/fault"
)

// Record is one entry of a stream. Data belongs to the caller.
type Record struct {
	Pos  uint64
	At   time.Time // UTC, to the millisecond
	Data []byte
	ref  bool // Data is a reference to chunks
}

// A record's encoding, alike in tails and blocks:
//
//	byte     format in the high half, flags in the low half
//	uvarint  position
//	uvarint  milliseconds since 1970
//	uvarint  length of the data
//	data
const (
	recordFormat = 1 << 4
	flagRef      = 1
	maxHeader    = 1 + 3*binary.MaxVarintLen64
)

var errRecord = fault.New(fault.Internal, "eventlog: malformed record")

func appendRecord(dst []byte, r *Record) []byte {
	b := byte(recordFormat)
	if r.ref {
		b |= flagRef
	}
	dst = append(dst, b)
	dst = binary.AppendUvarint(dst, r.Pos)
	dst = binary.AppendUvarint(dst, uint64(max(r.At.UnixMilli(), 0)))
	dst = binary.AppendUvarint(dst, uint64(len(r.Data)))
	return append(dst, r.Data...)
}

// takeRecord splits off one record; its data shares src.
func takeRecord(src []byte) (r Record, rest []byte, err error) {
	if len(src) == 0 || src[0]&^flagRef != recordFormat {
		return Record{}, nil, errRecord
	}
	r.ref = src[0]&flagRef != 0
	src = src[1:]
	var n [3]uint64
	for i := range n {
		v, w := binary.Uvarint(src)
		if w <= 0 {
			return Record{}, nil, errRecord
		}
		n[i], src = v, src[w:]
	}
	if n[2] > uint64(len(src)) || n[1] > maxMillis {
		return Record{}, nil, errRecord
	}
	r.Pos, r.At, r.Data = n[0], millis(n[1]), src[:n[2]:n[2]]
	return r, src[n[2]:], nil
}

// maxMillis is the last millisecond of the year 9999.
const maxMillis = 253402300799999

func millis(ms uint64) time.Time {
	return time.UnixMilli(int64(min(ms, maxMillis))).UTC()
}
