package jobqueue

import (
	"encoding/binary"
	"time"
	"unicode/utf8"

	"auwai/internal/ident"
)

// Values begin with the version of their format. Numbers are varints, texts have their length before
// them. A reader knows every version that was ever written.
const formatVersion = 1

func appendText(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

func appendTime(dst []byte, t time.Time) []byte { return binary.AppendVarint(dst, t.UnixMilli()) }

// reader takes a value apart. After a fault all it gives is zero, and bad is set.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.bad = true
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

func (r *reader) uvarint() uint64 {
	if len(r.b) > 0 && r.b[0] < 0x80 { // most numbers are small
		v := r.b[0]
		r.b = r.b[1:]
		return uint64(v)
	}
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

// count reads a number of things that take at least size bytes each.
func (r *reader) count(size uint64) int {
	n := r.uvarint()
	if n > uint64(len(r.b))/size {
		r.fail()
		return 0
	}
	return int(n) //nolint:gosec // bounded by the value's length
}

// small reads a number that fits into an int32.
func (r *reader) small() int {
	n := r.uvarint()
	if n > 1<<31-1 {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *reader) bytes() []byte { return r.take(r.count(1)) }

func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.fail()
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) text() string { return string(r.bytes()) }

// name reads a text that is most likely the given one, which then is not copied.
func (r *reader) name(likely string) string {
	b := r.bytes()
	if string(b) == likely {
		return likely
	}
	return string(b)
}

func (r *reader) time() time.Time { return time.UnixMilli(r.varint()).UTC() }

func (r *reader) suffix() (id ident.Suffix) {
	copy(id[:], r.take(ident.SuffixLen))
	return id
}

func (r *reader) version() {
	if r.byte() != formatVersion {
		r.fail()
	}
}

func (r *reader) fail() { r.b, r.bad = nil, true }

// end reports whether all was read and nothing was wrong.
func (r *reader) end() bool { return !r.bad && len(r.b) == 0 }

// cutText returns s as valid UTF-8 of at most limit bytes, cut between characters.
func cutText(s string, limit int) string {
	if len(s) > limit {
		for limit > 0 && !utf8.RuneStart(s[limit]) {
			limit--
		}
		s = s[:limit]
	}
	if utf8.ValidString(s) {
		return s
	}
	out := make([]byte, 0, len(s))
	for _, r := range s {
		if r == utf8.RuneError {
			r = '?'
		}
		out = utf8.AppendRune(out, r)
	}
	return string(out)
}
