package stock_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"auwai/internal/runner"
	"auwai/internal/runner/mwrunner"
	"auwai/internal/stock"
)

// farm is wikis with jobs in their tables, and a queue that keeps wake-ups. Its clock is the bubble's.
type farm struct {
	mu     sync.Mutex
	start  time.Time
	jobs   map[string]int           // guarded by mu: in the tables
	slow   map[string]chan struct{} // guarded by mu: a request to the wiki waits for it
	res    map[string]runner.Result // guarded by mu: what a wiki answers instead of running jobs
	again  time.Time                // guarded by mu: when the throttle of the wikis ends
	held   map[string]string        // guarded by mu
	refuse error                    // guarded by mu: of pushes
	log    []string                 // guarded by mu: requests and pushes, with their times
	busy   map[string]int           // guarded by mu: requests under way
	most   int                      // guarded by mu: requests under way at once on one wiki
}

func newFarm() *farm {
	return &farm{
		start: time.Now(), jobs: map[string]int{}, slow: map[string]chan struct{}{}, res: map[string]runner.Result{},
		held: map[string]string{}, busy: map[string]int{},
	}
}

// note adds a line with the time since the start. f.mu is held.
func (f *farm) note(format string, args ...any) {
	f.log = append(f.log, fmt.Sprintf("%s %s", time.Since(f.start).Round(time.Millisecond), fmt.Sprintf(format, args...)))
}

// took returns the lines since the last call.
func (f *farm) took() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	log := f.log
	f.log = nil
	return log
}

func (f *farm) change(g func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	g()
}

func (f *farm) RunJobs(ctx context.Context, wiki string, q mwrunner.RunJobs) (mwrunner.Ran, runner.Result, bool) {
	f.mu.Lock()
	f.busy[wiki]++
	f.most = max(f.most, f.busy[wiki])
	slow := f.slow[wiki]
	f.mu.Unlock()
	if slow != nil {
		select {
		case <-slow:
		case <-ctx.Done():
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.busy[wiki]--
	what := "attempt"
	if q.MaxJobs == 1 {
		what = "look"
	}
	f.note("%s %s %s", what, wiki, q.MaxTime)
	switch res, special := f.res[wiki]; {
	case errors.Is(ctx.Err(), context.Canceled):
		return mwrunner.Ran{}, runner.Result{}, false
	case special:
		return mwrunner.Ran{}, res, true
	}
	limit := q.MaxJobs
	if limit == 0 {
		limit = 500
	}
	n := min(f.jobs[wiki], limit)
	f.jobs[wiki] -= n
	return mwrunner.Ran{Jobs: n, More: n == limit, Again: f.again}, runner.Done(""), true
}

func (f *farm) push(_ context.Context, wiki, reason string, at time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse != nil {
		f.note("refused %s %s", wiki, reason)
		return f.refuse
	}
	wait := time.Duration(0)
	if !at.IsZero() {
		wait = time.Until(at)
	}
	f.note("push %s %s in %s", wiki, reason, wait)
	return nil
}

// open starts a Waker over the farm, for wikis with this poll, and returns what stops it.
func (f *farm) open(t *testing.T, poll time.Duration, wikis ...string) (*stock.Waker, func()) {
	t.Helper()
	w := stock.New(stock.Config{
		Client: f, Push: f.push,
		Held: func(wiki string) string { f.mu.Lock(); defer f.mu.Unlock(); return f.held[wiki] },
	})
	var set []stock.Wiki
	for _, name := range wikis {
		set = append(set, stock.Wiki{Name: name, Poll: poll})
	}
	w.Set(set)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { w.Run(ctx); close(ended) }()
	return w, func() { cancel(); <-ended }
}

// attempt runs a wake-up, as dispatch does, and returns its result.
func attempt(t *testing.T, w *stock.Waker, wiki string) (res runner.Result, reported bool) {
	t.Helper()
	work := runner.Work{Wiki: wiki, Queue: "auwai.runjobs", Timeout: 5 * time.Minute, Jobs: []runner.Item{{ID: wiki + ".J1"}}}
	if err := w.Runner().Run(t.Context(), work, func(_ int, r runner.Result) { res, reported = r, true }); err != nil {
		t.Fatal(err)
	}
	return res, reported
}

// after lets the time of the bubble pass and everything settle.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func want(t *testing.T, f *farm, lines ...string) {
	t.Helper()
	if diff := cmp.Diff(lines, f.took()); diff != "" {
		t.Helper()
		t.Errorf("requests and pushes (-want +got):\n%s", diff)
	}
}

func TestWhileNothingIsToDoNothingIsPushed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		_, stop := f.open(t, time.Minute, "aa", "bb")
		defer stop()
		after(3*time.Minute - time.Second)
		want(t, f, "0s look aa 1s", "30s look bb 1s", "1m0s look aa 1s", "1m30s look bb 1s", "2m0s look aa 1s", "2m30s look bb 1s")
	})
}

func TestALookThatFindsWorkMakesOneWakeUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		f.jobs["aa"] = 3
		w, stop := f.open(t, time.Minute, "aa")
		defer stop()
		after(5 * time.Minute) // dispatch is busy elsewhere: the wiki is not looked at meanwhile
		want(t, f, "0s look aa 1s", "0s push aa poll in 0s")
		if res, ok := attempt(t, w, "aa"); !ok || res.Error != "" {
			t.Errorf("result = %+v, %v", res, ok)
		}
		after(61 * time.Second)
		want(t, f, "5m0s attempt aa 30s", "6m0s look aa 1s")
	})
}

func TestAFloodOfHintsMakesOneWakeUpASecondLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		w, stop := f.open(t, time.Hour, "aa")
		defer stop()
		after(time.Second)
		f.took()
		for range 1_000 {
			if !w.Hint("aa") {
				t.Fatal("the wiki is not known")
			}
		}
		if w.Hint("zz") {
			t.Error("another wiki is known")
		}
		f.change(func() { f.jobs["aa"] = 2 })
		after(time.Second)
		attempt(t, w, "aa")
		// A second look after the hint, then nothing until poll.
		after(59 * time.Minute)
		want(t, f, "1s push aa rcfeed in 1s", "2s attempt aa 30s", "5s look aa 1s")
	})
}

func TestAHintDuringAnAttemptMakesAnotherWakeUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		w, stop := f.open(t, time.Hour, "aa")
		defer stop()
		after(time.Second)
		f.took()
		f.change(func() { f.slow["aa"] = make(chan struct{}) })
		w.Hint("aa")
		after(time.Second)
		ended := make(chan struct{})
		go func() { attempt(t, w, "aa"); close(ended) }()
		after(time.Second)
		w.Hint("aa")
		w.Hint("aa")
		after(time.Second)
		f.change(func() { close(f.slow["aa"]); delete(f.slow, "aa") })
		<-ended
		after(10 * time.Second)
		want(t, f, "1s push aa rcfeed in 1s", "3s push aa rcfeed in 1s", "4s attempt aa 30s")
	})
}

func TestJobsThatAreLeftAreRunAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		f.jobs["aa"] = 1_200
		w, stop := f.open(t, time.Minute, "aa")
		defer stop()
		synctest.Wait()
		for range 3 {
			attempt(t, w, "aa")
		}
		synctest.Wait()
		want(t, f, "0s look aa 1s", "0s push aa poll in 0s", "0s attempt aa 30s", "0s push aa more in 0s",
			"0s attempt aa 30s", "0s push aa more in 0s", "0s attempt aa 30s")
		if f.jobs["aa"] != 0 {
			t.Errorf("%d jobs are left", f.jobs["aa"])
		}
	})
}

