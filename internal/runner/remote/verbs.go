package remote

import (
	"cmp"
	"context"
	"time"

	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/runner"
)

// Beat is what a worker says of a job that it goes on with.
type Beat struct {
	Progress jobqueue.Progress // zero: nothing
	Timeout  time.Duration     // until the next one, MinPeriod to MaxPeriod; 0: as before
}

// Beaten answers a Beat.
type Beaten struct {
	Deadline  time.Time
	Cancelled bool // the job is to be ended; what it reports, done excepted, ends it as cancelled
}

// Heartbeat moves the deadline of a claim and returns when that is durable. Errors: Invalid,
// ErrNotHeld, Unavailable, Unknown.
func (h *Hub) Heartbeat(ctx context.Context, job, token string, b Beat) (Beaten, error) {
	if b.Timeout != 0 && (b.Timeout < MinPeriod || b.Timeout > MaxPeriod) {
		return Beaten{}, fault.Field("timeout", "is %s; a duration from %s to %s is expected", b.Timeout, MinPeriod, MaxPeriod)
	}
	id, ok := ident.Parse(job)
	if !ok {
		return Beaten{}, ErrNotHeld
	}
	e, err := h.extend(job, token, b.Timeout)
	if err != nil {
		return Beaten{}, err
	}
	e.ID, e.Progress = id, b.Progress
	if err := h.cfg.Extend(ctx, e); err != nil {
		if fault.KindOf(err) == fault.Conflict {
			err = ErrNotHeld
		}
		return Beaten{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.leases[job]
	return Beaten{Deadline: e.Deadline, Cancelled: l != nil && l.cancelled}, nil
}

// extend moves the deadline in memory, before it is stored: else it could pass meanwhile.
func (h *Hub) extend(job, token string, period time.Duration) (Extension, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.held(job, token)
	if l == nil {
		return Extension{}, ErrNotHeld
	}
	l.period = cmp.Or(period, l.period)
	// To the millisecond, as it is stored and shown.
	l.deadline = time.Now().Add(l.period).UTC().Truncate(time.Millisecond)
	select {
	case l.moved <- struct{}{}:
	default:
	}
	return Extension{Holder: l.holder, Deadline: l.deadline}, nil
}

// held returns the lease of whoever has the token, nil for none.
func (h *Hub) held(job, token string) *lease {
	if l := h.leases[job]; l != nil && !l.decided && proves(l.holder, token) {
		return l
	}
	return nil
}

// Finish says that a job is done. It returns when that is durable. Errors: ErrNotHeld, Unavailable,
// Unknown.
func (h *Hub) Finish(ctx context.Context, job, token string, message, resultURL string) error {
	return h.conclude(ctx, job, token, verbFinish, runner.Result{
		Outcome: jobqueue.OutcomeDone, Message: message, ResultURL: resultURL,
	})
}

// Failure is how a job failed.
type Failure struct {
	Error      string
	Class      string        // for retry_on and ignore; "": runner.ClassError
	RetryAfter time.Duration // the least delay before the next attempt
	Permanent  bool          // it is of no use to try again
}

// Fail says that a job failed. It returns when that is durable. Errors: as Finish.
func (h *Hub) Fail(ctx context.Context, job, token string, f Failure) error {
	outcome := jobqueue.OutcomeFailed
	if f.Permanent {
		outcome = jobqueue.OutcomePermanent
	}
	return h.conclude(ctx, job, token, verbFail, runner.Result{
		Outcome: outcome, Error: f.Error, Class: f.Class, RetryAfter: f.RetryAfter,
	})
}

// Release gives a job back: it is ready again after a delay, and the attempt is not counted. why may be
// "". It returns when that is durable. Errors: as Finish.
func (h *Hub) Release(ctx context.Context, job, token, why string, after time.Duration) error {
	return h.conclude(ctx, job, token, verbRelease, runner.Result{
		Outcome: jobqueue.OutcomeUncounted, Error: why, RetryAfter: after,
	})
}

// conclude ends a lease and waits until that is durable. Said again, it waits for the first.
func (h *Hub) conclude(ctx context.Context, job, token, what string, r runner.Result) error {
	o, err := h.decide(job, token, what, r)
	if err != nil {
		return err
	}
	timer := time.NewTimer(settleIn)
	defer timer.Stop()
	select {
	case <-o.settled:
		return o.err
	case <-timer.C:
		return fault.New(fault.Unknown, "the outcome is not durable yet; say it again, with the same claim")
	case <-ctx.Done():
		return fault.Wrap(fault.Unknown, ctx.Err(), "wait until the outcome is durable")
	}
}

func (h *Hub) decide(job, token, what string, r runner.Result) (*outcome, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if o := h.ended.find(token); o != nil && o.job == job && o.verb == what {
		return o, nil
	}
	l := h.held(job, token)
	if l == nil {
		return nil, ErrNotHeld
	}
	l.decided = true
	o := &outcome{hub: h, token: token, job: job, verb: what, settled: make(chan struct{})}
	h.ended.add(o)
	r.Waits = o
	l.ending <- r
	return o, nil
}

// Settled implements runner.Waiter.
func (o *outcome) Settled(err error) {
	o.hub.mu.Lock()
	defer o.hub.mu.Unlock()
	if err != nil {
		o.hub.ended.drop(o.token)
		o.err = err
		if fault.KindOf(err) == fault.Conflict {
			o.err = ErrNotHeld
		}
	}
	close(o.settled)
}
