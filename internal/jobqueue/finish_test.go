package jobqueue_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"auwai/internal/fault"
	"auwai/internal/jobqueue"
)

func TestADoneJobLeavesHistoryOnly(t *testing.T) {
	r := newRig(t)
	before := r.Store.Len()
	p := push(t, r, jobqueue.New{Key: "k"})
	finish(t, r, claim(t, r), jobqueue.OutcomeDone)
	wantNoJob(t, r, p.ID)
	wantCounts(t, r, jobqueue.Counts{})
	f := effect[jobqueue.Finished](t, r.Effects())
	if f.State != jobqueue.Done || f.Tries != 1 || !f.Settles {
		t.Errorf("the effect is %+v", f)
	}
	if n := r.Store.Len() - before; n > 4 {
		t.Errorf("%d keys are left, want the history's only", n)
	}
	if n := r.Mem().Claims(); n != 0 {
		t.Errorf("%d claims are left", n)
	}
}

func TestAFailedJobWaitsLongerEachTimeAndThenIsDead(t *testing.T) {
	r := newRig(t)
	p := push(t, r, jobqueue.New{Key: "k"})
	for n, want := range []time.Duration{time.Minute, 6 * time.Minute} {
		r.Effects()
		finish(t, r, claim(t, r), jobqueue.OutcomeFailed)
		j := wantState(t, r, p.ID, jobqueue.Delayed)
		if j.Tries != n+1 || len(j.Attempts) != n+1 || j.LastError != "it broke" {
			t.Errorf("after %d failures the record is %+v", n+1, j)
		}
		if d := j.Due.Sub(r.Clock.Wall); d != want {
			t.Errorf("after %d failures it waits %s, want %s", n+1, d, want)
		}
		if e := effect[jobqueue.BecameDelayed](t, r.Effects()); !e.Settles {
			t.Errorf("the effect is %+v", e)
		}
		r.Advance(want)
		r.Promote()
	}
	finish(t, r, claim(t, r), jobqueue.OutcomeFailed)
	j := wantState(t, r, p.ID, jobqueue.Dead)
	if j.Tries != 3 || len(j.Attempts) != 3 {
		t.Errorf("the record is %+v", j)
	}
	wantCounts(t, r, jobqueue.Counts{Dead: 1})
}

func TestABackOffIsAtLeastWhatTheTargetAsks(t *testing.T) {
	r := newRig(t)
	for asked, want := range map[time.Duration]time.Duration{
		time.Hour:         time.Hour,
		time.Second:       time.Minute + 3*time.Second,
		10000 * time.Hour: 7 * 24 * time.Hour,
	} {
		p := push(t, r, jobqueue.New{})
		e := ended(r, claim(t, r), jobqueue.OutcomeFailed)
		e.RetryAfter, e.Jitter = asked, 0.5
		r.Must(&jobqueue.Finish{Outcomes: []jobqueue.Ended{e}})
		if d := wantState(t, r, p.ID, jobqueue.Delayed).Due.Sub(r.Clock.Wall); d != want {
			t.Errorf("asked for %s it waits %s, want %s", asked, d, want)
		}
	}
}

func TestAPermanentFailureIsDeadAtOnceWithItsDiagnosis(t *testing.T) {
	r := newRig(t)
	p := push(t, r, jobqueue.New{Key: "k"})
	e := ended(r, claim(t, r), jobqueue.OutcomePermanent)
	e.Error = strings.Repeat("é", 600) + "\xff"
	r.Must(&jobqueue.Finish{Outcomes: []jobqueue.Ended{e}})
	j := wantState(t, r, p.ID, jobqueue.Dead)
	if !utf8.ValidString(j.LastError) || len(j.LastError) != jobqueue.MaxError {
		t.Errorf("the error has %d bytes, valid: %t", len(j.LastError), utf8.ValidString(j.LastError))
	}
	if twin := push(t, r, jobqueue.New{Key: "k"}); twin.State != jobqueue.Ready {
		t.Errorf("a job with a dead one's key is %s, want ready", twin.State)
	}
	wantCounts(t, r, jobqueue.Counts{Ready: 1, Dead: 1})
}

func TestAnUncountedJobReturnsToItsOldPlace(t *testing.T) {
	r := newRig(t)
	first, second := push(t, r, jobqueue.New{}), push(t, r, jobqueue.New{})
	c := claim(t, r)
	r.Effects()
	finish(t, r, c, jobqueue.OutcomeUncounted)
	if e := effect[jobqueue.BecameReady](t, r.Effects()); e.Job.ID != first.ID || !e.Settles {
		t.Errorf("the effect is %+v", e)
	}
	wantOrder(t, r, first.ID, second.ID)
	c = claim(t, r)
	r.Must(&jobqueue.StoreClaims{Claims: []*jobqueue.Claim{c}})
	finish(t, r, c, jobqueue.OutcomeUncounted)
	wantOrder(t, r, second.ID, first.ID)
	if j := wantState(t, r, first.ID, jobqueue.Ready); j.Tries != 0 {
		t.Errorf("%d attempts are counted", j.Tries)
	}
	wantCounts(t, r, jobqueue.Counts{Ready: 2})
}

