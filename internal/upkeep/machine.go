package upkeep

import (
	"fmt"
	"time"

	"auwai/internal/eventlog"
	"auwai/internal/jobqueue"
	"auwai/internal/kv"
	"auwai/internal/node"
	"auwai/internal/partition"
)

const (
	roundEvery  = time.Second
	sweepEvery  = 10 * time.Minute
	foldsAtOnce = 8 // reads of streams under way, of all partitions
)

// Config of a Machine.
type Config struct {
	// Retention returns how long a stream is kept. Nil: DefaultRetention.
	Retention func(stream string) eventlog.Policy
	// OnError is called in the loop with what went wrong and will be tried again; nil: nothing.
	OnError func(err error)
}

// DefaultRetention keeps job history for a day and at most 1 GiB on the node, and events for a week.
func DefaultRetention(stream string) eventlog.Policy {
	if stream == jobqueue.HistoryStream {
		return eventlog.Policy{Age: 24 * time.Hour, Bytes: (1 << 30) / partition.Count}
	}
	return eventlog.Policy{Age: 7 * 24 * time.Hour}
}

// Machine is a node.Tenant. It is used by the node's loop only.
type Machine struct {
	cfg   Config
	parts [partition.Count]*part
	tasks map[uint64]*task
	next  uint64
	round time.Duration
	ready []*task // read; their commands are to be submitted
	reads int     // of streams, under way
	live  bool
	begun bool
}

type part struct {
	machine  *partition.Machine
	mem      *eventlog.Mem
	sweepAt  time.Duration
	sweeping int            // ranges of the sweep that are not done
	swept    map[int]string // by range of the sweep: what the last command began with
	purges   []*purge
	purging  bool // a page of the first of purges is under way
	rest     bool // no further page before the next round
}

// task is one scan and the command made from it.
type task struct {
	p       partition.ID
	part    *part
	stream  string // of a fold or expiry, "" for a sweep
	sweep   int    // which range of a sweep
	begins  string // what the command of a sweep begins with
	purge   *purge // of a purge; nil otherwise
	page    *kv.Page
	build   func([]kv.Page) (partition.Command, error)
	command partition.Command
	built   bool
	err     error
}

// New returns a machine that has no partition yet.
func New(cfg Config) *Machine {
	if cfg.Retention == nil {
		cfg.Retention = DefaultRetention
	}
	if cfg.OnError == nil {
		cfg.OnError = func(error) {}
	}
	return &Machine{cfg: cfg, tasks: map[uint64]*task{}}
}

// Event implements node.Tenant.
func (m *Machine) Event(now partition.Now, e node.Event) {
	switch e.Kind {
	case node.Opened:
		mem, ok := e.Machine.Mem(partition.SlotEvents).(*eventlog.Mem)
		if !ok {
			return
		}
		// The partitions of a node do not sweep all at once.
		first := now.Mono + time.Minute + time.Duration(e.Partition)*time.Second
		p := &part{machine: e.Machine, mem: mem, sweepAt: first, swept: map[int]string{}}
		m.parts[e.Partition] = p
		p.openPurges()
	case node.Closing, node.Closed:
		m.parts[e.Partition] = nil
	case node.SessionStarted, node.Resumed:
		m.live = true
	case node.SessionLost, node.Suspended, node.Stopped:
		m.live = false
	case node.Poisoned, node.Refused:
	}
}

// Scanned implements node.Tenant.
func (m *Machine) Scanned(_ partition.Now, token uint64, pages []kv.Page, err error) {
	t := m.tasks[token]
	if t == nil {
		return
	}
	delete(m.tasks, token)
	if t.stream != "" {
		m.reads--
	}
	if err != nil {
		t.err = err
	} else if !t.built {
		t.digest(pages)
	}
	m.ready = append(m.ready, t)
}

// digest builds the command. It runs outside the loop and touches nothing but the task.
func (t *task) digest(pages []kv.Page) {
	t.built = true
	t.command, t.err = t.build(pages)
}

// Step implements node.Tenant.
func (m *Machine) Step(now partition.Now, h node.Host) time.Duration {
	list := m.ready
	m.ready = nil
	for _, t := range list {
		m.submit(now, h, t)
	}
	if m.live && (!m.begun || now.Mono-m.round >= roundEvery) {
		m.begun, m.round = true, now.Mono
		for id, p := range m.parts {
			if p != nil {
				p.rest = false
				m.look(now, h, partition.ID(id), p)
			}
		}
	}
	if m.live {
		for id, p := range m.parts {
			if p != nil && !p.rest {
				m.sweepPurged(h, partition.ID(id), p)
			}
		}
	}
	if !m.live {
		return now.Mono + roundEvery // nothing is due, however long ago the last round was
	}
	return m.round + roundEvery
}

