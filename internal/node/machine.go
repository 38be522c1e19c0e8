package node

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/kv"
	"auwai/internal/partition"
)

// Config says what a node is.
type Config struct {
	// Name is shown to people. It need not be unique.
	Name string
	// Exclusive says that the store belongs to this process alone, proven by a file lock: sessions
	// that are found are dead, and everything is taken at once.
	Exclusive bool
	Registry  *partition.Registry
	Domains   []partition.Domain
	// NewSession returns a random number of 1 to ident.MaxSession for a new session.
	NewSession func() ident.Session
}

// Answers of calls that never reached a partition, or whose session ended.
var (
	ErrNotOwner = fault.New(fault.Unavailable, "node: another node owns the partition")
	ErrLost     = fault.New(fault.Unavailable, "node: the session ended before the commit; repeat the request")
	// ErrLostUnknown is ErrLost for what was in the commit whose outcome nobody knows any more.
	ErrLostUnknown = fault.New(fault.Unknown, "node: the session ended during the commit; repeat the request")
	ErrOverdue     = fault.New(fault.Unknown, "node: the outcome is not known yet; repeat the request")
	ErrStopping    = fault.New(fault.Unavailable, "node: stopping")
	// ErrStalled answers calls that come while a commit hangs.
	ErrStalled = fault.New(fault.Unavailable, "node: the store does not answer; repeat the request later")
)

// Machine is the node's step machine. Inputs are its methods, which take the moment; Flush returns
// what is to be done. It has no goroutine, clock or I/O, and is used by one goroutine.
type Machine struct {
	cfg   Config
	view  *partition.View
	parts [partition.Count]*partition.Machine

	session  ident.Session
	state    sessionState
	value    []byte // the session key's durable value
	record   SessionRecord
	trusted  time.Duration // sending of the last successful commit
	commit   commit
	yielded  bool // the last Flush asked for calls that may join the next commit
	resolve  bool // the session key is being read after a conflict
	plan     *plan
	watch    map[ident.Session]watched
	census   *census
	surveyed time.Duration // when the last census was asked for
	asking   bool
	started  bool // the first census was asked for in this session
	stopping bool
	stopped  bool

	open   [partition.Count]*opening
	pauses [partition.Count]pause // of partitions that are poisoned again and again
	lanes  [partition.Count]*inbox
	mail   outbox

	orphans  []orphan      // applied in partitions that were closed since
	durable  uint64        // groups that became durable
	polled   time.Duration // when lanes were looked at last
	overdue  time.Duration // when overdue calls were looked for last
	counting time.Duration // when the last census that arrived was asked for

	dirty [partition.Count]bool // has calls to be tried
	fresh [partition.Count]bool // of these, some have come since the last try
	reads []kv.Key              // the Get that is under way
	turn  int
	batch kv.Batch
	out   Output
}

type sessionState uint8

const (
	sessionStarting sessionState = iota
	sessionLive
	sessionSuspended
)

// Output is what Flush asks its driver to do, in the order of the fields. It is valid until the next
// Flush.
type Output struct {
	// Events tell what happened to the session and to partitions.
	Events []Event
	// Released are effects that became durable.
	Released []Released
	// Answers are calls whose Done is due.
	Answers []Answer
	// Commit, if not nil, is to be committed; its outcome is the next Committed.
	Commit *kv.Batch
	// Get, if not nil, are keys to be read; their values are the next Got.
	Get []kv.Key
	// Scans are ranges to be read; each is answered by a Scanned.
	Scans []Scan
	// Yield says that a group waits for what the callers bring whose answers these are: they are to
	// run, their calls to be taken, and Flush to be called again, at once and whatever came.
	Yield bool
	// Wake is when Flush wants to be called at the latest.
	Wake time.Duration
}

// Released are the effects of one partition's part of a commit. The effects belong to the machine;
// they are valid until the next Flush.
type Released struct {
	Partition *partition.Machine
	Effects   []any
}

// Answer is a call with its answer.
type Answer struct {
	Done func(error)
	Err  error
}