func TestTheNextWakeUpIsDurableBeforeTheResultIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		f.jobs["aa"] = 501
		w, stop := f.open(t, time.Hour)
		defer stop()
		w.Set([]stock.Wiki{{Name: "aa", Poll: time.Hour}})
		work := runner.Work{Wiki: "aa", Jobs: []runner.Item{{ID: "aa.J1"}}}
		err := w.Runner().Run(t.Context(), work, func(int, runner.Result) {
			if log := strings.Join(f.took(), "\n"); !strings.Contains(log, "push aa more") {
				t.Errorf("reported before the push:\n%s", log)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestAPushThatFailsIsMadeUpByALook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		f.refuse = errors.New("the store is away")
		w, stop := f.open(t, time.Hour, "aa")
		defer stop()
		after(time.Second)
		f.took()
		f.jobs["aa"] = 2
		w.Hint("aa")
		after(6 * time.Second)
		want(t, f, "1s refused aa rcfeed", "6s look aa 1s", "6s refused aa poll")
		f.change(func() { f.refuse = nil })
		after(5 * time.Second)
		want(t, f, "11s look aa 1s", "11s push aa poll in 0s")
	})
}

func TestAWikiIsNeverLookedAtDuringAnAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		f.slow["aa"] = make(chan struct{})
		w, stop := f.open(t, time.Second, "aa")
		defer stop()
		synctest.Wait() // the first look is under way
		ended := make(chan struct{})
		go func() { attempt(t, w, "aa"); close(ended) }()
		after(10 * time.Second)
		want(t, f)
		f.change(func() { close(f.slow["aa"]); delete(f.slow, "aa") })
		<-ended
		want(t, f, "10s look aa 1s", "10s attempt aa 30s")
		if f.most != 1 {
			t.Errorf("%d requests at once", f.most)
		}
	})
}

func TestAWikiThatIsHeldOrPausedIsNotAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		f.held["aa"], f.jobs["aa"] = "maintenance", 1
		_, stop := f.open(t, time.Minute, "aa")
		defer stop()
		after(90 * time.Second)
		want(t, f)
		f.change(func() { delete(f.held, "aa") })
		after(time.Minute)
		want(t, f, "2m0s look aa 1s", "2m0s push aa poll in 0s")
	})
}

func TestAWikiThatDoesNotAnswerCostsNoWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		f.res["aa"] = runner.Hold("the wiki's server refuses connections")
		f.res["bb"] = runner.Failed("PHP died")
		_, stop := f.open(t, time.Minute, "aa", "bb")
		defer stop()
		after(119 * time.Second)
		want(t, f, "0s look aa 1s", "30s look bb 1s", "1m0s look aa 1s", "1m30s look bb 1s")
	})
}

func TestAWakeUpOfAHeldWikiWaitsAndTheWikiIsNotLookedAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		f.res["aa"] = runner.Hold("read-only")
		w, stop := f.open(t, time.Hour, "aa")
		defer stop()
		after(time.Second)
		f.took()
		if res, _ := attempt(t, w, "aa"); res.Hold == "" {
			t.Errorf("result = %+v", res)
		}
		w.Hint("aa")
		after(9 * time.Minute)
		want(t, f, "1s attempt aa 30s")
	})
}

func TestAWakeUpThatVanishedIsForgottenAfterAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		w, stop := f.open(t, time.Hour, "aa")
		defer stop()
		after(time.Second)
		w.Hint("aa") // its wake-up is cancelled by an operator
		after(10 * time.Minute)
		f.took()
		w.Hint("aa")
		after(time.Second)
		want(t, f, "10m1s push aa rcfeed in 1s")
	})
}

func TestJobsThatMediaWikiThrottlesAreLookedForInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		f.again = time.Now().Add(20 * time.Second)
		_, stop := f.open(t, time.Hour, "aa")
		defer stop()
		after(20 * time.Second)
		want(t, f, "0s look aa 1s", "20s look aa 1s")
	})
}

func TestWikisThatDoNotAnswerLeaveRoomForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		var names []string
		for n := range 40 {
			name := fmt.Sprintf("w%02d", n)
			names = append(names, name)
			if n < 20 {
				f.slow[name] = make(chan struct{})
			}
		}
		_, stop := f.open(t, time.Second, names...)
		defer stop()
		after(2 * time.Second)
		log := strings.Join(f.took(), "\n")
		for n, name := range names {
			if got := strings.Contains(log, name); got != (n >= 20) {
				t.Errorf("%s was asked: %v", name, got)
			}
		}
	})
}

func TestWhatIsUnderWayEndsWithTheLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		f.slow["aa"] = make(chan struct{})
		w, stop := f.open(t, time.Second, "aa")
		synctest.Wait()
		w.Hint("aa")
		stop() // the look is cut short by its context
		if f.busy["aa"] != 0 {
			t.Error("a request is under way after Run returned")
		}
	})
}

func TestAnAttemptThatIsCutShortHasNoResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		f.slow["aa"] = make(chan struct{})
		w, stop := f.open(t, time.Hour)
		defer stop()
		w.Set([]stock.Wiki{{Name: "aa", Poll: time.Hour}})
		for _, during := range []string{"the look", "the request"} {
			ctx, cancel := context.WithCancel(t.Context())
			synctest.Wait()
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				work := runner.Work{Wiki: "aa", Jobs: []runner.Item{{ID: "aa.J1"}}}
				if err := w.Runner().Run(ctx, work, func(int, runner.Result) { t.Errorf("a result during %s", during) }); err != nil {
					t.Error(err)
				}
			}()
			synctest.Wait()
			cancel()
			<-ended
			w.Set(nil) // the look's site is gone; the next attempt has none to wait for
		}
	})
}

func TestWikisComeAndGoWhileTheirWorkIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		f.slow["aa"] = make(chan struct{})
		w, stop := f.open(t, time.Minute, "aa", "bb")
		defer stop()
		after(31 * time.Second)
		w.Set([]stock.Wiki{{Name: "bb", Poll: 10 * time.Second}, {Name: "cc", Poll: time.Minute}})
		if w.Hint("aa") {
			t.Error("a wiki that was taken out is known")
		}
		f.change(func() { close(f.slow["aa"]) })
		after(30 * time.Second)
		log := strings.Join(f.took(), "\n")
		for _, line := range []string{"41s look bb", "51s look bb", "1m1s look bb", "1m1s look cc"} {
			if !strings.Contains(log, line) {
				t.Errorf("%q is missing in\n%s", line, log)
			}
		}
	})
}

// TestNoJobIsForgotten lets wikis get jobs at all times of the other events, with hints lost and pushes
// refused, and asks that every table is empty a while after.
func TestNoJobIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		w, stop := f.open(t, 20*time.Second, "aa", "bb", "cc")
		defer stop()
		served, done := make(chan struct{}), make(chan struct{})
		go serveWakeUps(t, f, w, served, done)
		names := slices.Sorted(maps.Keys(map[string]int{"aa": 0, "bb": 0, "cc": 0}))
		for n := range 600 {
			wiki := names[n*7%3]
			if n%5 != 0 {
				w.Hint(wiki)
			}
			after(time.Duration(n*37%900) * time.Millisecond)
			f.change(func() {
				f.jobs[wiki] += n * 13 % 700
				f.refuse = nil
				if n%11 == 0 {
					f.refuse = errors.New("busy")
				}
			})
			after(time.Duration(n*53%700) * time.Millisecond)
		}
		f.change(func() { f.refuse = nil })
		after(2 * time.Minute)
		close(served)
		<-done
		for _, wiki := range names {
			if f.jobs[wiki] != 0 {
				t.Errorf("%s has %d jobs left", wiki, f.jobs[wiki])
			}
		}
		if f.most != 1 {
			t.Errorf("%d requests at once on one wiki", f.most)
		}
	})
}

// serveWakeUps runs each wake-up that was pushed a little later, until stop is closed.
func serveWakeUps(t *testing.T, f *farm, w *stock.Waker, stop, done chan struct{}) {
	t.Helper()
	defer close(done)
	for {
		select {
		case <-stop:
			return
		case <-time.After(100 * time.Millisecond):
		}
		pushed := map[string]bool{}
		for _, line := range f.took() {
			if words := strings.Fields(line); words[1] == "push" {
				pushed[words[2]] = true
			}
		}
		for _, wiki := range slices.Sorted(maps.Keys(pushed)) {
			attempt(t, w, wiki)
		}
	}
}