func (m *Machine) look(now partition.Now, h node.Host, id partition.ID, p *part) {
	if m.reads < foldsAtOnce {
		for _, f := range p.mem.Foldable(now) {
			m.fold(h, id, p, f)
		}
		for _, x := range p.mem.Expirable(now, m.cfg.Retention) {
			m.expire(h, id, p, x)
		}
	}
	if p.sweeping == 0 && now.Mono >= p.sweepAt {
		p.sweepAt = now.Mono + sweepEvery
		m.sweep(now, h, id, p)
	}
}

func (m *Machine) start(h node.Host, t *task, ranges ...kv.Range) {
	m.next++
	m.tasks[m.next] = t
	if t.stream != "" {
		m.reads++
	}
	h.ScanThen(m.next, ranges, t.digest)
}

func (m *Machine) fold(h node.Host, id partition.ID, p *part, f eventlog.Foldable) {
	var tag eventlog.Tagger
	if f.Stream == jobqueue.HistoryStream {
		tag = jobqueue.HistoryTag
	}
	m.start(h, &task{p: id, part: p, stream: f.Stream, build: func(pages []kv.Page) (partition.Command, error) {
		c, err := f.Build(pages[0].Entries, tag)
		if c == nil || err != nil {
			return nil, err
		}
		return c, nil
	}}, f.Range)
}

func (m *Machine) expire(h node.Host, id partition.ID, p *part, x eventlog.Expirable) {
	m.start(h, &task{p: id, part: p, stream: x.Stream, build: func(pages []kv.Page) (partition.Command, error) {
		c, err := x.Build(pages[0].Entries)
		if c == nil || err != nil {
			return nil, err
		}
		return c, nil
	}}, x.Range)
}

// sweep starts a sweep of each kind of expiring key.
func (m *Machine) sweep(now partition.Now, h node.Host, id partition.ID, p *part) {
	at := p.mem.Steady(now)
	for i, r := range jobqueue.SweepRanges(id, at) {
		m.sweepRange(h, id, p, sweepJobs+i, r, func(pages []kv.Page) (partition.Command, error) {
			if len(pages[0].Entries) == 0 {
				return nil, nil //nolint:nilnil // nothing to do is not an error
			}
			c := &jobqueue.Sweep{}
			for _, e := range pages[0].Entries {
				c.Keys = append(c.Keys, e.Key)
			}
			return c, nil
		})
	}
	m.sweepRange(h, id, p, sweepSeen, eventlog.SeenRange(id, at), func(pages []kv.Page) (partition.Command, error) {
		if c := eventlog.SweepableSeen(pages[0].Entries); c != nil {
			return c, nil
		}
		return nil, nil //nolint:nilnil // nothing to do is not an error
	})
	m.sweepRange(h, id, p, sweepPieces, eventlog.PiecesRange(id), func(pages []kv.Page) (partition.Command, error) {
		if c := eventlog.SweepablePieces(pages[0].Entries, at); c != nil {
			return c, nil
		}
		return nil, nil //nolint:nilnil // nothing to do is not an error
	})
}

// The ranges of a sweep.
const (
	sweepSeen = iota
	sweepPieces
	sweepJobs // and those after
)

func (m *Machine) sweepRange(h node.Host, id partition.ID, p *part, sweep int, r kv.Range, build func([]kv.Page) (partition.Command, error)) {
	p.sweeping++
	t := &task{p: id, part: p, sweep: sweep}
	t.build = func(pages []kv.Page) (partition.Command, error) {
		if len(pages[0].Entries) > 0 {
			e := pages[0].Entries[0]
			t.begins = fmt.Sprintf("%s %d", e.Key, len(e.Value))
		}
		return build(pages)
	}
	m.start(h, t, r)
}

// submit sends the command of a task. A sweep that found something is due again at once, unless it
// finds the same as before: stamps may be behind the clock that retention goes by.
func (m *Machine) submit(now partition.Now, h node.Host, t *task) {
	if m.parts[t.p] != t.part {
		return
	}
	if t.err != nil || t.command == nil {
		m.settle(t, t.err)
		return
	}
	if c, ok := t.command.(*jobqueue.PurgePage); ok {
		m.submitPurge(now, h, t, c)
		return
	}
	h.SubmitOwn(now, t.p, &partition.Call{Command: t.command, Done: func(err error) {
		if err == nil && t.stream == "" {
			if t.part.swept[t.sweep] != t.begins {
				t.part.sweepAt = 0
			}
			t.part.swept[t.sweep] = t.begins
		}
		if m.parts[t.p] == t.part {
			m.settle(t, err)
		}
	}})
}

func (m *Machine) settle(t *task, err error) {
	switch {
	case t.purge != nil:
		m.purged(t, -1, err)
	case t.stream == "":
		t.part.sweeping--
	case err != nil || t.command == nil:
		t.part.mem.Unplan(t.stream)
	}
	if err != nil {
		m.cfg.OnError(err)
	}
}
