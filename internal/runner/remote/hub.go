package remote

import (
	"context"
	"crypto/rand"
	"log/slog"
	"slices"
	"sync"
	"time"

	"auwai/internal/dispatch"
	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/runner"
)

// Bounds, each with its reason.
const (
	// MaxLimit is the number of jobs of one request.
	MaxLimit = 100
	// MaxQueues is the number of queues that one request names: each is compared.
	MaxQueues = 100
	// MaxWait is how long a request waits: proxies cut connections that are silent for longer.
	MaxWait = time.Minute
	// MinPeriod and MaxPeriod bound the time between two heartbeats.
	MinPeriod = time.Second
	MaxPeriod = 24 * time.Hour
	// MaxWorker bounds the name of a worker, in bytes: it stands in the claim's holder with a hash.
	MaxWorker = 200

	maxRequests = 10_000           // that wait at once: each is a connection
	maxAnswer   = 8 << 20          // bytes of payloads after which an answer is complete
	lookWithin  = time.Second      // a request that does not wait is looked at within this time
	grantWithin = 5 * time.Second  // a grant whose claim is not stored by then is not waited for
	settleIn    = 10 * time.Second // an outcome that is not durable by then is of unknown outcome
	maxEnded    = 10_000           // outcomes that are remembered
	lookEvery   = time.Second      // for starving jobs
	starveAfter = 30 * time.Second
	starveLost  = 10 * time.Second // a starving job that nobody asks for any more is forgotten
	maxStarving = 1_000
	workerLost  = 2 * time.Minute // a worker without request and lease is forgotten
)

// ErrNotHeld says that a claim is not, or not any more, in the hands of whoever names it.
var ErrNotHeld = fault.New(fault.Conflict, "the claim is not held any more")

// Extension is a heartbeat that is to be stored.
type Extension struct {
	ID       ident.ID
	Holder   string
	Deadline time.Time
	Progress jobqueue.Progress // zero: it says nothing
}

// Config of a Hub.
type Config struct {
	// Extend stores a heartbeat with the claim and returns when it is durable; an error of kind
	// Conflict says that the holder has no claim of the job. Required.
	Extend func(ctx context.Context, e Extension) error
	Logger *slog.Logger // nil: discard
	// NewToken gives a text that cannot be guessed; nil: crypto/rand.Text.
	NewToken func() string
}

// Hub knows who waits for jobs and who has which. It implements dispatch.Workers, for the node's loop,
// and runner.Runner. Safe for concurrent use.
type Hub struct {
	cfg    Config
	log    *slog.Logger
	closed chan struct{} // no Run goes on after it

	mu       sync.Mutex
	wake     func()
	draining bool
	asked    uint64              // number of the last request, or of what is like one; see Waits
	lookedAt time.Time           // when starving jobs made it grow
	requests []*request          // that wait, in the order of their coming
	grants   map[string]*lease   // by holder: reserved, and not in Run yet
	leases   map[string]*lease   // by job id: in Run
	workers  map[string]*worker  // by name
	starving map[hunger]*starved // jobs that found no room
	ended    memory
}

// New returns a hub nobody waits at.
func New(cfg Config) *Hub {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.NewToken == nil {
		cfg.NewToken = rand.Text
	}
	return &Hub{
		cfg: cfg, log: cfg.Logger.With("part", "remote"), closed: make(chan struct{}), wake: func() {},
		grants: map[string]*lease{}, leases: map[string]*lease{}, workers: map[string]*worker{},
		starving: map[hunger]*starved{}, ended: newMemory(maxEnded),
	}
}

// Attach gives the hub the function that has dispatch look at it soon. It must not block, nor call
// the hub. Before the first request.
func (h *Hub) Attach(wake func()) { h.wake = wake }

// Batch implements runner.Runner: every job is a lease of its own.
func (h *Hub) Batch(string) int { return 1 }

