package jobqueue_test

import (
	"testing"
	"time"

	"auwai/internal/jobqueue"
)

func TestAWaitingTwinStandsForANewJob(t *testing.T) {
	r := newRig(t)
	first := push(t, r, jobqueue.New{Key: "k", Payload: []byte("old"), Band: jobqueue.Normal, RequestID: "one"})
	between := push(t, r, jobqueue.New{Band: jobqueue.Normal})
	r.Effects()
	second := push(t, r, jobqueue.New{Key: "k", Payload: []byte("new"), Band: jobqueue.Bulk, RequestID: "two", Domain: "d", FromEvent: true})
	if second.DuplicateOf != first.ID || second.State != jobqueue.Duplicate {
		t.Fatalf("the answer is %+v, want a duplicate of %s", second, first.ID)
	}
	j := wantState(t, r, first.ID, jobqueue.Ready)
	if string(j.Payload) != "new" || j.RequestID != "two" || j.Domain != "d" || !j.FromEvent {
		t.Errorf("the twin is %+v, want the newest event's bytes", j)
	}
	wantOrder(t, r, first.ID, between.ID)
	e := r.Effects()
	if c := effect[jobqueue.Changed](t, e); string(c.Job.Payload) != "new" || c.OldSeq != j.Seq {
		t.Errorf("the effect is %+v", c)
	}
	if f := effect[jobqueue.Finished](t, e); f.State != jobqueue.Duplicate || f.ID != second.ID {
		t.Errorf("the effect is %+v", f)
	}
	wantCounts(t, r, jobqueue.Counts{Ready: 2})
}

func TestAMoreUrgentTwinMovesTheWaitingJob(t *testing.T) {
	r := newRig(t)
	between := push(t, r, jobqueue.New{Band: jobqueue.Normal})
	first := push(t, r, jobqueue.New{Key: "k", Band: jobqueue.Bulk})
	push(t, r, jobqueue.New{Key: "k", Band: jobqueue.Interactive})
	wantOrder(t, r, first.ID, between.ID)
	wantCounts(t, r, jobqueue.Counts{Ready: 2})
}

func TestTheEarliestReleaseCounts(t *testing.T) {
	r := newRig(t)
	late, early := r.Clock.Wall.Add(2*time.Hour), r.Clock.Wall.Add(time.Hour)
	p := push(t, r, jobqueue.New{Key: "k", RunAt: late})
	push(t, r, jobqueue.New{Key: "k", RunAt: early})
	if j := wantState(t, r, p.ID, jobqueue.Delayed); !j.Due.Equal(early) {
		t.Errorf("due %s, want %s", j.Due, early)
	}
	push(t, r, jobqueue.New{Key: "k", RunAt: late})
	if j := wantState(t, r, p.ID, jobqueue.Delayed); !j.Due.Equal(early) {
		t.Errorf("due %s, want %s", j.Due, early)
	}
	push(t, r, jobqueue.New{Key: "k"})
	wantState(t, r, p.ID, jobqueue.Ready)
	wantCounts(t, r, jobqueue.Counts{Ready: 1})
}

func TestATwinInBackOffIsDueAtOnceAndKeepsItsAttempts(t *testing.T) {
	r := newRig(t)
	p := push(t, r, jobqueue.New{Key: "k"})
	finish(t, r, claim(t, r), jobqueue.OutcomeFailed)
	wantState(t, r, p.ID, jobqueue.Delayed)
	push(t, r, jobqueue.New{Key: "k", RunAt: r.Clock.Wall.Add(time.Hour)})
	if j := wantState(t, r, p.ID, jobqueue.Ready); j.Tries != 1 {
		t.Errorf("%d attempts are counted, want 1", j.Tries)
	}
}

