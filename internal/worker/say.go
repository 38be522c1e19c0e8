package worker

import (
	"cmp"
	"context"
	"errors"
	"time"

	"auwai/api"
	"auwai/internal/backoff"
	"auwai/internal/fault"
	"auwai/internal/jobqueue"
	"auwai/internal/runner"
)

// conclude says how a job ended, again and again until the service has it. Then its room is free. ctx is
// the work's, which may have ended.
func (w *Worker) conclude(ctx context.Context, j *held, r runner.Result) {
	defer w.room.give(&j.ClaimedJob)
	defer w.takeProgress(j.ID)
	defer close(j.ended)
	if errors.Is(j.decreed(), runner.ErrCancelled) && r.Outcome != jobqueue.OutcomeDone {
		r = runner.Result{Outcome: jobqueue.OutcomeFailed, Error: runner.ErrCancelled.Error(), NoRetry: true}
	}
	retry := backoff.Policy{First: 200 * time.Millisecond, Factor: 2, Max: 5 * time.Second}
	trying, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveUp)
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		if errors.Is(context.Cause(ctx), errStopping) {
			time.AfterFunc(stopWithin, cancel)
		}
	})
	defer stop()
	for failures := 1; ; failures++ {
		if errors.Is(j.decreed(), errLost) {
			return // it is not ours to say
		}
		err := w.say(trying, j, r)
		switch {
		case err == nil:
			w.log.Info("job ended", "job_id", j.ID, "queue", j.Queue, "outcome", r.Outcome.String(), "err", r.Error)
			return
		case fault.KindOf(err) == fault.Conflict, refuses(err):
			w.log.Warn("outcome was refused", "job_id", j.ID, "queue", j.Queue, "outcome", r.Outcome.String(), "err", err)
			return
		}
		if !pause(trying, retry.Delay(failures, 0)) {
			w.log.Error("outcome could not be said, the claim ends at its deadline", "job_id", j.ID, "queue", j.Queue, "err", err)
			return
		}
	}
}

func (w *Worker) say(ctx context.Context, j *held, r runner.Result) error {
	ctx, cancel := context.WithTimeout(ctx, callWithin)
	defer cancel()
	after := ""
	if r.Hold != "" {
		r.Error, r.RetryAfter = cmp.Or(r.Error, r.Hold), max(r.RetryAfter, holdFor)
	}
	if r.RetryAfter > 0 {
		after = min(r.RetryAfter, maxRetryAfter).String()
	}
	var err error
	switch r.Outcome {
	case jobqueue.OutcomeDone:
		_, err = w.cfg.Claims.Finish(ctx, j.ID, api.JobFinish{Claim: j.Claim, Message: r.Message, ResultURL: r.ResultURL})
	case jobqueue.OutcomeUncounted:
		_, err = w.cfg.Claims.Release(ctx, j.ID, api.JobRelease{Claim: j.Claim, Reason: r.Error, RetryAfter: after})
	default:
		_, err = w.cfg.Claims.Fail(ctx, j.ID, api.JobFail{
			Claim: j.Claim, Error: r.Error, Class: r.Class, RetryAfter: after,
			Permanent: r.Outcome == jobqueue.OutcomePermanent || r.NoRetry,
		})
	}
	return err
}
