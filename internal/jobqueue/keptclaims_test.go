package jobqueue_test

import (
	"strings"
	"testing"
	"time"

	"auwai/internal/jobqueue"
	"auwai/internal/jobqueue/jobqueuetest"
)

// storeAs stores a claim for a minute as set says.
func storeAs(t *testing.T, r *jobqueuetest.Rig, set func(*jobqueue.Claim)) *jobqueue.Claim {
	t.Helper()
	c := claim(t, r)
	c.Attempts, c.Deadline = 3, r.Clock.Wall.Add(time.Minute)
	set(c)
	r.Must(&jobqueue.StoreClaims{Claims: []*jobqueue.Claim{c}})
	return c
}

func TestAJobThatRunsAtMostOnceIsDeadAfterAnyAttemptThatMayHaveBegun(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *jobqueuetest.Rig, *jobqueue.Claim){
		"failed": func(t *testing.T, r *jobqueuetest.Rig, c *jobqueue.Claim) {
			t.Helper()
			finish(t, r, c, jobqueue.OutcomeFailed)
		},
		"crash": func(_ *testing.T, r *jobqueuetest.Rig, _ *jobqueue.Claim) { r.Reopen() },
		"orderly": func(_ *testing.T, r *jobqueuetest.Rig, c *jobqueue.Claim) {
			r.Must(&jobqueue.StoreClaims{Claims: []*jobqueue.Claim{c}, Orderly: true})
			r.Reopen()
		},
		"marked, and uncounted": func(t *testing.T, r *jobqueuetest.Rig, c *jobqueue.Claim) {
			t.Helper()
			r.Must(&jobqueue.StoreClaims{Claims: []*jobqueue.Claim{c}, Orderly: true})
			finish(t, r, c, jobqueue.OutcomeUncounted)
		},
		"cut short": func(t *testing.T, r *jobqueuetest.Rig, c *jobqueue.Claim) {
			t.Helper()
			finish(t, r, c, jobqueue.OutcomeOrderly)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			p := push(t, r, jobqueue.New{Key: "k", Rules: &jobqueue.Rules{AtMostOnce: true}})
			end(t, r, storeAs(t, r, func(c *jobqueue.Claim) { c.AtMostOnce = c.Job.AtMostOnce }))
			j := wantState(t, r, p.ID, jobqueue.Dead)
			if !strings.Contains(j.LastError, "may have run") || !strings.Contains(j.LastError, "at_most_once") {
				t.Errorf("the last error is %q", j.LastError)
			}
			wantCounts(t, r, jobqueue.Counts{Dead: 1})
		})
	}
}

func TestAJobThatRunsAtMostOnceReturnsWhenItsAttemptDidNotBegin(t *testing.T) {
	r := newRig(t)
	p := push(t, r, jobqueue.New{Rules: &jobqueue.Rules{AtMostOnce: true}})
	if !r.Job(links(), p.ID).FirstStored() {
		t.Error("its claim need not be stored first")
	}
	finish(t, r, storeAs(t, r, func(*jobqueue.Claim) {}), jobqueue.OutcomeUncounted)
	wantState(t, r, p.ID, jobqueue.Ready)
}

func TestAnExclusiveClaimOutlivesACrashUntilItsDeadline(t *testing.T) {
	r := newRig(t)
	p := push(t, r, jobqueue.New{Key: "k", RequestID: "r"})
	storeAs(t, r, func(c *jobqueue.Claim) { c.Exclusive = true })
	r.Effects()
	r.Reopen()
	if e := effect[jobqueue.Recovered](t, r.Effects()); e != (jobqueue.Recovered{Kept: 1}) {
		t.Errorf("the recovery is %+v", e)
	}
	c := r.Mem().Running(p.ID)
	if c == nil || !c.Kept() || !c.Exclusive || c.Job.Key != "k" || c.Job.RequestID != "r" || c.Deadline.IsZero() {
		t.Fatalf("the claim is %+v", c)
	}
	wantCounts(t, r, jobqueue.Counts{Running: 1})
	finish(t, r, c, jobqueue.OutcomeCrash)
	j := wantState(t, r, p.ID, jobqueue.Delayed)
	if j.Tries != 1 || j.Crashes != 1 {
		t.Errorf("the job has %d tries and %d crashes", j.Tries, j.Crashes)
	}
	r.Advance(time.Hour)
	r.Promote()
	storeAs(t, r, func(c *jobqueue.Claim) { c.Exclusive = true })
	r.Advance(2 * time.Minute)
	r.Reopen()
	if j := wantState(t, r, p.ID, jobqueue.Ready); j.Crashes != 2 {
		t.Errorf("a claim past its deadline has %d crashes, want 2", j.Crashes)
	}
}

func TestAnExclusiveClaimOfAnOrderlyStopIsNotCountedAtItsDeadline(t *testing.T) {
	r := newRig(t)
	p := push(t, r, jobqueue.New{})
	c := storeAs(t, r, func(c *jobqueue.Claim) { c.Exclusive = true })
	r.Must(&jobqueue.StoreClaims{Claims: []*jobqueue.Claim{c}, Orderly: true})
	r.Reopen()
	finish(t, r, r.Mem().Running(p.ID), jobqueue.OutcomeCrash)
	if j := wantState(t, r, p.ID, jobqueue.Ready); j.Tries != 0 {
		t.Errorf("the job has %d tries", j.Tries)
	}
}

