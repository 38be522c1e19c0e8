package server

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"auwai/internal/config"
	"auwai/internal/farm"
	"auwai/internal/fault"
	"auwai/internal/intake"
	"auwai/internal/jobqueue"
	"auwai/internal/partition"
	"auwai/internal/runner"
)

// active is what this node acts by: a configuration, what an operator changed over it, and what
// follows from both. It is not changed after it was made.
type active struct {
	file     *config.Config // as it was read
	controls []farm.Control
	cfg      *config.Config // with the controls
	policy   *policy
	settings *intake.Settings
}

// live holds what is active, and replaces it while work goes on: what runs is not touched, what starts
// after it starts by the new one.
type live struct {
	log *slog.Logger
	now atomic.Pointer[active]
	// build makes the policy of a configuration.
	build func(cfg *config.Config, controls []farm.Control) *policy
	// swapped hands the policy to dispatch, in the node's loop. Set before the first change.
	swapped func(ctx context.Context, p *policy) error

	mu      sync.Mutex // one change at a time
	version uint64     // guarded by mu: of the published configuration
	problem atomic.Pointer[string]
}

func newLive(cfg *config.Config, controls []farm.Control, log *slog.Logger, build func(*config.Config, []farm.Control) *policy) *live {
	l := &live{log: log.With("part", "config"), build: build}
	l.now.Store(l.make(cfg, controls))
	return l
}

func (l *live) make(file *config.Config, controls []farm.Control) *active {
	cfg := controlled(file, controls)
	return &active{file: file, controls: controls, cfg: cfg, policy: l.build(cfg, controls), settings: settingsOf(cfg)}
}

func (l *live) config() *config.Config               { return l.now.Load().cfg }
func (l *live) settings() *intake.Settings           { return l.now.Load().settings }
func (l *live) runner(p jobqueue.Pair) runner.Runner { return l.now.Load().policy.runner(p) }

// trouble says why the file on disk is not what is active, in words; "" when it is.
func (l *live) trouble() string {
	if p := l.problem.Load(); p != nil {
		return *p
	}
	return ""
}

func (l *live) setTrouble(text string) { l.problem.Store(&text) }

// takeControls takes what is controlled at run time. It is read under the lock, so that nobody puts
// an older state over a newer one.
func (l *live) takeControls(ctx context.Context, read func(context.Context) ([]farm.Control, error)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	controls, err := read(ctx)
	if err != nil {
		return err
	}
	return l.replace(ctx, l.make(l.now.Load().file, controls))
}

// setConfig takes another configuration.
func (l *live) setConfig(ctx context.Context, cfg *config.Config) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.replace(ctx, l.make(cfg, l.now.Load().controls))
}

func (l *live) replace(ctx context.Context, a *active) error {
	l.now.Store(a)
	if err := l.swapped(ctx, a.policy); err != nil {
		return fmt.Errorf("hand the configuration to dispatch: %w", err)
	}
	return nil
}

// publish makes the configuration that this node acts by the active one of the farm. A node that
// finds another version than it has seen takes its number and publishes again: the store is this
// node's alone, so it was this node that published it before its restart.
func (l *live) publish(ctx context.Context, node string, do func(context.Context, partition.Command) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	text, err := packed(l.now.Load().file.Shared)
	if err != nil {
		return err
	}
	for {
		c := &farm.Publish{Seen: l.version, Node: node, Text: text}
		err := do(ctx, c)
		changed := l.version != c.Result.Version
		l.version = c.Result.Version
		if fault.KindOf(err) == fault.Conflict && changed {
			continue
		}
		if err != nil {
			return fmt.Errorf("publish the configuration: %w", err)
		}
		l.log.Info("configuration is active", "version", l.version, "wikis", len(l.now.Load().cfg.Wikis))
		return nil
	}
}

// packed compresses a text, the same to the same bytes.
func packed(text []byte) ([]byte, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(text); err != nil {
		return nil, fmt.Errorf("compress the configuration: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("compress the configuration: %w", err)
	}
	return b.Bytes(), nil
}

// controlled returns a configuration with the settings of the controls written over it. Settings of
// wikis that are not configured have no effect.
func controlled(file *config.Config, controls []farm.Control) *config.Config {
	if !slices.ContainsFunc(controls, func(c farm.Control) bool { return len(c.Set) > 0 }) {
		return file
	}
	cfg := *file
	cfg.Queues, cfg.Wikis, cfg.Tags = maps.Clone(cfg.Queues), maps.Clone(cfg.Wikis), maps.Clone(cfg.Tags)
	for i := range controls {
		c := &controls[i]
		if len(c.Set) == 0 {
			continue
		}
		switch c.Scope.Kind {
		case farm.ScopeAll:
			whole(c, "concurrency", &cfg.Concurrency)
		case farm.ScopeQueue:
			if c.Scope.Queue == config.DefaultQueueName {
				controlQueue(c, &cfg.DefaultQueue)
				continue
			}
			q := baseQueue(&cfg, c.Scope.Queue)
			controlQueue(c, &q)
			cfg.Queues[c.Scope.Queue] = q
		case farm.ScopeWiki:
			if w := cfg.Wikis[c.Scope.Wiki]; w != nil {
				other := *w
				controlLimit(c, &other.Limit)
				cfg.Wikis[c.Scope.Wiki] = &other
			}
		case farm.ScopeTag:
			limit := cfg.Tags[c.Scope.Tag]
			controlLimit(c, &limit)
			cfg.Tags[c.Scope.Tag] = limit
		case farm.ScopePair, farm.ScopeMaintenance: // read by the policy
		}
	}
	return &cfg
}

// baseQueue returns what holds for a queue without controls.
func baseQueue(cfg *config.Config, name string) config.Queue {
	if _, named := cfg.Queues[name]; !named {
		switch name {
		case intake.PurgeQueue:
			return purgeQueue()
		case intake.RunJobsQueue:
			return runJobsQueue()
		}
	}
	return cfg.Queue(name)
}

func controlQueue(c *farm.Control, q *config.Queue) {
	whole(c, "concurrency", &q.Concurrency)
	whole(c, "per_wiki", &q.PerWiki)
	fraction(c, "rate", &q.Rate)
	fraction(c, "burst", &q.Burst)
	fraction(c, "per_wiki_rate", &q.PerWikiRate)
	fraction(c, "per_wiki_burst", &q.PerWikiBurst)
	whole(c, "weight", &q.Weight)
	whole(c, "rank", &q.Rank)
	whole(c, "attempts", &q.Attempts)
	whole(c, "max_pending", &q.MaxPending)
	seconds(c, "timeout", &q.Timeout)
	seconds(c, "retry_delay", &q.RetryDelay)
}

func controlLimit(c *farm.Control, l *config.Limit) {
	whole(c, "concurrency", &l.Concurrency)
	fraction(c, "rate", &l.Rate)
	fraction(c, "burst", &l.Burst)
}

func whole[T ~int | ~int64](c *farm.Control, name string, to *T) {
	if v, ok := c.Set[name]; ok {
		*to = T(v)
	}
}

func fraction(c *farm.Control, name string, to *float64) {
	if v, ok := c.Set[name]; ok {
		*to = v
	}
}

func seconds(c *farm.Control, name string, to *time.Duration) {
	if v, ok := c.Set[name]; ok {
		*to = farm.Seconds(v)
	}
}
