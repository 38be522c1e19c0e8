package jobqueue_test

import (
	"strings"
	"testing"
	"time"

	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/jobqueue"
)

func TestDedupReplaceEndsTheWaitingTwin(t *testing.T) {
	r := newRig(t)
	rules := &jobqueue.Rules{Dedup: jobqueue.DedupReplace}
	first := push(t, r, jobqueue.New{Key: "k", Rules: rules, Band: jobqueue.Interactive})
	other := push(t, r, jobqueue.New{Band: jobqueue.Interactive})
	second := push(t, r, jobqueue.New{Key: "k", Rules: rules, Band: jobqueue.Interactive})
	if second.State != jobqueue.Ready || !second.DuplicateOf.IsZero() {
		t.Errorf("the newer job is %+v", second)
	}
	wantNoJob(t, r, first.ID)
	wantOrder(t, r, other.ID, second.ID)
	if h := r.History(); len(h) != 1 || h[0].State != jobqueue.Duplicate || h[0].DuplicateOf != second.ID {
		t.Errorf("history is %+v", h)
	}
	later := push(t, r, jobqueue.New{Key: "k", Rules: rules, RunAt: r.Clock.Wall.Add(time.Hour)})
	wantState(t, r, later.ID, jobqueue.Delayed)
	wantCounts(t, r, jobqueue.Counts{Ready: 1, Delayed: 1})
}

func TestAFailedJobIsADuplicateOfTheOneThatReplacedIt(t *testing.T) {
	r := newRig(t)
	rules := &jobqueue.Rules{Dedup: jobqueue.DedupReplace}
	push(t, r, jobqueue.New{Key: "k", Rules: rules})
	c := claim(t, r)
	at := r.Clock.Wall.Add(time.Hour)
	next := push(t, r, jobqueue.New{Key: "k", Rules: rules, RunAt: at})
	finish(t, r, c, jobqueue.OutcomeFailed)
	if j := wantState(t, r, next.ID, jobqueue.Delayed); !j.Due.Equal(at) {
		t.Errorf("the newer job is due at %s, want its own %s", j.Due, at)
	}
	wantCounts(t, r, jobqueue.Counts{Delayed: 1})
}

func TestDedupDebounceReleasesAfterAPauseWithoutNews(t *testing.T) {
	r := newRig(t)
	rules := &jobqueue.Rules{Dedup: jobqueue.DedupDebounce, Debounce: 5 * time.Second}
	start := r.Clock.Wall
	first := push(t, r, jobqueue.New{Key: "k", Rules: rules, Payload: []byte("0")})
	for i := range 20 {
		j := wantState(t, r, first.ID, jobqueue.Delayed)
		want := r.Clock.Wall.Add(5 * time.Second)
		if limit := start.Add(55 * time.Second); want.After(limit) {
			want = limit // ten times the pause beyond the first release
		}
		if !j.Due.Equal(want) {
			t.Fatalf("after %s the job is due at %s, want %s", r.Clock.Wall.Sub(start), j.Due, want)
		}
		r.Advance(3 * time.Second)
		r.Promote()
		if r.Clock.Wall.Sub(start) >= 55*time.Second {
			break
		}
		p := push(t, r, jobqueue.New{Key: "k", Rules: rules, Payload: []byte{'1' + byte(i)}})
		if p.State != jobqueue.Duplicate || p.DuplicateOf != first.ID {
			t.Fatalf("a newer job is %+v", p)
		}
		if j := r.Job(links(), first.ID); j.Payload[0] != '1'+byte(i) {
			t.Fatalf("the job has the bytes %q", j.Payload)
		}
	}
	j := wantState(t, r, first.ID, jobqueue.Ready)
	push(t, r, jobqueue.New{Key: "k", Rules: rules})
	if again := wantState(t, r, first.ID, jobqueue.Ready); again.Seq != j.Seq {
		t.Error("a job that was put off long enough lost its place")
	}
	r.Verify()
}

