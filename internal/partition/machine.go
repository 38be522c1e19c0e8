package partition

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"auwai/internal/fault"
	"auwai/internal/kv"
	"auwai/internal/tuple"
)

// Call is a command on its way to a partition, with the place where its answer goes.
type Call struct {
	// Wiki orders: commands of one wiki are applied in the order of their submission.
	Wiki    string
	Command Command
	// Done gets the answer, once, from the node's loop: nil after durability, else an error after
	// which nothing of the command is or will be there, unless its kind is Unknown. May be nil.
	Done func(error)

	rounds int
	own    bool   // of the node itself: its answer waits for the truth
	hinted bool   // its hint was looked up
	read   uint64 // the read that it waits for
	asked  int    // keys of its hint that are read for it, or were, since it is not applied yet
	err    error
	since  time.Duration
}

// Since returns when the call was submitted, on the monotonic clock.
func (c *Call) Since() time.Duration { return c.since }

// Err returns the answer that waits for the group's durability.
func (c *Call) Err() error { return c.err }

// State is where a partition's machine stands.
type State uint8

// The states.
const (
	StateClosed State = iota
	StateOpening
	StateOpen
	StateClosing
)

type group struct {
	calls   []*Call
	effects []any
}

func (g group) applied() Applied { return Applied{Calls: g.calls, Effects: g.effects} }

// Machine applies the commands of one partition. It has no goroutine, clock or I/O; the node's loop
// drives it.
type Machine struct {
	id       ID
	view     *View
	epoch    uint64
	state    State
	held     bool // calls are taken and not applied
	poisoned error
	mem      [slots]any

	fresh   []*Call             // not yet tried
	waiting []*Call             // missed, or behind one of their wiki that missed
	later   []*Call             // of wikis that have had their share, or behind one of them; see share.go
	blocked map[string]struct{} // wikis with calls in waiting
	behind  map[string]struct{} // wikis with calls in later
	alone   *Call               // has missed often: nothing else is applied before it
	hints   []kv.Key

	group  group // being built
	flight group // in flight
	// What was released since the last Sealed, and before it: the memory of the latter is used again.
	released, spare group

	seq, seqHigh     uint64
	stamp, stampHigh int64 // milliseconds
	wall             time.Time
	groupSeq         uint64
}

// NewMachine returns the closed machine of partition id over the node's view.
func NewMachine(id ID, v *View) *Machine {
	return &Machine{id: id, view: v, blocked: map[string]struct{}{}, behind: map[string]struct{}{}}
}

// ID returns the partition's number.
func (m *Machine) ID() ID { return m.id }

// Epoch returns the owner's epoch.
func (m *Machine) Epoch() uint64 { return m.epoch }

// State returns the state.
func (m *Machine) State() State { return m.state }

// Poisoned returns the failed invariant that asks for a reopening, or nil.
func (m *Machine) Poisoned() error { return m.poisoned }

// Mem returns a domain's memory of the partition, nil when it is closed.
func (m *Machine) Mem(s Slot) any { return m.mem[s] }

// SetMem gives a domain its memory, at opening.
func (m *Machine) SetMem(s Slot, mem any) { m.mem[s] = mem }

// Begin starts the opening under a new epoch. The resident families are learned next.
func (m *Machine) Begin(epoch uint64) {
	m.reset()
	m.epoch, m.state = epoch, StateOpening
	m.view.OpenResident(m.id)
}

// Loaded says that the resident families are known: counters continue where the last owner can have
// been at most. Commands may be submitted by the node itself (mail, recovery) from now on.
func (m *Machine) Loaded(now Now) {
	v, _ := m.view.lookup(metaKey(m.id))
	high, rest, _ := tuple.TakeUint64(v)
	stamp, _, _ := tuple.TakeUint64(rest)
	m.seq, m.seqHigh = high, high
	m.stampHigh = int64(stamp) //nolint:gosec // written from an int64
	m.stamp = max(m.stampHigh, now.Wall.UnixMilli())
}

// SetOpen says that the lanes are drained and recovery is done.
func (m *Machine) SetOpen() { m.state = StateOpen }

// SetClosing refuses new commands; those that were taken go on.
func (m *Machine) SetClosing() { m.state = StateClosing }

