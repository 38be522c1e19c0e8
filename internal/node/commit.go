package node

import (
	"errors"
	"time"

	"auwai/internal/fault"
	"auwai/internal/kv"
	"auwai/internal/partition"
	"auwai/internal/tuple"
)

// commit is the one commit that a node has under way, until its outcome is known.
type commit struct {
	kind     commitKind
	out      bool          // with the engine now
	next     []byte        // the session value that it sets
	first    time.Duration // when it was sent first
	sent     time.Duration // when it was sent last
	resendAt time.Duration
	wait     time.Duration
}

type commitKind uint8

const (
	commitNone  commitKind = iota
	commitStart            // makes the session, with what an exclusive node takes
	commitGroup            // a group of commands, or a sign of life
	commitPlan             // changes of ownership
	commitLeave            // gives everything up and removes the session
)

// send starts a commit when none is under way and there is a reason, and sends one again whose
// outcome is not known.
func (m *Machine) send(now partition.Now) {
	if m.stopped {
		return
	}
	if m.commit.kind != commitNone {
		if !m.commit.out && !m.resolve && now.Mono >= m.commit.resendAt {
			m.dispatch(now)
		}
		return
	}
	if m.plan == nil && m.state == sessionLive {
		m.plan = m.planAgain()
	}
	switch {
	case m.state == sessionStarting:
		m.sendStart(now)
	case m.view.Pending():
		m.release(now) // what wrote nothing, and rests on nothing that is on its way
		m.begin(now, commitGroup)
		m.view.Seal(&m.batch)
		for _, part := range m.parts {
			part.Sealed()
		}
		m.resumeCalls()
		m.mail.sealed()
		m.dispatch(now)
	case m.plan != nil && m.holdFreed():
		m.begin(now, commitPlan)
		m.plan.fill(&m.batch, m.session)
		m.dispatch(now)
	case m.stopping && m.readyToLeave():
		m.sendLeave(now)
	case now.Mono-m.trusted >= heartbeatEvery:
		m.begin(now, commitGroup)
		m.dispatch(now)
	}
}

// begin prepares the batch with the session key's requirement.
func (m *Machine) begin(now partition.Now, kind commitKind) {
	m.batch.Reset()
	rec := m.record
	rec.Sequence++
	m.commit = commit{kind: kind, next: rec.encode(), wait: resendFirst, first: now.Mono, sent: now.Mono}
	key := sessionKey(m.session)
	m.batch.Require(key, m.value)
	if kind == commitLeave {
		m.commit.next = nil
		m.batch.Delete(key)
		return
	}
	m.batch.Set(key, m.commit.next)
}

func (m *Machine) dispatch(now partition.Now) {
	m.commit.out, m.commit.sent = true, now.Mono
	m.out.Commit = &m.batch
}

func (m *Machine) sendStart(now partition.Now) {
	if m.census == nil {
		return
	}
	m.record = SessionRecord{Version: writeVersion, Started: now.Wall, Name: m.cfg.Name}
	if _, taken := m.census.sessions[m.session]; taken {
		m.startAgain()
		return
	}
	m.begin(now, commitStart)
	// A session key that is absent fences nothing: it is absent again when the session was taken, and a
	// start that arrives late would bring it back. So each start moves a number too.
	m.batch.Require(startsKey(), m.census.rawStarts)
	m.batch.Set(startsKey(), tuple.Uint64(nil, m.census.starts+1))
	if m.cfg.Exclusive {
		m.plan = m.takeAll()
		m.plan.fill(&m.batch, m.session)
	}
	m.dispatch(now)
}

// startAgain chooses another number for the session that is to start. Mail that waits for a session
// waits on.
func (m *Machine) startAgain() {
	waiting := m.mail.waiting
	m.newSession()
	m.mail.waiting = waiting
}

func (m *Machine) sendLeave(now partition.Now) {
	m.begin(now, commitLeave)
	m.plan = m.freeAll()
	m.plan.fill(&m.batch, m.session)
	m.dispatch(now)
}

// Committed takes the outcome of Output.Commit.
func (m *Machine) Committed(now partition.Now, err error) {
	if m.commit.kind == commitNone || !m.commit.out {
		return // of a session that is over
	}
	m.commit.out = false
	switch {
	case err == nil:
		m.succeed(now)
	case errors.Is(err, kv.ErrConflict):
		m.resolve = true
		key := sessionKey(m.session)
		m.out.Scans = append(m.out.Scans, Scan{Token: Token{Kind: tokenResolve, N: uint64(m.session)}, Ranges: []kv.Range{{From: key, To: append(key[:len(key):len(key)], 0), Limit: 1}}})
	case isDefect(err):
		m.lose(fault.Wrap(fault.Internal, err, "node: the store refuses a batch"))
	default:
		// Unknown, or certainly not applied: sending the same batch again is right in both cases.
		m.commit.resendAt = now.Mono + m.commit.wait
		m.commit.wait = min(2*m.commit.wait, resendMost)
	}
}

// succeed takes the commit under way as durable.
func (m *Machine) succeed(now partition.Now) {
	c := m.commit
	m.commit = commit{}
	m.value = c.next
	m.record.Sequence++
	m.trusted = c.sent
	if m.state == sessionSuspended && now.Mono-m.trusted < trustFor {
		m.state = sessionLive
		m.event(Event{Kind: Resumed})
	}
	switch c.kind {
	case commitStart:
		m.state = sessionLive
		m.event(Event{Kind: SessionStarted})
		m.planDone(now)
	case commitPlan:
		m.planDone(now)
	case commitLeave:
		m.left()
	case commitGroup:
		if m.view.InFlight() {
			m.view.Durable()
			m.durable++
			m.release(now)
		}
	case commitNone:
	}
}

func (m *Machine) left() {
	m.plan = nil
	m.stopped = true
	for p, part := range m.parts {
		m.open[p], m.lanes[p] = nil, nil // reads for them may still come
		if part.State() == partition.StateClosed {
			continue
		}
		for _, c := range part.Close() {
			m.answer(c.Done, ErrStopping)
		}
		m.event(Event{Kind: Closed, Partition: partition.ID(p)})
	}
	m.mail.lost(m)
	m.event(Event{Kind: Stopped})
}

// Stop begins an orderly stop: nothing new is taken; when all that was taken is durable, everything
// is given up in one commit with the session itself.
func (m *Machine) Stop(partition.Now) {
	m.stopping = true
	for _, part := range m.parts {
		if part.State() == partition.StateOpen {
			part.SetClosing()
		}
	}
	if m.state == sessionStarting {
		m.left()
	}
}

func (m *Machine) readyToLeave() bool {
	for _, part := range m.parts {
		if !part.Idle() {
			return false
		}
	}
	return m.mail.idle()
}