// Scan is a read of ranges, a page for each, or, when Keys is not empty, of single keys: then one
// page has an entry for each key, in the order asked, with a nil value where there is none. Token
// comes back with the pages.
type Scan struct {
	Token  Token
	Ranges []kv.Range
	Keys   []kv.Key
	Digest func([]kv.Page) // called by Read, nil: nothing
}

// Event is something that the node's surroundings need to know.
type Event struct {
	Kind      EventKind
	Partition partition.ID
	Machine   *partition.Machine // Opened, Closing
	Unclean   bool               // Opened: the owner before did not give the partition up
	Err       error              // Poisoned, Lost, Refused: why
}

// EventKind is the kind of an Event.
type EventKind uint8

// The kinds of events.
const (
	SessionStarted EventKind = iota + 1
	SessionLost              // everything is closed; a new session starts
	Suspended                // dispatch nothing, cancel local work
	Resumed
	Opened   // the partition takes commands
	Closing  // stop work in the partition, store its claims, then call Settled
	Closed   // the partition is another's, or being read again
	Poisoned // an invariant failed; the partition is being read again
	Refused  // a message could not be applied
	Stopped  // an orderly stop is complete
)

// New returns a machine that has done nothing yet.
func New(cfg Config) *Machine {
	m := &Machine{cfg: cfg, view: partition.NewView(cfg.Registry)}
	for p := range m.parts {
		m.parts[p] = partition.NewMachine(partition.ID(p), m.view)
	}
	m.newSession()
	return m
}

func (m *Machine) newSession() {
	m.session = m.cfg.NewSession()
	m.state, m.value, m.commit, m.plan, m.resolve = sessionStarting, nil, commit{}, nil, false
	m.watch, m.census, m.asking, m.started = map[ident.Session]watched{}, nil, false, false
	m.mail = outbox{}
	m.reads = nil
}

// Session returns the number of the present session.
func (m *Machine) Session() ident.Session { return m.session }

// Live reports whether the node can commit: its session is live and not suspended.
func (m *Machine) Live() bool { return m.state == sessionLive }

// Partition returns a partition's machine.
func (m *Machine) Partition(p partition.ID) *partition.Machine { return m.parts[p] }

// OpenCount returns the number of partitions that take commands here.
func (m *Machine) OpenCount() int {
	n := 0
	for _, p := range m.parts {
		if p.State() == partition.StateOpen {
			n++
		}
	}
	return n
}

// Entries returns a partition's resident entries under a prefix, in order of keys; nothing when it
// is not open here.
func (m *Machine) Entries(p partition.ID, prefix kv.Key) []kv.Entry {
	return m.view.Resident(p, prefix)
}

// Submit hands a call to a partition that is open here; otherwise, and while the store does not answer,
// it answers at once.
func (m *Machine) Submit(now partition.Now, p partition.ID, c *partition.Call) {
	if m.stalled(now) {
		m.answer(c.Done, ErrStalled)
		return
	}
	m.submit(now, p, c, false)
}

// stalled reports whether the commit under way takes so long that callers are not kept waiting for it.
// What they bring would gather in memory without a bound.
func (m *Machine) stalled(now partition.Now) bool {
	return m.commit.kind != commitNone && now.Mono-m.commit.first >= answerWithin
}

// SubmitOwn is Submit for the tenant, which may also write while a partition is closing.
func (m *Machine) SubmitOwn(now partition.Now, p partition.ID, c *partition.Call) {
	m.submit(now, p, c, true)
}

func (m *Machine) submit(now partition.Now, p partition.ID, c *partition.Call, own bool) {
	if err := m.parts[p].Submit(now, c, own); err != nil {
		m.answer(c.Done, err)
		return
	}
	m.dirty[p], m.fresh[p] = true, true
}

func (m *Machine) answer(done func(error), err error) {
	if done != nil {
		m.out.Answers = append(m.out.Answers, Answer{done, err})
	}
}

func (m *Machine) event(e Event) { m.out.Events = append(m.out.Events, e) }

