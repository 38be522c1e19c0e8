package dispatch

import (
	"slices"
	"time"

	"auwai/internal/jobqueue"
	"auwai/internal/kv"
	"auwai/internal/limit"
	"auwai/internal/node"
	"auwai/internal/partition"
	"auwai/internal/runner"
)

// Hooks are optional functions for observation. They are called in the node's loop and must not
// block.
type Hooks struct {
	OnFinished func(jobqueue.Finished)
	OnRetried  func(jobqueue.Retried)
	OnStart    func(pair jobqueue.Pair, jobs int, waited time.Duration)
	OnEnd      func(pair jobqueue.Pair, outcome jobqueue.Outcome, took time.Duration)
	OnHold     func(wiki, reason string)    // reason "" when the hold was lifted
	OnSection  func(section, reason string) // the same for a database section
	OnRepaired func(text string)
	// OnBlocked tells how long a pair with ready jobs has started nothing, and why. A time that goes on
	// is told in parts.
	OnBlocked func(pair jobqueue.Pair, cause Cause, took time.Duration)
}

// Config of a Machine.
type Config struct {
	Policy Policy
	// Workers come for jobs; nil: nobody does.
	Workers Workers
	// Random gives numbers from [0, 1) for jitter.
	Random func() float64
	Hooks  Hooks
}

// Machine is the step machine of dispatch; a node.Tenant. It is used by the node's loop only.
type Machine struct {
	cfg      Config
	now      partition.Now // of the input that is being taken
	parts    [partition.Count]*part
	wikis    map[string]*wiki
	sections map[string]*section
	limits   *limit.Set
	order    wikiHeap
	vnow     float64 // virtual time of the last start

	attempts map[uint64]*attempt
	lastID   uint64
	running  int // attempts of this node; those of workers are not among them
	loaded   int // bytes of all windows
	loads    map[uint64]*load
	nextLoad uint64
	hungry   []*pair

	live      bool
	suspended bool
	draining  bool
	cautious  time.Duration // until then; 0 not cautious
	alone     *attempt      // a suspect that runs alone
	lastTick  time.Duration

	gated      []*pair             // have a gate that is closed
	pending    map[string]*totals  // of queues that gates ask for, over all wikis
	counted    int                 // the next partition to be counted for them
	remotes    remoteHeap          // may have something for a worker
	pulled     map[string]struct{} // wikis that requests for jobs name
	wanting    []*pair             // have something, and no worker takes it
	barred     []*pair             // remote ones that a limit has refused
	looked     uint64              // the newest request that the remote pairs were shown to
	vaway      float64             // as vnow, of the workers' attempts
	extensions []extension         // heartbeats to be stored
	lastSweep  time.Duration
	idle       []resting          // in the order of their becoming idle
	advance    []*load            // reads whose next stage is to be asked for
	promotions []promotion        // due jobs whose command is to be submitted
	toStart    []*attempt         // their claims are stored
	unstarted  []uint64           // their claims could not be stored
	commands   int                // submitted and not answered
	finishing  int                // outcomes in those commands
	spare      [][]jobqueue.Ended // memory for the next results
	drainBy    time.Duration
	cutShort   bool

	starts  []Start
	lent    []Start // what Starts returned last; its memory is used again
	cancels []Cancel
}

// Start is an attempt that is to be carried out now.
type Start struct {
	Attempt   uint64
	Partition partition.ID
	// Remote says that a worker carries it out; the Work has the claim's holder and deadline.
	Remote bool
	Work   runner.Work
	Jobs   []*jobqueue.Job // of Work.Jobs; a payload that was stored ahead is to be read first
}

// Cancel is an attempt that is to be cancelled now.
type Cancel struct {
	Attempt uint64
	// Cause is runner.ErrCancelled when the job was cancelled, nil when the node does it.
	Cause error
}

