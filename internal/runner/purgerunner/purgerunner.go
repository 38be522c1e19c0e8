package purgerunner

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"auwai/internal/jobqueue"
	"auwai/internal/runner"
)

// Queue is the queue of purges.
const Queue = "auwai.purge"

// Defaults of Config, and bounds.
const (
	// DefaultMaxBatch is a purge of a large template's pages in some ten requests' time.
	DefaultMaxBatch = 200
	// DefaultConns is what MediaWiki opens to a cache.
	DefaultConns = 8
	// DefaultTimeout is long for a cache: it answers in less than a millisecond.
	DefaultTimeout = 5 * time.Second

	// idleTimeout is below that of caches, 5 s for Varnish.
	idleTimeout = 3 * time.Second
	// maxDrain bounds what is read of an answer's body, so that the connection can be used again.
	maxDrain = 64 << 10
	// maxURL is more than any cache accepts.
	maxURL = 64 << 10
)

// Config is what New needs.
type Config struct {
	// Layers are the servers, "host:port" or "host" for port 80, the layer next to MediaWiki first.
	Layers [][]string
	// HTCP are addresses "host:port", a multicast group too, that are told by UDP after the layers.
	HTCP []string
	// Version goes into the User-Agent, "Auwai/<version>".
	Version string
	// MaxBatch is the greatest number of purges of a Work; 0: DefaultMaxBatch.
	MaxBatch int
	// Conns is the greatest number of connections to a server; 0: DefaultConns.
	Conns int
	// Timeout is the longest wait for one answer, 0: DefaultTimeout. A connection has to be there in
	// half of it.
	Timeout time.Duration
}

// Runner purges URLs. It implements runner.Runner. Safe for concurrent use.
type Runner struct {
	layers    [][]*server
	receivers []*receiver
	maxBatch  int
	conns     int
	transport *http.Transport
}

// New returns a Runner. It does no I/O.
func New(cfg Config) *Runner {
	timeout := cmp.Or(cfg.Timeout, DefaultTimeout)
	conns := cmp.Or(cfg.Conns, DefaultConns)
	r := &Runner{
		maxBatch: cmp.Or(cfg.MaxBatch, DefaultMaxBatch),
		conns:    conns,
		transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: timeout / 2}).DialContext,
			MaxIdleConnsPerHost: conns,
			IdleConnTimeout:     idleTimeout,
			DisableCompression:  true,
		},
	}
	for _, addresses := range cfg.Layers {
		layer := make([]*server, 0, len(addresses))
		for _, address := range addresses {
			layer = append(layer, &server{
				address:   address,
				transport: r.transport,
				userAgent: "Auwai/" + cmp.Or(cfg.Version, "unknown"),
				timeout:   timeout,
				slots:     make(chan struct{}, conns),
			})
		}
		r.layers = append(r.layers, layer)
	}
	for _, address := range cfg.HTCP {
		r.receivers = append(r.receivers, &receiver{address: address, timeout: timeout})
	}
	return r
}

// Close closes the idle connections and the sockets. Calls that still run are not cut short.
func (r *Runner) Close() {
	r.transport.CloseIdleConnections()
	for _, h := range r.receivers {
		h.close()
	}
}

// Batch implements runner.Runner.
func (r *Runner) Batch(string) int { return r.maxBatch }

// purge is one URL of a Work, with the jobs that asked for it.
type purge struct {
	target    target
	requestID string // of the first job
	jobs      []int  // indexes in the Work
	result    runner.Result
}

// Run implements runner.Runner.
func (r *Runner) Run(ctx context.Context, w runner.Work, report func(i int, r runner.Result)) error {
	if w.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, w.Timeout)
		defer cancel()
	}
	var purges []*purge
	byTarget := map[target]*purge{}
	for i, job := range w.Jobs {
		t, why := readTarget(job.Payload)
		if why != "" {
			report(i, runner.Result{Outcome: jobqueue.OutcomePermanent, Error: runner.Cut(why, jobqueue.MaxError)})
			continue
		}
		p := byTarget[t]
		if p == nil {
			p = &purge{target: t, requestID: job.RequestID}
			byTarget[t] = p
			purges = append(purges, p)
		}
		p.jobs = append(p.jobs, i)
	}
	for p := range r.all(ctx, purges) {
		for _, i := range p.jobs {
			report(i, p.result)
		}
	}
	return nil
}

// all purges every URL and returns a channel of those that have a result. The channel is closed
// when nothing runs any more; it has to be read to its end.
func (r *Runner) all(ctx context.Context, purges []*purge) <-chan *purge {
	todo := make(chan *purge, len(purges))
	for _, p := range purges {
		todo <- p
	}
	close(todo)
	ended := make(chan *purge) // not buffered: a result is reported as soon as it is there
	down := newDown()
	go func() {
		var workers sync.WaitGroup
		// One worker a connection: each has at most one request under way to each server.
		for range min(len(purges), r.conns) {
			workers.Go(func() {
				for p := range todo {
					res, ok := r.through(ctx, p, down)
					if !ok {
						return
					}
					p.result = res
					ended <- p
				}
			})
		}
		workers.Wait()
		close(ended)
	}()
	return ended
}

// isCancelled reports whether ctx was cancelled; the end of a deadline is not meant.
func isCancelled(ctx context.Context) bool { return errors.Is(ctx.Err(), context.Canceled) }
