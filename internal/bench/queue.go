package bench

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"auwai/internal/dispatch"
	"auwai/internal/eventlog"
	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/kv/pebblekv"
	"auwai/internal/node"
	"auwai/internal/partition"
	"auwai/internal/runner"
	"auwai/internal/upkeep"
)

// QueueOptions says what "bench queue" measures.
type QueueOptions struct {
	Jobs      int    // of each phase
	Batch     int    // jobs of one push, and at most of one attempt
	Producers int    // pushes at once
	Consumers int    // attempts at once
	Payload   int    // bytes
	Wikis     int    // that the jobs are of, in turns; 0 is 10
	Sync      string // durable or relaxed
	Dir       string // parent of the fresh store; "" is the directory for temporary files
	JSON      bool
	Profile   string // file for a CPU profile of the third phase, "" for none
}

// QueueResult is what "bench queue" found.
type QueueResult struct {
	JobsPerSecond    float64 `json:"jobs_per_s"`
	EnqueuePerSecond float64 `json:"enqueue_per_s"`
	DrainPerSecond   float64 `json:"drain_per_s"`
	DrainFirstTenth  float64 `json:"drain_first_tenth_per_s"` // while all or nearly all jobs wait
	DrainLastTenth   float64 `json:"drain_last_tenth_per_s"`  // while few wait
	RawLogAcks       float64 `json:"raw_log_acks_per_s"`
	Ratio            float64 `json:"ratio"`
	KeysPerJob       float64 `json:"keys_per_job"`
	BytesPerJob      float64 `json:"bytes_per_job"`
	FsyncsPer1000    float64 `json:"fsyncs_per_1000"`
	CPUPer1M         float64 `json:"cpu_s_per_1M"`
	RSSMB            float64 `json:"rss_mb"`      // with all jobs waiting, after the first phase
	PeakRSSMB        float64 `json:"peak_rss_mb"` // of the whole run
	RestartSeconds   float64 `json:"restart_s"`   // from open to the first started job, with all jobs waiting
}

// Line returns the result as the command's last line.
func (r *QueueResult) Line() string {
	return fmt.Sprintf("jobs/s=%.0f enqueue/s=%.0f drain/s=%.0f raw_log_acks/s=%.0f ratio=%.2f keys_per_job=%.2f bytes_per_job=%.0f fsyncs_per_1000=%.1f cpu_s_per_1M=%.1f rss_mb=%.0f",
		r.JobsPerSecond, r.EnqueuePerSecond, r.DrainPerSecond, r.RawLogAcks, r.Ratio, r.KeysPerJob, r.BytesPerJob, r.FsyncsPer1000, r.CPUPer1M, r.RSSMB)
}

const (
	defaultWikis = 10
	tenths       = 10
)

// Queue runs the benchmark: enqueue, drain, both at once.
func Queue(ctx context.Context, o QueueOptions, out io.Writer) (*QueueResult, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(o.Dir, "auwai-bench-")
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	say := func(format string, args ...any) {
		if !o.JSON {
			_, _ = fmt.Fprintf(out, format+"\n", args...)
		}
	}
	say("%d jobs of %d bytes, %d producers in batches of %d, %d consumers, %s, store in %s", o.Jobs, o.Payload, o.Producers, o.Batch, o.Consumers, o.Sync, dir)
	res := &QueueResult{}
	raw := make([]float64, 0, 2)
	r, err := rawLog(dir)
	if err != nil {
		return nil, err
	}
	raw = append(raw, r)
	if err := o.measure(ctx, dir, res, say); err != nil {
		return nil, err
	}
	if r, err = rawLog(dir); err != nil {
		return nil, err
	}
	raw = append(raw, r)
	res.RawLogAcks = (raw[0] + raw[1]) / 2
	res.Ratio = res.JobsPerSecond / res.RawLogAcks
	say("raw log before and after: %.0f and %.0f acks/s", raw[0], raw[1])
	if o.JSON {
		return res, json.NewEncoder(out).Encode(res)
	}
	_, err = fmt.Fprintln(out, res.Line())
	return res, err
}

func (o *QueueOptions) check() error {
	for _, f := range []struct {
		name       string
		value, max int
	}{{"jobs", o.Jobs, 100_000_000}, {"batch", o.Batch, jobqueue.MaxPush}, {"producers", o.Producers, 100_000}, {"consumers", o.Consumers, 100_000}, {"payload", o.Payload, jobqueue.MaxInline}, {"wikis", cmp.Or(o.Wikis, defaultWikis), 10_000}} {
		if f.value < 1 || f.value > f.max {
			return fault.Field(f.name, "is %d, must be 1 to %d", f.value, f.max)
		}
	}
	if o.Sync != "durable" && o.Sync != "relaxed" {
		return fault.Field("sync", "is %q, must be durable or relaxed", o.Sync)
	}
	return nil
}