func TestARunningJobIsNobodysTwin(t *testing.T) {
	r := newRig(t)
	first := push(t, r, jobqueue.New{Key: "k"})
	c := claim(t, r)
	second := push(t, r, jobqueue.New{Key: "k"})
	if !second.DuplicateOf.IsZero() {
		t.Fatal("a job merged into one that runs")
	}
	if !c.KeyTaken || !c.Stored {
		t.Errorf("the claim has lost its key: %t, and is stored: %t; want both", c.KeyTaken, c.Stored)
	}
	wantCounts(t, r, jobqueue.Counts{Ready: 1, Running: 1})
	finish(t, r, c, jobqueue.OutcomeDone)
	third := push(t, r, jobqueue.New{Key: "k"})
	if third.DuplicateOf != second.ID {
		t.Errorf("the third job is a duplicate of %s, want %s", third.DuplicateOf, second.ID)
	}
	wantNoJob(t, r, first.ID)
	wantCounts(t, r, jobqueue.Counts{Ready: 1})
}

func TestAFailedJobMergesIntoTheTwinThatCameMeanwhile(t *testing.T) {
	r := newRig(t)
	first := push(t, r, jobqueue.New{Key: "k", Payload: []byte("old"), Band: jobqueue.Interactive})
	c := claim(t, r)
	second := push(t, r, jobqueue.New{Key: "k", Payload: []byte("new"), Band: jobqueue.Bulk})
	r.Effects()
	finish(t, r, c, jobqueue.OutcomeFailed)
	wantNoJob(t, r, first.ID)
	j := wantState(t, r, second.ID, jobqueue.Ready)
	if string(j.Payload) != "new" || j.Band != jobqueue.Interactive || j.Tries != 0 {
		t.Errorf("the twin is %+v", j)
	}
	if f := effect[jobqueue.Finished](t, r.Effects()); f.State != jobqueue.Duplicate || !f.Settles {
		t.Errorf("the effect is %+v", f)
	}
	wantCounts(t, r, jobqueue.Counts{Ready: 1})
}

func TestTheTwinThatCameMeanwhileIsReleasedWithTheBackOff(t *testing.T) {
	r := newRig(t)
	push(t, r, jobqueue.New{Key: "k"})
	c := claim(t, r)
	second := push(t, r, jobqueue.New{Key: "k", RunAt: r.Clock.Wall.Add(time.Hour)})
	finish(t, r, c, jobqueue.OutcomeFailed)
	if j := wantState(t, r, second.ID, jobqueue.Delayed); !j.Due.Equal(r.Clock.Wall.Add(time.Minute)) {
		t.Errorf("due %s, want the end of the back-off", j.Due)
	}
	r.Verify()
}

func TestTheKeyComesBackWhenTheTwinIsDone(t *testing.T) {
	r := newRig(t)
	first := push(t, r, jobqueue.New{Key: "k"})
	c1 := claim(t, r)
	push(t, r, jobqueue.New{Key: "k"})
	c2 := claim(t, r)
	finish(t, r, c2, jobqueue.OutcomeDone)
	finish(t, r, c1, jobqueue.OutcomeFailed)
	wantState(t, r, first.ID, jobqueue.Delayed)
	if third := push(t, r, jobqueue.New{Key: "k"}); third.DuplicateOf != first.ID {
		t.Errorf("the third job is a duplicate of %s, want %s", third.DuplicateOf, first.ID)
	}
	wantCounts(t, r, jobqueue.Counts{Ready: 1})
}

func TestTwoTwinsOfOneKeyFailInOneCommand(t *testing.T) {
	r := newRig(t)
	first := push(t, r, jobqueue.New{Key: "k", Payload: []byte("old")})
	c1 := claim(t, r)
	second := push(t, r, jobqueue.New{Key: "k", Payload: []byte("new")})
	c2 := claim(t, r)
	r.Must(&jobqueue.Finish{Outcomes: []jobqueue.Ended{ended(r, c1, jobqueue.OutcomeFailed), ended(r, c2, jobqueue.OutcomeFailed)}})
	wantNoJob(t, r, second.ID)
	if j := wantState(t, r, first.ID, jobqueue.Delayed); string(j.Payload) != "new" {
		t.Errorf("the twin has bytes %q, want those of the newer event", j.Payload)
	}
	wantCounts(t, r, jobqueue.Counts{Delayed: 1})
}

