package dispatch

import (
	"slices"
	"time"

	"auwai/internal/jobqueue"
	"auwai/internal/kv"
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
	OnHold     func(wiki, reason string) // reason "" when the hold was lifted
	OnRepaired func(text string)
}

// Config of a Machine.
type Config struct {
	Policy Policy
	// Random gives numbers from [0, 1) for jitter.
	Random func() float64
	Hooks  Hooks
}

// Machine is the step machine of dispatch; a node.Tenant. It is used by the node's loop only.
type Machine struct {
	cfg    Config
	parts  [partition.Count]*part
	wikis  map[string]*wiki
	queues map[string]*queue
	order  wikiHeap
	vnow   float64 // virtual time of the last start

	attempts map[uint64]*attempt
	lastID   uint64
	running  int
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

	freed      []*queue    // have a free slot and pairs that wait for one
	idle       []resting   // in the order of their becoming idle
	advance    []*load     // reads whose next stage is to be asked for
	promotions []promotion // due jobs whose command is to be submitted
	toStart    []*attempt  // their claims are stored
	unstarted  []uint64    // their claims could not be stored
	commands   int         // submitted and not answered
	finishing  int         // outcomes in those commands
	drainBy    time.Duration
	cutShort   bool

	starts  []Start
	cancels []uint64
}

// Start is an attempt that is to be carried out now.
type Start struct {
	Attempt   uint64
	Partition partition.ID
	Work      runner.Work
	Jobs      []*jobqueue.Job // of Work.Jobs; a payload that was stored ahead is to be read first
}

type part struct {
	id      partition.ID
	machine *partition.Machine
	mem     *jobqueue.Mem
	pairs   map[jobqueue.Pair]*pair
	ended   []jobqueue.Ended // results that wait for their Finish command
	places  []jobqueue.Place // superseded jobs that wait for their command
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
	queue   *queue
	bands   [jobqueue.Bands]window
	running int
	est     float64 // expected nanoseconds of a job
	turn    uint64
	done    int  // finished since the last stored cursor
	bytes   int  // expected bytes of a record; 0: none was seen
	asking  bool // in hungry
	waits   bool // in queue.waiters
	resting bool // in idle
	policy  QueuePolicy
}

type wiki struct {
	name    string
	vtime   float64
	index   int // in the heap, -1 when not
	running int
	pairs   []*pair
	starts  uint64
	hold    hold
	aside   map[string]aside // by queue: jobs that were put aside
}

type queue struct {
	name    string
	running int
	pairs   int // that refer to it
	waiters []*pair
	freed   bool // in Machine.freed
}

// New returns a machine that has no partition yet.
func New(cfg Config) *Machine {
	return &Machine{
		cfg: cfg, wikis: map[string]*wiki{}, queues: map[string]*queue{},
		attempts: map[uint64]*attempt{}, loads: map[uint64]*load{},
	}
}

// Event implements node.Tenant.
func (m *Machine) Event(now partition.Now, e node.Event) {
	switch e.Kind {
	case node.SessionStarted, node.Resumed:
		m.live, m.suspended = true, false
		m.activateAll()
	case node.Suspended:
		m.suspended = true
		m.cancelAll(nil)
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
	p := &part{id: e.Partition, machine: e.Machine, mem: mem, pairs: map[jobqueue.Pair]*pair{}}
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
}

// closed forgets a partition. Its attempts are cancelled; what they report later is dropped.
func (m *Machine) closed(id partition.ID) {
	p := m.parts[id]
	if p == nil {
		return
	}
	m.parts[id] = nil
	m.cancelAll(p)
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
	delete(pr.part.pairs, pr.Pair)
	pr.wiki.pairs = slices.DeleteFunc(pr.wiki.pairs, func(o *pair) bool { return o == pr })
	pr.queue.waiters = slices.DeleteFunc(pr.queue.waiters, func(o *pair) bool { return o == pr })
	pr.queue.pairs--
	m.release(pr)
}

// release drops the wiki and the queue of a pair when nothing refers to them any more: two of one
// name would have a limit each.
func (m *Machine) release(pr *pair) {
	if w := pr.wiki; len(w.pairs) == 0 && w.running == 0 && !w.hold.active() {
		m.order.drop(w)
		delete(m.wikis, w.name)
	}
	if q := pr.queue; q.pairs == 0 && q.running == 0 {
		delete(m.queues, q.name)
	}
}

func (m *Machine) pair(p *part, key jobqueue.Pair) *pair {
	if pr := p.pairs[key]; pr != nil {
		return pr
	}
	w := m.wikis[key.Wiki]
	if w == nil {
		w = &wiki{name: key.Wiki, index: -1, vtime: m.vnow}
		m.wikis[key.Wiki] = w
	}
	q := m.queues[key.Queue]
	if q == nil {
		q = &queue{name: key.Queue}
		m.queues[key.Queue] = q
	}
	pr := &pair{Pair: key, part: p, wiki: w, queue: q, est: float64(10 * time.Millisecond), policy: m.cfg.Policy.Queue(key.Queue)}
	for b := range pr.bands {
		pr.bands[b].complete = true
		pr.bands[b].page = firstPage
	}
	p.pairs[key] = pr
	w.pairs = append(w.pairs, pr)
	q.pairs++
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
	if now.Mono-m.lastTick >= tick {
		m.lastTick = now.Mono
		m.ticked(now, h)
	}
	m.flushCommands(now, h)
	m.startAll(now, h)
	m.loadHungry(h)
	m.askDue(now, h)
	m.settleClosing(now, h)
	return now.Mono + tick
}

// Starts returns the attempts that are to be started and those that are to be cancelled, once.
func (m *Machine) Starts() (starts []Start, cancels []uint64) {
	starts, cancels = m.starts, m.cancels
	m.starts, m.cancels = nil, nil
	return starts, cancels
}

// Scanned implements node.Tenant.
func (m *Machine) Scanned(now partition.Now, token uint64, pages []kv.Page, err error) {
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
