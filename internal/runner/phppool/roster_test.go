package phppool

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"
)

var epoch = time.Unix(1_000_000_000, 0)

func newSeat(wiki string) *seat { return &seat{wiki: wiki} }

func TestThePlaceOfTheLongestIdleWorkerGoesToAnotherWiki(t *testing.T) {
	r := newRoster(2, time.Second, time.Minute)
	for range 2 {
		if g, w := r.ask(epoch, "aa"); w != nil || g.seat != nil || g.evict != nil {
			t.Fatalf("a free place: %+v, %v", g, w)
		}
	}
	old, young := newSeat("aa"), newSeat("bb")
	r.back(epoch, old)
	r.back(epoch.Add(time.Second), young)
	if g, w := r.ask(epoch, "cc"); w != nil || g.evict != old {
		t.Errorf("not the place of the oldest: %+v, %v", g, w)
	}
	if g, w := r.ask(epoch, "bb"); w != nil || g.seat != young {
		t.Errorf("not the worker of its wiki: %+v, %v", g, w)
	}
}

func TestAWorkerStaysWithItsWikiUnlessAnotherHasWaitedForLong(t *testing.T) {
	r := newRoster(1, time.Second, time.Minute)
	r.ask(epoch, "aa")
	own := newSeat("aa")
	_, other := r.ask(epoch, "bb")
	_, first := r.ask(epoch.Add(time.Millisecond), "aa")
	_, second := r.ask(epoch.Add(2*time.Millisecond), "aa")
	r.back(epoch.Add(500*time.Millisecond), own)
	if g := <-first.grant; g.seat != own {
		t.Errorf("the worker left its wiki: %+v", g)
	}
	r.back(epoch.Add(time.Second), own)
	if g := <-other.grant; g.evict != own {
		t.Errorf("the other wiki waits on: %+v", g)
	}
	r.gone()
	if g := <-second.grant; g.seat != nil || g.evict != nil {
		t.Errorf("a place that became free: %+v", g)
	}
	r.gone()
	if r.taken != 0 || len(r.waiting) != 0 {
		t.Errorf("%d taken, %d wait", r.taken, len(r.waiting))
	}
}

func TestOnlyWorkersThatHaveBeenIdleForLongAreTired(t *testing.T) {
	r := newRoster(3, time.Second, time.Minute)
	for n := range 3 {
		r.ask(epoch, "aa")
		_ = n
	}
	seats := []*seat{newSeat("aa"), newSeat("bb")}
	r.back(epoch, seats[0])
	r.back(epoch.Add(10*time.Second), seats[1])
	tired, next := r.tired(epoch.Add(time.Minute))
	if len(tired) != 1 || tired[0] != seats[0] || next != 10*time.Second {
		t.Errorf("tired %v, next in %s", tired, next)
	}
	if tired, next = r.tired(epoch.Add(time.Minute)); len(tired) != 0 || next != 10*time.Second {
		t.Errorf("the same again: %v, %s", tired, next)
	}
}

// A run of random steps: never more workers than places, no wait while a place is free or idle, and
// every place comes back.
func TestPlacesAreNeitherLostNorDoubled(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // a test's
		r := newRoster(1+rnd.IntN(4), time.Second, 5*time.Second)
		now := epoch
		var busy []*seat // with a worker of their wiki
		var waiting []*waiter
		grants := func(wiki string, g grant) {
			if g.seat != nil {
				if g.seat.wiki != wiki {
					t.Fatalf("seed %d: a worker of %s for %s", seed, g.seat.wiki, wiki)
				}
				busy = append(busy, g.seat)
				return
			}
			busy = append(busy, newSeat(wiki)) // started anew, in a free place or that of evict
		}
		collect := func() {
			left := waiting[:0]
			for _, w := range waiting {
				select {
				case g := <-w.grant:
					grants(w.wiki, g)
				default:
					left = append(left, w)
				}
			}
			waiting = left
		}
		for range 300 {
			now = now.Add(time.Duration(rnd.IntN(2000)) * time.Millisecond)
			switch n := rnd.IntN(10); {
			case n < 5:
				wiki := strconv.Itoa(rnd.IntN(5))
				if g, w := r.ask(now, wiki); w != nil {
					waiting = append(waiting, w)
				} else {
					grants(wiki, g)
				}
			case n < 9 && len(busy) > 0:
				i := rnd.IntN(len(busy))
				s := busy[i]
				busy = append(busy[:i], busy[i+1:]...)
				if rnd.IntN(4) == 0 {
					r.gone()
				} else {
					r.back(now, s)
				}
				collect()
			case n == 9:
				tired, _ := r.tired(now)
				for range tired {
					r.gone()
				}
				if len(waiting) > 0 && r.leave(waiting[0]) {
					waiting = waiting[1:]
				}
			}
			if got := len(busy) + r.idleCount(); got != r.taken || r.taken > r.places {
				t.Fatalf("seed %d: %d workers, %d taken of %d", seed, got, r.taken, r.places)
			}
			if len(waiting) > 0 && (r.taken < r.places || r.idleCount() > 0) {
				t.Fatalf("seed %d: work waits, %d taken of %d, %d idle", seed, r.taken, r.places, r.idleCount())
			}
		}
	}
}
