package limit_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"auwai/internal/limit"
)

// limits is a configuration that a test may change.
type limits map[string]limit.Limit

func (l limits) look(name string) limit.Limit { return l[name] }

// taken is when items were taken.
type taken struct {
	at    time.Duration
	items int
}

// wantAtMost fails the test when in some span of a length more items were taken than a bucket gives.
func wantAtMost(t *testing.T, list []taken, span time.Duration, rate, burst float64) {
	t.Helper()
	sum, from := 0, 0
	for _, e := range list {
		sum += e.items
		for list[from].at < e.at-span {
			sum -= list[from].items
			from++
		}
		if most := rate*span.Seconds() + burst; float64(sum) > most+1e-9 {
			t.Fatalf("%d items in the %s until %s, at most %.3f", sum, span, e.at, most)
		}
	}
}

func total(list []taken) (items int) {
	for _, e := range list {
		items += e.items
	}
	return items
}

func TestARateIsExactOverMinutes(t *testing.T) {
	for _, l := range []limit.Limit{
		{Rate: 1},
		{Rate: 0.3},
		{Rate: 1.0 / 3, Burst: 2},
		{Rate: 7, Burst: 1},
		{Rate: 50, Burst: 10},
		{Rate: 333.3},
		{Rate: 10_000},
		{Rate: 2, Burst: 100},
	} {
		t.Run(fmt.Sprintf("%g a second, burst %g", l.Rate, l.Burst), func(t *testing.T) {
			const start = 1234567 * time.Microsecond
			s := limit.New(start, limits{"q": l}.look)
			q := []*limit.Limiter{s.Get(start, "q")}
			var list []taken
			for now := start; now < start+5*time.Minute; {
				n, _, again := s.Room(now, q, 50)
				if n == 0 {
					now = again
					continue
				}
				s.Take(q, n)
				s.Release(q)
				list = append(list, taken{now, n})
			}
			burst := l.Burst
			if burst == 0 {
				burst = max(l.Rate, 1)
			}
			for _, span := range []time.Duration{time.Millisecond, time.Second, time.Minute, 5 * time.Minute} {
				wantAtMost(t, list, span, l.Rate, burst)
			}
			if got, least := float64(total(list)), math.Floor(l.Rate*300)*0.999-1; got < least {
				t.Errorf("%g items in 5 minutes, want at least %g", got, least)
			}
		})
	}
}

// TestARateHoldsThroughRandomUse takes at random times, forgets limiters, changes limits, and looks at
// every span: no minute has more than the greatest limit that was in force gives.
func TestARateHoldsThroughRandomUse(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // repeatable
		conf := limits{"q": {Rate: 5, Burst: 20}}
		now := time.Duration(r.Int64N(int64(time.Hour)))
		s := limit.New(now, conf.look)
		var list []taken
		for range 5_000 {
			q := []*limit.Limiter{s.Get(now, "q")}
			if n, _, _ := s.Room(now, q, 1+r.IntN(30)); n > 0 {
				s.Take(q, n)
				list = append(list, taken{now, n})
				s.Release(q)
			}
			s.Drop(q[0])
			switch r.IntN(40) {
			case 0:
				conf["q"] = limit.Limit{Rate: float64(1 + r.IntN(5)), Burst: float64(1 + r.IntN(20))}
				s.Changed(now)
			case 1:
				s.Sweep(now)
			case 2:
				now += time.Duration(r.Int64N(int64(30 * time.Second)))
			}
			now += time.Duration(r.Int64N(int64(500 * time.Millisecond)))
		}
		for _, span := range []time.Duration{time.Second, time.Minute} {
			wantAtMost(t, list, span, 5, 20)
		}
	}
}

