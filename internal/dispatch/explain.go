package dispatch

import (
	"time"

	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/partition"
)

// Explanation is why a pair, or one ready job of it, does not start now.
type Explanation struct {
	// Reasons are all that holds the pair now; empty: it is only a matter of turns.
	Reasons []Reason
	// Known says that the place of the job, or of the head of the pair, is known; Ahead is then the
	// number of ready jobs of the pair that go before it.
	Known bool
	Ahead int
	Band  jobqueue.Band
	// Wikis is the number of wikis whose turn is before that of the pair's wiki; what one attempt is
	// expected to take is charged at its start, so wikis with more to do come between.
	Wikis int
	// Running is the number of attempts of the pair, NodeRunning that of the node, and NodeSlots how
	// many there may be.
	Running, NodeRunning, NodeSlots int
}

// Reason is one thing that keeps a pair from starting.
type Reason struct {
	Cause Cause
	// Name is the limit's (see package limit), the queue that a gate asks for, or the database section.
	Name string
	// Text says why in words, where it is somebody else's word: of the configuration, of an operator,
	// of the wiki, of the workers.
	Text string
	// Gate is the gate's kind, for CauseGate. Jobs are pending there, or attempts run under the limit;
	// Most is the number that they are compared with.
	Gate       GateKind
	AnyWiki    bool
	Jobs, Most int64
	// Rate is the limit's rate where its bucket is empty.
	Rate float64
	// Wait is how long it lasts at least, 0: not known. For is how long it has lasted, of a circuit.
	Wait, For time.Duration
	// Probing says, of a circuit, that one job is under way to see whether work is taken again.
	Probing bool
}

// The names of reasons of CauseWorker that are about the node.
const (
	NameStopping = "stopping"
	NameNode     = "node"
)

// Explain tells why a pair starts nothing now; id, if it is not zero, is a ready job of the pair. What
// is not in memory is not known. For use in the node's loop.
func (m *Machine) Explain(now partition.Now, key jobqueue.Pair, id ident.Suffix) Explanation {
	m.now = now
	e := Explanation{NodeRunning: m.running, NodeSlots: m.cfg.Policy.Concurrency()}
	add := func(r Reason) { e.Reasons = append(e.Reasons, r) }
	if text := m.cfg.Policy.Held(key); text != "" {
		add(Reason{Cause: CauseConfig, Text: text})
	}
	if text := m.cfg.Policy.Paused(key); text != "" {
		add(Reason{Cause: CausePause, Text: text})
	}
	switch {
	case m.draining:
		add(Reason{Cause: CauseWorker, Name: NameStopping, Text: "the service is stopping"})
	case m.suspended || !m.live:
		add(Reason{Cause: CauseWorker, Name: NameNode, Text: "this node cannot commit; nothing is started until it can"})
	}
	if w := m.wikis[key.Wiki]; w != nil {
		m.explainWiki(w, key, add)
		e.Wikis = m.before(w)
	}
	p := m.parts[partition.Of(key.Wiki)]
	if p == nil || p.pairs[key] == nil {
		return e
	}
	pr := p.pairs[key]
	e.Running = pr.running
	e.place(pr, id)
	m.explainPair(pr, add)
	if !pr.policy.Remote && m.running >= e.NodeSlots {
		add(Reason{Cause: CauseWorker, Jobs: int64(m.running), Most: int64(e.NodeSlots)})
	}
	return e
}

func (m *Machine) explainWiki(w *wiki, key jobqueue.Pair, add func(Reason)) {
	if s := w.section; s != nil && s.hold.active() {
		add(s.hold.explain(m.now.Mono, s.value))
	}
	if w.hold.active() {
		add(w.hold.explain(m.now.Mono, ""))
	}
	if a := w.aside[key.Queue]; a.until > m.now.Mono {
		add(Reason{Cause: CauseConfig, Text: a.reason})
	}
}

// before returns how many wikis with something to start have their turn before another one.
func (m *Machine) before(w *wiki) int {
	at := w.vtime
	if w.index < 0 {
		at = max(at, m.vnow) // where it would stand if it had something to start
	}
	n := 0
	for _, other := range m.order.list {
		if other != w && (other.vtime < at || other.vtime == at && other.name < w.name) {
			n++
		}
	}
	return n
}

func (h *hold) explain(now time.Duration, section string) Reason {
	return Reason{Cause: CauseCircuit, Name: section, Text: h.reason, Wait: h.left(now), For: now - h.since, Probing: h.probing}
}

// left returns the time until the next probe.
func (h *hold) left(now time.Duration) time.Duration {
	if h.probing {
		return 0
	}
	return max(h.until-now, 0)
}

func (m *Machine) explainPair(pr *pair, add func(Reason)) {
	for i := range pr.gates {
		g := &pr.gates[i]
		if pending := m.pendingAt(pr.part, g); !g.open(pending) {
			add(Reason{Cause: CauseGate, Name: g.Queue, Gate: g.Kind, AnyWiki: g.AnyWiki, Jobs: pending, Most: g.Jobs})
		}
	}
	for _, l := range pr.limits {
		limit := l.Limit()
		if limit.Concurrency > 0 && l.Used() >= limit.Concurrency {
			add(Reason{Cause: CauseLimit, Name: l.Name(), Jobs: int64(l.Used()), Most: int64(limit.Concurrency)})
		}
		if items, bounded := l.Items(m.now.Mono); bounded && items < 1 {
			wait := time.Duration((1 - items) / limit.Rate * float64(time.Second))
			add(Reason{Cause: CauseLimit, Name: l.Name(), Rate: limit.Rate, Wait: wait})
		}
	}
	if !pr.policy.Remote {
		return
	}
	if m.cfg.Workers == nil {
		add(Reason{Cause: CauseWorker, Text: "the queue's jobs are for workers, and none can come"})
		return
	}
	d := Demand{Pair: pr.Pair, Needs: pr.policy.Needs, Remote: true}
	if c, ok := m.startable(pr, false); ok {
		d.Needs = pr.needs(m.head(c))
	}
	if ok, text := m.cfg.Workers.Ready(m.now.Wall, d); !ok {
		add(Reason{Cause: CauseWorker, Text: text})
	}
}

// place finds a job among the ready ones in memory, or the head of the most urgent band.
func (e *Explanation) place(pr *pair, id ident.Suffix) {
	ahead := 0
	for b := range pr.bands {
		for i, entry := range pr.bands[b].waiting() {
			if id.IsZero() || entry.id == id {
				e.Known, e.Ahead, e.Band = true, ahead+i, jobqueue.Band(b)
				return
			}
		}
		if !pr.bands[b].complete {
			return // how many of this band are not in memory is not known
		}
		ahead += len(pr.bands[b].waiting())
	}
}