type part struct {
	id      partition.ID
	machine *partition.Machine
	mem     *jobqueue.Mem
	pairs   map[jobqueue.Pair]*pair
	ended   []jobqueue.Ended                  // results that wait for their Finish command
	waits   map[*jobqueue.Claim]runner.Waiter // who wants to know when they are durable
	places  []jobqueue.Place                  // superseded jobs that wait for their command
	due     dueTimer
	closing bool
	cut     bool // closing: running attempts are being stored
	loads   []*load
	storing int // StoreClaims under way
}

type pair struct {
	jobqueue.Pair
	part    *part
	wiki    *wiki
	bands   [jobqueue.Bands]window
	running int
	est     float64        // expected nanoseconds of a job
	turn    uint64         // of its last start
	pass    float64        // what it has had of its wiki's turns, by weight
	done    int            // finished since the last stored cursor
	bytes   int            // expected bytes of a record; 0: none was seen
	asking  bool           // in hungry
	resting bool           // in idle
	waits   *limit.Limiter // whose waiter it is
	inGated bool           // in Machine.gated
	away    remoteList     // the list of remote pairs that it is in
	awayAt  float64        // its wiki's time of workers' attempts when it was offered

	cause Cause         // why it starts nothing
	since time.Duration // since when, as far as it was told

	// What the policy says, until it changes.
	policy QueuePolicy
	limits []*limit.Limiter
	gates  []gate
	held   string
	paused bool // held is an operator's word
}

// Account implements limit.Waiter.
func (pr *pair) Account() float64 { return pr.wiki.vtime }

type wiki struct {
	name    string
	vtime   float64
	away    float64 // as vtime, of the workers' attempts
	index   int     // in the heap, -1 when not
	running int
	pairs   []*pair
	starts  uint64
	pass    [jobqueue.Bands]float64 // of the pair that started last
	hold    hold
	section *section         // nil: none is known
	aside   map[string]aside // by queue: jobs that were put aside
}

// New returns a machine that has no partition yet.
func New(cfg Config) *Machine {
	return &Machine{
		cfg: cfg, wikis: map[string]*wiki{}, sections: map[string]*section{}, pending: map[string]*totals{},
		attempts: map[uint64]*attempt{}, loads: map[uint64]*load{}, pulled: map[string]struct{}{},
	}
}

// Event implements node.Tenant.
func (m *Machine) Event(now partition.Now, e node.Event) {
	m.now = now
	if m.limits == nil {
		m.limits = limit.New(now.Mono, func(name string) limit.Limit { return m.cfg.Policy.Limit(name) })
	}
	switch e.Kind {
	case node.SessionStarted, node.Resumed:
		m.live, m.suspended = true, false
		m.activateAll()
	case node.Suspended:
		m.suspended = true
		m.cancelLocal()
	case node.SessionLost:
		m.live = false
	case node.Opened:
		m.opened(now, e)
	case node.Closing:
		if p := m.parts[e.Partition]; p != nil {
			p.closing = true
		}
	case node.Closed:
		m.closed(e.Partition)
	case node.Stopped:
		m.live = false
	case node.Poisoned, node.Refused:
	}
}

func (m *Machine) opened(now partition.Now, e node.Event) {
	mem, _ := e.Machine.Mem(partition.SlotJobs).(*jobqueue.Mem)
	p := &part{id: e.Partition, machine: e.Machine, mem: mem, pairs: map[jobqueue.Pair]*pair{}, waits: map[*jobqueue.Claim]runner.Waiter{}}
	m.parts[e.Partition] = p
	if e.Unclean {
		m.cautious = now.Mono + cautiousFor
	}
	for _, entry := range e.Machine.Resident(jobqueue.PairRange(p.id).From) {
		info, err := jobqueue.DecodePair(entry)
		if err != nil {
			m.repaired(err.Error())
			continue
		}
		if info.Counts.Ready == 0 {
			continue
		}
		pr := m.pair(p, info.Pair)
		for b := range pr.bands {
			w := &pr.bands[b]
			w.complete, w.last = false, max(info.Cursor[b], 1)-1
		}
		m.activate(pr)
	}
	m.adopt(p)
}

