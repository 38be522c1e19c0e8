package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"auwai/internal/config"
	"auwai/internal/dispatch"
	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/kv/pebblekv"
	"auwai/internal/limit"
	"auwai/internal/partition"
	"auwai/internal/runner"
)

// FairnessOptions says what "bench fairness" measures.
type FairnessOptions struct {
	Burst    int           // jobs that one wiki pushes at once
	BurstJob time.Duration // that a job of the burst takes
	Slow     int           // jobs of the slow wiki
	SlowJob  time.Duration // that each of these takes
	Every    time.Duration // between two jobs of the other wiki
	Singles  int           // jobs of the other wiki that are measured in a phase
	Batch    int           // jobs of one push of the burst
	Pushers  int           // pushes of the burst at once
	Sync     string        // durable or relaxed
	Dir      string        // parent of the fresh store; "" is the directory for temporary files
	JSON     bool
	Profile  string // file for a CPU profile of the phases with the burst, "" for none
}

// FairnessPhase is how long the other wiki's single jobs took from the push to the start.
type FairnessPhase struct {
	Name    string        `json:"phase"`
	Singles int           `json:"singles"`
	P50     time.Duration `json:"p50_ns"`
	P99     time.Duration `json:"p99_ns"`
	Max     time.Duration `json:"max_ns"`
	// Bound is what P99 is to stay within; 0 in the phases that the bounds are made from.
	Bound time.Duration `json:"bound_ns,omitempty"`
}

// Fair reports whether the phase is within its bound.
func (p FairnessPhase) Fair() bool { return p.Bound == 0 || p.P99 <= p.Bound }

// The names of the phases.
const (
	phaseAlone      = "alone"
	phasePushed     = "burst being pushed"
	phaseQueued     = "burst queued"
	phaseAloneAgain = "alone again"
	phaseSlow       = "slow jobs"
)

// A single job may start in twice the time that it takes alone; while a burst is being pushed, also so
// much later.
const (
	fairTimes  = 2
	fairPushed = 20 * time.Millisecond
)

const (
	fairQueue = "bench"
	quietWiki = "quietwiki"
	burstWiki = "burstwiki"
	slowWiki  = "slowwiki"

	burstPayload = 400
)

// Fairness measures how long single jobs of one wiki take from the push to the start: alone, while
// another wiki pushes a burst, while the burst is queued and runs, and beside few slow jobs. All limits
// are the configuration's defaults.
func Fairness(ctx context.Context, o FairnessOptions, out io.Writer) (phases []FairnessPhase, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(o.Dir, "auwai-bench-")
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	f := &fairness{o: o, payload: payloadOf(burstPayload), say: func(format string, args ...any) {
		if !o.JSON {
			_, _ = fmt.Fprintf(out, format+"\n", args...)
		}
	}}
	f.say("a job of one wiki every %s; limits of the configuration's defaults; store in %s", o.Every, dir)
	if err := f.with(ctx, filepath.Join(dir, "burst"), f.burst); err != nil {
		return nil, err
	}
	if err := f.with(ctx, filepath.Join(dir, "slow"), f.slow); err != nil {
		return nil, err
	}
	f.bounds()
	if o.JSON {
		return f.phases, json.NewEncoder(out).Encode(f.phases)
	}
	return f.phases, nil
}

func (o *FairnessOptions) check() error {
	for _, n := range []struct {
		name       string
		value, max int
	}{{"burst", o.Burst, 100_000_000}, {"slow", o.Slow, 100_000}, {"singles", o.Singles, 10_000_000}, {"batch", o.Batch, jobqueue.MaxPush}, {"producers", o.Pushers, 10_000}} {
		if n.value < 1 || n.value > n.max {
			return fault.Field(n.name, "is %d, must be 1 to %d", n.value, n.max)
		}
	}
	for _, d := range []struct {
		name     string
		value    time.Duration
		min, max time.Duration
	}{{"burst-job", o.BurstJob, 0, time.Minute}, {"slow-job", o.SlowJob, 0, time.Minute}, {"every", o.Every, 100 * time.Microsecond, time.Minute}} {
		if d.value < d.min || d.value > d.max {
			return fault.Field(d.name, "is %s, must be %s to %s", d.value, d.min, d.max)
		}
	}
	if o.Sync != "durable" && o.Sync != "relaxed" {
		return fault.Field("sync", "is %q, must be durable or relaxed", o.Sync)
	}
	return nil
}

type fairness struct {
	o       FairnessOptions
	say     func(string, ...any)
	payload []byte
	phases  []FairnessPhase
}

