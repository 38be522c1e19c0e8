package jobqueue_test

import (
	"testing"
	"time"

	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/jobqueue/jobqueuetest"
)

// sweepPurged does what upkeep does after a purge.
func sweepPurged(t *testing.T, r *jobqueuetest.Rig, p jobqueue.Pair) {
	t.Helper()
	for _, rng := range jobqueue.PurgeRanges(r.Partition(), p, r.Mem().PurgedBefore(p)) {
		ids, err := jobqueue.PurgeIDs(p, r.Scan(rng))
		if err != nil {
			t.Fatal(err)
		}
		for len(ids) > 0 {
			c := &jobqueue.PurgePage{Pair: p, IDs: ids[:min(len(ids), jobqueue.MaxPage)]}
			r.Must(c)
			ids = ids[c.Done:]
		}
	}
}

func TestPurgeEndsAllThatWaitsAtOnce(t *testing.T) {
	r := newRig(t)
	ready := push(t, r, jobqueue.New{Key: "k"})
	push(t, r, jobqueue.New{RunAt: r.Clock.Wall.Add(time.Hour)})
	push(t, r, jobqueue.New{WaitsFor: []ident.Suffix{ready.ID}})
	other := push(t, r, jobqueue.New{Pair: jobqueue.Pair{Wiki: "aawiki", Queue: "other"}, RunAt: r.Clock.Wall.Add(time.Hour)})
	seen := r.Job(links(), ready.ID)
	r.Effects()
	purge := &jobqueue.Purge{Pair: links()}
	r.Must(purge)
	if e := effect[jobqueue.Purged](t, r.Effects()); purge.Sweeping != 3 || e.Pair != links() || e.Before != r.Mem().PurgedBefore(links()) {
		t.Errorf("%d jobs are swept, the effect is %+v", purge.Sweeping, e)
	}
	wantCounts(t, r, jobqueue.Counts{Sweeping: 3})
	wantOrder(t, r)
	if _, ok := r.Mem().Claim(seen); ok {
		t.Error("a purged job was claimed")
	}
	again := push(t, r, jobqueue.New{Key: "k"})
	if again.State != jobqueue.Ready {
		t.Errorf("a job that comes after a purge is %s, want ready: a purged job is nobody's twin", again.State)
	}
	wantCounts(t, r, jobqueue.Counts{Ready: 1, Sweeping: 1}) // the twin has ended, and what waited for it with it
	sweepPurged(t, r, links())
	wantCounts(t, r, jobqueue.Counts{Ready: 1})
	wantOrder(t, r, again.ID)
	if j := r.Job(links(), other.ID); j == nil || j.State != jobqueue.Delayed {
		t.Errorf("the job of another queue is %+v", j)
	}
	for _, h := range r.History() {
		if h.State != jobqueue.Cancelled || h.LastError == "" {
			t.Errorf("a purged job is %s because %q", h.State, h.LastError)
		}
	}
}

func TestAJobThatRunsDuringAPurgeEndsInsteadOfWaitingAgain(t *testing.T) {
	for name, outcome := range map[string]jobqueue.Outcome{"failed": jobqueue.OutcomeFailed, "uncounted": jobqueue.OutcomeUncounted} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			push(t, r, jobqueue.New{Key: "k"})
			c := claim(t, r)
			r.Must(&jobqueue.Purge{Pair: links()})
			wantCounts(t, r, jobqueue.Counts{Running: 1})
			if r.Mem().Release(c.Job.ID) {
				t.Error("a purged job was given back to its place")
			}
			finish(t, r, c, outcome)
			wantCounts(t, r, jobqueue.Counts{})
			if h := r.History(); len(h) != 1 || h[0].State != jobqueue.Cancelled {
				t.Errorf("history is %+v", h)
			}
		})
	}
}

func TestAPurgeIsKnownAfterACrash(t *testing.T) {
	r := newRig(t)
	push(t, r, jobqueue.New{})
	push(t, r, jobqueue.New{RunAt: r.Clock.Wall.Add(time.Minute)})
	claim(t, r)
	r.Must(&jobqueue.Purge{Pair: links()})
	r.Reopen()
	r.Advance(time.Hour)
	r.Promote()
	wantCounts(t, r, jobqueue.Counts{})
	if n := len(r.History()); n != 2 {
		t.Errorf("%d jobs have ended, want 2", n)
	}
	push(t, r, jobqueue.New{})
	wantCounts(t, r, jobqueue.Counts{Ready: 1})
}