func TestABucketBeginsEmptyAndAChangeFillsNone(t *testing.T) {
	conf := limits{"q": {Rate: 2, Burst: 10}}
	s := limit.New(0, conf.look)
	q := []*limit.Limiter{s.Get(0, "q")}
	room := func(now time.Duration) int { n, _, _ := s.Room(now, q, 100); return n }
	if n := room(0); n != 0 {
		t.Errorf("%d items at the start", n)
	}
	if n := room(3 * time.Second); n != 6 {
		t.Errorf("%d items after 3 s, want 6", n)
	}
	conf["q"] = limit.Limit{Rate: 100, Burst: 1000}
	s.Changed(3 * time.Second)
	if n := room(3 * time.Second); n != 6 {
		t.Errorf("%d items after a limit was raised, want the 6 it had", n)
	}
	conf["q"] = limit.Limit{Rate: 100, Burst: 4}
	s.Changed(3 * time.Second)
	if n := room(3 * time.Second); n != 4 {
		t.Errorf("%d items after the burst was lowered, want 4", n)
	}
	conf["q"] = limit.Limit{}
	s.Changed(4 * time.Second)
	if n := room(4 * time.Second); n != 100 {
		t.Errorf("%d items without a bound, want all", n)
	}
	conf["q"] = limit.Limit{Rate: 1, Burst: 50}
	s.Changed(5 * time.Second)
	if n := room(5 * time.Second); n != 0 {
		t.Errorf("%d items after there was no bound: what ran then is not known", n)
	}
	if other := s.Get(9*time.Second, "r"); other.Limit() != (limit.Limit{}) {
		t.Errorf("a name without a limit has %+v", other.Limit())
	}
}

func TestALimiterThatIsUsedLaterHasWhatHasFlowed(t *testing.T) {
	s := limit.New(0, limits{"q": {Rate: 0.1, Burst: 5}}.look)
	q := []*limit.Limiter{s.Get(35*time.Second, "q")}
	if n, _, _ := s.Room(35*time.Second, q, 10); n != 3 {
		t.Fatalf("%d items 35 s after the start, want 3: nobody has taken any", n)
	}
	s.Take(q, 3)
	s.Release(q)
	s.Drop(q[0])
	s.Sweep(36 * time.Second)
	if s.Len() != 1 {
		t.Fatal("a limiter was forgotten whose bucket is not full: it would have been full again")
	}
	s.Sweep(2 * time.Minute)
	if s.Len() != 0 {
		t.Fatalf("%d limiters are kept that nobody uses", s.Len())
	}
}

// TestReservedItemsBeginWithinTheRate takes items whose attempts begin some time later, or never.
func TestReservedItemsBeginWithinTheRate(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 3)) //nolint:gosec // repeatable
		s := limit.New(0, limits{"q": {Rate: 50, Burst: 5}}.look)
		q := []*limit.Limiter{s.Get(0, "q")}
		type later struct {
			at    time.Duration
			items int
		}
		var waiting []later
		var list []taken
		for now := time.Duration(0); now < time.Minute; now += time.Duration(r.Int64N(int64(10 * time.Millisecond))) {
			waiting = slices.DeleteFunc(waiting, func(w later) bool {
				if w.at > now {
					return false
				}
				if s.Release(q); r.IntN(5) == 0 {
					s.Return(now, q, w.items)
					return true
				}
				s.Use(now, q, w.items)
				list = append(list, taken{now, w.items})
				return true
			})
			if r.IntN(3) == 0 {
				continue
			}
			if n, _, _ := s.Room(now, q, 1+r.IntN(4)); n > 0 {
				s.Reserve(q, n)
				waiting = append(waiting, later{now + time.Duration(r.Int64N(int64(50*time.Millisecond))), n})
			}
		}
		wantAtMost(t, list, 100*time.Millisecond, 50, 5)
		wantAtMost(t, list, time.Second, 50, 5)
		if n := total(list); n < 1500 {
			t.Fatalf("seed %d: %d items began in a minute", seed, n)
		}
	}
}

func TestReservedItemsTakeRoomInTheBucketUntilTheyAreUsed(t *testing.T) {
	for _, used := range []bool{true, false} {
		s := limit.New(0, limits{"q": {Rate: 10, Burst: 5}}.look)
		q := []*limit.Limiter{s.Get(0, "q")}
		s.Reserve(q, 4) // of the five that have flowed in, as Room would say
		if n, _, _ := s.Room(10*time.Second, q, 9); n != 1 {
			t.Fatalf("%d items beside four that are reserved, want 1", n)
		}
		want := 1
		if used {
			s.Use(20*time.Second, q, 4)
		} else {
			s.Return(20*time.Second, q, 4)
			want = 5
		}
		if n, _, _ := s.Room(20*time.Second, q, 9); n != want {
			t.Errorf("%d items at the moment that four are used (%t) or returned, want %d", n, used, want)
		}
	}
}

