package jobqueue_test

import (
	"fmt"
	"testing"
	"time"

	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/jobqueue/jobqueuetest"
)

// serial pushes a job of a chain.
func serial(t *testing.T, r *jobqueuetest.Rig, key string) ident.Suffix {
	t.Helper()
	return push(t, r, jobqueue.New{SerialKey: key}).ID
}

func TestJobsOfASerialKeyGoOneAtATimeInOrder(t *testing.T) {
	r := newRig(t)
	var ids []ident.Suffix
	for range 4 {
		ids = append(ids, serial(t, r, "page 1"))
	}
	other := serial(t, r, "page 2")
	wantOrder(t, r, ids[0], other)
	wantCounts(t, r, jobqueue.Counts{Ready: 2, Blocked: 3})
	c, second := claim(t, r), claim(t, r)
	if c.Job.ID != ids[0] || second.Job.ID != other {
		t.Fatalf("jobs %s and %s run, want %s and %s", c.Job.ID, second.Job.ID, ids[0], other)
	}
	for i, id := range ids {
		if c.Job.ID != id {
			t.Fatalf("job %s runs, want %s", c.Job.ID, id)
		}
		if r.Claim(links()) != nil {
			t.Fatal("two jobs of a serial key run")
		}
		finish(t, r, c, jobqueue.OutcomeDone)
		if i < 3 {
			c = claim(t, r)
		}
	}
	wantCounts(t, r, jobqueue.Counts{Running: 1})
}

func TestAFailedJobStaysTheFirstOfItsChainUntilItIsDead(t *testing.T) {
	r := newRig(t)
	first, second := serial(t, r, "s"), serial(t, r, "s")
	for range 2 {
		finish(t, r, claim(t, r), jobqueue.OutcomeFailed)
		wantState(t, r, first, jobqueue.Delayed)
		wantState(t, r, second, jobqueue.Blocked)
		r.Advance(time.Hour)
		r.Promote()
		wantOrder(t, r, first)
	}
	finish(t, r, claim(t, r), jobqueue.OutcomeFailed)
	wantState(t, r, first, jobqueue.Dead)
	wantOrder(t, r, second)
	r.Must(&jobqueue.Retry{Wiki: "aawiki", ID: first})
	wantState(t, r, first, jobqueue.Blocked)
	wantKind(t, r.Do(&jobqueue.Retry{Wiki: "aawiki", ID: first}), fault.Conflict)
	finish(t, r, claim(t, r), jobqueue.OutcomeDone)
	wantOrder(t, r, first)
	wantCounts(t, r, jobqueue.Counts{Ready: 1})
}

func TestAJobJoinsItsChainWhenItIsDue(t *testing.T) {
	r := newRig(t)
	late := push(t, r, jobqueue.New{SerialKey: "s", RunAt: r.Clock.Wall.Add(time.Minute)})
	now := serial(t, r, "s")
	wantOrder(t, r, now)
	r.Advance(time.Minute)
	r.Promote()
	wantState(t, r, late.ID, jobqueue.Blocked)
	finish(t, r, claim(t, r), jobqueue.OutcomeDone)
	wantOrder(t, r, late.ID)
	r.Verify()
}

func TestWhateverEndsAJobLetsItsChainGoOn(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *jobqueuetest.Rig, ident.Suffix){
		"cancelled in the middle": func(t *testing.T, r *jobqueuetest.Rig, _ ident.Suffix) { t.Helper() },
		"cancelled while first": func(_ *testing.T, r *jobqueuetest.Rig, first ident.Suffix) {
			r.Must(&jobqueue.Cancel{Wiki: "aawiki", ID: first})
		},
		"cancelled while it runs": func(t *testing.T, r *jobqueuetest.Rig, first ident.Suffix) {
			t.Helper()
			c := claim(t, r)
			r.Must(&jobqueue.Cancel{Wiki: "aawiki", ID: first, Running: true})
			finish(t, r, c, jobqueue.OutcomeUncounted)
		},
		"found after a crash": func(t *testing.T, r *jobqueuetest.Rig, first ident.Suffix) {
			t.Helper()
			c := claim(t, r)
			c.Attempts = 1
			r.Must(&jobqueue.StoreClaims{Claims: []*jobqueue.Claim{c}})
			r.Reopen()
			wantState(t, r, first, jobqueue.Dead)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			first, gone, last := serial(t, r, "s"), serial(t, r, "s"), serial(t, r, "s")
			r.Must(&jobqueue.Cancel{Wiki: "aawiki", ID: gone})
			r.Verify()
			end(t, r, first)
			if j := r.Job(links(), first); j != nil && j.State == jobqueue.Ready {
				finish(t, r, claim(t, r), jobqueue.OutcomeDone)
			}
			wantOrder(t, r, last)
			r.Verify()
		})
	}
}

