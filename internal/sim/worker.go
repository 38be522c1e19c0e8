package sim

import (
	"errors"
	"time"

	"auwai/internal/dispatch"
	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/limit"
	"auwai/internal/partition"
	"auwai/internal/runner"
)

// workers remember what was executed, for the account at the end.
type workers struct {
	done map[ident.Suffix]time.Duration // start of the last attempt that a worker reported done
	once map[ident.Suffix]bool          // jobs that run at most once, and whose attempt has told how it ended
}

func newWorkers() workers {
	return workers{done: map[ident.Suffix]time.Duration{}, once: map[ident.Suffix]bool{}}
}

// attempt is what a worker does.
type attempt struct {
	start     dispatch.Start
	began     time.Duration
	cancelled bool
	reported  []bool
	over      bool
}

var (
	errTimeout = errors.New("sim: the time-out of the queue ended the attempt")
	errCut     = errors.New("sim: the attempt was cancelled")
	errBroke   = errors.New("sim: the worker broke")
)

// start has a worker carry an attempt out.
func (n *simNode) start(s *dispatch.Start) {
	w := n.w
	n.checkStart(s)
	a := &attempt{start: *s, began: w.now, reported: make([]bool, len(s.Jobs))}
	n.running[s.Attempt] = a
	w.report.Attempts++
	w.note(n.index, "starts", s.Attempt, uint64(s.Partition), s.Work.Queue+" "+s.Work.Jobs[0].ID)
	for _, j := range s.Jobs {
		w.detail("attempt %d has job %s, place %d", s.Attempt, j.ID, j.Seq)
		if j.AtMostOnce {
			w.require(!w.workers.once[j.ID], "what runs at most once begins once", "job %s of node %d", j.ID, n.index)
		}
	}
	n.checkLimits()
	n.checkRate(s)
	d := w.duration()
	at := time.Duration(0)
	for i := range s.Jobs {
		if w.loaded && w.chance(0.04) {
			continue // no result for this one
		}
		at += d / time.Duration(len(s.Jobs))
		n.later(a, at, func() { n.report(a, i, w.result()) })
	}
	err := error(nil)
	if w.loaded && w.chance(0.05) {
		err = errBroke
	}
	if at > s.Work.Timeout {
		at, err = s.Work.Timeout, errTimeout
	}
	n.later(a, at+w.between(0, time.Millisecond), func() { n.ended(a, err) })
}

// later has f happen in the life of the node, unless the attempt is over.
func (n *simNode) later(a *attempt, d time.Duration, f func()) {
	life := n.life
	n.w.after(d, func() {
		if n.life == life && !a.over {
			f()
		}
	})
}

func (w *world) duration() time.Duration {
	switch r := w.rng.IntN(100); {
	case !w.loaded:
		return w.between(time.Millisecond, 50*time.Millisecond)
	case r < 70:
		return w.between(time.Millisecond, 300*time.Millisecond)
	case r < 92:
		return w.between(300*time.Millisecond, 3*time.Second)
	default:
		return w.between(3*time.Second, 12*time.Second)
	}
}

func (w *world) result() runner.Result {
	if !w.loaded {
		return runner.Result{Outcome: jobqueue.OutcomeDone}
	}
	switch r := w.rng.IntN(100); {
	case r < 74:
		return runner.Result{Outcome: jobqueue.OutcomeDone}
	case r < 88:
		res := runner.Result{Outcome: jobqueue.OutcomeFailed, Error: "it broke"}
		if w.chance(0.2) {
			res.RetryAfter = w.between(0, 5*time.Second)
		}
		return res
	case r < 91:
		return runner.Result{Outcome: jobqueue.OutcomePermanent, Error: "it can never work"}
	case r < 96:
		res := runner.Result{Outcome: jobqueue.OutcomeUncounted, Error: "not now"}
		if w.chance(0.3) {
			res.RetryAfter = w.between(0, 5*time.Second)
		}
		return res
	default:
		res := runner.Result{Outcome: jobqueue.OutcomeUncounted, Error: "read-only", Hold: "the wiki is read-only"}
		if w.chance(0.5) {
			res.Scope = runner.ScopeDB
		}
		return res
	}
}

// report posts how one job ended.
func (n *simNode) report(a *attempt, i int, r runner.Result) {
	if a.reported[i] {
		return
	}
	a.reported[i] = true
	if r.Outcome != jobqueue.OutcomeUncounted && a.start.Jobs[i].AtMostOnce && !a.cancelled {
		n.w.workers.once[a.start.Jobs[i].ID] = true
	}
	n.results = append(n.results, func(now partition.Now) {
		if r.Outcome == jobqueue.OutcomeDone {
			n.w.workers.done[a.start.Jobs[i].ID] = max(a.began, n.w.workers.done[a.start.Jobs[i].ID])
		}
		n.w.note(n.index, "result "+r.Outcome.String(), a.start.Attempt, uint64(i), a.start.Work.Jobs[i].ID) //nolint:gosec // an index
		n.d.Result(now, a.start.Attempt, i, r)
	})
	n.nudge(n.w.between(0, time.Millisecond))
}