func TestSlotsAreNeverExceededThroughChanges(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 2)) //nolint:gosec // repeatable
		conf := limits{"a": {Concurrency: 3}, "b": {Concurrency: 5}}
		s := limit.New(0, conf.look)
		all := [][]*limit.Limiter{{s.Get(0, "a")}, {s.Get(0, "b")}, {s.Get(0, "a"), s.Get(0, "b")}}
		used := map[string]int{}
		var running [][]*limit.Limiter
		for range 5_000 {
			switch k := r.IntN(10); {
			case k < 5:
				q := all[r.IntN(3)]
				n, by, again := s.Room(0, q, 7)
				full := slices.IndexFunc(q, func(l *limit.Limiter) bool {
					c := conf[l.Name()].Concurrency
					return c > 0 && used[l.Name()] >= c
				})
				switch {
				case full < 0 && (n != 7 || by != nil):
					t.Fatalf("seed %d: refused although there is room", seed)
				case full >= 0 && (n != 0 || by != q[full] || again != 0):
					t.Fatalf("seed %d: %d items by %v, want %s to refuse until something ends", seed, n, by, q[full].Name())
				case full < 0:
					s.Take(q, n)
					running = append(running, q)
					for _, l := range q {
						used[l.Name()]++
					}
				}
			case k < 9 && len(running) > 0:
				i := r.IntN(len(running))
				s.Release(running[i])
				for _, l := range running[i] {
					used[l.Name()]--
				}
				running = slices.Delete(running, i, i+1)
			default:
				conf["a"] = limit.Limit{Concurrency: r.IntN(6)}
				conf["b"] = limit.Limit{Concurrency: r.IntN(6)}
				s.Changed(0)
			}
			for _, l := range all[2] {
				if l.Used() != used[l.Name()] {
					t.Fatalf("seed %d: %s has %d, want %d", seed, l.Name(), l.Used(), used[l.Name()])
				}
			}
		}
	}
}

// account is a waiter that a test charges.
type account struct {
	name string
	used float64
}

func (a *account) Account() float64 { return a.used }

// order pops the waiters that may go now.
func order(s *limit.Set, now time.Duration) (names []string) {
	for {
		w, l := s.First(now)
		if w == nil {
			return names
		}
		s.Pop(l)
		a, _ := w.(*account)
		names = append(names, a.name)
	}
}

func TestTheWaiterThatHasUsedTheLeastGoesFirst(t *testing.T) {
	s := limit.New(0, limits{"a": {Concurrency: 1}, "b": {Concurrency: 1}}.look)
	a, b := s.Get(0, "a"), s.Get(0, "b")
	one, other := []*limit.Limiter{a}, []*limit.Limiter{b}
	s.Take(one, 1)
	s.Take(other, 1)
	list := []*account{{"v", 5}, {"w", 1}, {"x", 3}, {"y", 3}, {"z", 2}}
	for i, w := range list {
		s.Wait([]*limit.Limiter{a, b}[i%2], w, 0)
	}
	if got := order(s, 0); got != nil {
		t.Fatalf("%v may go and nothing has ended", got)
	}
	list[1].used = 4 // it has used more while it waited
	s.Release(one)
	s.Release(other)
	if got := fmt.Sprint(order(s, 0)); got != "[z x y w v]" {
		t.Errorf("the order is %s, want z x y w v", got)
	}
}

