package limit

import (
	"math/bits"
	"time"
)

// Limiter is one name of a Set. Its methods are for whoever uses the Set, in the same goroutine.
type Limiter struct {
	name  string
	limit Limit
	users int // that hold it by Get

	used int // slots

	rate   int64         // millionths of an item a second; 0: no bound
	most   int64         // of tokens
	tokens int64         // millionths of an item, as of at
	kept   int64         // of items that are reserved: they take room in the bucket until they are used
	at     time.Duration // up to which tokens have flowed in

	waiting []waiting // a heap by account
	open    bool      // in Set.open
	asleep  bool      // in Set.asleep
	until   time.Duration
}

// Name returns the limiter's name.
func (l *Limiter) Name() string { return l.name }

// Limit returns what the limiter is bounded by.
func (l *Limiter) Limit() Limit { return l.limit }

// Used returns the number of slots that are taken. It is above the limit while more runs than a new
// limit allows.
func (l *Limiter) Used() int { return l.used }

// Items returns the items that the bucket has now, and false when the rate has no bound.
func (l *Limiter) Items(now time.Duration) (float64, bool) {
	l.fill(now)
	return float64(l.tokens) / micro, l.rate > 0
}

// second is the unit of time.Duration's arithmetic.
const second = uint64(time.Second)

// fill lets in what has flowed since the last look. What makes no whole millionth stays in l.at.
func (l *Limiter) fill(now time.Duration) {
	if l.rate == 0 || now <= l.at {
		return
	}
	hi, lo := bits.Mul64(uint64(now-l.at), uint64(l.rate)) //nolint:gosec // both are positive
	most := max(l.most-l.kept, l.tokens)
	if hi >= second {
		l.tokens, l.at = most, now
		return
	}
	flowed, rest := bits.Div64(hi, lo, second)
	if flowed >= uint64(most-l.tokens) { //nolint:gosec // not negative
		l.tokens, l.at = most, now
		return
	}
	l.tokens += int64(flowed)                       //nolint:gosec // below most
	l.at = now - time.Duration(rest/uint64(l.rate)) //nolint:gosec // below a second
}

// room returns how many of most items can be taken with one slot. With none, again is when the bucket
// has an item; 0: when a slot is given back.
func (l *Limiter) room(now time.Duration, most int) (n int, again time.Duration) {
	if l.limit.Concurrency > 0 && l.used >= l.limit.Concurrency {
		return 0, 0
	}
	if l.rate == 0 {
		return most, 0
	}
	l.fill(now)
	if whole := l.tokens / micro; whole < int64(most) {
		most = int(whole)
	}
	if most > 0 {
		return most, 0
	}
	return 0, l.next()
}

// next returns when the bucket has an item.
func (l *Limiter) next() time.Duration {
	hi, lo := bits.Mul64(uint64(max(micro-l.tokens, 0)), second)
	wait, rest := bits.Div64(hi, lo, uint64(l.rate)) //nolint:gosec // positive
	if rest > 0 {
		wait++
	}
	return l.at + time.Duration(wait) //nolint:gosec // the bucket is a few items short at most
}

// set gives the limiter another limit. It keeps what it has, up to what it may.
func (l *Limiter) set(now time.Duration, limit Limit) {
	l.fill(now)
	had := l.rate > 0
	l.limit, l.rate, l.most = limit, limit.perSecond(), limit.most()
	l.at = max(l.at, now)
	if !had {
		l.tokens = 0 // what ran without a bound is not known
	}
	l.tokens = min(l.tokens, l.most-l.kept)
}

// fresh reports whether the limiter is as one that is made anew: nothing is lost by forgetting it.
func (l *Limiter) fresh(now time.Duration) bool {
	l.fill(now)
	return l.users == 0 && l.used == 0 && l.kept == 0 && len(l.waiting) == 0 && !l.open && !l.asleep &&
		(l.rate == 0 || l.tokens >= l.most)
}