func TestARemoteWorkerFinishesItsJobAfterACrashOfTheService(t *testing.T) {
	r := newRig(t)
	p := push(t, r, jobqueue.New{Key: "k"})
	storeAs(t, r, func(c *jobqueue.Claim) { c.Holder = "worker 1" })
	r.Reopen()
	late := &jobqueue.Finish{Outcomes: []jobqueue.Ended{{ID: p.ID, Outcome: jobqueue.OutcomeDone, Holder: "worker 0"}}}
	r.Must(late)
	if len(late.Lost) != 1 {
		t.Error("a former holder ended the job")
	}
	r.Must(&jobqueue.Finish{Outcomes: []jobqueue.Ended{{ID: p.ID, Outcome: jobqueue.OutcomeDone, Holder: "worker 1", Message: "12 pages"}}})
	wantNoJob(t, r, p.ID)
	wantCounts(t, r, jobqueue.Counts{})
	if h := r.History(); len(h) != 1 || h[0].Holder != "worker 1" || h[0].Message != "12 pages" {
		t.Errorf("history is %+v", h)
	}
}

func TestAHeartbeatMovesTheDeadlineOfAStoredClaim(t *testing.T) {
	r := newRig(t)
	p := push(t, r, jobqueue.New{})
	c := storeAs(t, r, func(c *jobqueue.Claim) { c.Holder = "worker 1" })
	r.Advance(50 * time.Second)
	c.Deadline = r.Clock.Wall.Add(time.Minute)
	if list := r.Mem().Unsaved(r.Clock.Mono); len(list) != 1 || list[0] != c {
		t.Errorf("the claims to be stored are %v", list)
	}
	r.Must(&jobqueue.StoreClaims{Claims: []*jobqueue.Claim{c}})
	r.Advance(50 * time.Second)
	r.Reopen()
	if got := r.Mem().Running(p.ID); got == nil || got.Holder != "worker 1" || !got.Deadline.Equal(c.Deadline) {
		t.Errorf("the claim is %+v", got)
	}
}

func TestProgressIsStoredWithTheClaimAndKeptWithTheJob(t *testing.T) {
	r := newRig(t)
	p := push(t, r, jobqueue.New{})
	if r.Mem().SetProgress(p.ID, jobqueue.Progress{Percent: 1}) {
		t.Error("a job that does not run has progress")
	}
	c := storeAs(t, r, func(c *jobqueue.Claim) { c.Exclusive = true })
	r.Advance(10 * time.Second)
	r.Mem().SetProgress(p.ID, jobqueue.Progress{Percent: 40, Message: "page 4 of 10"})
	if n := len(r.Mem().Unsaved(r.Clock.Mono)); n != 1 {
		t.Fatalf("%d claims have news", n)
	}
	if n := len(r.Mem().Unsaved(r.Clock.Mono)); n != 0 {
		t.Error("progress is stored more often than every five seconds")
	}
	r.Must(&jobqueue.StoreClaims{Claims: []*jobqueue.Claim{c}})
	r.Mem().SetProgress(p.ID, jobqueue.Progress{Percent: 250, ResultURL: "https://a.example/r"})
	r.Advance(5 * time.Second)
	r.Must(&jobqueue.StoreClaims{Claims: r.Mem().Unsaved(r.Clock.Mono)})
	r.Reopen()
	c = r.Mem().Running(p.ID)
	if want := (jobqueue.Progress{Percent: 100, Message: "page 4 of 10", ResultURL: "https://a.example/r"}); c.Progress != want {
		t.Errorf("the progress is %+v, want %+v", c.Progress, want)
	}
	finish(t, r, c, jobqueue.OutcomeFailed)
	if j := r.Job(links(), p.ID); j.Message != "page 4 of 10" || j.ResultURL != "https://a.example/r" {
		t.Errorf("the job says %q, %q", j.Message, j.ResultURL)
	}
}

func TestAnIgnoredFailureIsDoneAndItsErrorIsKept(t *testing.T) {
	r := newRig(t)
	push(t, r, jobqueue.New{})
	e := ended(r, claim(t, r), jobqueue.OutcomeDone)
	e.Error = "ignored: 404"
	r.Must(&jobqueue.Finish{Outcomes: []jobqueue.Ended{e}})
	if h := r.History(); len(h) != 1 || h[0].State != jobqueue.Done || h[0].Attempts[0].Error != "ignored: 404" {
		t.Errorf("history is %+v", h)
	}
}

func TestAJobThatMayNotBeRetriedIsDeadAfterOneFailure(t *testing.T) {
	r := newRig(t)
	byJob := push(t, r, jobqueue.New{NoRetry: true})
	finish(t, r, claim(t, r), jobqueue.OutcomeFailed)
	wantState(t, r, byJob.ID, jobqueue.Dead)
	byAttempt := push(t, r, jobqueue.New{})
	e := ended(r, claim(t, r), jobqueue.OutcomeFailed)
	e.NoRetry = true
	r.Must(&jobqueue.Finish{Outcomes: []jobqueue.Ended{e}})
	wantState(t, r, byAttempt.ID, jobqueue.Dead)
}