func (o *QueueOptions) measure(ctx context.Context, dir string, res *QueueResult, say func(string, ...any)) error {
	store := filepath.Join(dir, "store")
	cpu := cpuSeconds()
	if err := o.with(ctx, store, func(r *rig) error { return o.fill(ctx, r, res, say) }); err != nil {
		return err
	}
	start := time.Now()
	err := o.with(ctx, store, func(r *rig) error {
		if err := o.empty(ctx, r, start, res, say); err != nil {
			return err
		}
		return o.both(ctx, r, res, say)
	})
	if err != nil {
		return err
	}
	say("whole run: %.1f s of CPU, at most %.0f MB resident", cpuSeconds()-cpu, res.PeakRSSMB)
	return nil
}

// with opens the store, runs one part of the measurement on it, and closes it in order.
func (o *QueueOptions) with(ctx context.Context, store string, part func(*rig) error) error {
	r, err := o.open(ctx, store)
	if err != nil {
		return err
	}
	return errors.Join(part(r), r.close())
}

// fill is the first phase: jobs are pushed, none runs.
func (o *QueueOptions) fill(ctx context.Context, r *rig, res *QueueResult, say func(string, ...any)) error {
	start := time.Now()
	if err := r.push(ctx, o); err != nil {
		return err
	}
	res.EnqueuePerSecond = float64(o.Jobs) / time.Since(start).Seconds()
	res.RSSMB = rssMB()
	say("enqueue: %.0f jobs/s; %.0f MB resident with %d jobs waiting", res.EnqueuePerSecond, res.RSSMB, o.Jobs)
	return nil
}

// empty is the second phase: what waits is run, none is pushed. start is when the store was opened.
func (o *QueueOptions) empty(ctx context.Context, r *rig, start time.Time, res *QueueResult, say func(string, ...any)) error {
	r.runner.expect(1)
	r.resume()
	if err := r.runner.wait(ctx); err != nil {
		return err
	}
	res.RestartSeconds = time.Since(start).Seconds()
	say("restart with %d jobs waiting: %.2f s to the first job run", o.Jobs, res.RestartSeconds)
	before, start := r.runner.done.Load(), time.Now()
	for i := range int64(tenths) {
		from, began := r.runner.done.Load(), time.Now()
		r.runner.expect(max(before+(int64(o.Jobs)-before)*(i+1)/tenths-from, 0))
		if err := r.runner.wait(ctx); err != nil {
			return err
		}
		rate := float64(r.runner.done.Load()-from) / time.Since(began).Seconds()
		if i == 0 {
			res.DrainFirstTenth = rate
		}
		res.DrainLastTenth = rate
	}
	res.DrainPerSecond = float64(int64(o.Jobs)-before) / time.Since(start).Seconds()
	say("drain: %.0f jobs/s; the first tenth %.0f/s, the last %.0f/s; %.0f MB resident", res.DrainPerSecond, res.DrainFirstTenth, res.DrainLastTenth, rssMB())
	return nil
}

// both is the third phase: jobs are pushed and run at the same time.
func (o *QueueOptions) both(ctx context.Context, r *rig, res *QueueResult, say func(string, ...any)) error {
	stop, err := profile(o.Profile)
	if err != nil {
		return err
	}
	defer stop()
	m0, ops0, cpu0 := r.engine.Metrics(), r.counted.ops.Load(), cpuSeconds()
	start := time.Now()
	r.runner.expect(int64(o.Jobs))
	if err := r.push(ctx, o); err != nil {
		return err
	}
	if err := r.runner.wait(ctx); err != nil {
		return err
	}
	n := float64(o.Jobs)
	res.JobsPerSecond = n / time.Since(start).Seconds()
	m1 := r.engine.Metrics()
	res.CPUPer1M = (cpuSeconds() - cpu0) / n * 1e6
	res.KeysPerJob = float64(r.counted.ops.Load()-ops0) / n
	res.BytesPerJob = float64(m1.LogBytes-m0.LogBytes) / n
	res.FsyncsPer1000 = float64(m1.LogSyncs-m0.LogSyncs) / n * 1000
	res.PeakRSSMB = peakRSSMB()
	say("both at once: %.0f jobs/s", res.JobsPerSecond)
	return nil
}

// rig is a node without network: engine, loop, dispatch, no-op runner.
type rig struct {
	engine  *pebblekv.Engine
	counted *countingEngine
	loop    *node.Loop
	driver  *dispatch.Driver
	policy  *policy
	rules   dispatch.Policy // what dispatch reads: policy, or what is around it
	runner  *noop
	minter  *ident.Minter
	mu      sync.Mutex // guards minter
	ended   chan error
	payload []byte
	wikis   []string
}

