package node

import (
	"fmt"
	"slices"
	"time"

	"auwai/internal/fault"
	"auwai/internal/kv"
	"auwai/internal/partition"
)

// inbox is the receiving end of a partition's lanes.
type inbox struct {
	lanes   map[partition.Sender]*lane
	found   bool // the first look is done
	settled bool // the tenant has stopped its work (closing)
}

type lane struct {
	submitted uint64 // last message handed to the partition
	applied   uint64 // last message whose application is durable
	reading   bool
	again     bool // there may be more than the last read showed
	drained   bool // was empty once
	foundAt   time.Duration
	dead      bool // its session was missing in a census asked for after foundAt
	readDead  bool // the read under way was asked for after dead was set
	closing   bool
}

func (in *inbox) drained() bool {
	if !in.found {
		return false
	}
	for _, l := range in.lanes {
		if !l.drained {
			return false
		}
	}
	return true
}

func (in *inbox) senders() []partition.Sender {
	out := make([]partition.Sender, 0, len(in.lanes))
	for s := range in.lanes {
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

func (m *Machine) findLanes(_ partition.Now, p partition.ID) {
	m.lanes[p] = &inbox{lanes: map[partition.Sender]*lane{}}
	m.out.Scans = append(m.out.Scans, Scan{Token: m.token(tokenLanes, p, m.parts[p].Epoch()), Ranges: []kv.Range{partition.LanesRange(p)}})
}

func (m *Machine) foundLanes(now partition.Now, s Scan, pages []kv.Page) {
	in := m.inboxOf(s.Token)
	if in == nil {
		return
	}
	for _, e := range pages[0].Entries {
		if sender, ok := partition.LaneSender(e.Key); ok {
			m.lane(now, s.Token.P, in, sender)
		}
	}
	in.found = true
	for _, sender := range in.senders() {
		m.pull(s.Token.P, sender, in.lanes[sender])
	}
	if m.open[s.Token.P] != nil {
		m.progress(now, s.Token.P)
	}
}

// inboxOf returns the inbox that a scan was for, nil when the partition was closed since.
func (m *Machine) inboxOf(t Token) *inbox {
	if m.parts[t.P].Epoch() != t.Epoch || m.parts[t.P].State() == partition.StateClosed {
		return nil
	}
	return m.lanes[t.P]
}

func (m *Machine) lane(now partition.Now, p partition.ID, in *inbox, s partition.Sender) *lane {
	l := in.lanes[s]
	if l == nil {
		cursor := m.view.LaneCursor(p, s)
		l = &lane{submitted: cursor, applied: cursor, foundAt: now.Mono}
		if session, ok := s.Session(); ok && m.cfg.Exclusive && session != m.session {
			l.dead = true
		}
		in.lanes[s] = l
	}
	return l
}

// pull reads a lane on, unless that is under way.
func (m *Machine) pull(p partition.ID, s partition.Sender, l *lane) {
	if l.reading || l.closing || l.applied != l.submitted {
		l.again = true
		return
	}
	l.reading, l.again, l.readDead = true, false, l.dead
	t := m.token(tokenMail, p, m.parts[p].Epoch())
	m.out.Scans = append(m.out.Scans, Scan{Token: t, Ranges: []kv.Range{partition.MailRange(p, s, l.submitted)}})
}

func (m *Machine) readMail(now partition.Now, s Scan, pages []kv.Page) {
	p := s.Token.P
	in := m.inboxOf(s.Token)
	sender, ok := partition.MailSender(s.Ranges[0].From)
	if in == nil || !ok || in.lanes[sender] == nil {
		return
	}
	l := in.lanes[sender]
	l.reading = false
	for _, e := range pages[0].Entries {
		msg, ok := partition.ReadMessage(e)
		if !ok || msg.Seq != l.submitted+1 {
			break // what was deleted while it was read, or a defect that the partition reports
		}
		l.submitted = msg.Seq
		m.submit(now, p, &partition.Call{Wiki: "\x00" + string(sender), Command: m.mailCommand(msg)}, true)
	}
	switch {
	case l.submitted != l.applied:
		l.again = l.again || pages[0].More
	case l.again:
		m.pull(p, sender, l)
	default:
		l.drained = true
		m.closeDeadLane(now, p, sender, l)
	}
	if m.open[p] != nil {
		m.progress(now, p)
	}
}

func (m *Machine) mailCommand(msg partition.Message) *partition.MailCommand {
	for _, d := range m.cfg.Domains {
		c, ok, err := d.Decode(msg.Kind, msg.Body)
		if err != nil {
			return &partition.MailCommand{Message: msg, Refused: err}
		}
		if ok {
			return &partition.MailCommand{Message: msg, Inner: c}
		}
	}
	return &partition.MailCommand{Message: msg, Refused: fault.Newf(fault.Internal, "node: message kind %d is nobody's", msg.Kind)}
}

// closeDeadLane removes the lane of a session that is gone, once a read that began after that found
// it empty.
func (m *Machine) closeDeadLane(now partition.Now, p partition.ID, s partition.Sender, l *lane) {
	if !l.dead || l.closing {
		return
	}
	if !l.readDead {
		m.pull(p, s, l)
		return
	}
	l.closing = true
	in := m.lanes[p]
	m.submit(now, p, &partition.Call{Command: &partition.CloseLane{Sender: s}, Done: func(err error) {
		if err == nil {
			delete(in.lanes, s)
		} else {
			l.closing = false
		}
	}}, true)
}

// laneEffects follows the effects that concern lanes.
func (m *Machine) laneEffects(p partition.ID, effects []any) {
	for _, e := range effects {
		switch e := e.(type) {
		case partition.LaneMoved:
			m.moved(p, e)
		case partition.Mailed:
			m.notify(e.To, e.Sender)
		case partition.MailRefused:
			m.event(Event{Kind: Refused, Partition: p, Err: e.Err})
		}
	}
}

func (m *Machine) moved(p partition.ID, e partition.LaneMoved) {
	if session, ok := e.Sender.Session(); ok && session == m.session {
		m.mail.ack(p, e.Seq)
	}
	in := m.lanes[p]
	if in == nil || in.lanes[e.Sender] == nil {
		return
	}
	l := in.lanes[e.Sender]
	l.applied = max(l.applied, e.Seq)
	if l.applied == l.submitted {
		m.pull(p, e.Sender, l)
	}
}

// notify says that a lane has mail, when its receiver is here. Other nodes find it by looking.
func (m *Machine) notify(p partition.ID, s partition.Sender) {
	in := m.lanes[p]
	if in == nil {
		return // the first look is still to come
	}
	l := in.lanes[s]
	if l == nil {
		l = m.lane(partition.Now{}, p, in, s)
	}
	if in.found {
		m.pull(p, s, l) // else the first look, which may be too old to show it, pulls all lanes
	}
}

// pollLanes looks for new lanes and new mail of other nodes, and how far receivers have come.
func (m *Machine) pollLanes(now partition.Now) {
	if now.Mono-m.polled < pollLanesEvery || m.state != sessionLive {
		return
	}
	m.polled = now.Mono
	m.mail.askAcks(m)
	if m.cfg.Exclusive {
		return
	}
	for p, in := range m.lanes {
		if in == nil || !in.found || m.parts[p].State() == partition.StateClosed {
			continue
		}
		m.markDead(in)
		t := m.token(tokenLanes, partition.ID(p), m.parts[p].Epoch())
		m.out.Scans = append(m.out.Scans, Scan{Token: t, Ranges: []kv.Range{partition.LanesRange(partition.ID(p))}})
	}
}

// markDead marks the lanes of sessions that a census does not show, when the census was asked for
// after the lane was found: a session makes its key before its first mail.
func (m *Machine) markDead(in *inbox) {
	if m.census == nil {
		return
	}
	for s, l := range in.lanes {
		session, ok := s.Session()
		if _, alive := m.census.sessions[session]; ok && !alive && session != m.session && m.counting > l.foundAt {
			l.dead = true
		}
	}
}

// outbox is the sending end of this session's lanes.
type outbox struct {
	waiting []*letter
	group   []*letter
	flight  []*letter
	lanes   [partition.Count]sentLane
}

type letter struct {
	to    partition.ID
	kind  byte
	body  []byte
	done  func(error)
	since time.Duration
}

type sentLane struct {
	seq     uint64
	acked   uint64
	sizes   []int // of the messages after acked
	bytes   int
	reading bool
}

// Mail puts a message into this session's lane to partition p. done gets nil when it is durable: the
// owner of p, whoever it is, will apply it exactly once.
func (m *Machine) Mail(now partition.Now, to partition.ID, kind byte, body []byte, done func(error)) {
	m.MailAll(now, to, []partition.Letter{{Kind: kind, Body: body}}, done)
}

// MailAll is Mail of several messages in one lane, in their order. When done gets nil, all of them are
// durable; when it gets an error that says that nothing was done, the last one is not there and never will
// be, though some before it may.
func (m *Machine) MailAll(now partition.Now, to partition.ID, letters []partition.Letter, done func(error)) {
	l := &m.mail.lanes[to]
	longest := 0
	for i := range letters {
		longest = max(longest, len(letters[i].Body))
	}
	switch {
	case m.stopping:
		m.answer(done, ErrStopping)
	case m.stalled(now):
		m.answer(done, ErrStalled)
	case len(l.sizes) >= partition.MaxLaneMessages || l.bytes >= partition.MaxLaneBytes || len(m.mail.waiting) >= partition.MaxLaneMessages:
		m.answer(done, partition.ErrLaneFull)
	case longest >= kv.MaxValue:
		m.answer(done, fmt.Errorf("node: a message of %d bytes, it has to be below %d: %w", longest, kv.MaxValue, kv.ErrTooLarge))
	default:
		for i, x := range letters {
			last := done
			if i < len(letters)-1 {
				last = nil
			}
			m.mail.waiting = append(m.mail.waiting, &letter{to, x.Kind, x.Body, last, now.Mono})
		}
	}
}

// writeMail moves letters into the group being built.
func (m *Machine) writeMail() {
	if m.state == sessionStarting {
		return
	}
	o := &m.mail
	n := 0
	for _, l := range o.waiting {
		if m.view.Full() {
			break
		}
		n++
		lane := &o.lanes[l.to]
		lane.seq++
		size := partition.MailSize(l.body)
		lane.sizes = append(lane.sizes, size)
		lane.bytes += size
		m.view.MailWrites(l.to, partition.SessionSender(m.session), lane.seq, l.kind, l.body)
		o.group = append(o.group, l)
	}
	o.waiting = slices.Delete(o.waiting, 0, n)
}

func (o *outbox) sealed() { o.flight, o.group = o.group, nil }

func (o *outbox) durable(m *Machine) {
	for _, l := range o.flight {
		m.answer(l.done, nil)
		m.notify(l.to, partition.SessionSender(m.session))
	}
	o.flight = nil
}

func (o *outbox) lost(m *Machine) {
	for _, l := range o.flight {
		m.answer(l.done, ErrLostUnknown)
	}
	for _, list := range [][]*letter{o.group, o.waiting} {
		for _, l := range list {
			m.answer(l.done, ErrLost)
		}
	}
	*o = outbox{}
}

func (o *outbox) idle() bool { return len(o.waiting)+len(o.group)+len(o.flight) == 0 }

func (o *outbox) overdue(m *Machine, now partition.Now) {
	for _, list := range [][]*letter{o.flight, o.group, o.waiting} {
		for _, l := range list {
			if l.since < now.Mono-answerWithin && l.done != nil {
				m.answer(l.done, ErrOverdue)
				l.done = nil
			}
		}
	}
}

func (o *outbox) ack(p partition.ID, seq uint64) {
	l := &o.lanes[p]
	for l.acked < seq && len(l.sizes) > 0 {
		l.bytes -= l.sizes[0]
		l.sizes = l.sizes[1:]
		l.acked++
	}
}

// askAcks reads how far receivers on other nodes have come.
func (o *outbox) askAcks(m *Machine) {
	for p := range o.lanes {
		l := &o.lanes[p]
		if len(l.sizes) == 0 || l.reading || m.parts[p].State() != partition.StateClosed {
			continue
		}
		l.reading = true
		r := partition.CursorRange(partition.ID(p), partition.SessionSender(m.session))
		m.out.Scans = append(m.out.Scans, Scan{Token: m.token(tokenAck, partition.ID(p), 0), Ranges: []kv.Range{r}})
	}
}

func (o *outbox) acked(s Scan, pages []kv.Page) {
	o.lanes[s.Token.P].reading = false
	if len(pages[0].Entries) > 0 {
		o.ack(s.Token.P, partition.CursorOf(pages[0].Entries[0]))
	}
}

// MailUnderWay reports whether mail of this session waits for partition p: what is submitted there before
// it is applied would overtake it.
func (m *Machine) MailUnderWay(p partition.ID) bool {
	for _, l := range m.mail.waiting {
		if l.to == p {
			return true
		}
	}
	return len(m.mail.lanes[p].sizes) > 0
}
