package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"auwai/internal/jobqueue"
	"auwai/internal/runner"
)

// lease is a job that was promised to a request, or is in a worker's hands. Its fields are guarded by the
// hub's mutex.
type lease struct {
	token   string // "" for one that was found: its hash alone is known
	holder  string
	worker  string
	needs   jobqueue.Needs
	period  time.Duration // from one heartbeat to the deadline
	request *request      // nil for one that was found

	work      runner.Work
	deadline  time.Time
	cancelled bool
	decided   bool // how it ends is known: nobody else may say so

	// ending takes how it ends, once, from whoever set decided; a second is never sent, so one place.
	ending chan runner.Result
	// moved says that the deadline is another; one place, since what counts is that there was one.
	moved chan struct{}
}

// Run implements runner.Runner: it hands the job over, and waits until its worker has said how it ended,
// or has let the deadline pass. The holder in w is of a reservation, or, with w.Found, of an earlier
// life of the service.
func (h *Hub) Run(ctx context.Context, w runner.Work, report func(i int, r runner.Result)) error {
	l, ok := h.begin(w)
	if !ok {
		report(0, runner.Result{Outcome: jobqueue.OutcomeUncounted})
		return nil
	}
	defer h.forget(l)
	timer := time.NewTimer(time.Until(w.Deadline))
	defer timer.Stop()
	stop := ctx.Done()
	for {
		select {
		case <-h.closed:
			return nil
		case <-stop:
			if !errors.Is(context.Cause(ctx), runner.ErrCancelled) {
				return nil // the partition is another node's
			}
			h.cancel(l)
			stop = nil
		case r, ok := <-l.ending:
			if ok {
				report(0, r)
			}
			return nil
		case <-l.moved:
			timer.Reset(h.left(l))
		case <-timer.C:
			if r, late := h.expire(l); late {
				report(0, r)
				return nil
			}
			timer.Reset(h.left(l))
		}
	}
}

// begin makes a lease of a grant, or of a claim that was found. ok is false when nobody is there for it.
func (h *Hub) begin(w runner.Work) (l *lease, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	defer h.compact()
	id := w.Jobs[0].ID
	if l = h.grants[w.Holder]; l != nil {
		delete(h.grants, w.Holder)
		r := l.request
		r.granted--
		if r.over {
			return nil, false
		}
		r.offered = append(r.offered, l)
		r.bytes += len(w.Jobs[0].Payload)
		defer r.settle()
	} else if w.Found {
		l = &lease{
			holder: w.Holder, worker: workerOf(w.Holder), needs: w.Jobs[0].Needs,
			ending: make(chan runner.Result, 1), moved: make(chan struct{}, 1),
		}
	} else {
		return nil, false
	}
	if old := h.leases[id]; old != nil {
		// Its partition was given up and is back: the job is this lease's now.
		old.decided = true
		close(old.ending)
	}
	l.work, l.deadline, l.period = w, w.Deadline, cmp.Or(l.period, w.Timeout)
	h.leases[id] = l
	return l, true
}

// forget drops a lease that has ended; what it took is free again.
func (h *Hub) forget(l *lease) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l.decided = true
	if id := l.work.Jobs[0].ID; h.leases[id] == l {
		delete(h.leases, id)
	}
	h.freed(l)
	h.asked++
	h.wake()
}

func (h *Hub) cancel(l *lease) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l.cancelled = true
}

func (h *Hub) left(l *lease) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return max(time.Until(l.deadline), 0)
}

// expire ends a lease whose deadline has passed. late is false when it has moved, or when its end is
// decided already.
func (h *Hub) expire(l *lease) (r runner.Result, late bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if l.decided || time.Now().Before(l.deadline) {
		return r, false
	}
	l.decided = true
	h.log.Warn("worker let a claim expire", "worker", l.worker, "job_id", l.work.Jobs[0].ID, "queue", l.work.Queue)
	return runner.Result{
		Outcome: jobqueue.OutcomeFailed, Class: runner.ClassCrash,
		Error: fmt.Sprintf("%s said nothing of the job until the deadline", named(l.worker)),
	}, true
}

// giveUp returns the job to its place: whoever asked for it has gone before it got it.
func (l *lease) giveUp() {
	if !l.decided {
		l.decided = true
		l.ending <- runner.Result{Outcome: jobqueue.OutcomeUncounted}
	}
}

// named is a worker in a sentence.
func named(worker string) string {
	if worker == "" {
		return "the worker"
	}
	return "worker " + worker
}
