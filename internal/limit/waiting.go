package limit

import (
	"slices"
	"time"
)

// Waiter is what wants to be asked again when a limiter has room.
type Waiter interface {
	// Account is what the waiter has used so far; it may change while it waits. The least goes first.
	Account() float64
}

// waiting is a waiter with its account as it was when it was last looked at.
type waiting struct {
	w       Waiter
	account float64
	order   uint64
}

func (a waiting) before(b waiting) bool {
	if a.account != b.account {
		return a.account < b.account
	}
	return a.order < b.order
}

// Wait notes that a waiter was refused by a limiter, with the time that Room named.
func (s *Set) Wait(l *Limiter, w Waiter, again time.Duration) {
	s.order++
	l.waiting = append(l.waiting, waiting{w, w.Account(), s.order})
	l.up(len(l.waiting) - 1)
	if again > 0 && !l.open {
		s.sleep(l, again)
	}
}

// Leave takes a waiter back, from whichever limiter it waits for.
func (s *Set) Leave(l *Limiter, w Waiter) {
	i := slices.IndexFunc(l.waiting, func(e waiting) bool { return e.w == w })
	if i < 0 {
		return
	}
	last := len(l.waiting) - 1
	l.waiting[i] = l.waiting[last]
	l.waiting[last] = waiting{}
	l.waiting = l.waiting[:last]
	if i < last {
		l.up(i)
		l.down(i)
	}
}

// First returns the waiter that goes first of those whose limiter has room, and its limiter; nil when
// there is none. Pop takes it out.
func (s *Set) First(now time.Duration) (Waiter, *Limiter) {
	s.wake(now)
	var first *Limiter
	for i, l := range slices.Backward(s.open) {
		n, again := l.room(now, 1)
		if n == 0 || len(l.waiting) == 0 {
			l.open = false
			s.open = slices.Delete(s.open, i, i+1)
			if again > 0 && len(l.waiting) > 0 {
				s.sleep(l, again)
			}
			continue
		}
		l.refresh()
		if first == nil || l.waiting[0].before(first.waiting[0]) {
			first = l
		}
	}
	if first == nil {
		return nil, nil
	}
	return first.waiting[0].w, first
}

// Pop takes out the waiter that First has named.
func (s *Set) Pop(l *Limiter) {
	last := len(l.waiting) - 1
	l.waiting[0] = l.waiting[last]
	l.waiting[last] = waiting{}
	l.waiting = l.waiting[:last]
	l.down(0)
}

// Wake returns when a bucket that is waited for has an item, and false when none is waited for.
func (s *Set) Wake() (time.Duration, bool) {
	if len(s.asleep) == 0 {
		return 0, false
	}
	return s.asleep[0].until, true
}

// reopen says that a limiter may have room.
func (s *Set) reopen(l *Limiter) {
	if len(l.waiting) > 0 && !l.open {
		l.open = true
		s.open = append(s.open, l)
	}
}

// sleep keeps the limiters that wait for their bucket in the order of time.
func (s *Set) sleep(l *Limiter, until time.Duration) {
	if l.asleep {
		return // until is the same: nothing is taken from an empty bucket
	}
	l.asleep, l.until = true, until
	i, _ := slices.BinarySearchFunc(s.asleep, until, func(o *Limiter, t time.Duration) int {
		if o.until <= t {
			return -1
		}
		return 1
	})
	s.asleep = slices.Insert(s.asleep, i, l)
}

// wake opens the limiters whose bucket has an item.
func (s *Set) wake(now time.Duration) {
	n := 0
	for n < len(s.asleep) && s.asleep[n].until <= now {
		l := s.asleep[n]
		l.asleep = false
		s.reopen(l)
		n++
	}
	s.asleep = slices.Delete(s.asleep, 0, n)
}

// refresh brings a waiter to the head whose account is the least now. Accounts that have grown are
// found when they come to the head; one that has shrunk goes a little later than it could.
func (l *Limiter) refresh() {
	for range len(l.waiting) {
		head := &l.waiting[0]
		account := head.w.Account()
		if account <= head.account {
			return
		}
		head.account = account
		l.down(0)
	}
}

func (l *Limiter) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !l.waiting[i].before(l.waiting[parent]) {
			return
		}
		l.waiting[i], l.waiting[parent] = l.waiting[parent], l.waiting[i]
		i = parent
	}
}

func (l *Limiter) down(i int) {
	for {
		least := i
		for _, child := range []int{2*i + 1, 2*i + 2} {
			if child < len(l.waiting) && l.waiting[child].before(l.waiting[least]) {
				least = child
			}
		}
		if least == i {
			return
		}
		l.waiting[i], l.waiting[least] = l.waiting[least], l.waiting[i]
		i = least
	}
}