func (o *QueueOptions) open(ctx context.Context, dir string) (*rig, error) {
	sync := pebblekv.Durable
	if o.Sync == "relaxed" {
		sync = pebblekv.Relaxed
	}
	r := newRig(o.Consumers, o.Batch)
	r.runner = newNoop()
	r.payload = []byte(`{"type":"null","params":{"pad":"` + strings.Repeat("x", max(o.Payload-35, 0)) + `"}}`)
	for i := range cmp.Or(o.Wikis, defaultWikis) {
		r.wikis = append(r.wikis, "benchwiki"+strconv.Itoa(i))
	}
	return r, r.open(ctx, dir, sync, r.runner)
}

func newRig(attempts, batch int) *rig {
	r := &rig{policy: &policy{}, ended: make(chan error, 1)}
	r.policy.full, r.policy.batch = attempts, batch
	r.rules = r.policy
	return r
}

// open opens a store and starts a node over it. It starts no job before resume.
func (r *rig) open(ctx context.Context, dir string, sync pebblekv.Sync, jobs runner.Runner) error {
	engine, err := pebblekv.Open(ctx, pebblekv.Config{Dir: dir, Sync: sync})
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	r.engine, r.counted = engine, &countingEngine{Engine: engine}
	domains := []partition.Domain{eventlog.Domain{}, jobqueue.Domain{}}
	var families []partition.Family
	for _, d := range domains {
		families = append(families, d.Families()...)
	}
	registry, err := partition.NewRegistry(families...)
	if err != nil {
		return errors.Join(err, engine.Close())
	}
	machine := node.New(node.Config{
		Name: "bench", Exclusive: true, Registry: registry, Domains: domains,
		NewSession: func() ident.Session { return ident.Session(rand.Uint64N(uint64(ident.MaxSession))) + 1 }, //nolint:gosec // not a secret
	})
	r.driver = dispatch.NewDriver(dispatch.DriverConfig{
		Machine: dispatch.New(dispatch.Config{Policy: r.rules, Random: rand.Float64}),
		Engine:  engine,
		Runners: func(jobqueue.Pair) runner.Runner { return jobs },
	})
	tenants := node.Join(r.driver, upkeep.New(upkeep.Config{}))
	r.loop = node.NewLoop(node.LoopConfig{Machine: machine, Tenant: tenants, Engine: r.counted})
	r.driver.Attach(r.loop.Poke)
	r.minter = ident.NewMinter(machine.Session())
	go func() { r.ended <- r.loop.Run(ctx) }()
	if err := r.opened(ctx); err != nil {
		return errors.Join(err, r.close())
	}
	return nil
}

// opened waits until every partition takes commands.
func (r *rig) opened(ctx context.Context) error {
	for {
		n := 0
		if err := r.loop.Ask(ctx, func(_ partition.Now, m *node.Machine) { n = m.OpenCount() }); err != nil {
			return err
		}
		if n == partition.Count {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
}

func (r *rig) resume() {
	r.policy.open.Store(true)
	r.loop.Poke()
}

func (r *rig) close() error {
	r.loop.Stop()
	err := <-r.ended
	r.driver.Close()
	return errors.Join(err, r.engine.Close())
}

func (r *rig) ids(n int) []ident.Suffix {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	out := make([]ident.Suffix, n)
	for i := range out {
		out[i] = r.minter.Next(now)
	}
	return out
}

func (r *rig) push(ctx context.Context, o *QueueOptions) error {
	var left atomic.Int64
	left.Store(int64(o.Jobs))
	errs := make(chan error, o.Producers)
	for p := range o.Producers {
		go func() { errs <- r.produce(ctx, o, p, &left) }()
	}
	var first error
	for range o.Producers {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return first
}

func (r *rig) produce(ctx context.Context, o *QueueOptions, p int, left *atomic.Int64) error {
	for i := p; ; i++ {
		n := int64(o.Batch)
		rest := left.Add(-n)
		if rest <= -n {
			return nil
		}
		if rest < 0 {
			n += rest
		}
		wiki := r.wikis[i%len(r.wikis)]
		push := &jobqueue.Push{Jobs: make([]jobqueue.New, n)}
		for k, id := range r.ids(int(n)) {
			push.Jobs[k] = jobqueue.New{ID: id, Pair: jobqueue.Pair{Queue: "bench", Wiki: wiki}, Band: jobqueue.Normal, Payload: r.payload}
		}
		if err := r.loop.Do(ctx, partition.Of(wiki), wiki, push); err != nil {
			return fmt.Errorf("bench: push: %w", err)
		}
	}
}