// Got takes the values of an Output.Get, with its keys. After an error the same keys are asked for again.
func (m *Machine) Got(_ partition.Now, keys []kv.Key, values [][]byte, err error) {
	if len(m.reads) == 0 || &keys[0] != &m.reads[0] {
		return // of a session that is over
	}
	m.reads = nil
	if err != nil {
		m.out.Get, m.reads = keys, keys
		return
	}
	m.view.Learn(keys, values)
	for p, part := range m.parts {
		part.Wake()
		m.dirty[p] = m.dirty[p] || part.HasFresh()
		m.fresh[p] = m.dirty[p]
	}
}

// Flush applies what is waiting and returns what is to be done. The driver calls it after any number
// of inputs, and at Output.Wake.
func (m *Machine) Flush(now partition.Now) *Output {
	m.timers(now)
	m.apply(now)
	m.out.Yield = m.yields()
	m.yielded = m.out.Yield
	if !m.yielded {
		m.send(now)
	}
	if keys := m.view.Wanted(); keys != nil {
		m.reads = keys
		m.out.Get = keys
	}
	m.out.Wake = m.wake(now)
	out := m.out
	m.out = Output{
		Events: out.Events[len(out.Events):], Released: out.Released[len(out.Released):],
		Answers: out.Answers[len(out.Answers):], Scans: out.Scans[len(out.Scans):],
	}
	return &out
}

// yields reports whether the next commit waits one turn for the callers that are answered now. They
// would else stand in two cohorts, each in every second commit, and all commits be half as large. With
// hundreds of callers that is large enough, and the disk is not kept waiting.
func (m *Machine) yields() bool {
	return !m.yielded && m.commit.kind == commitNone && m.state == sessionLive && m.view.Pending() && m.view.Small() &&
		len(m.out.Answers)+len(m.out.Released) > 0
}

// apply lets every partition with fresh calls apply them, in turn, so that none is always behind. A
// node that does not trust itself applies nothing and answers nothing: its partitions may be another's
// by now, and what it reads of them may be that owner's.
func (m *Machine) apply(now partition.Now) {
	m.writeMail()
	if m.state != sessionLive {
		return
	}
	m.turn++
	if !m.view.InFlight() && !m.view.Pending() {
		m.resumeCalls()
	}
	m.applyEach(now, (*partition.Machine).ApplyAsked)
	m.applyEach(now, (*partition.Machine).Apply)
	if !m.view.InFlight() && !m.view.Pending() {
		m.release(now)
	}
	m.releaseOrphans()
}

// resumeCalls has the calls tried again that were put off for other wikis' sake.
func (m *Machine) resumeCalls() {
	for p, part := range m.parts {
		part.Resume()
		if part.HasFresh() && !m.dirty[p] {
			m.dirty[p], m.fresh[p] = true, true
		}
	}
}

func (m *Machine) applyEach(now partition.Now, apply func(*partition.Machine, partition.Now)) {
	for i := range m.parts {
		p := (i + m.turn) % partition.Count
		if !m.dirty[p] {
			continue
		}
		part := m.parts[p]
		apply(part, now)
		m.dirty[p] = part.HasFresh() // the group has no room for the rest
		m.fresh[p] = false
		if err := part.Poisoned(); err != nil {
			m.poison(part.ID(), err)
		}
	}
}

// release hands out the effects and answers of the commit that became durable.
func (m *Machine) release(now partition.Now) {
	for p, part := range m.parts {
		calls, effects := part.Released()
		if len(effects) > 0 {
			m.laneEffects(partition.ID(p), effects)
			m.out.Released = append(m.out.Released, Released{part, effects})
		}
		for _, c := range calls {
			m.answer(c.Done, c.Err())
		}
		if o := m.open[p]; o != nil {
			m.progress(now, partition.ID(p))
		}
	}
	m.mail.durable(m)
	m.releaseOrphans()
}

