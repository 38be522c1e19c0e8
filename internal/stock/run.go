package stock

import (
	"context"
	"sync"
	"time"

	"auwai/internal/jobqueue"
	"auwai/internal/runner/mwrunner"
)

// Run looks at wikis and makes wake-ups until ctx ends and what is under way has ended.
func (w *Waker) Run(ctx context.Context) {
	var parts sync.WaitGroup
	defer parts.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.poke:
		case <-timer.C:
		}
		w.mu.Lock()
		pushes, looks, wait := w.machine.next(time.Now())
		w.mu.Unlock()
		for _, p := range pushes {
			parts.Go(func() { w.push(ctx, p) })
		}
		for _, wiki := range looks {
			parts.Go(func() { w.look(ctx, wiki) })
		}
		timer.Reset(wait)
	}
}

func (w *Waker) push(ctx context.Context, p push) {
	ctx, cancel := context.WithTimeout(ctx, pushTime)
	defer cancel()
	err := w.cfg.Push(ctx, p.wiki, p.reason, p.at)
	if err != nil && ctx.Err() == nil {
		w.log.Warn("a wiki could not be woken, will be tried again", "wiki", p.wiki, "err", err)
	}
	w.with(func(now time.Time, m *machine) { m.pushed(now, p.wiki, err == nil) })
}

// look asks a wiki to run one job, and makes a wake-up if there was one.
func (w *Waker) look(ctx context.Context, wiki string) {
	found, end := w.ask(ctx, wiki)
	if ctx.Err() != nil {
		end = LookSkipped
	}
	var began, ended bool
	w.with(func(now time.Time, m *machine) { began, ended = m.looked(now, wiki, found) })
	switch {
	case end == LookSkipped:
	case began:
		w.log.Warn("a wiki does not say whether it has jobs; it is asked again at each poll", "wiki", wiki, "reason", found.trouble)
	case ended:
		w.log.Info("a wiki says again whether it has jobs", "wiki", wiki)
	}
	if w.cfg.OnLook != nil {
		w.cfg.OnLook(end)
	}
}

func (w *Waker) ask(ctx context.Context, wiki string) (seen, Look) {
	if w.cfg.Held(wiki) != "" {
		return seen{skipped: true}, LookSkipped
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	ran, res, known := w.cfg.Client.RunJobs(ctx, wiki, mwrunner.RunJobs{MaxJobs: 1, MaxTime: time.Second})
	switch {
	case !known:
		return seen{skipped: true}, LookSkipped
	case res.Outcome != jobqueue.OutcomeDone:
		return seen{trouble: res.Error}, LookFailed
	case ran.Jobs > 0:
		return seen{work: true, again: ran.Again}, LookWork
	}
	return seen{again: ran.Again}, LookNothing
}
