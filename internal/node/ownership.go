package node

import (
	"slices"
	"time"

	"auwai/internal/ident"
	"auwai/internal/kv"
	"auwai/internal/partition"
)

// plan is a change of ownership that is to be committed, with what it requires.
type plan struct {
	kill  map[ident.Session][]byte // dead sessions with the value that was watched
	take  []transfer
	free  []transfer
	order []ident.Session
}

type transfer struct {
	p       partition.ID
	was     []byte // the owner key's value, nil: absent
	epoch   uint64 // the new one
	unclean bool
}

func (pl *plan) fill(b *kv.Batch, me ident.Session) {
	for _, s := range pl.order {
		key := sessionKey(s)
		b.Require(key, pl.kill[s])
		b.Delete(key)
	}
	for _, t := range pl.take {
		b.Require(ownerKey(t.p), t.was)
		b.Set(ownerKey(t.p), OwnerRecord{me, t.epoch}.encode())
	}
	for _, t := range pl.free {
		b.Require(ownerKey(t.p), t.was)
		b.Set(ownerKey(t.p), OwnerRecord{0, t.epoch}.encode())
	}
}

func (pl *plan) empty() bool { return len(pl.order)+len(pl.take)+len(pl.free) == 0 }

func (pl *plan) addKill(s ident.Session, value []byte) {
	if pl.kill == nil {
		pl.kill = map[ident.Session][]byte{}
	}
	pl.kill[s] = value
	pl.order = append(pl.order, s)
}

// watched is a session key as this node has seen it, and since when it is unchanged.
type watched struct {
	value []byte
	since time.Duration
}

// survey asks for a census when it is time.
func (m *Machine) survey(now partition.Now) {
	due := !m.started || !m.cfg.Exclusive && now.Mono-m.surveyed >= pollEvery
	if m.asking || m.stopped || !due {
		return
	}
	m.asking, m.started, m.surveyed = true, true, now.Mono
	m.out.Scans = append(m.out.Scans, Scan{Token: Token{Kind: tokenCensus, N: uint64(m.session)}, Ranges: []kv.Range{nodeSpace()}})
}

// counted takes a census and plans what follows from it.
func (m *Machine) counted(now partition.Now, page kv.Page) {
	c := readCensus(page)
	m.census = c
	if m.cfg.Exclusive || m.state == sessionStarting {
		return
	}
	m.observe(now, c)
	if m.plan != nil || m.commit.kind == commitPlan || m.stopping || m.state != sessionLive {
		return
	}
	pl := &plan{}
	for _, s := range sortedSessions(c.sessions) {
		if w := m.watch[s]; s != m.session && now.Mono-w.since >= takeAfter {
			pl.addKill(s, w.value)
		}
	}
	m.balance(pl, c)
	if !pl.empty() {
		m.plan = pl
	}
}

// observe remembers since when each session key is unchanged.
func (m *Machine) observe(now partition.Now, c *census) {
	for s := range m.watch {
		if _, ok := c.sessions[s]; !ok {
			delete(m.watch, s)
		}
	}
	for s, value := range c.sessions {
		if w, ok := m.watch[s]; !ok || string(w.value) != string(value) {
			m.watch[s] = watched{value, now.Mono}
		}
	}
}

// balance plans takes of free partitions up to the even share, and begins to give up those above it.
func (m *Machine) balance(pl *plan, c *census) {
	share := evenShare(sortedSessions(c.sessions), m.session)
	held := 0
	for p := range c.owners {
		if c.owners[p].Session == m.session {
			held++
		}
	}
	for p, owner := range c.owners {
		id := partition.ID(p)
		_, alive := c.sessions[owner.Session]
		switch {
		case owner.Session == m.session && m.settledClosing(id):
			pl.free = append(pl.free, transfer{p: id, was: c.raw[p], epoch: owner.Epoch})
		case !alive && owner.Session != m.session && held < share:
			pl.take = append(pl.take, transfer{p: id, was: c.raw[p], epoch: owner.Epoch + 1, unclean: owner.Session != 0})
			held++
		}
	}
	for p := partition.Count - 1; p >= 0 && held > share; p-- {
		if part := m.parts[p]; part.State() == partition.StateOpen {
			part.SetClosing()
			m.lanes[p].settled = false
			m.event(Event{Kind: Closing, Partition: part.ID(), Machine: part})
			held--
		} else if part.State() == partition.StateClosing {
			held--
		}
	}
}