// fairRig is a node whose limits are the configuration's defaults.
type fairRig struct {
	*rig
	jobs *timedRunner
}

func (f *fairness) with(ctx context.Context, store string, part func(context.Context, *fairRig) error) error {
	r := &fairRig{rig: newRig(config.DefaultConcurrency, 1), jobs: &timedRunner{
		pushed: map[string]time.Time{}, took: map[string]time.Duration{burstWiki: f.o.BurstJob, slowWiki: f.o.SlowJob},
	}}
	r.rules = defaultLimits{r.policy, config.Default().DefaultQueue}
	sync := pebblekv.Durable
	if f.o.Sync == "relaxed" {
		sync = pebblekv.Relaxed
	}
	if err := r.open(ctx, store, sync, r.jobs); err != nil {
		return err
	}
	r.resume()
	return errors.Join(part(ctx, r), r.close())
}

// burst measures alone, while the burst is being pushed, and while it is queued and runs.
func (f *fairness) burst(ctx context.Context, r *fairRig) error {
	if err := f.measure(ctx, r, phaseAlone, nil); err != nil {
		return err
	}
	stop, err := profile(f.o.Profile)
	if err != nil {
		return err
	}
	defer stop()
	pushed := make(chan error, 1)
	over := make(chan struct{})
	start := time.Now()
	go func() { defer close(over); pushed <- r.pushBurst(ctx, &f.o, f.payload) }()
	measured := f.measure(ctx, r, phasePushed, over)
	if err := errors.Join(measured, <-pushed); err != nil {
		return err
	}
	f.say("%d jobs pushed at %.0f a second", f.o.Burst, float64(f.o.Burst)/time.Since(start).Seconds())
	return f.measure(ctx, r, phaseQueued, nil)
}

// slow measures alone, and beside few slow jobs that all wait for slots.
func (f *fairness) slow(ctx context.Context, r *fairRig) error {
	if err := f.measure(ctx, r, phaseAloneAgain, nil); err != nil {
		return err
	}
	if err := r.push(ctx, slowWiki, f.o.Slow, f.payload); err != nil {
		return err
	}
	return f.measure(ctx, r, phaseSlow, nil)
}

// measure pushes single jobs, one each moment whether the ones before have started or not, until there
// are enough, or until over is closed if it is not nil.
func (f *fairness) measure(ctx context.Context, r *fairRig, name string, over <-chan struct{}) error {
	ticker := time.NewTicker(f.o.Every)
	defer ticker.Stop()
	var pushes sync.WaitGroup
	errs := make(chan error, 1)
	n := 0
	for more := true; more && (n < f.o.Singles || over != nil); n++ {
		pushes.Go(func() {
			if err := r.single(ctx, f.payload); err != nil {
				select {
				case errs <- err:
				default: // the first is enough
				}
			}
		})
		select {
		case <-ticker.C:
		case <-over:
			more = false
		case err := <-errs:
			pushes.Wait()
			return err
		case <-ctx.Done():
			pushes.Wait()
			return ctx.Err()
		}
	}
	pushes.Wait()
	took, err := r.jobs.wait(ctx, n)
	if err != nil {
		return err
	}
	f.phases = append(f.phases, phaseOf(name, took))
	p := f.phases[len(f.phases)-1]
	f.say("%-20s %7d jobs: half started within %s, 99 of 100 within %s, all within %s", name, n, millis(p.P50), millis(p.P99), millis(p.Max))
	return nil
}

func millis(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}

func phaseOf(name string, took []time.Duration) FairnessPhase {
	slices.Sort(took)
	return FairnessPhase{Name: name, Singles: len(took), P50: took[len(took)/2], P99: took[len(took)*99/100], Max: took[len(took)-1]}
}

// bounds sets what each phase is to stay within: by the time alone in the same store.
func (f *fairness) bounds() {
	var alone time.Duration
	for i := range f.phases {
		p := &f.phases[i]
		switch p.Name {
		case phaseAlone, phaseAloneAgain:
			alone = p.P99
		case phasePushed:
			p.Bound = max(fairTimes*alone, alone+fairPushed)
		default:
			p.Bound = fairTimes * alone
		}
	}
}

// single pushes a job of the quiet wiki.
func (r *fairRig) single(ctx context.Context, payload []byte) error {
	id := r.ids(1)[0]
	r.jobs.pushes(ident.ID{Wiki: quietWiki, Suffix: id}.String())
	return r.pushIDs(ctx, quietWiki, []ident.Suffix{id}, payload)
}

