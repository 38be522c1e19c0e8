// Package ident makes and reads the identities that Auwai gives out.
//
// A job's identity is its wiki and a 16-byte suffix: 48 bits of time (milliseconds, UTC), 40 bits
// of the session that accepted it, 40 bits of that session's counter. It names the wiki and not a
// partition, so it survives a move; it is unique because a session's number is used by one life of
// one process only. As text it is "wiki.suffix" with the suffix in 26 Crockford base-32 digits,
// which sort as the bytes do. A wiki's name may contain dots; the last one separates.
//
// Time and the session's number are arguments: nothing here reads a clock or a random source.
package ident

import (
	"encoding/binary"
	"strings"
	"time"
)

// SuffixLen is the length of a suffix in bytes, TextLen in characters.
const (
	SuffixLen = 16
	TextLen   = 26
)

// Session is the number of one life of one process, 40 bits.
type Session uint64

// MaxSession is the greatest session number.
const MaxSession Session = 1<<40 - 1

// Suffix is the part of a job's identity that is unique by itself.
type Suffix [SuffixLen]byte

// ID is a job's identity.
type ID struct {
	Wiki   string
	Suffix Suffix
}

// Minter makes suffixes for one session. It is not safe for concurrent use.
type Minter struct {
	session Session
	next    uint64
	lastMS  uint64
}

// NewMinter returns a Minter of the session.
func NewMinter(s Session) *Minter { return &Minter{session: s & MaxSession} }

// Next returns a new suffix. Its time never goes back, so suffixes of one Minter increase.
func (m *Minter) Next(now time.Time) Suffix {
	ms := uint64(max(now.UnixMilli(), 0)) & (1<<48 - 1)
	m.lastMS = max(m.lastMS, ms)
	m.next++
	var s Suffix
	binary.BigEndian.PutUint64(s[:8], m.lastMS<<16|uint64(m.session)>>24)
	binary.BigEndian.PutUint64(s[8:], uint64(m.session)<<40|m.next&(1<<40-1))
	return s
}

// Time returns the moment at which the suffix was made, to the millisecond.
func (s Suffix) Time() time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(s[:8]) >> 16)).UTC()
}

// Session returns the session that made the suffix.
func (s Suffix) Session() Session {
	hi := binary.BigEndian.Uint64(s[:8]) & 0xffff
	lo := binary.BigEndian.Uint64(s[8:]) >> 40
	return Session(hi<<24 | lo)
}

// IsZero reports whether the suffix is the zero value, which is no job's.
func (s Suffix) IsZero() bool { return s == Suffix{} }

const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// String returns the suffix in 26 digits.
func (s Suffix) String() string {
	var out [TextLen]byte
	hi, lo := binary.BigEndian.Uint64(s[:8]), binary.BigEndian.Uint64(s[8:])
	for i := TextLen - 1; i >= 0; i-- {
		out[i] = digits[lo&31]
		lo = lo>>5 | hi<<59
		hi >>= 5
	}
	return string(out[:])
}

// ParseSuffix reads 26 digits, upper or lower case.
func ParseSuffix(text string) (Suffix, bool) {
	var s Suffix
	if len(text) != TextLen {
		return s, false
	}
	var hi, lo uint64
	for i := range TextLen {
		d := digit(text[i])
		if d < 0 || i == 0 && d > 7 {
			return s, false
		}
		hi = hi<<5 | lo>>59
		lo = lo<<5 | uint64(d)
	}
	binary.BigEndian.PutUint64(s[:8], hi)
	binary.BigEndian.PutUint64(s[8:], lo)
	return s, true
}

func digit(c byte) int {
	if 'a' <= c && c <= 'z' {
		c -= 'a' - 'A'
	}
	return strings.IndexByte(digits, c)
}

// String returns the identity as text.
func (id ID) String() string { return id.Wiki + "." + id.Suffix.String() }

// Parse reads an identity's text.
func Parse(text string) (ID, bool) {
	dot := strings.LastIndexByte(text, '.')
	if dot <= 0 {
		return ID{}, false
	}
	s, ok := ParseSuffix(text[dot+1:])
	return ID{Wiki: text[:dot], Suffix: s}, ok
}