func TestADeadJobOutlivesAPurgeAndCanBeRetried(t *testing.T) {
	r := newRig(t)
	dead := push(t, r, jobqueue.New{Key: "k", ExpireAt: r.Clock.Wall.Add(time.Minute)})
	finish(t, r, claim(t, r), jobqueue.OutcomePermanent)
	r.Must(&jobqueue.Purge{Pair: links()})
	wantCounts(t, r, jobqueue.Counts{Dead: 1})
	r.Advance(time.Hour)
	r.Must(&jobqueue.Retry{Wiki: "aawiki", ID: dead.ID})
	wantCounts(t, r, jobqueue.Counts{Ready: 1})
	finish(t, r, claim(t, r), jobqueue.OutcomeFailed)
	wantState(t, r, dead.ID, jobqueue.Delayed)
}

// cancelPass cancels by filter, as a caller does, and returns how many were cancelled.
func cancelPass(t *testing.T, r *jobqueuetest.Rig, q jobqueue.Where) (cancelled, stopping int) {
	t.Helper()
	var ids []ident.Suffix
	for _, e := range r.Scan(jobqueue.JobRange(r.Partition(), "aawiki", ident.Suffix{})) {
		j, err := jobqueue.DecodeJobEntry("aawiki", e)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, j.ID)
	}
	for len(ids) > 0 {
		c := &jobqueue.CancelPage{Wiki: "aawiki", IDs: ids[:min(len(ids), jobqueue.MaxPage)], Where: q}
		r.Must(c)
		ids, q.Before = ids[c.Done:], c.At
		cancelled, stopping = cancelled+c.Cancelled, stopping+c.Stopping
	}
	return cancelled, stopping
}

func TestCancelByFilterEndsWhatIsMeantAndNothingElse(t *testing.T) {
	r := newRig(t)
	runs := push(t, r, jobqueue.New{RequestID: "a"})
	c := claim(t, r)
	push(t, r, jobqueue.New{RequestID: "a"})
	push(t, r, jobqueue.New{RequestID: "a", RunAt: r.Clock.Wall.Add(time.Hour)})
	kept := push(t, r, jobqueue.New{RequestID: "b"})
	if n, s := cancelPass(t, r, jobqueue.Where{RequestID: "a", State: jobqueue.Delayed}); n != 1 || s != 0 {
		t.Errorf("%d delayed jobs were cancelled and %d stopped, want 1 and 0", n, s)
	}
	if n, s := cancelPass(t, r, jobqueue.Where{RequestID: "a"}); n != 1 || s != 1 {
		t.Errorf("%d jobs were cancelled and %d stopped, want 1 and 1", n, s)
	}
	finish(t, r, c, jobqueue.OutcomeFailed)
	wantNoJob(t, r, runs.ID)
	wantOrder(t, r, kept.ID)
	wantCounts(t, r, jobqueue.Counts{Ready: 1})
	if n, _ := cancelPass(t, r, jobqueue.Where{Queue: "other", Root: "x"}); n != 0 {
		t.Errorf("%d jobs of another queue were cancelled", n)
	}
	late := &jobqueue.CancelPage{Wiki: "aawiki", IDs: []ident.Suffix{kept.ID}, Where: jobqueue.Where{Before: 1}}
	r.Must(late)
	if late.Cancelled != 0 {
		t.Error("a job that came after the pass began was cancelled")
	}
}

func TestCancelOfARunningJobIsKeptOverACrash(t *testing.T) {
	r := newRig(t)
	p := push(t, r, jobqueue.New{Key: "k"})
	claim(t, r)
	wantKind(t, r.Do(&jobqueue.Cancel{Wiki: "aawiki", ID: p.ID}), fault.Conflict)
	r.Effects()
	c := &jobqueue.Cancel{Wiki: "aawiki", ID: p.ID, Running: true}
	r.Must(c)
	if e := effect[jobqueue.CancelRunning](t, r.Effects()); !c.Stopping || e.ID != p.ID {
		t.Errorf("stopping %t, the effect is %+v", c.Stopping, e)
	}
	r.Must(&jobqueue.Cancel{Wiki: "aawiki", ID: p.ID, Running: true})
	r.Reopen()
	wantCounts(t, r, jobqueue.Counts{})
	h := r.History()
	if len(h) != 1 || h[0].State != jobqueue.Cancelled || h[0].Attempts[0].Outcome != jobqueue.OutcomeCancelled {
		t.Errorf("history is %+v", h)
	}
}