// Hold stops the applying of calls, or lets it go on: while a commit that gives the partition up is
// under way, nothing may be written for it.
func (m *Machine) Hold(held bool) { m.held = held }

// Applied are calls whose commands were applied, with their effects, that wait for a commit.
type Applied struct {
	Calls   []*Call
	Effects []any
}

// TakeApplied removes what waits for the commit in flight, and for the group being built. Their writes
// go on: it is for a partition that is closed while its node stays.
func (m *Machine) TakeApplied() (flight, building Applied) {
	flight, building = m.flight.applied(), m.group.applied()
	m.flight, m.group = group{}, group{}
	return flight, building
}

// Close drops everything and returns the calls that were not answered.
func (m *Machine) Close() []*Call {
	var calls []*Call
	for _, list := range [][]*Call{m.flight.calls, m.group.calls, m.waiting, m.later, m.fresh} {
		calls = append(calls, list...)
		for _, c := range list {
			m.view.served(c)
		}
	}
	m.reset()
	m.state = StateClosed
	m.view.Forget(m.id)
	return calls
}

func (m *Machine) reset() {
	*m = Machine{id: m.id, view: m.view, epoch: m.epoch, blocked: map[string]struct{}{}, behind: map[string]struct{}{}}
}

// Submit takes a call. own says that the node itself sends it, which it may while opening and
// closing.
func (m *Machine) Submit(now Now, c *Call, own bool) error {
	switch {
	case m.poisoned != nil:
		return ErrPoisoned
	case m.state == StateOpen, own && m.state != StateClosed:
	default:
		return ErrNotOpen
	}
	if !own && len(m.fresh)+len(m.waiting)+len(m.later) >= MaxPending {
		return ErrBusy
	}
	c.since, c.own, c.rounds, c.hinted, c.asked, c.read, c.err = now.Mono, own, 0, false, 0, 0, nil
	m.fresh = append(m.fresh, c)
	return nil
}

// Idle reports whether no call is on its way.
func (m *Machine) Idle() bool {
	return len(m.fresh)+len(m.waiting)+len(m.later)+len(m.group.calls)+len(m.flight.calls)+
		len(m.group.effects)+len(m.flight.effects) == 0
}

// HasFresh reports whether Apply has something to try that is not waiting for a read.
func (m *Machine) HasFresh() bool {
	return len(m.fresh) > 0 && !m.held && (m.alone == nil || m.alone.read <= m.view.learned)
}

// Wake has the calls that wait for reads looked at again by the next Apply.
func (m *Machine) Wake() {
	if len(m.waiting) == 0 {
		return
	}
	clear(m.blocked)
	m.fresh = append(m.waiting, m.fresh...)
	m.waiting = nil
}

// Apply applies fresh calls until none is left or the group is full. Answers wait for the group, or
// for the commit in flight, even when a command failed or wrote nothing: it may rest on writes on
// their way. When nothing is being built or in flight, Released has them at once.
func (m *Machine) Apply(now Now) { m.apply(now, false) }

// ApplyAsked is Apply for the calls alone for which keys were read. They go first in a node: what was
// read for them is not known for ever.
func (m *Machine) ApplyAsked(now Now) {
	if len(m.fresh) > 0 && m.fresh[0].hinted {
		m.apply(now, true)
	}
}

func (m *Machine) apply(now Now, asked bool) {
	if m.held {
		return
	}
	m.stamp = max(m.stamp, now.Wall.UnixMilli())
	m.wall = now.Wall
	if m.alone != nil && !m.applyAlone() {
		return
	}
	done := 0
	for _, c := range m.fresh {
		// Those whose hint was looked up stand before the others: all that wait are of them.
		if m.poisoned != nil || m.alone != nil || m.view.Full() || asked && !c.hinted {
			break
		}
		if _, behind := m.blocked[c.Wiki]; !behind && m.putOff(c) {
			done++
			continue
		}
		if !m.ask(c) {
			break
		}
		done++
		if _, behind := m.blocked[c.Wiki]; behind || c.read > m.view.learned {
			m.blocked[c.Wiki] = struct{}{}
			m.waiting = append(m.waiting, c)
			continue
		}
		applied, again := m.try(c)
		if again {
			done--
			break
		}
		if !applied {
			m.blocked[c.Wiki] = struct{}{}
			m.waiting = append(m.waiting, c)
			continue
		}
		m.settle(c)
	}
	rest := copy(m.fresh, m.fresh[done:])
	clear(m.fresh[rest:])
	m.fresh = m.fresh[:rest]
}