// ended posts the end of an attempt.
func (n *simNode) ended(a *attempt, err error) {
	a.over = true
	if a.cancelled && err == nil {
		err = errCut
	}
	n.results = append(n.results, func(now partition.Now) {
		n.w.note(n.index, "attempt ended", a.start.Attempt, 0, "")
		delete(n.running, a.start.Attempt)
		n.d.Ended(now, a.start.Attempt, err)
	})
	n.nudge(n.w.between(0, time.Millisecond))
}

// cancel has attempts end soon, some with a last result, some late.
func (n *simNode) cancel(list []dispatch.Cancel) {
	for _, c := range list {
		a := n.running[c.Attempt]
		if a == nil || a.cancelled {
			continue
		}
		a.cancelled = true
		d := n.w.between(0, 20*time.Millisecond)
		if n.w.chance(0.1) {
			d = n.w.between(time.Second, 5*time.Second)
		}
		n.later(a, d, func() { n.ended(a, errCut) })
	}
}

// checkStart holds an attempt against the store: this session owns the partition now, whatever its
// clock says, and the job is there and waits.
func (n *simNode) checkStart(s *dispatch.Start) {
	w := n.w
	o := w.watch.owners[s.Partition]
	_, alive := w.watch.sessions[n.m.Session()]
	w.require(alive && o.session == n.m.Session() && o.epoch == s.Work.Fence, "a job starts only at its partition's owner",
		"node %d, session %d (there: %t), starts a job of partition %d under epoch %d; the owner is %+v", n.index, n.m.Session(), alive, s.Partition, s.Work.Fence, o)
	w.require(len(s.Jobs) > 0 && len(s.Jobs) <= w.policy.batch, "an attempt has jobs, up to a batch", "%d jobs", len(s.Jobs))
	for i, j := range s.Jobs {
		for _, other := range n.running {
			for k, o := range other.start.Jobs {
				w.require(j.SerialKey == "" || o.SerialKey != j.SerialKey || o.Pair != j.Pair || other.start.Work.Fence != s.Work.Fence || other.reported[k],
					"one job of a serial key runs at a time", "jobs %s and %s of %v", o.ID, j.ID, j.Pair)
				w.require(o.ID != j.ID || other.start.Work.Fence != s.Work.Fence || other.reported[k], "a job runs once under an epoch", "job %s of attempts %d and %d", j.ID, other.start.Attempt, s.Attempt)
			}
		}
		v := w.server.Get(jobqueue.JobKey(s.Partition, j.Wiki, j.ID))[0]
		w.require(v != nil, "a job that starts has a record", "job %s of node %d", s.Work.Jobs[i].ID, n.index)
		rec, err := jobqueue.DecodeJob(j.Pair, j.ID, v)
		w.require(err == nil && rec.State == jobqueue.Ready, "a job that starts is ready", "job %s of node %d: %v", s.Work.Jobs[i].ID, n.index, err)
		w.require(w.clients.byID[j.ID] != nil, "nothing is invented", "job %s was never pushed", j.ID)
	}
}

// checkLimits counts what runs on the node under each name, and what was started in the last second
// under those that have a rate.
func (n *simNode) checkLimits() {
	w := n.w
	used := map[string]int{}
	for _, a := range n.running {
		for _, name := range w.policy.Limits(jobqueue.Pair{Queue: a.start.Work.Queue, Wiki: a.start.Work.Wiki}) {
			used[name]++
		}
	}
	w.require(len(n.running) <= w.policy.concurrency, "the node's limit holds", "%d attempts, at most %d", len(n.running), w.policy.concurrency)
	for name, c := range used {
		most := w.policy.limits[name].Concurrency
		w.require(most <= 0 || c <= most, "every limit holds", "%d attempts under %s, at most %d", c, name, most)
	}
}

// checkRate holds the starts of a queue in this life of the node against its rate. All spans count that
// end now.
func (n *simNode) checkRate(s *dispatch.Start) {
	l := n.w.policy.limits[limit.Queue(s.Work.Queue)]
	if l.Rate <= 0 {
		return
	}
	n.starts[s.Work.Queue] = append(n.starts[s.Work.Queue], items{n.mono(), len(s.Jobs)})
	list := n.starts[s.Work.Queue]
	sum := 0
	for i := len(list) - 1; i >= 0 && i > len(list)-200; i-- {
		sum += list[i].jobs
		span := n.mono() - list[i].at
		most := l.Rate*span.Seconds() + max(l.Rate, 1)
		n.w.require(float64(sum) <= most+1e-6, "a rate holds", "%d jobs of %s in %s, at most %.3f", sum, s.Work.Queue, span, most)
	}
}

// items are jobs that were started at a moment of the node's clock.
type items struct {
	at   time.Duration
	jobs int
}
