package limit

import (
	"slices"
	"strings"
	"time"
)

// Set is a set of limiters, by name. It is a step machine: it has no clock, and is used in one
// goroutine. All times are of one monotonic clock.
type Set struct {
	look     func(name string) Limit
	since    time.Duration // no bucket holds more than what has flowed since
	limiters map[string]*Limiter
	open     []*Limiter // have waiters, and may have room
	asleep   []*Limiter // have waiters, and no item before until
	order    uint64     // of the last Wait
}

// New returns an empty Set. look says what a name is bounded by; it is asked when a name is used
// first, and again by Changed.
func New(now time.Duration, look func(name string) Limit) *Set {
	return &Set{look: look, since: now, limiters: map[string]*Limiter{}}
}

// Get returns the limiter of a name, for as long as it is wanted; see Drop.
func (s *Set) Get(now time.Duration, name string) *Limiter {
	l := s.limiters[name]
	if l == nil {
		l = &Limiter{name: name, at: s.since}
		l.limit = s.look(name)
		l.rate, l.most = l.limit.perSecond(), l.limit.most()
		// Nothing was taken from it since, so it holds what has flowed.
		l.fill(now)
		s.limiters[name] = l
	}
	l.users++
	return l
}

// Drop takes a Get back. The limiter is kept while something runs under it or its bucket is not full.
func (s *Set) Drop(l *Limiter) { l.users-- }

// Sweep forgets the limiters that nobody uses. It looks at all of them.
func (s *Set) Sweep(now time.Duration) {
	for name, l := range s.limiters {
		if l.fresh(now) {
			delete(s.limiters, name)
		}
	}
}

// Len returns the number of limiters.
func (s *Set) Len() int { return len(s.limiters) }

// Room returns how many of most items an attempt can have that takes a slot of every limiter, at
// least one; or 0, with the first limiter that refuses, and when its bucket has an item. That time is
// 0 when only the end of an attempt can help.
func (s *Set) Room(now time.Duration, limiters []*Limiter, most int) (items int, by *Limiter, again time.Duration) {
	for _, l := range limiters {
		n, again := l.room(now, most)
		if n == 0 {
			return 0, l, again
		}
		most = n
	}
	return most, nil, 0
}

// Take takes a slot of every limiter, and items from every bucket. Room has said how many there are.
func (s *Set) Take(limiters []*Limiter, items int) {
	for _, l := range limiters {
		l.used++
		if l.rate > 0 {
			l.tokens -= int64(items) * micro
		}
	}
}

// Reserve is Take for an attempt that begins later. Its items stay in the buckets, where nobody else can
// take them, until it begins: else two attempts that were taken apart could begin together, above the
// rate. Use or Return follows.
func (s *Set) Reserve(limiters []*Limiter, items int) {
	s.Take(limiters, items)
	for _, l := range limiters {
		l.kept += int64(items) * micro
	}
}

// Use says that an attempt begins whose items were reserved.
func (s *Set) Use(now time.Duration, limiters []*Limiter, items int) {
	for _, l := range limiters {
		l.fill(now) // as much as there was room for until now
		l.kept -= int64(items) * micro
	}
}

// Return gives reserved items back: the attempt does not begin. Its slots are given back by Release.
func (s *Set) Return(now time.Duration, limiters []*Limiter, items int) {
	for _, l := range limiters {
		l.fill(now)
		l.kept -= int64(items) * micro
		if l.rate > 0 {
			l.tokens = min(l.tokens+int64(items)*micro, l.most-l.kept)
		}
	}
}

// Hold takes a slot of every limiter, whether there is room or not: for what runs already.
func (s *Set) Hold(limiters []*Limiter) {
	for _, l := range limiters {
		l.used++
	}
}

// Release gives a slot of every limiter back.
func (s *Set) Release(limiters []*Limiter) {
	for _, l := range limiters {
		l.used--
		s.reopen(l)
	}
}

// Changed asks for every limit again. What runs goes on; a bucket keeps what it holds, up to what it
// may hold now. Waiters are asked anew.
func (s *Set) Changed(now time.Duration) {
	all := make([]*Limiter, 0, len(s.limiters))
	for _, l := range s.limiters {
		all = append(all, l)
	}
	// The order in which limiters are open can be seen where two waiters' accounts are equal.
	slices.SortFunc(all, func(a, b *Limiter) int { return strings.Compare(a.name, b.name) })
	s.asleep = s.asleep[:0]
	for _, l := range all {
		if limit := s.look(l.name); limit != l.limit {
			l.set(now, limit)
		}
		l.asleep = false
		s.reopen(l)
	}
	// A limiter that is forgotten may have had no bound until now.
	s.since = now
}