func (r *fairRig) push(ctx context.Context, wiki string, n int, payload []byte) error {
	return r.pushIDs(ctx, wiki, r.ids(n), payload)
}

func (r *fairRig) pushIDs(ctx context.Context, wiki string, ids []ident.Suffix, payload []byte) error {
	push := &jobqueue.Push{Jobs: make([]jobqueue.New, len(ids))}
	for i, id := range ids {
		push.Jobs[i] = jobqueue.New{ID: id, Pair: jobqueue.Pair{Queue: fairQueue, Wiki: wiki}, Band: jobqueue.Normal, Payload: payload}
	}
	if err := r.loop.Do(ctx, partition.Of(wiki), wiki, push); err != nil {
		return fmt.Errorf("bench: push: %w", err)
	}
	return nil
}

// pushBurst pushes n jobs as a wiki's maintenance script does: some requests at once, one after the other.
func (r *fairRig) pushBurst(ctx context.Context, o *FairnessOptions, payload []byte) error {
	parts := make(chan int)
	errs := make(chan error, o.Pushers)
	for range o.Pushers {
		go func() {
			var first error
			for part := range parts {
				if first == nil {
					first = r.push(ctx, burstWiki, part, payload)
				}
			}
			errs <- first
		}()
	}
	for left := o.Burst; left > 0; left -= o.Batch {
		parts <- min(o.Batch, left)
	}
	close(parts)
	var all []error
	for range o.Pushers {
		all = append(all, <-errs)
	}
	return errors.Join(all...)
}

// payloadOf returns the payload of a job that does nothing, of about so many bytes.
func payloadOf(bytes int) []byte {
	return []byte(`{"type":"null","params":{"pad":"` + strings.Repeat("x", max(bytes-35, 0)) + `"}}`)
}

// defaultLimits are those of a configuration that says nothing of queues.
type defaultLimits struct {
	*policy
	queue config.Queue
}

func (p defaultLimits) Queue(jobqueue.Pair) dispatch.QueuePolicy {
	return dispatch.QueuePolicy{Retry: p.queue.Retry(), Timeout: p.queue.Timeout, Weight: p.queue.Weight, Batch: 1}
}

func (p defaultLimits) Limits(pair jobqueue.Pair) []string {
	return []string{limit.Wiki(pair.Wiki), limit.Queue(pair.Queue), limit.Pair(pair.Queue, pair.Wiki)}
}

func (p defaultLimits) Limit(name string) limit.Limit {
	switch {
	case strings.HasPrefix(name, limit.Queue("")):
		return limit.Limit{Concurrency: p.queue.Concurrency}
	case strings.HasPrefix(name, "pair:"):
		return limit.Limit{Concurrency: p.queue.PerWiki}
	default:
		return limit.Limit{}
	}
}

// timedRunner lets jobs take the time that is said for their wiki, and notes for the quiet wiki how
// long they took from the push to the start.
type timedRunner struct {
	took map[string]time.Duration

	mu      sync.Mutex
	pushed  map[string]time.Time // by job, until it starts; guarded by mu
	started []time.Duration      // guarded by mu
	want    int                  // guarded by mu
	enough  chan struct{}        // closed when want have started; guarded by mu
}

func (t *timedRunner) Run(ctx context.Context, w runner.Work, report func(int, runner.Result)) error {
	for i := range w.Jobs {
		if w.Wiki == quietWiki {
			t.starts(w.Jobs[i].ID)
		} else if err := pause(ctx, t.took[w.Wiki]); err != nil {
			return err
		}
		report(i, runner.Result{Outcome: jobqueue.OutcomeDone})
	}
	return nil
}

// Batch is not asked: the policy says it.
func (t *timedRunner) Batch(string) int { return 1 }

func pause(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *timedRunner) pushes(id string) {
	t.mu.Lock()
	t.pushed[id] = time.Now()
	t.mu.Unlock()
}

func (t *timedRunner) starts(id string) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if at, ok := t.pushed[id]; ok {
		delete(t.pushed, id)
		t.started = append(t.started, now.Sub(at))
	}
	if t.enough != nil && len(t.started) >= t.want {
		close(t.enough)
		t.enough = nil
	}
}

// wait returns how long n jobs took, when all of them have started, and forgets them.
func (t *timedRunner) wait(ctx context.Context, n int) ([]time.Duration, error) {
	enough := make(chan struct{})
	t.mu.Lock()
	t.want, t.enough = n, enough
	if len(t.started) >= n {
		close(enough)
		t.enough = nil
	}
	t.mu.Unlock()
	select {
	case <-enough:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	took := t.started
	t.started = nil
	return took, nil
}