func TestDedupDebounceTakesAReadyTwinBackToDelayed(t *testing.T) {
	r := newRig(t)
	rules := &jobqueue.Rules{Dedup: jobqueue.DedupDebounce, Debounce: 5 * time.Second}
	first := push(t, r, jobqueue.New{Key: "k", Rules: rules})
	r.Advance(6 * time.Second)
	r.Promote()
	seen := wantState(t, r, first.ID, jobqueue.Ready)
	r.Effects()
	push(t, r, jobqueue.New{Key: "k", Rules: rules})
	wantState(t, r, first.ID, jobqueue.Delayed)
	if g := effect[jobqueue.Gone](t, r.Effects()); g.Seq != seen.Seq {
		t.Errorf("the effect is %+v", g)
	}
	wantCounts(t, r, jobqueue.Counts{Delayed: 1})
}

func TestDedupWindowCountsADoneTwinWhileItLasts(t *testing.T) {
	r := newRig(t)
	rules := &jobqueue.Rules{Dedup: jobqueue.DedupWindow, Window: time.Hour}
	first := push(t, r, jobqueue.New{Key: "k", Rules: rules})
	twin := push(t, r, jobqueue.New{Key: "k", Rules: rules})
	if twin.DuplicateOf != first.ID {
		t.Errorf("a twin of a waiting job is %+v", twin)
	}
	finish(t, r, claim(t, r), jobqueue.OutcomeDone)
	r.Advance(59 * time.Minute)
	if p := push(t, r, jobqueue.New{Key: "k", Rules: rules}); p.State != jobqueue.Duplicate || p.DuplicateOf != first.ID {
		t.Errorf("within the window a job is %+v", p)
	}
	keep := push(t, r, jobqueue.New{Key: "k"})
	if keep.State != jobqueue.Ready {
		t.Errorf("without the mode a job is %+v", keep)
	}
	finish(t, r, claim(t, r), jobqueue.OutcomeDone)
	wantCounts(t, r, jobqueue.Counts{})
	again := push(t, r, jobqueue.New{Key: "k", Rules: rules})
	finish(t, r, claim(t, r), jobqueue.OutcomeDone)
	r.Advance(time.Hour)
	if p := push(t, r, jobqueue.New{Key: "k", Rules: rules}); p.State != jobqueue.Ready {
		t.Errorf("after the window of %s a job is %+v", again.ID, p)
	}
	r.Advance(24 * time.Hour)
	r.Sweep()
	r.Verify()
}

func TestAFailureDoesNotOpenAWindow(t *testing.T) {
	r := newRig(t)
	rules := &jobqueue.Rules{Dedup: jobqueue.DedupWindow, Window: time.Hour}
	push(t, r, jobqueue.New{Key: "k", Rules: rules})
	finish(t, r, claim(t, r), jobqueue.OutcomePermanent)
	if p := push(t, r, jobqueue.New{Key: "k", Rules: rules}); p.State != jobqueue.Ready {
		t.Errorf("after a failure a job is %+v", p)
	}
}

func TestDedupNoneIgnoresKeys(t *testing.T) {
	r := newRig(t)
	rules := &jobqueue.Rules{Dedup: jobqueue.DedupNone}
	push(t, r, jobqueue.New{Key: "k", Rules: rules})
	push(t, r, jobqueue.New{Key: "k", Rules: rules})
	wantCounts(t, r, jobqueue.Counts{Ready: 2})
}

func TestAJobThatIsNotBegunInTimeExpires(t *testing.T) {
	r := newRig(t)
	soon := &jobqueue.Rules{ExpireAfter: time.Minute}
	ready := push(t, r, jobqueue.New{Rules: soon})
	delayed := push(t, r, jobqueue.New{ExpireAt: r.Clock.Wall.Add(time.Minute), RunAt: r.Clock.Wall.Add(time.Hour)})
	running := push(t, r, jobqueue.New{Rules: soon, Band: jobqueue.Interactive})
	c := r.Claim(links())
	for c.Job.ID != running.ID {
		c = r.Claim(links())
	}
	r.Advance(time.Minute)
	r.Promote()
	wantNoJob(t, r, delayed.ID)
	supersede(r)
	if j := r.Job(links(), ready.ID); j != nil && r.Mem().Running(ready.ID) == nil {
		t.Errorf("a ready job past its time is %s", j.State)
	}
	finish(t, r, c, jobqueue.OutcomeFailed)
	wantNoJob(t, r, running.ID)
	if p := push(t, r, jobqueue.New{ExpireAt: r.Clock.Wall}); p.State != jobqueue.Expired {
		t.Errorf("a job past its time arrives as %s", p.State)
	}
	for _, h := range r.History() {
		if h.State != jobqueue.Expired || h.LastError == "" {
			t.Errorf("a job is %s because %q", h.State, h.LastError)
		}
	}
	r.Verify()
}

