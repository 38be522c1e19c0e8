// Package tuple encodes typed values into keys whose byte order is the order of the values.
//
// A key is a sequence of elements. Elements carry no type bytes: the family of a key (its first
// elements) fixes the types of the rest, so keys stay short. The encodings are
//
//	Byte    one byte
//	Uint16, Uint64   big-endian, fixed width
//	Int64   big-endian with the sign bit flipped
//	String  the bytes with 0x00 escaped as 0x00 0xff, ended by 0x00 0x01; any bytes are allowed,
//	        a prefix sorts before its extensions, and the end mark sorts before every byte
//	Raw     the bytes as they are; only as the last element, or of a fixed length
//
// Decoders return false at malformed input and never panic.
package tuple

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
)

const (
	escape    = 0x00
	escaped00 = 0xff
	terminal  = 0x01
)

// Byte appends one byte.
func Byte(dst []byte, v byte) []byte { return append(dst, v) }

// Uint16 appends v in two bytes.
func Uint16(dst []byte, v uint16) []byte { return binary.BigEndian.AppendUint16(dst, v) }

// Uint64 appends v in eight bytes.
func Uint64(dst []byte, v uint64) []byte { return binary.BigEndian.AppendUint64(dst, v) }

// Int64 appends v in eight bytes, negative values first.
func Int64(dst []byte, v int64) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(v)^(1<<63)) //nolint:gosec // the bits are meant
}

// String appends s, escaped and ended.
func String(dst []byte, s string) []byte {
	for {
		i := indexZero(s)
		if i < 0 {
			break
		}
		dst = append(dst, s[:i]...)
		dst = append(dst, escape, escaped00)
		s = s[i+1:]
	}
	dst = append(dst, s...)
	return append(dst, escape, terminal)
}

func indexZero(s string) int {
	for i := range len(s) {
		if s[i] == escape {
			return i
		}
	}
	return -1
}

// Raw appends b as it is.
func Raw(dst, b []byte) []byte { return append(dst, b...) }

// TakeByte splits off one byte.
func TakeByte(src []byte) (v byte, rest []byte, ok bool) {
	if len(src) < 1 {
		return 0, src, false
	}
	return src[0], src[1:], true
}

// TakeUint16 splits off a Uint16.
func TakeUint16(src []byte) (v uint16, rest []byte, ok bool) {
	if len(src) < 2 {
		return 0, src, false
	}
	return binary.BigEndian.Uint16(src), src[2:], true
}

// TakeUint64 splits off a Uint64.
func TakeUint64(src []byte) (v uint64, rest []byte, ok bool) {
	if len(src) < 8 {
		return 0, src, false
	}
	return binary.BigEndian.Uint64(src), src[8:], true
}

// TakeInt64 splits off an Int64.
func TakeInt64(src []byte) (v int64, rest []byte, ok bool) {
	u, rest, ok := TakeUint64(src)
	return int64(u ^ (1 << 63)), rest, ok //nolint:gosec // the bits are meant
}

// TakeString splits off a String.
func TakeString(src []byte) (s string, rest []byte, ok bool) {
	i := bytes.IndexByte(src, escape)
	if i < 0 || i+1 >= len(src) {
		return "", src, false
	}
	if src[i+1] == terminal {
		return string(src[:i]), src[i+2:], true
	}
	return takeEscaped(src)
}

func takeEscaped(src []byte) (s string, rest []byte, ok bool) {
	var out []byte
	for i := 0; i < len(src); i++ {
		if src[i] != escape {
			out = append(out, src[i])
			continue
		}
		if i+1 >= len(src) {
			return "", src, false
		}
		switch src[i+1] {
		case terminal:
			return string(out), src[i+2:], true
		case escaped00:
			out = append(out, 0)
			i++
		default:
			return "", src, false
		}
	}
	return "", src, false
}

// MaxShort is the length up to which Shorten returns a string as it is.
const MaxShort = 160

// Shorten returns s when it is at most MaxShort bytes, else its first bytes, 0xff and a 16-byte hash
// of the whole, so that long client strings fit into keys and stay distinct: 0xff is in no UTF-8, so
// no text is equal to the shortened form of another. Shortening again changes nothing.
func Shorten(s string) string {
	if len(s) <= MaxShort {
		return s
	}
	h := Hash(s)
	return s[:MaxShort-len(h)-1] + "\xff" + string(h[:])
}

// Hash returns the first 16 bytes of the SHA-256 of s.
func Hash(s string) [16]byte {
	sum := sha256.Sum256([]byte(s))
	return [16]byte(sum[:16])
}