func TestAReleasedClaimIsReadyAgain(t *testing.T) {
	r := newRig(t)
	p := push(t, r, jobqueue.New{})
	c := claim(t, r)
	if !r.Mem().Release(p.ID) || r.Mem().Running(p.ID) != nil {
		t.Fatal("the claim was not released")
	}
	if r.Mem().Release(p.ID) {
		t.Error("released twice")
	}
	f := &jobqueue.Finish{Outcomes: []jobqueue.Ended{ended(r, c, jobqueue.OutcomeDone)}}
	r.Must(f)
	if len(f.Lost) != 1 {
		t.Errorf("the outcome of a released claim is not reported as lost: %+v", f)
	}
	wantCounts(t, r, jobqueue.Counts{Ready: 1})
}

func TestAnOutcomeCountsOnce(t *testing.T) {
	r := newRig(t)
	push(t, r, jobqueue.New{})
	push(t, r, jobqueue.New{})
	e := ended(r, claim(t, r), jobqueue.OutcomeDone)
	f := &jobqueue.Finish{Outcomes: []jobqueue.Ended{e, e, {ID: r.Mint(), Outcome: jobqueue.OutcomeDone}}}
	r.Must(f)
	if len(f.Lost) != 2 || f.Lost[0] != 1 || f.Lost[1] != 2 {
		t.Errorf("lost are %v, want the second and the third", f.Lost)
	}
	wantCounts(t, r, jobqueue.Counts{Ready: 1})
}

func TestAFinishWithMuchToWriteBackSaysHowFarItCame(t *testing.T) {
	r := newRig(t)
	var outcomes []jobqueue.Ended
	for range 5 {
		push(t, r, jobqueue.New{Payload: make([]byte, 400<<10)})
		outcomes = append(outcomes, ended(r, claim(t, r), jobqueue.OutcomeFailed))
	}
	rounds := 0
	for len(outcomes) > 0 {
		f := &jobqueue.Finish{Outcomes: outcomes}
		r.Must(f)
		outcomes = outcomes[f.Done:]
		rounds++
	}
	if rounds != 2 {
		t.Errorf("it took %d commands, want 2", rounds)
	}
	wantCounts(t, r, jobqueue.Counts{Delayed: 5})
	r.Advance(time.Hour)
	r.Promote()
	wantCounts(t, r, jobqueue.Counts{Ready: 5})
}

func TestOnlyTheLastAttemptsAreKept(t *testing.T) {
	r := newRig(t)
	p := push(t, r, jobqueue.New{})
	for range jobqueue.MaxAttempts + 3 {
		e := ended(r, claim(t, r), jobqueue.OutcomeFailed)
		e.Policy = jobqueue.Policy{Attempts: 100}
		r.Must(&jobqueue.Finish{Outcomes: []jobqueue.Ended{e}})
	}
	j := wantState(t, r, p.ID, jobqueue.Ready)
	if len(j.Attempts) != jobqueue.MaxAttempts || j.Tries != jobqueue.MaxAttempts+3 {
		t.Errorf("%d attempts are kept of %d", len(j.Attempts), j.Tries)
	}
}

func TestCursorsFollowButNeverPassAClaim(t *testing.T) {
	r := newRig(t)
	for range 4 {
		push(t, r, jobqueue.New{Band: jobqueue.Normal})
	}
	places := r.Ready(links())
	c1, c2 := claim(t, r), claim(t, r)
	f := &jobqueue.Finish{
		Outcomes: []jobqueue.Ended{ended(r, c1, jobqueue.OutcomeDone)},
		Cursors:  []jobqueue.Cursor{{Pair: links(), Band: jobqueue.Normal, Seq: places[2].Seq}},
	}
	r.Must(f)
	if got := r.Pair(links()).Cursor[jobqueue.Normal]; got != c2.Job.Seq {
		t.Errorf("the cursor is %d, want it before the claim at %d", got, c2.Job.Seq)
	}
	r.Must(&jobqueue.StoreClaims{Claims: []*jobqueue.Claim{c2}, Cursors: f.Cursors})
	if got := r.Pair(links()).Cursor[jobqueue.Normal]; got != places[2].Seq {
		t.Errorf("the cursor is %d, want %d", got, places[2].Seq)
	}
	r.Verify()
}