func TestTheFirstOfAChainIsNotBegunWhenItsRootIsOutOfDate(t *testing.T) {
	r := newRig(t)
	serial(t, r, "s")
	old := push(t, r, jobqueue.New{SerialKey: "s", Root: root("01", false)})
	last := serial(t, r, "s")
	push(t, r, jobqueue.New{Root: root("02", true), RunAt: r.Clock.Wall.Add(time.Hour)})
	finish(t, r, claim(t, r), jobqueue.OutcomeDone)
	wantNoJob(t, r, old.ID)
	wantOrder(t, r, last)
	r.Verify()
}

func TestATwinInAChainKeepsItsPlace(t *testing.T) {
	r := newRig(t)
	serial(t, r, "s")
	twin := push(t, r, jobqueue.New{SerialKey: "s", Key: "k"})
	serial(t, r, "s")
	p := push(t, r, jobqueue.New{SerialKey: "s", Key: "k", Payload: []byte("new"), Band: jobqueue.Interactive})
	if p.DuplicateOf != twin.ID {
		t.Fatalf("the twin is %+v", p)
	}
	finish(t, r, claim(t, r), jobqueue.OutcomeDone)
	wantOrder(t, r, twin.ID)
	if j := r.Job(links(), twin.ID); string(j.Payload) != "new" {
		t.Errorf("it has the bytes %q", j.Payload)
	}
	r.Verify()
}

func TestManyChainsThatGoOnTogetherTakeSeveralCommands(t *testing.T) {
	r := newRig(t)
	r.KeepMail = true
	const chains = 150
	for i := range chains {
		for range 2 {
			serial(t, r, fmt.Sprint("page ", i))
		}
	}
	f := &jobqueue.Finish{}
	for range chains {
		f.Outcomes = append(f.Outcomes, ended(r, claim(t, r), jobqueue.OutcomeDone))
	}
	r.Must(f)
	if n := len(r.Ready(links())); n >= chains || n == 0 {
		t.Errorf("%d jobs are ready after one command", n)
	}
	r.Verify()
	r.Reopen() // what is left to do is in the store
	for range 5 {
		r.Deliver()
	}
	wantCounts(t, r, jobqueue.Counts{Ready: chains})
}

func TestAJobWaitsForOthersThatHaveNotEnded(t *testing.T) {
	r := newRig(t)
	a, b := push(t, r, jobqueue.New{}), push(t, r, jobqueue.New{RunAt: r.Clock.Wall.Add(time.Minute)})
	gone := r.Mint()
	j := push(t, r, jobqueue.New{WaitsFor: []ident.Suffix{a.ID, b.ID, a.ID, gone}})
	wantState(t, r, j.ID, jobqueue.Blocked)
	wantCounts(t, r, jobqueue.Counts{Ready: 1, Delayed: 1, Blocked: 1})
	finish(t, r, claim(t, r), jobqueue.OutcomeDone)
	wantState(t, r, j.ID, jobqueue.Blocked)
	r.Advance(time.Minute)
	r.Promote()
	finish(t, r, claim(t, r), jobqueue.OutcomeDone)
	wantOrder(t, r, j.ID)
	if p := push(t, r, jobqueue.New{WaitsFor: []ident.Suffix{a.ID, gone}}); p.State != jobqueue.Ready {
		t.Errorf("a job that waits for what has ended is %s", p.State)
	}
	r.Verify()
}

func TestAJobThatWaitsIsDelayedWhenItsMomentIsLater(t *testing.T) {
	r := newRig(t)
	a := push(t, r, jobqueue.New{})
	j := push(t, r, jobqueue.New{WaitsFor: []ident.Suffix{a.ID}, RunAt: r.Clock.Wall.Add(time.Minute), SerialKey: "s"})
	finish(t, r, claim(t, r), jobqueue.OutcomeDone)
	wantState(t, r, j.ID, jobqueue.Delayed)
	r.Advance(time.Minute)
	r.Promote()
	wantOrder(t, r, j.ID)
	r.Verify()
}