func TestAJobIsNotClaimableWhileAMergeIsOnItsWay(t *testing.T) {
	r := newRig(t)
	p := push(t, r, jobqueue.New{Key: "k", Payload: []byte("1")})
	stale := r.Job(links(), p.ID)
	pushOpen(t, r, jobqueue.New{Key: "k", Payload: []byte("2")})
	r.Seal()
	pushOpen(t, r, jobqueue.New{Key: "k", Payload: []byte("3")})
	if _, ok := r.Mem().Claim(stale); ok {
		t.Fatal("claimed with a merge being built and one in flight")
	}
	r.Land()
	if _, ok := r.Mem().Claim(stale); ok {
		t.Fatal("claimed with a merge being built")
	}
	r.Commit()
	if c := claim(t, r); string(c.Job.Payload) != "3" {
		t.Errorf("claimed with bytes %q, want the newest", c.Job.Payload)
	}
}

func TestATwinThatEndedInTheSameGroupIsGone(t *testing.T) {
	r := newRig(t)
	push(t, r, jobqueue.New{Key: "k"})
	c := claim(t, r)
	if err := r.Apply(&jobqueue.Finish{Outcomes: []jobqueue.Ended{ended(r, c, jobqueue.OutcomeDone)}}); err != nil {
		t.Fatal(err)
	}
	if _, ok := r.Mem().Claim(c.Job); ok {
		t.Fatal("a job was claimed whose end is on its way")
	}
	p := pushOpen(t, r, jobqueue.New{Key: "k"})
	if p.State != jobqueue.Ready {
		t.Errorf("the new job is %s, want ready", p.State)
	}
	r.Commit()
	wantCounts(t, r, jobqueue.Counts{Ready: 1})
}

func TestAMergeIntoAJobThatReturnedInTheSameGroup(t *testing.T) {
	r := newRig(t)
	p := push(t, r, jobqueue.New{Key: "k", Payload: []byte("1")})
	c := claim(t, r)
	if err := r.Apply(&jobqueue.Finish{Outcomes: []jobqueue.Ended{ended(r, c, jobqueue.OutcomeUncounted)}}); err != nil {
		t.Fatal(err)
	}
	if d := pushOpen(t, r, jobqueue.New{Key: "k", Payload: []byte("2")}); d.DuplicateOf != p.ID {
		t.Fatalf("the answer is %+v", d)
	}
	r.Commit()
	if again := claim(t, r); string(again.Job.Payload) != "2" {
		t.Errorf("claimed with bytes %q", again.Job.Payload)
	}
	wantCounts(t, r, jobqueue.Counts{Running: 1})
}

func TestAFailedCommandLeavesNoMark(t *testing.T) {
	r := newRig(t)
	p := push(t, r, jobqueue.New{Key: "k"})
	c := &jobqueue.Push{Jobs: []jobqueue.New{
		{ID: r.Mint(), Pair: links(), Key: "k"},
		{ID: r.Mint(), Pair: links(), Blob: jobqueue.BlobRef{ID: r.Mint(), Size: 1}},
	}}
	if err := r.Apply(c); err == nil {
		t.Fatal("a push without its payload was taken")
	}
	if _, ok := r.Mem().Claim(r.Job(links(), p.ID)); !ok {
		t.Error("the twin cannot be claimed after a push that failed")
	}
}

func TestAMergedJobsLargePayloadIsRemoved(t *testing.T) {
	r := newRig(t)
	old, next := jobqueue.BlobRef{ID: r.Mint(), Size: 10}, jobqueue.BlobRef{ID: r.Mint(), Size: 20}
	storeBlob(r, old)
	storeBlob(r, next)
	p := push(t, r, jobqueue.New{Key: "k", Blob: old})
	push(t, r, jobqueue.New{Key: "k", Blob: next})
	if j := wantState(t, r, p.ID, jobqueue.Ready); j.Blob != next {
		t.Errorf("the twin has payload %+v, want %+v", j.Blob, next)
	}
	r.Verify()
	push(t, r, jobqueue.New{Key: "k", Payload: []byte("small")})
	r.Verify()
}