func TestAnEmptyPairStartsItsCursorsAnew(t *testing.T) {
	r := newRig(t)
	push(t, r, jobqueue.New{Band: jobqueue.Bulk})
	finish(t, r, claim(t, r), jobqueue.OutcomeDone)
	push(t, r, jobqueue.New{Band: jobqueue.Normal})
	seq := r.Ready(links())[0].Seq
	for b, c := range r.Pair(links()).Cursor {
		if c != seq {
			t.Errorf("cursor of band %d is %d, want %d", b, c, seq)
		}
	}
}

func TestCancelEndsWaitingJobsOnly(t *testing.T) {
	r := newRig(t)
	p := push(t, r, jobqueue.New{Key: "k"})
	cancel := &jobqueue.Cancel{Wiki: "aawiki", ID: p.ID}
	c := claim(t, r)
	wantKind(t, r.Do(cancel), fault.Conflict)
	finish(t, r, c, jobqueue.OutcomeFailed)
	r.Must(cancel)
	wantKind(t, r.Do(cancel), fault.NotFound)
	dead := push(t, r, jobqueue.New{Key: "k"})
	finish(t, r, claim(t, r), jobqueue.OutcomePermanent)
	wantKind(t, r.Do(&jobqueue.Cancel{Wiki: "aawiki", ID: dead.ID}), fault.Conflict)
	ready := push(t, r, jobqueue.New{Key: "k"})
	stale := r.Job(links(), ready.ID)
	r.Effects()
	if err := r.Apply(&jobqueue.Cancel{Wiki: "aawiki", ID: ready.ID}); err != nil {
		t.Fatal(err)
	}
	if _, ok := r.Mem().Claim(stale); ok {
		t.Error("a job was claimed whose cancelling is on its way")
	}
	r.Commit()
	effect[jobqueue.Gone](t, r.Effects())
	wantCounts(t, r, jobqueue.Counts{Dead: 1})
}

func TestRetryGivesADeadJobAllItsAttemptsAgain(t *testing.T) {
	r := newRig(t)
	p := push(t, r, jobqueue.New{Key: "k"})
	finish(t, r, claim(t, r), jobqueue.OutcomePermanent)
	retry := &jobqueue.Retry{Wiki: "aawiki", ID: p.ID}
	r.Must(retry)
	j := wantState(t, r, p.ID, jobqueue.Ready)
	if j.Tries != 0 || len(j.Attempts) != 1 || retry.Result.State != jobqueue.Ready {
		t.Errorf("the record is %+v, the answer %+v", j, retry.Result)
	}
	wantKind(t, r.Do(retry), fault.Conflict)
	c := claim(t, r)
	wantKind(t, r.Do(retry), fault.Conflict)
	finish(t, r, c, jobqueue.OutcomeFailed)
	r.Must(retry)
	if j := wantState(t, r, p.ID, jobqueue.Ready); j.Tries != 1 {
		t.Errorf("a delayed job that is retried has %d tries, want 1", j.Tries)
	}
	wantKind(t, r.Do(&jobqueue.Retry{Wiki: "aawiki", ID: r.Mint()}), fault.NotFound)
	wantCounts(t, r, jobqueue.Counts{Ready: 1})
}

func TestRetryOfADeadJobMergesIntoAWaitingTwin(t *testing.T) {
	r := newRig(t)
	p := push(t, r, jobqueue.New{Key: "k", Payload: []byte("old")})
	finish(t, r, claim(t, r), jobqueue.OutcomePermanent)
	twin := push(t, r, jobqueue.New{Key: "k", Payload: []byte("new")})
	retry := &jobqueue.Retry{Wiki: "aawiki", ID: p.ID}
	r.Must(retry)
	if retry.Result.DuplicateOf != twin.ID || retry.Result.State != jobqueue.Duplicate {
		t.Errorf("the answer is %+v", retry.Result)
	}
	if j := wantState(t, r, twin.ID, jobqueue.Ready); string(j.Payload) != "new" {
		t.Errorf("the twin has bytes %q", j.Payload)
	}
	wantCounts(t, r, jobqueue.Counts{Ready: 1})
}

func TestCommandsMadeOfOthersSeeWhatTheEarlierOnesDid(t *testing.T) {
	r := newRig(t)
	p := push(t, r, jobqueue.New{Key: "k"})
	c := claim(t, r)
	again := &jobqueue.Push{Jobs: []jobqueue.New{{ID: r.Mint(), Pair: links(), Key: "k", Payload: []byte("new")}}}
	r.Must(both{
		&jobqueue.StoreClaims{Claims: []*jobqueue.Claim{c}},
		&jobqueue.Finish{Outcomes: []jobqueue.Ended{ended(r, c, jobqueue.OutcomeFailed)}},
		again,
	})
	if again.Results[0].DuplicateOf != p.ID {
		t.Errorf("the answer is %+v, want a duplicate of the job that waits again", again.Results[0])
	}
	wantCounts(t, r, jobqueue.Counts{Ready: 1})
	if c := claim(t, r); c.Job.ID != p.ID {
		t.Errorf("claimed %s", c.Job.ID)
	}
}
