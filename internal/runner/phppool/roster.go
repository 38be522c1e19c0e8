package phppool

import (
	"slices"
	"time"
)

// seat is a place that is taken: by a worker, by one that starts, or by one that ends.
type seat struct {
	wiki      string
	idleSince time.Time // zero while it is busy
	worker    *worker   // nil until it is started
}

// waiter is work that waits for a place.
type waiter struct {
	wiki  string
	since time.Time
	grant chan grant // takes one
}

// grant is how a work comes to a worker. With evict, that seat is given up first. Without seat and
// evict there is a free place.
type grant struct {
	seat  *seat // an idle worker of the wiki
	evict *seat // its worker has to end, then its place is the work's
}

// roster knows who has the places. It does no I/O and has no clock.
type roster struct {
	places   int
	patience time.Duration
	idle     time.Duration

	taken   int                // places
	free    []*seat            // idle workers, longest idle first
	byWiki  map[string][]*seat // the same by wiki
	waiting []*waiter          // longest first
}

func newRoster(places int, patience, idle time.Duration) *roster {
	return &roster{places: places, patience: patience, idle: idle, byWiki: map[string][]*seat{}}
}

func (r *roster) idleCount() int { return len(r.free) }

// ask asks for a worker of the wiki. Either there is a grant, or the work waits for one.
func (r *roster) ask(now time.Time, wiki string) (grant, *waiter) {
	if own := r.byWiki[wiki]; len(own) > 0 {
		s := own[len(own)-1] // the one used last: the others grow old
		r.take(s)
		return grant{seat: s}, nil
	}
	if r.taken < r.places {
		r.taken++
		return grant{}, nil
	}
	if len(r.free) > 0 {
		s := r.free[0]
		r.take(s)
		return grant{evict: s}, nil
	}
	w := &waiter{wiki: wiki, since: now, grant: make(chan grant, 1)}
	r.waiting = append(r.waiting, w)
	return grant{}, w
}

// take makes an idle seat busy.
func (r *roster) take(s *seat) {
	s.idleSince = time.Time{}
	r.free = without(r.free, s)
	if own := without(r.byWiki[s.wiki], s); len(own) > 0 {
		r.byWiki[s.wiki] = own
	} else {
		delete(r.byWiki, s.wiki)
	}
}

// back gives a busy seat back, whose worker can go on.
func (r *roster) back(now time.Time, s *seat) {
	if len(r.waiting) == 0 {
		s.idleSince = now
		r.free = append(r.free, s)
		r.byWiki[s.wiki] = append(r.byWiki[s.wiki], s)
		return
	}
	next := 0
	if now.Sub(r.waiting[0].since) < r.patience {
		next = max(0, slices.IndexFunc(r.waiting, func(w *waiter) bool { return w.wiki == s.wiki }))
	}
	if r.waiting[next].wiki == s.wiki {
		r.give(next, grant{seat: s})
		return
	}
	r.give(next, grant{evict: s})
}

// gone gives a place back, whose worker has ended.
func (r *roster) gone() {
	if len(r.waiting) > 0 {
		r.give(0, grant{})
		return
	}
	r.taken--
}

func (r *roster) give(next int, g grant) {
	w := r.waiting[next]
	r.waiting = slices.Delete(r.waiting, next, next+1)
	w.grant <- g
}

// leave has a waiter wait no more. It reports false when a grant is there that has to be given back.
func (r *roster) leave(w *waiter) bool {
	n := len(r.waiting)
	r.waiting = without(r.waiting, w)
	return len(r.waiting) < n
}

// tired returns the seats that have been idle for long, now busy ending, and when to ask again.
func (r *roster) tired(now time.Time) (seats []*seat, next time.Duration) {
	for len(r.free) > 0 && now.Sub(r.free[0].idleSince) >= r.idle {
		seats = append(seats, r.free[0])
		r.take(r.free[0])
	}
	if len(r.free) == 0 {
		return seats, r.idle
	}
	return seats, r.idle - now.Sub(r.free[0].idleSince)
}

func without[T comparable](list []T, v T) []T {
	if i := slices.Index(list, v); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}