func TestWhatBecomesOfAJobDecidesWhatBecomesOfThoseThatWaitForIt(t *testing.T) {
	type world struct {
		t     *testing.T
		r     *jobqueuetest.Rig
		first ident.Suffix
	}
	for name, c := range map[string]struct {
		end  func(world)
		want jobqueue.State
	}{
		"done": {func(w world) { finish(w.t, w.r, claim(w.t, w.r), jobqueue.OutcomeDone) }, jobqueue.Ready},
		"superseded": {func(w world) {
			push(w.t, w.r, jobqueue.New{Root: root("02", true), RunAt: w.r.Clock.Wall.Add(time.Hour)})
			supersede(w.r)
		}, jobqueue.Ready},
		"dead":      {func(w world) { finish(w.t, w.r, claim(w.t, w.r), jobqueue.OutcomePermanent) }, jobqueue.Blocked},
		"cancelled": {func(w world) { w.r.Must(&jobqueue.Cancel{Wiki: "aawiki", ID: w.first}) }, jobqueue.Cancelled},
		"cancelled while it runs": {func(w world) {
			c := claim(w.t, w.r)
			w.r.Must(&jobqueue.Cancel{Wiki: "aawiki", ID: w.first, Running: true})
			finish(w.t, w.r, c, jobqueue.OutcomeFailed)
		}, jobqueue.Cancelled},
		"dropped": {func(w world) {
			finish(w.t, w.r, claim(w.t, w.r), jobqueue.OutcomePermanent)
			w.r.Must(&jobqueue.ExpireDead{Wiki: "aawiki", IDs: []ident.Suffix{w.first}})
		}, jobqueue.Cancelled},
		"retried and done": {func(w world) {
			finish(w.t, w.r, claim(w.t, w.r), jobqueue.OutcomePermanent)
			w.r.Must(&jobqueue.Retry{Wiki: "aawiki", ID: w.first})
			finish(w.t, w.r, claim(w.t, w.r), jobqueue.OutcomeDone)
		}, jobqueue.Ready},
		"merged, and the twin waits": {func(w world) {
			c := claim(w.t, w.r)
			push(w.t, w.r, jobqueue.New{Key: "k", RunAt: w.r.Clock.Wall.Add(time.Hour)})
			finish(w.t, w.r, c, jobqueue.OutcomeFailed)
		}, jobqueue.Blocked},
		"merged, and the twin is done": {func(w world) {
			c := claim(w.t, w.r)
			push(w.t, w.r, jobqueue.New{Key: "k"})
			finish(w.t, w.r, c, jobqueue.OutcomeFailed)
			w.r.Advance(time.Hour)
			w.r.Promote()
			finish(w.t, w.r, claim(w.t, w.r), jobqueue.OutcomeDone)
		}, jobqueue.Ready},
		"replaced, and the newer one is done": {func(w world) {
			push(w.t, w.r, jobqueue.New{Key: "k", Rules: &jobqueue.Rules{Dedup: jobqueue.DedupReplace}})
			finish(w.t, w.r, claim(w.t, w.r), jobqueue.OutcomeDone)
		}, jobqueue.Ready},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			first := push(t, r, jobqueue.New{Key: "k", Root: root("01", false)})
			waiter := push(t, r, jobqueue.New{WaitsFor: []ident.Suffix{first.ID}, Key: "waiter"})
			c.end(world{t, r, first.ID})
			r.Verify()
			j := r.Job(links(), waiter.ID)
			if c.want != jobqueue.Cancelled {
				if j == nil || j.State != c.want {
					t.Errorf("the job that waits is %+v, want %s", j, c.want)
				}
				return
			}
			wantNoJob(t, r, waiter.ID)
			h := r.History()
			if last := h[len(h)-1]; last.ID != waiter.ID || last.State != jobqueue.Cancelled || last.LastError == "" {
				t.Errorf("its history is %+v", last)
			}
		})
	}
}

