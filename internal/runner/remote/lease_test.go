package remote_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"auwai/internal/fault"
	"auwai/internal/jobqueue"
	"auwai/internal/runner"
	"auwai/internal/runner/remote"
)

// lease gives a worker a job.
func (r *rig) lease(q remote.Request) (job, token string) {
	r.t.Helper()
	q.Wait = time.Minute
	a := r.ask(q)
	job = r.start(demand("encode", "aawiki"))
	return job, r.one(a).Token
}

// saying calls a verb in the background and returns where its error comes.
func saying(f func() error) chan error {
	c := make(chan error, 1)
	go func() { c <- f() }()
	synctest.Wait()
	return c
}

func TestAnOutcomeIsAnsweredWhenItIsDurable(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		job, token := r.lease(remote.Request{})
		said := saying(func() error { return r.Finish(t.Context(), job, token, "12 made", "https://x.example/") })
		if len(said) != 0 {
			t.Fatal("it was answered before it was durable")
		}
		r.settle(job, nil)
		if err := <-said; err != nil {
			t.Errorf("Finish = %v", err)
		}
		if res := r.result(job); res.Outcome != jobqueue.OutcomeDone || res.Message != "12 made" || res.ResultURL != "https://x.example/" {
			t.Errorf("result = %+v", res)
		}
		if _, held := r.Holding(job); held {
			t.Error("the lease is still there")
		}
	})
}

func TestAnOutcomeThatIsSaidAgainIsAnsweredAsTheFirstTime(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		job, token := r.lease(remote.Request{})
		finish := func() error { return r.Finish(t.Context(), job, token, "", "") }
		first, second := saying(finish), saying(finish)
		r.settle(job, nil)
		for range 2 {
			if err := errors.Join(<-first, <-second); err != nil {
				t.Errorf("Finish = %v", err)
			}
			first, second = saying(finish), saying(finish)
		}
		wantNotHeld(t, r.Fail(t.Context(), job, token, remote.Failure{}))
		wantNotHeld(t, r.Finish(t.Context(), id("aawiki", 99), token, "", ""))
	})
}

func TestFailuresAndReleasesAreOutcomes(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		for _, c := range []struct {
			say  func(job, token string) error
			want runner.Result
		}{
			{
				func(job, token string) error {
					return r.Fail(t.Context(), job, token, remote.Failure{Error: "no", Class: "missing", RetryAfter: time.Hour})
				},
				runner.Result{Outcome: jobqueue.OutcomeFailed, Error: "no", Class: "missing", RetryAfter: time.Hour},
			},
			{
				func(job, token string) error {
					return r.Fail(t.Context(), job, token, remote.Failure{Error: "never", Permanent: true})
				},
				runner.Result{Outcome: jobqueue.OutcomePermanent, Error: "never"},
			},
			{
				func(job, token string) error { return r.Release(t.Context(), job, token, "stopping", time.Second) },
				runner.Result{Outcome: jobqueue.OutcomeUncounted, Error: "stopping", RetryAfter: time.Second},
			},
		} {
			job, token := r.lease(remote.Request{})
			said := saying(func() error { return c.say(job, token) })
			r.settle(job, nil)
			if err := <-said; err != nil {
				t.Error(err)
			}
			if got := r.result(job); got != c.want {
				t.Errorf("result = %+v, want %+v", got, c.want)
			}
		}
	})
}

func TestAnOutcomeThatIsNotStoredIsAnError(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		job, token := r.lease(remote.Request{})
		said := saying(func() error { return r.Finish(t.Context(), job, token, "", "") })
		r.settle(job, fault.New(fault.Unavailable, "the partition has gone"))
		if err := <-said; fault.KindOf(err) != fault.Unavailable {
			t.Errorf("Finish = %v", err)
		}
		job, token = r.lease(remote.Request{})
		said = saying(func() error { return r.Finish(t.Context(), job, token, "", "") })
		r.settle(job, fault.New(fault.Conflict, "the claim was lost"))
		wantNotHeld(t, <-said)

		job, token = r.lease(remote.Request{})
		said = saying(func() error { return r.Finish(t.Context(), job, token, "", "") })
		pass(11 * time.Second)
		if err := <-said; fault.KindOf(err) != fault.Unknown {
			t.Errorf("Finish = %v, want an unknown outcome", err)
		}
		said = saying(func() error { return r.Finish(t.Context(), job, token, "", "") })
		r.settle(job, nil)
		if err := <-said; err != nil {
			t.Errorf("Finish, said again, = %v", err)
		}
	})
}

func TestAHeartbeatMovesTheDeadline(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		job, token := r.lease(remote.Request{Timeout: 30 * time.Second, Worker: "w1"})
		for range 10 {
			pass(20 * time.Second)
			b, err := r.Heartbeat(t.Context(), job, token, remote.Beat{Progress: jobqueue.Progress{Percent: 40}})
			if err != nil || b.Cancelled || time.Until(b.Deadline) > 30*time.Second || time.Until(b.Deadline) < 29*time.Second {
				t.Fatalf("Heartbeat = %+v, %v", b, err)
			}
		}
		last := r.extended[len(r.extended)-1]
		if last.ID.String() != job || last.Holder == "" || last.Progress.Percent != 40 {
			t.Errorf("stored %+v", last)
		}
		if _, err := r.Heartbeat(t.Context(), job, token, remote.Beat{Timeout: 10 * time.Minute}); err != nil {
			t.Fatal(err)
		}
		pass(9 * time.Minute)
		if res := r.result(job); res.Outcome != 0 {
			t.Errorf("it ended as %s", res.Outcome)
		}
	})
}