func TestALoopEndsAmongTheDeadWithADiagnosis(t *testing.T) {
	r := newRig(t)
	n := jobqueue.New{Key: "k", Rules: &jobqueue.Rules{LoopLimit: 3}}
	for depth := range 4 {
		p := push(t, r, n)
		j := r.Job(links(), p.ID)
		if depth < 3 {
			if p.State != jobqueue.Ready {
				t.Fatalf("at depth %d the job is %s: %s", depth, p.State, j.LastError)
			}
			finish(t, r, claim(t, r), jobqueue.OutcomeDone)
			n.Cause = j.Child(ident.ID{Wiki: j.Wiki, Suffix: j.ID}.String())
			continue
		}
		if p.State != jobqueue.Dead || !strings.Contains(j.LastError, "loop_limit") || !strings.Contains(j.LastError, n.Cause.Parent) {
			t.Errorf("the job is %s: %s", p.State, j.LastError)
		}
	}
	other := push(t, r, jobqueue.New{Key: "another", Rules: n.Rules, Cause: n.Cause})
	if other.State != jobqueue.Ready {
		t.Errorf("a job that is not among its own causes is %s", other.State)
	}
	wantCounts(t, r, jobqueue.Counts{Ready: 1, Dead: 1})
}

func TestACauseIsKeptInTheHistory(t *testing.T) {
	r := newRig(t)
	push(t, r, jobqueue.New{Cause: cause("aawiki")})
	finish(t, r, claim(t, r), jobqueue.OutcomeDone)
	if h := r.History(); len(h) != 1 || h[0].Cause.String() != cause("aawiki").String() || h[0].Cause.Depth != 1 {
		t.Errorf("history is %+v", h)
	}
}

func TestWhatIsOverARootsBudgetIsDead(t *testing.T) {
	r := newRig(t)
	rules := &jobqueue.Rules{Budget: 2}
	for i, want := range []jobqueue.State{jobqueue.Ready, jobqueue.Ready, jobqueue.Dead} {
		p := push(t, r, jobqueue.New{Key: string(rune('a' + i)), Root: root("01", false), Rules: rules})
		if p.State != want {
			t.Errorf("job %d of the root is %s, want %s", i+1, p.State, want)
		}
		if want == jobqueue.Dead && !strings.Contains(r.Job(links(), p.ID).LastError, "budget") {
			t.Errorf("the diagnosis is %q", r.Job(links(), p.ID).LastError)
		}
	}
	if p := push(t, r, jobqueue.New{Key: "a", Root: root("01", false), Rules: rules}); p.State != jobqueue.Duplicate {
		t.Errorf("a twin is %s", p.State)
	}
	if p := push(t, r, jobqueue.New{Key: "z", Root: root("02", true), Rules: rules}); p.State != jobqueue.Ready {
		t.Errorf("the first job of a newer generation is %s", p.State)
	}
	r.Verify()
}

func TestAPushOverMaxPendingIsRefusedWhole(t *testing.T) {
	r := newRig(t)
	push(t, r, jobqueue.New{MaxPending: 2})
	claim(t, r)
	push(t, r, jobqueue.New{MaxPending: 2, Key: "k"})
	two := &jobqueue.Push{Jobs: []jobqueue.New{
		{ID: r.Mint(), Pair: links(), MaxPending: 2}, {ID: r.Mint(), Pair: links(), MaxPending: 2},
	}}
	err := r.Do(two)
	wantKind(t, err, fault.TooMany)
	if !strings.Contains(err.Error(), "max_pending") {
		t.Errorf("the error is %q", err)
	}
	wantCounts(t, r, jobqueue.Counts{Ready: 1, Running: 1})
	push(t, r, jobqueue.New{MaxPending: 2})
	if p := push(t, r, jobqueue.New{MaxPending: 2, Key: "k"}); p.State != jobqueue.Duplicate {
		t.Errorf("a twin in a full queue is %s", p.State)
	}
	push(t, r, jobqueue.New{}) // of an event
	wantCounts(t, r, jobqueue.Counts{Ready: 3, Running: 1})
}
