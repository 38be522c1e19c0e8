package intake

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"auwai/internal/access"
	"auwai/internal/farm"
	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/partition"
	"auwai/internal/schema"
)

// PurgeQueue is the queue of jobs that purge one URL from the caches. Its payload is the
// resource-purge event, its key the URL. Names that begin with ownPrefix are not given to others.
const (
	PurgeQueue = "auwai.purge"
	ownPrefix  = "auwai."
)

// Node is what intake needs of the node.
type Node interface {
	// Submit hands a command to a partition and returns when it is durable, or with an error: of kind
	// Unavailable when nothing was done, Unknown when it may have been. ErrSilent when the owner of the
	// partition does not answer: the command may go by mail. Commands of one wiki are applied in the
	// order in which they are submitted. Safe for concurrent use.
	Submit(ctx context.Context, p partition.ID, wiki string, c partition.Command) error
	// Mail puts messages into one lane to a partition and returns when they are durable: whoever owns the
	// partition next applies each once, in their order, after all that was mailed before and before all
	// that is submitted later. Errors are as of Submit; after one that says that nothing was done, the
	// last message will never come, while others may. Safe for concurrent use.
	Mail(ctx context.Context, p partition.ID, letters []partition.Letter) error
	// Mint returns an identity never used before. Safe for concurrent use.
	Mint() ident.Suffix
	// Now returns the wall clock.
	Now() time.Time
}

// Settings is what the active configuration says. It is not changed after it was given out.
type Settings struct {
	Wikis   map[string]struct{}      // the configured wikis
	Domains map[string]string        // their hosts and domains, to the wiki
	Purge   bool                     // there are caches to purge
	Rebound time.Duration            // a purge is done again after this; 0: never
	Bands   map[string]jobqueue.Band // priorities of queues; Normal where nothing is said
	Queues  map[string]*QueueRules   // what holds for the jobs of a queue when they arrive
	Default *QueueRules              // of queues that are not in Queues; nil: nothing
	NotKept map[string]bool          // streams that are not kept in the event log
	Schemas *schema.Set              // what events are checked against; nil: nothing
}

// Hooks are called where something is worth counting. They do not block. Each may be nil.
type Hooks struct {
	OnEvents func(accepted, invalid, failed int)
	OnJobs   func(accepted, refused int)
	OnFlag   func(wiki, stream, id string, what string)
	OnRepeat func()
}

// Config is what an Intake is made of.
type Config struct {
	Node     Node             // required
	Settings func() *Settings // required; the active configuration
	Log      *slog.Logger     // nil: nothing is logged
	Hooks    Hooks
	// InFlight bounds the memory for bodies in bytes; 0: DefaultInFlight.
	InFlight int64
}

// Intake takes events and jobs. Safe for concurrent use.
type Intake struct {
	node     Node
	settings func() *Settings
	log      *slog.Logger
	hooks    Hooks
	memory   *semaphore.Weighted
	wikis    wikis
	streams  names
	queues   names

	mu      sync.Mutex
	stopped bool           // guarded by mu: Run has ended, nothing goes on in the background
	hasty   sync.WaitGroup // Add under mu
}

// New returns an Intake. Learned says what wikis are learned already, from farm.Wikis.
func New(cfg Config, learned []farm.Wiki) *Intake {
	if cfg.InFlight <= 0 {
		cfg.InFlight = DefaultInFlight
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	in := &Intake{
		node: cfg.Node, settings: cfg.Settings, log: cfg.Log.With("part", "intake"), hooks: cfg.Hooks,
		memory: semaphore.NewWeighted(cfg.InFlight),
	}
	in.wikis.reset(learned)
	return in
}

// Run blocks until ctx ends and the work after hasty answers has ended. It returns nil. After it,
// hasty requests are answered like others.
func (in *Intake) Run(ctx context.Context) error {
	<-ctx.Done()
	in.mu.Lock()
	in.stopped = true
	in.mu.Unlock()
	in.hasty.Wait()
	return nil
}

// background starts f, unless Run has ended.
func (in *Intake) background(f func()) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.stopped {
		return false
	}
	in.hasty.Go(f)
	return true
}

// Source says where a request comes from.
type Source struct {
	Client    string // the address of the client
	RequestID string // of the request, for events and jobs that have none
	// Caller is who sent it. Work of wikis that it does not push to is refused; nil: none is.
	Caller *access.Grant
}

// repeatable reports whether trying again can help.
func repeatable(err error) bool {
	k := fault.KindOf(err)
	return k == fault.Unavailable || k == fault.Unknown
}
