package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"auwai/api"
	"auwai/internal/fault"
	"auwai/internal/jobqueue"
	"auwai/internal/runner"
)

// work is jobs that one run of the runner takes.
type work struct {
	jobs []*held
	runner.Work
}

// held is a claimed job.
type held struct {
	api.ClaimedJob

	until time.Time     // when the claim is lost if no heartbeat is answered. Used by beat only.
	ended chan struct{} // closed when its outcome was said, or is not ours to say

	mu   sync.Mutex
	fate error // errLost or runner.ErrCancelled; nil while it goes on. Guarded by mu.
}

// decree says what becomes of the job whatever the runner says.
func (j *held) decree(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.fate = err
}

func (j *held) decreed() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.fate
}

// over reports whether the job's outcome was said, or is not ours to say any more.
func (j *held) over() bool {
	select {
	case <-j.ended:
		return true
	default:
		return false
	}
}

// group makes work of claimed jobs: those of one (queue, wiki) go together, as far as the runner takes
// them.
func (w *Worker) group(claimed []api.ClaimedJob) []*work {
	var list []*work
	open := map[jobqueue.Pair]*work{}
	for _, c := range claimed {
		pair := jobqueue.Pair{Queue: c.Queue, Wiki: c.Wiki}
		g := open[pair]
		if g == nil || len(g.jobs) >= w.cfg.Runner.Batch(c.Queue) || g.Fence != c.Fence {
			g = &work{Work: runner.Work{Wiki: c.Wiki, Queue: c.Queue, Fence: c.Fence, Timeout: w.cfg.Timeout}}
			open[pair] = g
			list = append(list, g)
		}
		payload := []byte(c.Payload)
		if payload == nil {
			payload = c.PayloadBase64
		}
		g.jobs = append(g.jobs, &held{ClaimedJob: c, until: time.Now().Add(w.cfg.Period), ended: make(chan struct{})})
		g.Jobs = append(g.Jobs, runner.Item{
			ID: c.ID, Attempt: c.Attempt, Payload: payload, FromEvent: c.FromEvent, Domain: c.Domain,
			RequestID: c.RequestID, Cause: runner.Text(c.Cause),
		})
	}
	return list
}

// carry has work carried out and says how each job ended. ctx ends when the drain is over.
func (w *Worker) carry(ctx context.Context, g *work) {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	var beats, says sync.WaitGroup
	beating, stopBeats := context.WithCancel(context.WithoutCancel(ctx))
	beats.Go(func() { w.beat(beating, g, end) })
	reported := make([]bool, len(g.jobs))
	err := w.run(ctx, g, func(i int, r runner.Result) {
		reported[i] = true
		says.Go(func() { w.conclude(ctx, g.jobs[i], r) })
	})
	for i, j := range g.jobs {
		if !reported[i] {
			says.Go(func() { w.conclude(ctx, j, without(ctx, err)) })
		}
	}
	says.Wait() // heartbeats go on until the outcome is there
	stopBeats()
	beats.Wait()
}

// run calls the runner. A panic is its error.
func (w *Worker) run(ctx context.Context, g *work, report func(int, runner.Result)) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the runner panicked: %v", p)
			w.log.Error("runner panicked", "queue", g.Queue, "wiki", g.Wiki, "err", err)
		}
	}()
	return w.cfg.Runner.Run(ctx, g.Work, report)
}

// without is the result of a job of which the runner said nothing.
func without(ctx context.Context, err error) runner.Result {
	r := runner.Result{Outcome: jobqueue.OutcomeUncounted}
	if cause := context.Cause(ctx); cause != nil {
		r.Error = cause.Error()
	} else if err != nil {
		r = runner.Result{Outcome: jobqueue.OutcomeFailed, Error: err.Error()}
	}
	return r
}

// beat sends heartbeats of the jobs until ctx ends. end ends the work: when a job was cancelled, or its
// claim is lost.
func (w *Worker) beat(ctx context.Context, g *work, end func(error)) {
	ticker := time.NewTicker(w.cfg.Period / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		for _, j := range g.jobs {
			if !j.over() {
				w.beatOne(ctx, j, end)
			}
		}
	}
}

func (w *Worker) beatOne(ctx context.Context, j *held, end func(error)) {
	h := api.Heartbeat{Claim: j.Claim, Timeout: w.cfg.Period.String()}
	p, said := w.takeProgress(j.ID)
	if said {
		h.Progress, h.Message, h.ResultURL = &p.Percent, p.Message, p.ResultURL
	}
	sent := time.Now()
	// Not longer than the claim lasts: what comes after is of no use.
	call, cancel := context.WithTimeout(ctx, min(callWithin, max(time.Until(j.until), time.Second)))
	defer cancel()
	answer, err := w.cfg.Claims.Heartbeat(call, j.ID, h)
	switch {
	case err == nil && answer.Cancelled:
		j.decree(runner.ErrCancelled)
		end(runner.ErrCancelled)
	case err == nil:
		j.until = sent.Add(w.cfg.Period)
	case j.over(), ctx.Err() != nil:
	case fault.KindOf(err) == fault.Conflict, refuses(err):
		w.log.Warn("claim is lost, its job is ended", "job_id", j.ID, "queue", j.Queue, "err", err)
		j.decree(errLost)
		end(errLost)
	case !time.Now().Before(j.until):
		w.log.Warn("claim could not be extended, its job is ended", "job_id", j.ID, "queue", j.Queue, "err", err)
		j.decree(errLost)
		end(errLost)
	default:
		w.log.Info("heartbeat was not taken, it is sent again", "job_id", j.ID, "queue", j.Queue, "err", err)
		if said {
			w.keepProgress(j.ID, p)
		}
	}
}

// keepProgress keeps what was not sent, unless there is something newer.
func (w *Worker) keepProgress(job string, p jobqueue.Progress) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, newer := w.progress[job]; !newer {
		w.progress[job] = p
	}
}

// errLost is why a job is ended whose claim is somebody else's.
var errLost = errors.New("the claim is lost")
