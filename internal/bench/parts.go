package bench

import (
	"context"
	"fmt"
	"os"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"auwai/internal/dispatch"
	"auwai/internal/jobqueue"
	"auwai/internal/kv"
	"auwai/internal/limit"
	"auwai/internal/runner"
)

// policy has no limit but the node's, which is 0 until the drain begins.
type policy struct {
	full  int
	batch int // jobs that one attempt takes
	open  atomic.Bool
}

func (p *policy) Concurrency() int {
	if p.open.Load() {
		return p.full
	}
	return 0
}

func (p *policy) Queue(jobqueue.Pair) dispatch.QueuePolicy {
	return dispatch.QueuePolicy{Retry: jobqueue.Policy{Attempts: 3}, Batch: p.batch}
}

// Limits are as many as a farm has: they are counted, and none is met.
func (p *policy) Limits(pair jobqueue.Pair) []string {
	return []string{limit.Wiki(pair.Wiki), limit.Queue(pair.Queue), limit.Pair(pair.Queue, pair.Wiki), limit.Tag("db", "s1")}
}
func (p *policy) Limit(string) limit.Limit              { return limit.Limit{} }
func (p *policy) Held(jobqueue.Pair) string             { return "" }
func (p *policy) Paused(jobqueue.Pair) string           { return "" }
func (p *policy) Mismatch(jobqueue.Pair, string) string { return "" }

// noop is a runner that does nothing and counts.
type noop struct {
	done   atomic.Int64
	target atomic.Int64
	reach  chan struct{}
}

func newNoop() *noop { return &noop{reach: make(chan struct{}, 1)} }

func (n *noop) Run(_ context.Context, w runner.Work, report func(int, runner.Result)) error {
	for i := range w.Jobs {
		report(i, runner.Result{Outcome: jobqueue.OutcomeDone})
	}
	if n.done.Add(int64(len(w.Jobs))) >= n.target.Load() {
		select {
		case n.reach <- struct{}{}:
		default:
		}
	}
	return nil
}

// Batch is not asked: the policy says it.
func (n *noop) Batch(string) int { return 1 }

// expect sets how many more jobs wait is to see.
func (n *noop) expect(jobs int64) {
	select {
	case <-n.reach:
	default:
	}
	n.target.Store(n.done.Load() + jobs)
}

func (n *noop) wait(ctx context.Context) error {
	for n.done.Load() < n.target.Load() {
		select {
		case <-n.reach:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// countingEngine counts the keys that are written.
type countingEngine struct {
	kv.Engine
	ops atomic.Int64
}

func (e *countingEngine) Commit(ctx context.Context, b *kv.Batch) error {
	e.ops.Add(int64(b.Len()))
	return e.Engine.Commit(ctx, b)
}

func cpuSeconds() float64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// rssMB returns the resident memory of this process, as the kernel counts it.
func rssMB() float64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(b))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseFloat(fields[1], 64)
	if err != nil {
		return 0
	}
	return pages * float64(os.Getpagesize()) / (1 << 20)
}

// peakRSSMB returns the most memory that this process had resident so far.
func peakRSSMB() float64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Maxrss) / 1024 // the kernel counts in KiB
}

func profile(path string) (stop func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("bench: profile: %w", err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("bench: profile: %w", err)
	}
	return func() { pprof.StopCPUProfile(); _ = f.Close() }, nil
}