func TestAClaimedJobRemembersThatOthersWaitForIt(t *testing.T) {
	for name, reopen := range map[string]bool{"in memory": false, "over a crash": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			first := push(t, r, jobqueue.New{})
			c := claim(t, r)
			waiter := push(t, r, jobqueue.New{WaitsFor: []ident.Suffix{first.ID}})
			if r.Mem().Release(first.ID) {
				t.Error("the job was given back to its place as it was")
			}
			if reopen {
				r.Reopen()
				c = claim(t, r)
			}
			finish(t, r, c, jobqueue.OutcomeUncounted)
			finish(t, r, claim(t, r), jobqueue.OutcomeDone)
			wantOrder(t, r, waiter.ID)
			r.Verify()
		})
	}
}

func TestAWaitInAPushIsForWhatAnEarlierJobOfItTurnedOutToBe(t *testing.T) {
	r := newRig(t)
	twin := push(t, r, jobqueue.New{Key: "k", Source: jobqueue.Source{Name: "c:1"}})
	a, b, c := r.Mint(), r.Mint(), r.Mint()
	p := &jobqueue.Push{Jobs: []jobqueue.New{
		{ID: a, Pair: links(), Key: "k"},
		{ID: b, Pair: links(), Source: jobqueue.Source{Name: "c:1"}},
		{ID: c, Pair: links(), WaitsFor: []ident.Suffix{a, b}},
	}}
	r.Must(p)
	wantState(t, r, c, jobqueue.Blocked)
	if j := r.Job(links(), c); len(j.WaitsFor) != 1 || j.WaitsFor[0] != twin.ID {
		t.Errorf("it waits for %v, want %s", j.WaitsFor, twin.ID)
	}
	finish(t, r, claim(t, r), jobqueue.OutcomeDone)
	wantOrder(t, r, c)
	r.Verify()
}

func TestTheEndOfAJobThatThousandsWaitForTakesSeveralCommands(t *testing.T) {
	r := newRig(t)
	r.KeepMail = true
	first := push(t, r, jobqueue.New{Band: jobqueue.Interactive})
	const waiters = 1_000
	p := &jobqueue.Push{}
	for range waiters {
		p.Jobs = append(p.Jobs, jobqueue.New{ID: r.Mint(), Pair: links(), WaitsFor: []ident.Suffix{first.ID}, Payload: []byte("{}")})
	}
	r.Must(p)
	wantCounts(t, r, jobqueue.Counts{Ready: 1, Blocked: waiters})
	finish(t, r, claim(t, r), jobqueue.OutcomeDone)
	if n := len(r.Ready(links())); n == 0 || n > 100 {
		t.Errorf("%d jobs are ready after one command", n)
	}
	r.Verify()
	for range 20 {
		r.Reopen()
		r.Deliver()
	}
	wantCounts(t, r, jobqueue.Counts{Ready: waiters})
}

func TestALongLineOfWaitsEndsWithItsFirst(t *testing.T) {
	r := newRig(t)
	first := push(t, r, jobqueue.New{})
	at := first.ID
	for range 200 {
		at = push(t, r, jobqueue.New{WaitsFor: []ident.Suffix{at}, SerialKey: "s"}).ID
	}
	r.Must(&jobqueue.Cancel{Wiki: "aawiki", ID: first.ID})
	wantCounts(t, r, jobqueue.Counts{})
	if n := len(r.History()); n != 201 {
		t.Errorf("%d jobs have ended, want 201", n)
	}
}

func TestTooManyWaitsAreRefused(t *testing.T) {
	r := newRig(t)
	p := &jobqueue.Push{Jobs: []jobqueue.New{{ID: r.Mint(), Pair: links(), WaitsFor: make([]ident.Suffix, jobqueue.MaxWaits+1)}}}
	wantKind(t, r.Do(p), fault.TooLarge)
	first := push(t, r, jobqueue.New{})
	refused := false
	for range jobqueue.MaxWaiters/jobqueue.MaxPush + 2 {
		p := &jobqueue.Push{}
		for range jobqueue.MaxPush {
			p.Jobs = append(p.Jobs, jobqueue.New{ID: r.Mint(), Pair: links(), WaitsFor: []ident.Suffix{first.ID}})
		}
		if err := r.Do(p); err != nil {
			wantKind(t, err, fault.Conflict)
			refused = true
			break
		}
	}
	if !refused {
		t.Error("any number of jobs may wait for one")
	}
}