// closed forgets a partition. Its attempts are cancelled; what they report later is dropped.
func (m *Machine) closed(id partition.ID) {
	p := m.parts[id]
	if p == nil {
		return
	}
	m.parts[id] = nil
	m.cancelAll(p)
	p.settleAll(node.ErrNotOwner)
	m.endFound(p)
	for _, pr := range p.pairs {
		for b := range pr.bands {
			for i := range pr.bands[b].waiting() {
				m.loaded -= pr.bands[b].waiting()[i].size()
			}
		}
		m.forget(pr)
	}
	for token, l := range m.loads {
		if l.part == p {
			delete(m.loads, token)
		}
	}
}

// forget drops a pair that has nothing waiting and nothing running.
func (m *Machine) forget(pr *pair) {
	m.mark(pr, causeNone)
	delete(pr.part.pairs, pr.Pair)
	pr.wiki.pairs = slices.DeleteFunc(pr.wiki.pairs, func(o *pair) bool { return o == pr })
	m.leave(pr)
	for _, l := range pr.limits {
		m.limits.Drop(l)
	}
	m.release(pr)
}

// release drops the wiki of a pair when nothing refers to it any more: two of one name would be
// charged for themselves.
func (m *Machine) release(pr *pair) {
	if w := pr.wiki; len(w.pairs) == 0 && w.running == 0 && !w.hold.active() {
		m.order.drop(w)
		delete(m.wikis, w.name)
	}
}

// knows reports whether a pair was not forgotten.
func (m *Machine) knows(pr *pair) bool {
	return m.parts[pr.part.id] == pr.part && pr.part.pairs[pr.Pair] == pr
}

func (m *Machine) pair(p *part, key jobqueue.Pair) *pair {
	if pr := p.pairs[key]; pr != nil {
		return pr
	}
	w := m.wikis[key.Wiki]
	if w == nil {
		w = &wiki{name: key.Wiki, index: -1, vtime: m.vnow, away: m.vaway}
		m.wikis[key.Wiki] = w
	}
	pr := &pair{Pair: key, part: p, wiki: w, est: float64(10 * time.Millisecond), since: m.now.Mono}
	m.refresh(pr)
	for b := range pr.bands {
		pr.bands[b].complete = true
		pr.bands[b].page = firstPage
	}
	p.pairs[key] = pr
	w.pairs = append(w.pairs, pr)
	// Attempts of an earlier opening may still run: they hold their slots until they end.
	for _, a := range m.attempts {
		if a.pr.Pair == key {
			a.pr = pr
			pr.running++
		}
	}
	return pr
}

// Step implements node.Tenant.
func (m *Machine) Step(now partition.Now, h node.Host) time.Duration {
	m.now = now
	if now.Mono-m.lastTick >= tick {
		m.lastTick = now.Mono
		m.ticked(now, h)
	}
	m.flushCommands(now, h)
	m.startRemote(h) // first: what is pulled is not run by this node
	m.startAll(now, h)
	m.loadHungry(h)
	m.askDue(now, h)
	m.settleClosing(now, h)
	wake := now.Mono + tick
	if m.limits != nil {
		// A moment that has passed is one that waits for a slot of the node.
		if at, waited := m.limits.Wake(); waited && at > now.Mono {
			wake = min(wake, at)
		}
	}
	return wake
}

// Starts returns the attempts that are to be started and those that are to be cancelled, once. The
// lists are valid until the next Starts.
func (m *Machine) Starts() (starts []Start, cancels []Cancel) {
	starts, cancels = m.starts, m.cancels
	clear(m.lent)
	m.starts, m.lent = m.lent[:0], starts
	m.cancels = nil
	return starts, cancels
}

// Scanned implements node.Tenant.
func (m *Machine) Scanned(now partition.Now, token uint64, pages []kv.Page, err error) {
	m.now = now
	l := m.loads[token]
	if l == nil {
		return // of a partition that was closed
	}
	delete(m.loads, token)
	if l.due {
		m.dueRead(now, l, pages, err)
		return
	}
	m.windowRead(l, pages, err)
}
