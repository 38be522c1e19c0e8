package stock

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"auwai/internal/runner"
	"auwai/internal/runner/mwrunner"
)

// Client asks a wiki to run jobs of its table; see mwrunner.Client.RunJobs.
type Client interface {
	RunJobs(ctx context.Context, wiki string, q mwrunner.RunJobs) (ran mwrunner.Ran, res runner.Result, known bool)
}

// Look is what a look found, for counting.
type Look string

// The ends of a look.
const (
	LookNothing Look = "nothing"
	LookWork    Look = "work"
	LookFailed  Look = "failed"
	LookSkipped Look = "skipped" // the wiki is held or paused
)

// Config is what a Waker is made of.
type Config struct {
	Client Client // required
	// Push makes a wake-up that starts not before at; zero: at once. It returns when that is durable.
	// A wake-up of the wiki that waits already is its twin. Required.
	Push func(ctx context.Context, wiki, reason string, at time.Time) error
	// Held says why the wiki's wake-ups may not start now, "" when they may. Required; safe for
	// concurrent use.
	Held func(wiki string) string
	// OnLook counts. Nil: nothing is counted.
	OnLook func(Look)
	Logger *slog.Logger // nil: nothing is logged
}

// Waker wakes stock wikis. Safe for concurrent use.
type Waker struct {
	cfg  Config
	log  *slog.Logger
	poke chan struct{} // something has changed for the loop

	mu      sync.Mutex
	machine *machine // guarded by mu
}

// New returns a Waker without wikis.
func New(cfg Config) *Waker {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Waker{cfg: cfg, log: cfg.Logger.With("part", "stock"), poke: make(chan struct{}, 1), machine: newMachine()}
}

// Set replaces the wikis; what is known of those that stay is kept.
func (w *Waker) Set(wikis []Wiki) {
	w.with(func(now time.Time, m *machine) { m.set(now, wikis) })
}

// Hint says that a wiki has changed, so that it may have jobs in about a second. It does not block.
// known is false when the wiki is no stock wiki.
func (w *Waker) Hint(wiki string) (known bool) {
	w.with(func(now time.Time, m *machine) { known = m.hint(now, wiki) })
	return known
}

// Runner returns what carries wake-ups out.
func (w *Waker) Runner() runner.Runner { return attempts{w} }

// with changes the machine and has the loop look at it.
func (w *Waker) with(f func(now time.Time, m *machine)) {
	w.mu.Lock()
	f(time.Now(), w.machine)
	w.mu.Unlock()
	select {
	case w.poke <- struct{}{}:
	default: // it will look anyway
	}
}
