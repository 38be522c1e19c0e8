package mwrunner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"auwai/internal/fault"
	"auwai/internal/jobqueue"
	"auwai/internal/runner"
)

// Kind is how a wiki runs its jobs; the values are those of the configuration file.
type Kind string

// The kinds.
const (
	Auwai          Kind = "auwai"
	EventBus       Kind = "eventbus"
	EventBusRPC    Kind = "eventbus-rpc"
	SpecialRunJobs Kind = "special-runjobs"
)

// Wiki is what has to be known of a wiki to run jobs on it.
type Wiki struct {
	// URL is where requests go, without ScriptPath: http://127.0.0.1:8080. A user and password in it
	// are sent as basic authentication.
	URL string
	// ScriptPath is the path of MediaWiki's entry points, such as /w; empty for the root.
	ScriptPath string
	// Host is the Host header; empty: that of URL.
	Host string
	Kind Kind
	// RPCPath is the path of the runner script of kind EventBusRPC; empty: DefaultRPCPath. It does not
	// stand below ScriptPath, since the script is not part of MediaWiki.
	RPCPath string
	// Secret signs the requests of kind Auwai, which needs it. With the other kinds it is the wiki's
	// $wgSecretKey: SpecialRunJobs needs it too; with EventBus it makes the diagnosis of a refused
	// signature exact; EventBusRPC does not look at it.
	Secret []byte
}

// Config is what New needs.
type Config struct {
	// Wikis returns the present settings of a wiki. Required; safe for concurrent use.
	Wikis func(name string) (Wiki, bool)
	// Version goes into the User-Agent, "Auwai/<version>".
	Version string
	// Logger takes warnings about answers that could not be attributed to a job. Nil: none.
	Logger *slog.Logger
	// MaxBatch is the greatest number of jobs of a request of kind Auwai; 0: DefaultMaxBatch.
	MaxBatch int
	// BatchTime is how long a request of kind Auwai starts further jobs, in whole seconds, and at
	// most half of the Work's time-out; 0: DefaultBatchTime.
	BatchTime time.Duration
	// MaxConns is the greatest number of connections to one address; 0: DefaultMaxConns. Below the
	// node's concurrency it is a limit of its own, and waiting for it counts into the time-out.
	MaxConns int
	// DialTimeout is the longest wait for a connection; 0: DefaultDialTimeout.
	DialTimeout time.Duration
	// Now is the clock that dates signatures; nil: time.Now.
	Now func() time.Time
}

// Client runs jobs on all wikis of a node, over one set of connections. Safe for concurrent use.
type Client struct {
	wikis     func(name string) (Wiki, bool)
	userAgent string
	log       *slog.Logger
	maxBatch  int
	batchTime time.Duration
	now       func() time.Time
	http      *http.Client
	transport *http.Transport
}

// New returns a Client. It does no I/O.
func New(cfg Config) *Client {
	transport := newTransport(cfg)
	c := &Client{
		wikis:     cfg.Wikis,
		userAgent: "Auwai/" + cmp.Or(cfg.Version, "unknown"),
		log:       cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler)),
		maxBatch:  cmp.Or(cfg.MaxBatch, DefaultMaxBatch),
		batchTime: cmp.Or(cfg.BatchTime, DefaultBatchTime),
		now:       cfg.Now,
		transport: transport,
		http: &http.Client{
			Transport: transport,
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse
			},
		},
	}
	if c.now == nil {
		c.now = time.Now
	}
	return c
}

// Close closes the idle connections. Calls that still run are not cut short.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Runner returns the runner for wikis of the kind. They differ in Batch only: a Work is carried out
// as its wiki's present kind says, so a change of the configuration meanwhile does no harm. Of a Work
// with several jobs for a wiki of another kind than Auwai only the first is run; the others have no
// result. A wiki of kind SpecialRunJobs cannot be given a job: its jobs are held. See RunJobs.
func (c *Client) Runner(k Kind) runner.Runner { return kindRunner{c, k} }

type kindRunner struct {
	client *Client
	kind   Kind
}

// Batch implements runner.Runner.
func (r kindRunner) Batch(string) int {
	if r.kind == Auwai {
		return r.client.maxBatch
	}
	return 1
}

// Run implements runner.Runner.
func (r kindRunner) Run(ctx context.Context, w runner.Work, report func(i int, r runner.Result)) error {
	c := r.client
	wiki, ok := c.wikis(w.Wiki)
	if !ok || wiki.Kind == SpecialRunJobs {
		held := hold(fmt.Sprintf("the wiki %q is not configured", w.Wiki))
		if ok {
			held = hold("the runner special-runjobs runs what is in the wiki's own table, it cannot hand a job over")
		}
		for i := range w.Jobs {
			report(i, held)
		}
		return nil
	}
	if len(w.Jobs) == 0 {
		return nil
	}
	if w.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, w.Timeout)
		defer cancel()
	}
	if wiki.Kind == EventBus || wiki.Kind == EventBusRPC {
		if res, ok := c.runEvent(ctx, wiki, w); ok {
			report(0, res)
		}
		return nil
	}
	b := &batch{client: c, wiki: wiki, work: w, report: report, settled: make([]bool, len(w.Jobs))}
	b.run(ctx)
	return nil
}

// Ping sends the wiki's run endpoint an empty batch, which makes it drain its spool, and returns how
// many items are left in the spool. Errors: NotFound for a wiki that is not configured, Invalid for
// one of another kind or a configuration that cannot work, Forbidden for a refused signature,
// Unavailable for all that may pass by itself.
func (c *Client) Ping(ctx context.Context, name string) (spool int, err error) {
	wiki, ok := c.wikis(name)
	switch {
	case !ok:
		return 0, fault.Newf(fault.NotFound, "mwrunner: the wiki %q is not configured", name)
	case wiki.Kind != Auwai:
		return 0, fault.Newf(fault.Invalid, "mwrunner: the wiki %q has no run endpoint, its runner is %q", name, wiki.Kind)
	}
	ctx, cancel := context.WithTimeout(ctx, pingTime)
	defer cancel()
	b := &batch{client: c, wiki: wiki, work: runner.Work{Wiki: name, Timeout: pingTime}}
	end := b.send(ctx, nil)
	if end.complete {
		return end.spool, nil
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return 0, fault.Wrap(fault.Unavailable, ctx.Err(), "mwrunner: ping "+name)
	}
	kind := fault.Unavailable
	switch {
	case end.status == http.StatusForbidden:
		kind = fault.Forbidden
	case end.result.Outcome == jobqueue.OutcomePermanent:
		kind = fault.Invalid
	}
	return 0, fault.Newf(kind, "mwrunner: ping %s: %s", name, cmp.Or(end.result.Hold, end.result.Error))
}
