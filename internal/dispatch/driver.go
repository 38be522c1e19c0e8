package dispatch

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"auwai/internal/jobqueue"
	"auwai/internal/kv"
	"auwai/internal/node"
	"auwai/internal/partition"
	"auwai/internal/runner"
)

// Driver carries out what a Machine decides: a goroutine for each attempt. It is the node.Tenant of
// a real node; the simulation drives the Machine by itself.
type Driver struct {
	*Machine
	engine  kv.Engine
	runners func(pair jobqueue.Pair) runner.Runner
	remote  runner.Runner
	log     *slog.Logger
	poke    func()

	ctx     context.Context //nolint:containedctx // the parent of all attempts, which outlive the Step that starts them
	stop    context.CancelFunc
	running sync.WaitGroup
	cancels map[uint64]context.CancelCauseFunc // used by the loop only

	mu      sync.Mutex
	results []result // Guarded by mu.
	spare   []result // Guarded by mu.
}

type result struct {
	attempt uint64
	index   int // -1: the end of the attempt
	r       runner.Result
	err     error
}

// DriverConfig of a Driver.
type DriverConfig struct {
	Machine *Machine
	Engine  kv.Engine
	// Runners returns the runner of a pair. It is called from many goroutines.
	Runners func(pair jobqueue.Pair) runner.Runner
	// Remote carries out what workers come for; nil: nobody comes. Its attempts have no time-out of
	// their own: a claim has a deadline.
	Remote runner.Runner
	Logger *slog.Logger // nil: discard
}

// NewDriver returns a driver that has started nothing. Attach gives it the loop.
func NewDriver(cfg DriverConfig) *Driver {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	d := &Driver{
		Machine: cfg.Machine, engine: cfg.Engine, runners: cfg.Runners, remote: cfg.Remote, log: cfg.Logger.With("part", "dispatch"),
		poke: func() {}, cancels: map[uint64]context.CancelCauseFunc{},
	}
	d.ctx, d.stop = context.WithCancel(context.Background())
	return d
}

// Attach gives the driver the function that has its loop call Step soon. Before the loop runs.
func (d *Driver) Attach(poke func()) { d.poke = poke }

// Close cancels what still runs and waits for its end.
func (d *Driver) Close() {
	d.stop()
	d.running.Wait()
}

// Step implements node.Tenant.
func (d *Driver) Step(now partition.Now, h node.Host) time.Duration {
	d.mu.Lock()
	results := d.results
	d.results, d.spare = d.spare[:0], nil
	d.mu.Unlock()
	for i := range results {
		r := &results[i]
		if r.index >= 0 {
			d.Machine.Result(now, r.attempt, r.index, r.r)
			continue
		}
		if cancel := d.cancels[r.attempt]; cancel != nil {
			cancel(nil)
			delete(d.cancels, r.attempt)
		}
		d.Machine.Ended(now, r.attempt, r.err)
	}
	clear(results)
	d.mu.Lock()
	d.spare = results[:0]
	d.mu.Unlock()
	wake := d.Machine.Step(now, h)
	starts, cancels := d.Machine.Starts()
	for _, c := range cancels {
		if cancel := d.cancels[c.Attempt]; cancel != nil {
			cancel(c.Cause)
		}
	}
	for i := range starts {
		d.start(&starts[i])
	}
	return wake
}

func (d *Driver) start(s *Start) {
	ctx, cancel := context.WithCancelCause(d.ctx)
	d.cancels[s.Attempt] = cancel
	start := *s
	d.running.Go(func() { d.run(ctx, &start) })
}

func (d *Driver) run(ctx context.Context, s *Start) {
	err := d.carryOut(ctx, s)
	d.post(result{attempt: s.Attempt, index: -1, err: err})
}

func (d *Driver) carryOut(ctx context.Context, s *Start) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the runner panicked: %v", r)
			d.log.Error("runner panicked", "queue", s.Work.Queue, "wiki", s.Work.Wiki, "err", err)
		}
	}()
	if s.Work.Timeout > 0 && !s.Remote {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.Work.Timeout)
		defer cancel()
	}
	if err := d.payloads(ctx, s); err != nil {
		return err
	}
	r := d.remote
	if !s.Remote {
		r = d.runners(jobqueue.Pair{Queue: s.Work.Queue, Wiki: s.Work.Wiki})
	}
	if r == nil { // the configuration changed: the jobs return to their places
		for i := range s.Jobs {
			d.post(result{attempt: s.Attempt, index: i, r: runner.Result{Outcome: jobqueue.OutcomeUncounted}})
		}
		return nil
	}
	return r.Run(ctx, s.Work, func(i int, res runner.Result) {
		d.post(result{attempt: s.Attempt, index: i, r: res})
	})
}

// payloads reads those that were stored ahead.
func (d *Driver) payloads(ctx context.Context, s *Start) error {
	for i, j := range s.Jobs {
		if j.Blob.Size == 0 {
			continue
		}
		chunks, err := d.engine.Get(ctx, jobqueue.BlobKeys(s.Partition, j.Wiki, j.Blob)...)
		if err != nil {
			return fmt.Errorf("read payload: %w", err)
		}
		payload := make([]byte, 0, j.Blob.Size)
		for _, c := range chunks {
			payload = append(payload, c...)
		}
		if len(payload) != j.Blob.Size {
			return fmt.Errorf("payload of job %s has %d bytes, want %d", s.Work.Jobs[i].ID, len(payload), j.Blob.Size)
		}
		s.Work.Jobs[i].Payload = payload
	}
	return nil
}

func (d *Driver) post(r result) {
	d.mu.Lock()
	d.results = append(d.results, r)
	first := len(d.results) == 1
	d.mu.Unlock()
	if first {
		d.poke()
	}
}