func TestAWaiterForABucketIsWokenWhenItHasAnItem(t *testing.T) {
	s := limit.New(0, limits{"a": {Rate: 2}, "b": {Rate: 0.5}}.look)
	a, b := s.Get(0, "a"), s.Get(0, "b")
	for _, l := range []*limit.Limiter{b, a} {
		_, by, again := s.Room(0, []*limit.Limiter{l}, 1)
		s.Wait(by, &account{name: l.Name()}, again)
	}
	for _, want := range []struct {
		at   time.Duration
		name string
	}{{500 * time.Millisecond, "[a]"}, {2 * time.Second, "[b]"}} {
		wake, ok := s.Wake()
		if !ok || wake != want.at {
			t.Fatalf("Wake() = %s, %t, want %s", wake, ok, want.at)
		}
		if got := order(s, wake-1); got != nil {
			t.Fatalf("%v may go before there is an item", got)
		}
		if got := fmt.Sprint(order(s, wake)); got != want.name {
			t.Fatalf("%s may go at %s, want %s", got, wake, want.name)
		}
	}
	if wake, ok := s.Wake(); ok {
		t.Fatalf("Wake() = %s and nobody waits", wake)
	}
}

func TestAChangeAsksAllWaitersAnew(t *testing.T) {
	conf := limits{"a": {Concurrency: 1}, "b": {Rate: 0.001}}
	s := limit.New(0, conf.look)
	a, b := s.Get(0, "a"), s.Get(0, "b")
	s.Take([]*limit.Limiter{a}, 1)
	for _, l := range []*limit.Limiter{a, b} {
		_, by, again := s.Room(0, []*limit.Limiter{l}, 1)
		s.Wait(by, &account{name: l.Name()}, again)
	}
	conf["a"], conf["b"] = limit.Limit{Concurrency: 2}, limit.Limit{}
	s.Changed(time.Second)
	if got := fmt.Sprint(order(s, time.Second)); got != "[a b]" {
		t.Errorf("%s may go after both limits were lifted, want a and b", got)
	}
}

func TestAWaiterThatLeavesIsNotNamed(t *testing.T) {
	s := limit.New(0, limits{"a": {Concurrency: 1}}.look)
	a := s.Get(0, "a")
	s.Take([]*limit.Limiter{a}, 1)
	var list []*account
	for i := range 20 {
		w := &account{fmt.Sprint(i), float64(i * 7 % 20)}
		list = append(list, w)
		s.Wait(a, w, 0)
	}
	for _, w := range list[:19] {
		s.Leave(a, w)
		s.Leave(a, w) // it does not wait any more
	}
	s.Release([]*limit.Limiter{a})
	if got := order(s, 0); len(got) != 1 || got[0] != "19" {
		t.Errorf("%v may go, want 19 alone", got)
	}
}

func TestNamesAreThoseOfScopes(t *testing.T) {
	got := []string{limit.Queue("links"), limit.Wiki("aawiki"), limit.Pair("links", "aawiki"), limit.Tag("db", "s1")}
	if want := []string{"queue:links", "wiki:aawiki", "pair:links@aawiki", "tag:db=s1"}; !slices.Equal(got, want) {
		t.Errorf("names are %q, want %q", got, want)
	}
}

func TestAStartUnderLimitsAllocatesNothing(t *testing.T) {
	s := limit.New(0, limits{"a": {Concurrency: 5, Rate: 1e6}, "b": {Concurrency: 5}, "c": {Rate: 1e6, Burst: 1e6}}.look)
	q := []*limit.Limiter{s.Get(0, "a"), s.Get(0, "b"), s.Get(0, "c")}
	w := &account{}
	now := time.Minute
	if n := testing.AllocsPerRun(1000, func() {
		if n, _, _ := s.Room(now, q, 10); n > 0 {
			s.Take(q, n)
			s.Wait(q[0], w, 0)
			s.Release(q)
			if _, l := s.First(now); l != nil {
				s.Pop(l)
			}
		}
		now += time.Millisecond
	}); n > 0 {
		t.Errorf("%g allocations a start", n)
	}
}

func BenchmarkAStartUnderFiveLimits(b *testing.B) {
	s := limit.New(0, limits{"a": {Concurrency: 5}, "b": {Concurrency: 50, Rate: 1e8}, "c": {Concurrency: 10}}.look)
	q := []*limit.Limiter{s.Get(0, "a"), s.Get(0, "b"), s.Get(0, "c"), s.Get(0, "d"), s.Get(0, "e")}
	b.ReportAllocs()
	for now := time.Duration(0); b.Loop(); now += time.Microsecond {
		if n, _, _ := s.Room(now, q, 1); n > 0 {
			s.Take(q, n)
			s.Release(q)
		}
	}
}
