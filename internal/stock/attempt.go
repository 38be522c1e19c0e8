package stock

import (
	"context"
	"time"

	"auwai/internal/runner"
	"auwai/internal/runner/mwrunner"
)

// attempts carries wake-ups out.
type attempts struct{ *Waker }

// Batch implements runner.Runner.
func (attempts) Batch(string) int { return 1 }

// Run implements runner.Runner: one request to the wiki. Of several jobs only the first gets a result.
func (a attempts) Run(ctx context.Context, w runner.Work, report func(i int, r runner.Result)) error {
	if len(w.Jobs) == 0 {
		return nil
	}
	outer := ctx
	if w.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, w.Timeout)
		defer cancel()
	}
	var look <-chan struct{}
	a.with(func(_ time.Time, m *machine) { look = m.begun(w.Wiki) })
	waits, again := false, time.Time{}
	defer func() { a.with(func(now time.Time, m *machine) { m.ended(now, w.Wiki, waits, again) }) }()
	if look != nil {
		select {
		case <-look:
		case <-ctx.Done():
			waits = true // what has no result returns to its place
			return nil
		}
	}
	ran, res, known := a.cfg.Client.RunJobs(ctx, w.Wiki, mwrunner.RunJobs{
		MaxTime: startTime(w.Timeout), Fence: w.Fence, RequestID: w.Jobs[0].RequestID,
	})
	if !known {
		waits = true
		return nil
	}
	waits, again = res.Hold != "", ran.Again
	if ran.More {
		waits = a.more(outer, w.Wiki)
	}
	report(0, res)
	return nil
}

// startTime is how long the wiki starts further jobs: half of the time-out at most, so that the last
// one has time to end.
func startTime(timeout time.Duration) time.Duration {
	if timeout <= 0 {
		return maxTime
	}
	return max(min(maxTime, timeout/2), time.Second)
}

// more makes the next wake-up of a wiki that has jobs left, and reports whether one waits. When it
// cannot be made, a look finds the jobs.
func (a attempts) more(ctx context.Context, wiki string) bool {
	asks := false
	a.with(func(now time.Time, m *machine) { asks = m.asksMore(now, wiki) })
	if !asks {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, pushTime)
	defer cancel()
	if err := a.cfg.Push(ctx, wiki, ReasonMore, time.Time{}); err != nil {
		a.log.Warn("a wiki has jobs left and could not be woken; it will be looked at", "wiki", wiki, "err", err)
		return false
	}
	return true
}