// applyAlone applies the call that goes alone, and reports whether it is done and others may go on.
func (m *Machine) applyAlone() bool {
	c := m.alone
	at := slices.Index(m.fresh, c)
	if at < 0 || c.read > m.view.learned || m.poisoned != nil || m.view.Full() {
		return false
	}
	applied, again := m.try(c)
	if again {
		return false
	}
	m.fresh = slices.Delete(m.fresh, at, at+1)
	if !applied {
		m.blocked[c.Wiki] = struct{}{}
		m.waiting = append(m.waiting, c)
		return false
	}
	m.alone = nil
	m.settle(c)
	return true
}

func (m *Machine) settle(c *Call) {
	m.view.served(c)
	if m.view.Pending() {
		m.group.calls = append(m.group.calls, c)
		return
	}
	m.flight.calls = append(m.flight.calls, c)
	m.flight.effects = append(m.flight.effects, m.group.effects...)
	m.group.effects = m.group.effects[:0]
}

// try applies one call. again means that the group has no room for it.
func (m *Machine) try(c *Call) (applied, again bool) {
	m.reserve()
	l := m.view.building
	wasEmpty := l.empty()
	l.mark()
	tx := Tx{m: m, now: time.UnixMilli(m.stamp).UTC(), wall: m.wall, nEff: len(m.group.effects)}
	err := m.protect(&tx, c)
	switch {
	case tx.missed:
		m.undo(&tx)
		c.read = tx.read
		c.rounds++
		if c.rounds >= sharedRounds {
			m.alone = c
		}
		if c.rounds > MaxRounds {
			m.alone = nil
			return m.fail(c, fault.Newf(fault.Internal, "partition: command %T missed %d times", c.Command, c.rounds))
		}
		return false, false
	case err != nil:
		m.undo(&tx)
		return m.fail(c, err)
	case l.over || len(l.ops)+len(l.ranges) > kv.MaxBatchOps-reservedOps || l.size > kv.MaxBatchBytes-reservedBytes:
		written := l.written()
		m.undo(&tx)
		if wasEmpty {
			return m.fail(c, fmt.Errorf("partition: command %T with %d writes: %w", c.Command, written, kv.ErrTooLarge))
		}
		return false, true
	}
	for _, f := range tx.after {
		f()
	}
	if !c.own {
		m.view.counted(c.Wiki, l.written())
	}
	return true, false
}

// fail answers a call with an error, which waits for what it may rest on. A message is tried again as
// one that is refused: its lane must go on.
func (m *Machine) fail(c *Call, err error) (applied, again bool) {
	if mail, ok := c.Command.(*MailCommand); ok && mail.Refused == nil && m.poisoned == nil {
		mail.Refused = err
		return m.try(c)
	}
	c.err = err
	return true, false
}

// What the node adds to every batch: its session key, ownership, mail of its own.
const (
	reservedOps   = 256
	reservedBytes = 64 << 10
)

func (m *Machine) undo(tx *Tx) {
	m.view.building.rollback()
	clear(m.group.effects[tx.nEff:])
	m.group.effects = m.group.effects[:tx.nEff]
}

// protect calls Apply; a panic there poisons the partition.
func (m *Machine) protect(tx *Tx, c *Call) (err error) {
	defer func() {
		if r := recover(); r != nil {
			if tx.missed {
				// Absent values of a miss can break what Apply takes for granted.
				err = errors.New("missed")
				return
			}
			m.poisoned = fmt.Errorf("partition %d: command %T: %v", m.id, c.Command, r)
			err = fault.Wrap(fault.Internal, m.poisoned, "partition: poisoned")
		}
	}()
	return c.Command.Apply(tx)
}

// ask looks a call's hint up, once, and wants what is not known. It refuses when so much is read for
// others that this call's values would be forgotten before its turn.
func (m *Machine) ask(c *Call) bool {
	if c.hinted {
		return true
	}
	h, ok := c.Command.(Hinter)
	if !ok {
		c.hinted = true
		return true
	}
	if m.view.asked >= maxAsked {
		return false
	}
	c.hinted = true
	m.hints = h.Reads(m.hints[:0], m.id)
	for _, key := range m.hints {
		if _, ok := m.view.lookup(key); !ok {
			c.read = max(c.read, m.view.want(key))
			c.asked++
		}
	}
	m.view.asked += c.asked
	return true
}