// poison closes a partition whose memory may differ from the store, and opens it again from there.
// What its earlier commands wrote into the group stays: they were applied whole.
func (m *Machine) poison(p partition.ID, err error) {
	part := m.parts[p]
	m.event(Event{Kind: Poisoned, Partition: p, Err: err})
	m.orphan(part)
	for _, c := range part.Close() {
		m.answer(c.Done, partition.ErrPoisoned)
	}
	m.event(Event{Kind: Closed, Partition: p})
	m.open[p], m.lanes[p], m.dirty[p], m.fresh[p] = &opening{reopen: true, unclean: true}, nil, false, false
}

// lose drops everything in memory: the session is over, or its memory cannot be trusted.
func (m *Machine) lose(err error) {
	m.event(Event{Kind: SessionLost, Err: err})
	m.loseOrphans()
	for p, part := range m.parts {
		was := part.State()
		flight, building := part.TakeApplied()
		m.answerAll(flight.Calls, ErrLostUnknown)
		m.answerAll(building.Calls, ErrLost)
		for _, c := range part.Close() {
			m.answer(c.Done, ErrLost)
		}
		if was != partition.StateClosed {
			m.event(Event{Kind: Closed, Partition: partition.ID(p)})
		}
		m.open[p], m.lanes[p], m.dirty[p], m.fresh[p] = nil, nil, false, false
	}
	m.mail.lost(m)
	m.view.Drop()
	for p := range m.parts {
		m.parts[p] = partition.NewMachine(partition.ID(p), m.view)
	}
	m.newSession()
	if m.stopping {
		m.left()
	}
}

// timers does what is due by time alone.
func (m *Machine) timers(now partition.Now) {
	if m.state == sessionLive && now.Mono-m.trusted >= trustFor {
		m.state = sessionSuspended
		m.event(Event{Kind: Suspended})
	}
	if now.Mono-m.overdue >= overdueEvery {
		m.overdue = now.Mono
		m.answerOverdue(now)
	}
	m.survey(now)
	m.pollLanes(now)
	for p, o := range m.open {
		if o != nil {
			m.progress(now, partition.ID(p))
		}
	}
}

// overdueEvery is how often overdue calls are looked for; a look costs a step for each waiting call.
const overdueEvery = 250 * time.Millisecond

func (m *Machine) answerOverdue(now partition.Now) {
	for _, part := range m.parts {
		for _, c := range part.Overdue(now.Mono - answerWithin) {
			m.answer(c.Done, ErrOverdue)
		}
	}
	m.mail.overdue(m, now)
}

// wake returns when something is due by time.
func (m *Machine) wake(now partition.Now) time.Duration {
	next := now.Mono + 250*time.Millisecond
	if m.commit.kind != commitNone && !m.commit.out && !m.resolve {
		next = min(next, m.commit.resendAt)
	}
	return max(next, now.Mono)
}

// errImpossible marks outcomes that the protocol excludes; the machine then trusts the store alone.
var errImpossible = errors.New("node: the store refused a batch that it cannot refuse")

func isDefect(err error) bool {
	return errors.Is(err, kv.ErrTooLarge) || errors.Is(err, kv.ErrInvalid)
}

// Resolved takes the session key's value after a conflict.
func (m *Machine) resolved(now partition.Now, value []byte) {
	m.resolve = false
	switch {
	case bytes.Equal(value, m.commit.next) && value != nil, value == nil && m.commit.kind == commitLeave:
		m.commit.sent = m.commit.first // which of its copies applied is not known
		m.succeed(now)
	case bytes.Equal(value, m.value) && (m.commit.kind == commitPlan || m.commit.kind == commitLeave):
		m.commit = commit{}
		m.dropPlan()
	case bytes.Equal(value, m.value) && m.commit.kind == commitStart && m.value == nil:
		// Another session has started, or an owner or a session that was found has changed: look again.
		// Under another number, since this session may have started and been taken.
		m.dropPlan()
		m.startAgain()
	case bytes.Equal(value, m.value):
		m.lose(fmt.Errorf("%w: conflict at an unchanged session key", errImpossible))
	default:
		m.lose(errors.New("node: the session was taken over"))
	}
}
