package inspect

import (
	"context"
	"time"

	"auwai/api"
	"auwai/internal/dispatch"
	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/kv"
	"auwai/internal/node"
	"auwai/internal/partition"
)

// Loop is the part of node.Loop that is used.
type Loop interface {
	// Ask runs f in the loop and waits for it.
	Ask(ctx context.Context, f func(now partition.Now, m *node.Machine)) error
	// Do applies a command in a partition and waits until it is durable.
	Do(ctx context.Context, p partition.ID, wiki string, c partition.Command) error
}

// Reader is the part of kv.Engine that is used.
type Reader interface {
	Get(ctx context.Context, keys ...kv.Key) ([][]byte, error)
	Scan(ctx context.Context, ranges ...kv.Range) ([]kv.Page, error)
}

// Dispatch is what dispatch knows of pairs; *dispatch.Machine implements it. It is called in the
// loop only.
type Dispatch interface {
	// Held returns why a pair starts nothing, "" when it does.
	Held(now partition.Now, pair jobqueue.Pair) string
	// Head returns when the job at the head of a pair was created, if one is in memory.
	Head(pair jobqueue.Pair) (time.Time, bool)
	// Explain returns what keeps a pair, or a ready job of it, from starting.
	Explain(now partition.Now, pair jobqueue.Pair, id ident.Suffix) dispatch.Explanation
}

// Config of an Inspector. All fields are required but Now and Secrets.
type Config struct {
	Loop     Loop
	Engine   Reader
	Dispatch Dispatch
	Now      func() time.Time // nil: time.Now
	// Secrets are the secrets of wikis by their names, as the active configuration has them. nil: none.
	Secrets func() map[string][]byte
	// Wikis are those of the active configuration, sorted by name. nil: none.
	Wikis func() []Wiki
}

// Wiki is a configured wiki, as far as it is shown.
type Wiki struct {
	Name, Runner, URL string
	Domains           []string
	Tags              map[string]string
}

// Inspector answers questions about queues and jobs. Safe for concurrent use.
type Inspector struct {
	loop     Loop
	engine   Reader
	dispatch Dispatch
	now      func() time.Time
	secrets  func() map[string][]byte
	wikis    func() []Wiki
}

// New returns an Inspector.
func New(cfg Config) *Inspector {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Secrets == nil {
		cfg.Secrets = func() map[string][]byte { return nil }
	}
	if cfg.Wikis == nil {
		cfg.Wikis = func() []Wiki { return nil }
	}
	return &Inspector{loop: cfg.Loop, engine: cfg.Engine, dispatch: cfg.Dispatch, now: cfg.Now, secrets: cfg.Secrets, wikis: cfg.Wikis}
}

// Limits of pages.
const (
	DefaultLimit = 100
	MaxLimit     = 1_000
	// askWithin is how long the owner may be silent before the store answers alone.
	askWithin = time.Second
)

func checkLimit(n int) (int, error) {
	switch {
	case n == 0:
		return DefaultLimit, nil
	case n < 0 || n > MaxLimit:
		return 0, fault.Field("limit", "is %d; a number from 1 to %d is expected", n, MaxLimit)
	}
	return n, nil
}

func parseID(text string) (ident.ID, error) {
	id, ok := ident.Parse(text)
	if !ok {
		return ident.ID{}, fault.Field("id", "%q is no job's id; it looks like aawiki.01ARZ3NDEKTSV4RRFFQ69G5FAV", fault.Short(text))
	}
	return id, nil
}

// NoJob is the error of an id that names no job. For who does not reach a wiki, its ids are such.
func NoJob(id string) error {
	return fault.Newf(fault.NotFound, "there is no job %s, and none finished lately; finished jobs are kept for a day", fault.Short(id))
}

// Retry makes a dead job ready with all its attempts before it again, or a delayed one at once.
// Errors: NotFound, Conflict, Unavailable, Unknown.
func (i *Inspector) Retry(ctx context.Context, id string) (api.JobAction, error) {
	job, err := parseID(id)
	if err != nil {
		return api.JobAction{}, err
	}
	c := &jobqueue.Retry{Wiki: job.Wiki, ID: job.Suffix}
	if err := i.loop.Do(ctx, partition.Of(job.Wiki), job.Wiki, c); err != nil {
		return api.JobAction{}, i.ended(ctx, job, err, "it cannot be retried; push it anew")
	}
	out := api.JobAction{ID: job.String(), State: c.Result.State.String()}
	if !c.Result.DuplicateOf.IsZero() {
		out.DuplicateOf = ident.ID{Wiki: job.Wiki, Suffix: c.Result.DuplicateOf}.String()
		out.State = api.StateDuplicate
	}
	return out, nil
}

// Cancel ends a job that waits, or has one that runs be stopped. Errors: NotFound, Conflict, Unavailable, Unknown.
func (i *Inspector) Cancel(ctx context.Context, id string) (api.JobAction, error) {
	job, err := parseID(id)
	if err != nil {
		return api.JobAction{}, err
	}
	c := &jobqueue.Cancel{Wiki: job.Wiki, ID: job.Suffix, Running: true}
	if err := i.loop.Do(ctx, partition.Of(job.Wiki), job.Wiki, c); err != nil {
		return api.JobAction{}, i.ended(ctx, job, err, "there is nothing left to cancel")
	}
	if c.Stopping {
		return api.JobAction{ID: job.String(), State: api.StateRunning, Stopping: true}, nil
	}
	return api.JobAction{ID: job.String(), State: api.StateCancelled}, nil
}

// Purge ends all that waits in a queue of a wiki; what runs goes on. It is counted and started no more
// when Purge returns, and ends in the background. Errors: Invalid, Unavailable, Unknown.
func (i *Inspector) Purge(ctx context.Context, queue, wiki string) (api.PurgeAnswer, error) {
	c := &jobqueue.Purge{Pair: jobqueue.Pair{Queue: queue, Wiki: wiki}}
	if err := i.loop.Do(ctx, partition.Of(wiki), wiki, c); err != nil {
		return api.PurgeAnswer{}, err
	}
	return api.PurgeAnswer{Queue: queue, Wiki: wiki, Sweeping: c.Sweeping}, nil
}

// ended turns the error of a job that has no record into what became of the job, where that is known.
func (i *Inspector) ended(ctx context.Context, id ident.ID, err error, remedy string) error {
	if fault.KindOf(err) != fault.NotFound {
		return err
	}
	f, lookErr := i.asker().find(ctx, partition.Of(id.Wiki), id)
	if lookErr != nil || f.past == nil {
		return err // the first error is the one that counts
	}
	how := f.past.State.String()
	if f.past.State == jobqueue.Duplicate {
		how = "merged into " + ident.ID{Wiki: id.Wiki, Suffix: f.past.DuplicateOf}.String()
	}
	return fault.Newf(fault.NotFound, "job %s is %s since %s: %s", id, how, f.past.Finished.Format(time.RFC3339), remedy)
}

// read wraps an error of the engine.
func read(err error, what string) error { return fault.Wrap(fault.Unavailable, err, "read "+what) }
