package remote_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"auwai/internal/dispatch"
	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/runner"
	"auwai/internal/runner/remote"
)

// rig stands for dispatch and the store around a hub. It is used inside a bubble of synctest.
type rig struct {
	*remote.Hub

	t      *testing.T
	failed error // what Extend answers

	mu       sync.Mutex
	extended []remote.Extension       // guarded by mu
	results  map[string]runner.Result // by job; guarded by mu
	waits    map[string]runner.Waiter // outcomes that are not durable yet; guarded by mu
	runs     sync.WaitGroup
	made     int
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, results: map[string]runner.Result{}, waits: map[string]runner.Waiter{}}
	r.Hub = remote.New(remote.Config{Extend: func(_ context.Context, e remote.Extension) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.extended = append(r.extended, e)
		return r.failed
	}})
	t.Cleanup(func() {
		r.Close()
		r.runs.Wait()
	})
	return r
}

// timeout is the queue's.
const timeout = 7 * time.Minute

func demand(queue, wiki string) dispatch.Demand {
	return dispatch.Demand{Pair: jobqueue.Pair{Queue: queue, Wiki: wiki}, Remote: true}
}

// id returns the id of the job with a number.
func id(wiki string, n int) string {
	var s ident.Suffix
	s[len(s)-1], s[len(s)-2] = byte(n&0xff), byte(n>>8&0xff)
	return ident.ID{Wiki: wiki, Suffix: s}.String()
}

// grant is a job that was reserved for a request.
type grant struct {
	work runner.Work
	id   string
}

// reserve is the first half of a start: the claim is made.
func (r *rig) reserve(d dispatch.Demand) (g grant, ok bool) {
	res, ok := r.Reserve(time.Now(), d)
	if !ok {
		return g, false
	}
	r.made++
	g.id = id(d.Pair.Wiki, r.made)
	period := res.Period
	if period == 0 {
		period = timeout
	}
	g.work = runner.Work{
		Wiki: d.Pair.Wiki, Queue: d.Pair.Queue, Fence: 7, Timeout: timeout, Holder: res.Holder,
		Deadline: time.Now().Add(period), Jobs: []runner.Item{{ID: g.id, Attempt: 1, Payload: []byte(`{}`)}},
	}
	return g, true
}

// run is the second half: the claim is stored.
func (r *rig) run(ctx context.Context, w runner.Work) {
	r.runs.Go(func() {
		err := r.Run(ctx, w, func(_ int, res runner.Result) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.results[w.Jobs[0].ID] = res
			if res.Waits != nil {
				r.waits[w.Jobs[0].ID] = res.Waits
			}
		})
		if err != nil {
			r.t.Errorf("Run = %v", err)
		}
	})
	synctest.Wait()
}

// start is both halves.
func (r *rig) start(d dispatch.Demand) string {
	r.t.Helper()
	g, ok := r.reserve(d)
	if !ok {
		_, why := r.Ready(time.Now(), d)
		r.t.Fatalf("nobody takes a job of %v: %s", d.Pair, why)
	}
	r.run(r.t.Context(), g.work)
	return g.id
}

// settle says that a job's outcome is durable, or will not be.
func (r *rig) settle(job string, err error) {
	r.t.Helper()
	synctest.Wait()
	r.mu.Lock()
	w := r.waits[job]
	delete(r.waits, job)
	r.mu.Unlock()
	if w == nil {
		r.t.Fatalf("nobody waits for the outcome of job %s", job)
	}
	w.Settled(err)
	synctest.Wait()
}

// result returns what Run reported of a job.
func (r *rig) result(job string) runner.Result {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	res := r.results[job]
	res.Waits = nil
	return res
}

// asked is a Claim under way.
type asked struct {
	done   chan struct{}
	cancel context.CancelFunc
	jobs   []remote.Job
	err    error
	at     time.Time
}

// ask has a worker wait for jobs.
func (r *rig) ask(q remote.Request) *asked {
	ctx, cancel := context.WithCancel(r.t.Context())
	a := &asked{done: make(chan struct{}), cancel: cancel}
	go func() {
		defer close(a.done)
		a.jobs, a.err = r.Claim(ctx, q)
		a.at = time.Now()
	}()
	synctest.Wait()
	return a
}

// answered reports whether a claim has its answer.
func (a *asked) answered() bool {
	synctest.Wait()
	select {
	case <-a.done:
		return true
	default:
		return false
	}
}

// list returns the ids that a claim was answered with.
func (a *asked) list() string {
	<-a.done
	ids := make([]string, len(a.jobs))
	for i, j := range a.jobs {
		ids[i] = j.Item.ID
	}
	return strings.Join(ids, " ")
}

// one returns the only job of an answer.
func (r *rig) one(a *asked) remote.Job {
	r.t.Helper()
	<-a.done
	if a.err != nil || len(a.jobs) != 1 {
		r.t.Fatalf("Claim = %d jobs, %v", len(a.jobs), a.err)
	}
	return a.jobs[0]
}

// in runs a test in a bubble.
func in(t *testing.T, f func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, newRig(t)) })
}

func wantNotHeld(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, remote.ErrNotHeld) || fault.KindOf(err) != fault.Conflict {
		t.Errorf("error = %v, want ErrNotHeld", err)
	}
}

func wantOutcome(t *testing.T, r runner.Result, outcome jobqueue.Outcome, words string) {
	t.Helper()
	if r.Outcome != outcome || !strings.Contains(r.Error, words) {
		t.Errorf("result = %s %q, want %s with %q", r.Outcome, r.Error, outcome, words)
	}
}

func gib(n float64) int64 { return int64(n * (1 << 30)) }

func has(cores float64) *jobqueue.Needs { return &jobqueue.Needs{Cores: cores, Memory: gib(cores)} }

func needing(d dispatch.Demand, cores float64) dispatch.Demand {
	d.Needs = *has(cores)
	return d
}

// spy is a token, as a wrong one looks.
func spy(n int) string { return fmt.Sprintf("wrong-%d", n) }

// pass lets the bubble's clock go on.
func pass(d time.Duration) { <-time.After(d) }