func TestACancelledJobThatIsDoneFirstIsDone(t *testing.T) {
	r := newRig(t)
	p := push(t, r, jobqueue.New{})
	c := claim(t, r)
	r.Must(&jobqueue.Cancel{Wiki: "aawiki", ID: p.ID, Running: true})
	finish(t, r, c, jobqueue.OutcomeDone)
	if h := r.History(); len(h) != 1 || h[0].State != jobqueue.Done {
		t.Errorf("history is %+v", h)
	}
}

func TestCancelOfARootEndsItsGenerationAndOlderOnes(t *testing.T) {
	r := newRig(t)
	runs := push(t, r, jobqueue.New{Root: root("02", true)})
	c := claim(t, r)
	push(t, r, jobqueue.New{Root: root("02", false)})
	push(t, r, jobqueue.New{Root: root("02", false), RunAt: r.Clock.Wall.Add(time.Minute)})
	cancel := &jobqueue.CancelRoot{Pair: links(), Signature: root("", false).Signature}
	r.Effects()
	r.Must(cancel)
	if e := effect[jobqueue.RootMoved](t, r.Effects()); !e.Root.Cancelled || cancel.Stopping != 1 {
		t.Errorf("%d are stopped, the effect is %+v", cancel.Stopping, e)
	}
	supersede(r)
	r.Advance(time.Hour)
	r.Promote()
	finish(t, r, c, jobqueue.OutcomeUncounted)
	wantNoJob(t, r, runs.ID)
	for _, second := range []string{"01", "02"} {
		if p := push(t, r, jobqueue.New{Root: root(second, true)}); p.State != jobqueue.Cancelled {
			t.Errorf("a job of generation %s arrives as %s, want cancelled", second, p.State)
		}
	}
	if p := push(t, r, jobqueue.New{Root: root("03", false)}); p.State != jobqueue.Ready {
		t.Errorf("a job of a newer generation arrives as %s", p.State)
	}
	wantCounts(t, r, jobqueue.Counts{Ready: 1})
	wantKind(t, r.Do(&jobqueue.CancelRoot{Pair: links(), Signature: "unknown"}), fault.NotFound)
	r.Must(&jobqueue.CancelRoot{Pair: links(), Signature: "unknown", Timestamp: root("05", false).Timestamp})
	unknown := root("04", true)
	unknown.Signature = "unknown"
	if p := push(t, r, jobqueue.New{Root: unknown}); p.State != jobqueue.Cancelled {
		t.Errorf("a job of a root that was cancelled ahead is %s", p.State)
	}
}

func TestRootsAreForgottenWhenTheQueueSays(t *testing.T) {
	r := newRig(t)
	push(t, r, jobqueue.New{Root: root("02", true), Rules: &jobqueue.Rules{RootTTL: 24 * time.Hour}})
	finish(t, r, claim(t, r), jobqueue.OutcomeDone)
	r.Advance(48 * time.Hour)
	r.Sweep()
	if p := push(t, r, jobqueue.New{Root: root("01", false)}); p.State != jobqueue.Ready {
		t.Errorf("an older job is %s after its root was forgotten", p.State)
	}
}

func TestNothingIsLeftAfterAllHasEndedAndExpired(t *testing.T) {
	r := newRig(t)
	everyLine(t, r)
	push(t, r, jobqueue.New{Key: "d", Rules: &jobqueue.Rules{Dedup: jobqueue.DedupDebounce, Debounce: time.Minute}})
	push(t, r, jobqueue.New{Root: root("02", true), Rules: &jobqueue.Rules{Budget: 1}})
	r.Must(&jobqueue.CancelRoot{Pair: links(), Signature: root("", false).Signature})
	r.Must(&jobqueue.Purge{Pair: links()})
	sweepPurged(t, r, links())
	wantCounts(t, r, jobqueue.Counts{})
	for range 2 {
		r.Advance(jobqueue.DeadAge + jobqueue.RootAge)
		r.Sweep()
	}
	r.ExpireHistory(time.Hour)
	families := map[string]bool{}
	for _, f := range jobqueue.Families() {
		families[f.Name] = true
	}
	for _, w := range r.Words() {
		if families[w.Family] {
			t.Errorf("left: %s %s", w.Family, w.Words)
		}
	}
}