// Drain answers whoever waits, and refuses new requests. Leases go on.
func (h *Hub) Drain() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.draining = true
	for _, r := range h.requests {
		r.refuse = true // what it was granted is waited for
		r.settle()
	}
	h.compact()
}

// Close ends every Run. Leases stay in the store.
func (h *Hub) Close() {
	h.Drain()
	close(h.closed)
}

// Waits returns a number that grows with each request that comes and whenever room became free, and
// whether any request waits. See Looked.
func (h *Hub) Waits() (newest uint64, waiting bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if now := time.Now(); len(h.starving) > 0 && now.Sub(h.lookedAt) >= lookEvery {
		h.lookedAt = now
		h.asked++ // whether a job starves still is seen when it is offered again
	}
	return h.asked, len(h.requests) > 0
}

// Pulls returns the wikis that requests name, each once, in no particular order.
func (h *Hub) Pulls() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var wikis []string
	for _, r := range h.requests {
		if r.Wiki != "" && !slices.Contains(wikis, r.Wiki) {
			wikis = append(wikis, r.Wiki)
		}
	}
	return wikis
}

// Looked says that every job that is ready was offered to the requests up to number newest. Those that do
// not want to wait are answered.
func (h *Hub) Looked(newest uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range h.requests {
		if r.number <= newest && r.hurried {
			r.refuse = true
			r.settle()
		}
	}
	h.compact()
}

// Ready reports whether somebody waits who takes the job, and if not, why, in words.
func (h *Hub) Ready(now time.Time, d dispatch.Demand) (ok bool, reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.find(now, d)
}

// find is Ready with the lock.
func (h *Hub) find(now time.Time, d dispatch.Demand) (ok bool, reason string) {
	r, near := h.match(now, d)
	switch {
	case r != nil:
		return true, ""
	case near:
		return false, h.starve(now, d)
	case d.Remote:
		return false, "no worker waits for jobs of queue " + d.Pair.Queue
	default:
		return false, ""
	}
}

// Reserve promises the job that dispatch is about to claim. It is followed by Run with the holder in
// Work, or by Return. ok is false when nobody takes the job.
func (h *Hub) Reserve(now time.Time, d dispatch.Demand) (res dispatch.Reservation, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r, _ := h.match(now, d)
	if r == nil {
		return res, false
	}
	token := h.cfg.NewToken()
	l := &lease{
		token: token, holder: holderOf(r.Worker, token), worker: r.Worker, needs: d.Needs,
		period: r.Timeout, request: r, ending: make(chan runner.Result, 1), moved: make(chan struct{}, 1),
	}
	r.granted++
	r.take(d.Needs)
	h.fed(hunger{d.Pair, d.Needs})
	h.grants[l.holder] = l
	return dispatch.Reservation{Holder: l.holder, Period: r.Timeout}, true
}

// Return takes a reservation back: its job was not claimed after all.
func (h *Hub) Return(holder string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if l := h.grants[holder]; l != nil {
		delete(h.grants, holder)
		l.request.ungrant(l.needs)
		h.compact()
		h.asked++
		h.wake()
	}
}

// match returns the request that gets the job: of those that take it, the one that got the least, then
// the one that waits longest. near says that one would take it if it had room.
func (h *Hub) match(now time.Time, d dispatch.Demand) (best *request, near bool) {
	for _, r := range h.requests {
		if !r.takes(d) {
			continue
		}
		if !r.fits(d.Needs) || h.keptFor(now, r.Worker, d) {
			near = true
			continue
		}
		if best == nil || r.got() < best.got() {
			best = r
		}
	}
	return best, near
}

// Lease is what is known of a job in a worker's hands.
type Lease struct {
	Worker   string
	Deadline time.Time
}

// Holding returns the lease of a job, for whoever asks who has it.
func (h *Hub) Holding(job string) (l Lease, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if held := h.leases[job]; held != nil {
		return Lease{Worker: held.worker, Deadline: held.deadline}, true
	}
	return l, false
}
