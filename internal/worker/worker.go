package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"auwai/api"
	"auwai/internal/backoff"
	"auwai/internal/fault"
	"auwai/internal/jobqueue"
	"auwai/internal/runner"
)

// Defaults and periods.
const (
	// DefaultPeriod is the time to the deadline of a claim.
	DefaultPeriod = time.Minute
	// DefaultDrain is what running jobs have to end in after a stop.
	DefaultDrain = 30 * time.Second

	wait       = 30 * time.Second // of one request for jobs
	maxClaim   = 100              // jobs of one request
	giveUp     = 10 * time.Minute // an outcome that the service does not take
	stopWithin = 5 * time.Second  // for outcomes after the drain
	// holdFor is how long a job waits when its target takes no work; the service finds out by itself
	// only for targets of its own.
	holdFor       = 10 * time.Second
	maxRetryAfter = 7 * 24 * time.Hour // that the service takes
	callWithin    = 20 * time.Second   // for one answer
)

// Claims is the service; *client.Client implements it.
type Claims interface {
	Claim(ctx context.Context, queue string, q api.ClaimRequest) ([]api.ClaimedJob, error)
	Heartbeat(ctx context.Context, id string, h api.Heartbeat) (api.HeartbeatAnswer, error)
	Finish(ctx context.Context, id string, f api.JobFinish) (api.JobAction, error)
	Fail(ctx context.Context, id string, f api.JobFail) (api.JobAction, error)
	Release(ctx context.Context, id string, f api.JobRelease) (api.JobAction, error)
}

// Config of a Worker.
type Config struct {
	Claims Claims        // required
	Runner runner.Runner // required
	// Queues are the queues whose jobs it takes; none: all that are for workers, or all of the wiki's.
	Queues []string
	// Wiki is the only wiki whose jobs it takes, whatever their queue's runner is; "": any.
	Wiki string
	// Name is the worker's, one for each that runs.
	Name string
	// Slots is the number of jobs at once; 0: 1.
	Slots int
	// Capacity is what all jobs together may need; nil: jobs of any size are taken.
	Capacity *jobqueue.Needs
	// Timeout is how long a job may run; 0: for ever, as long as it lives.
	Timeout time.Duration
	Period  time.Duration // 0: DefaultPeriod
	Drain   time.Duration // 0: DefaultDrain; negative: none
	Logger  *slog.Logger  // nil: discard
}

// Worker claims jobs and carries them out. Progress is safe for concurrent use; Run is called once.
type Worker struct {
	cfg  Config
	log  *slog.Logger
	room *room

	mu       sync.Mutex
	progress map[string]jobqueue.Progress // of running jobs, not sent yet. Guarded by mu.
}

// New returns a worker. It does no I/O.
func New(cfg Config) *Worker {
	cfg.Period, cfg.Slots = cmp.Or(cfg.Period, DefaultPeriod), max(cfg.Slots, 1)
	cfg.Drain = cmp.Or(cfg.Drain, DefaultDrain)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Worker{
		cfg: cfg, log: cfg.Logger.With("part", "worker"), room: newRoom(cfg.Slots, cfg.Capacity),
		progress: map[string]jobqueue.Progress{},
	}
}

// Progress says how far a running job is; the next heartbeat tells the service.
func (w *Worker) Progress(job string, p jobqueue.Progress) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.progress[job] = p
}

func (w *Worker) takeProgress(job string) (p jobqueue.Progress, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p, ok = w.progress[job]
	delete(w.progress, job)
	return p, ok
}

// errStopping is why jobs are ended after the drain.
var errStopping = errors.New("the worker is stopping")

// Run claims and carries out jobs until ctx ends, lets what runs end within the drain time, and returns
// nil. An error says that the service refuses this worker.
func (w *Worker) Run(ctx context.Context) error {
	// Jobs outlive ctx by the drain time, and saying how they ended outlives that.
	jobs, end := context.WithCancelCause(context.WithoutCancel(ctx))
	defer end(nil)
	var running sync.WaitGroup
	err := w.claim(ctx, func(claimed []api.ClaimedJob) {
		for _, g := range w.group(claimed) {
			running.Go(func() { w.carry(jobs, g) })
		}
	})
	over := time.AfterFunc(max(w.cfg.Drain, 0), func() { end(errStopping) })
	defer over.Stop()
	running.Wait()
	return err
}

// claim asks for jobs until ctx ends, or the service refuses.
func (w *Worker) claim(ctx context.Context, start func([]api.ClaimedJob)) error {
	retry := backoff.Policy{First: time.Second, Factor: 2, Max: 30 * time.Second, Jitter: 0.2}
	for failures := 0; ; {
		slots, free, ok := w.room.await(ctx)
		if !ok {
			return nil
		}
		claimed, err := w.ask(ctx, slots, free)
		// What came is ours, also when the stop came with it: the drain ends it.
		w.room.take(claimed)
		start(claimed)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was asked to stop, which broke the request off
		}
		switch {
		case err == nil:
			failures = 0
		case refuses(err):
			return fmt.Errorf("claim jobs: %w", err)
		default:
			failures++
			delay := retry.Delay(failures, rand.Float64()) //nolint:gosec // it spreads repeats, no secret
			w.log.Warn("the service gives no jobs, it is asked again", "err", err, "after", delay.Round(time.Millisecond))
			if !pause(ctx, delay) {
				return nil
			}
		}
	}
}

func (w *Worker) ask(ctx context.Context, slots int, free *jobqueue.Needs) ([]api.ClaimedJob, error) {
	queue, queues := api.AnyQueue, w.cfg.Queues
	if len(queues) == 1 {
		queue, queues = queues[0], nil
	}
	q := api.ClaimRequest{
		Queues: queues, Wiki: w.cfg.Wiki, Limit: min(slots, maxClaim), Wait: wait.String(), Worker: w.cfg.Name,
		Timeout: w.cfg.Period.String(),
	}
	if free != nil {
		q.Capacity = &api.Capacity{Cores: free.Cores, Memory: free.Memory}
	}
	ctx, cancel := context.WithTimeout(ctx, wait+callWithin)
	defer cancel()
	return w.cfg.Claims.Claim(ctx, queue, q)
}

// refuses reports whether asking again would be refused again.
func refuses(err error) bool {
	switch fault.KindOf(err) {
	case fault.Invalid, fault.Forbidden, fault.NotFound, fault.TooLarge:
		return true
	default:
		return false
	}
}

// pause waits; false when ctx ended meanwhile.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