// Settled says that the tenant has stopped its work in a closing partition and submitted its last
// commands.
func (m *Machine) Settled(p partition.ID) {
	if m.parts[p].State() == partition.StateClosing && m.lanes[p] != nil {
		m.lanes[p].settled = true
	}
}

func (m *Machine) settledClosing(p partition.ID) bool {
	part := m.parts[p]
	return part.State() == partition.StateClosing && m.lanes[p] != nil && m.lanes[p].settled && part.Idle()
}

// planAgain plans new epochs for the partitions that were poisoned and are to be opened again; nil when
// there are none.
func (m *Machine) planAgain() *plan {
	var pl *plan
	for p, o := range m.open {
		if o == nil || o.stage != stageAgain {
			continue
		}
		if pl == nil {
			pl = &plan{}
		}
		was := OwnerRecord{m.session, o.epoch}
		pl.take = append(pl.take, transfer{p: partition.ID(p), was: was.encode(), epoch: o.epoch + 1, unclean: true})
	}
	return pl
}

// takeAll is the plan of a node that has the store to itself: all that is found is dead.
func (m *Machine) takeAll() *plan {
	pl := &plan{}
	for _, s := range sortedSessions(m.census.sessions) {
		pl.addKill(s, m.census.sessions[s])
	}
	for p, owner := range m.census.owners {
		pl.take = append(pl.take, transfer{p: partition.ID(p), was: m.census.raw[p], epoch: owner.Epoch + 1, unclean: owner.Session != 0})
	}
	return pl
}

// freeAll is the plan of a leaving node.
func (m *Machine) freeAll() *plan {
	pl := &plan{}
	for p, part := range m.parts {
		if part.State() != partition.StateClosed {
			was := OwnerRecord{m.session, part.Epoch()}
			pl.free = append(pl.free, transfer{p: partition.ID(p), was: was.encode(), epoch: part.Epoch()})
		}
	}
	return pl
}

// planDone follows a committed plan.
func (m *Machine) planDone(now partition.Now) {
	pl := m.plan
	m.plan = nil
	if pl == nil {
		return
	}
	m.freed(pl)
	for _, t := range pl.take {
		m.beginOpening(now, t.p, t.epoch, t.unclean)
	}
}

// holdFreed stops the partitions that the plan gives up, so that nothing is written for them while it
// is under way. One that got work since it was planned is left to a later plan. It reports whether
// anything of the plan is left.
func (m *Machine) holdFreed() bool {
	m.plan.free = slices.DeleteFunc(m.plan.free, func(t transfer) bool { return !m.settledClosing(t.p) })
	if m.plan.empty() {
		m.plan = nil
		return false
	}
	for _, t := range m.plan.free {
		m.parts[t.p].Hold(true)
	}
	return true
}

func (m *Machine) freed(pl *plan) {
	for _, t := range pl.free {
		part := m.parts[t.p]
		for _, c := range part.Close() {
			m.answer(c.Done, ErrNotOwner)
		}
		m.lanes[t.p], m.open[t.p] = nil, nil
		m.event(Event{Kind: Closed, Partition: t.p})
	}
}

// dropPlan forgets a plan that was refused: what was held goes on.
func (m *Machine) dropPlan() {
	if m.plan != nil {
		for _, t := range m.plan.free {
			m.parts[t.p].Hold(false)
			m.dirty[t.p] = m.parts[t.p].HasFresh()
			m.fresh[t.p] = m.dirty[t.p]
		}
	}
	m.plan = nil
}

func sortedSessions(sessions map[ident.Session][]byte) []ident.Session {
	out := make([]ident.Session, 0, len(sessions))
	for s := range sessions {
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

// evenShare returns how many partitions the node should hold.
func evenShare(sessions []ident.Session, me ident.Session) int {
	i, found := slices.BinarySearch(sessions, me)
	if !found {
		return 0
	}
	share := partition.Count / len(sessions)
	if i < partition.Count%len(sessions) {
		share++
	}
	return share
}