func TestAWorkerThatSaysNothingLosesItsJobAtTheDeadline(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		job, token := r.lease(remote.Request{Timeout: 30 * time.Second, Worker: "w1"})
		pass(30 * time.Second)
		res := r.result(job)
		wantOutcome(t, res, jobqueue.OutcomeFailed, "worker w1 said nothing of the job until the deadline")
		if res.Class != runner.ClassCrash {
			t.Errorf("class = %q", res.Class)
		}
		_, err := r.Heartbeat(t.Context(), job, token, remote.Beat{})
		wantNotHeld(t, err)
		wantNotHeld(t, r.Finish(t.Context(), job, token, "", ""))
	})
}

func TestAHeartbeatThatIsNotStoredIsAnError(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		job, token := r.lease(remote.Request{})
		r.failed = fault.New(fault.Unavailable, "not now")
		if _, err := r.Heartbeat(t.Context(), job, token, remote.Beat{}); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("Heartbeat = %v", err)
		}
		r.failed = fault.New(fault.Conflict, "lost")
		_, err := r.Heartbeat(t.Context(), job, token, remote.Beat{})
		wantNotHeld(t, err)
		if _, err := r.Heartbeat(t.Context(), job, token, remote.Beat{Timeout: 48 * time.Hour}); fault.FieldOf(err) != "timeout" {
			t.Errorf("Heartbeat = %v", err)
		}
	})
}

func TestOnlyWhoHasTheTokenHoldsAClaim(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		job, token := r.lease(remote.Request{Worker: "a#b"})
		for n, wrong := range []string{"", spy(1), token + "x", token[1:]} {
			_, err := r.Heartbeat(t.Context(), job, wrong, remote.Beat{})
			wantNotHeld(t, err)
			wantNotHeld(t, r.Finish(t.Context(), job, wrong, "", ""))
			if t.Failed() {
				t.Fatalf("token %d was taken", n)
			}
		}
		if held, _ := r.Holding(job); held.Worker != "a#b" {
			t.Errorf("held by %q", held.Worker)
		}
	})
}

func TestAfterARestartAJobIsItsHoldersStill(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		a := r.ask(remote.Request{Wait: time.Minute, Worker: "w1"})
		g, _ := r.reserve(demand("encode", "aawiki"))
		r.run(t.Context(), g.work)
		token := r.one(a).Token
		r.Close()
		r.runs.Wait()

		again := newRig(t)
		w := g.work
		w.Found, w.Jobs[0].Payload = true, nil
		again.run(t.Context(), w)
		if held, ok := again.Holding(g.id); !ok || held.Worker != "w1" {
			t.Errorf("Holding = %+v, %v", held, ok)
		}
		_, err := again.Heartbeat(t.Context(), g.id, spy(1), remote.Beat{})
		wantNotHeld(t, err)
		if _, err := again.Heartbeat(t.Context(), g.id, token, remote.Beat{}); err != nil {
			t.Errorf("Heartbeat = %v", err)
		}
		said := saying(func() error { return again.Finish(t.Context(), g.id, token, "", "") })
		again.settle(g.id, nil)
		if err := <-said; err != nil {
			t.Errorf("Finish = %v", err)
		}
		r.Hub = remote.New(remote.Config{}) // what the rig closes
	})
}

func TestACancelledJobIsToldToItsWorker(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		a := r.ask(remote.Request{Wait: time.Minute})
		g, _ := r.reserve(demand("encode", "aawiki"))
		ctx, cancel := context.WithCancelCause(t.Context())
		r.run(ctx, g.work)
		token := r.one(a).Token
		cancel(runner.ErrCancelled)
		synctest.Wait()
		if b, err := r.Heartbeat(t.Context(), g.id, token, remote.Beat{}); err != nil || !b.Cancelled {
			t.Errorf("Heartbeat = %+v, %v", b, err)
		}
		said := saying(func() error { return r.Release(t.Context(), g.id, token, "", 0) })
		r.settle(g.id, nil)
		if err := <-said; err != nil {
			t.Error(err)
		}
	})
}

func TestALeaseGoesWithItsPartitionAndComesBackWithIt(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		a := r.ask(remote.Request{Wait: time.Minute})
		g, _ := r.reserve(demand("encode", "aawiki"))
		ctx, cancel := context.WithCancel(t.Context())
		r.run(ctx, g.work)
		token := r.one(a).Token
		cancel()
		synctest.Wait()
		wantNotHeld(t, r.Finish(t.Context(), g.id, token, "", ""))
		if res := r.result(g.id); res.Outcome != 0 {
			t.Errorf("it ended as %s", res.Outcome)
		}
		w := g.work
		w.Found = true
		r.run(t.Context(), w)
		r.run(t.Context(), w) // found once more, before the first Run was told
		said := saying(func() error { return r.Finish(t.Context(), g.id, token, "", "") })
		r.settle(g.id, nil)
		if err := <-said; err != nil {
			t.Errorf("Finish = %v", err)
		}
	})
}