// Sealed says that the group being built went into flight. Answers and effects that waited for
// nothing, and are not released yet, go with it, before the group's.
func (m *Machine) Sealed() {
	m.groupSeq = 0
	if len(m.flight.calls)+len(m.flight.effects) > 0 {
		m.flight.calls = append(m.flight.calls, m.group.calls...)
		m.flight.effects = append(m.flight.effects, m.group.effects...)
		m.group = group{}
		return
	}
	clear(m.spare.calls)
	clear(m.spare.effects)
	m.group, m.flight = group{calls: m.spare.calls[:0], effects: m.spare.effects[:0]}, m.group
	m.released, m.spare = group{}, m.released
}

// Released returns the calls and effects of the commit that became durable. The slices are valid
// until the next but one Sealed: what is applied or sealed before they are handed out is kept apart.
func (m *Machine) Released() (calls []*Call, effects []any) {
	calls, effects = m.flight.calls, m.flight.effects
	if len(calls)+len(effects) > 0 {
		m.released = m.flight
	}
	m.flight = group{}
	return calls, effects
}

// Overdue returns the calls of others that were submitted before the moment and are not answered. Their
// commands go on: the outcome is unknown to the caller. Calls of the node itself wait for the truth.
func (m *Machine) Overdue(before time.Duration) []*Call {
	var out []*Call
	take := func(list []*Call) []*Call {
		kept := list[:0]
		for _, c := range list {
			if c.since < before && c.Done != nil && !c.own {
				answered := *c
				out = append(out, &answered)
				c.Done = nil
			}
			kept = append(kept, c)
		}
		return kept
	}
	m.flight.calls = take(m.flight.calls)
	m.group.calls = take(m.group.calls)
	m.waiting = take(m.waiting)
	m.later = take(m.later)
	m.fresh = take(m.fresh)
	return out
}

// Sequence numbers and stamps are reserved ahead, so that they need a write only now and then; a new
// owner starts after the reservation.
const (
	seqReserve   = 1 << 20
	seqLow       = 1 << 17 // more than one command can use
	stampReserve = 1_000   // milliseconds
)

func metaKey(p ID) kv.Key { return Key(p, FamilyMeta) }

func (m *Machine) reserve() {
	if m.seq+seqLow <= m.seqHigh && m.stamp <= m.stampHigh {
		return
	}
	if m.seq+seqLow > m.seqHigh {
		m.seqHigh = m.seq + seqReserve
	}
	if m.stamp > m.stampHigh {
		m.stampHigh = m.stamp + stampReserve
	}
	m.view.building.mark()
	value := tuple.Uint64(nil, m.seqHigh)
	value = tuple.Uint64(value, uint64(m.stampHigh)) //nolint:gosec // read back as an int64
	m.view.building.put(kv.Op{Kind: kv.KindSet, Key: metaKey(m.id), Value: value})
}

func (m *Machine) nextSeq() uint64 {
	m.seq++
	if m.seq > m.seqHigh { // not by Invariant alone, which would allocate its arguments each time
		Invariant(false, "partition %d: sequence %d over its reservation %d", m.id, m.seq, m.seqHigh)
	}
	return m.seq
}

func (m *Machine) groupNumber() uint64 {
	if m.groupSeq == 0 {
		m.groupSeq = m.nextSeq()
	}
	return m.groupSeq
}

// Resident returns the partition's resident entries under a prefix, in the order of their keys.
func (m *Machine) Resident(prefix kv.Key) []kv.Entry { return m.view.Resident(m.id, prefix) }

// ResidentAt returns the durable value of one key of a resident family, nil when there is none. It is
// not to be changed.
func (m *Machine) ResidentAt(key kv.Key) []byte { return m.view.residentOf(key)[string(key)] }

// EachResident calls f for the durable entries that Resident lists, in no order and one at a time:
// for sums. The entry is not to be kept nor changed.
func (m *Machine) EachResident(prefix kv.Key, f func(kv.Entry)) { m.view.eachResident(m.id, prefix, f) }
