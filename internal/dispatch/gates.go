package dispatch

import (
	"bytes"

	"auwai/internal/jobqueue"
	"auwai/internal/kv"
	"auwai/internal/partition"
	"auwai/internal/tuple"
)

// gate is a Gate of a pair, with the key of what it asks for.
type gate struct {
	Gate
	pair jobqueue.Pair
	key  kv.Key // nil: of all wikis
}

// totals are the pending jobs of a queue over all wikis, by partition: each is counted now and then.
type totals struct {
	by  [partition.Count]int64
	sum int64
}

func gatesOf(pr *pair) []gate {
	if len(pr.policy.Gates) == 0 {
		return nil
	}
	gates := make([]gate, len(pr.policy.Gates))
	for i, g := range pr.policy.Gates {
		gates[i] = gate{Gate: g, pair: jobqueue.Pair{Queue: g.Queue, Wiki: pr.Wiki}}
		if !g.AnyWiki {
			gates[i].key = jobqueue.PairKey(pr.part.id, gates[i].pair)
		}
	}
	return gates
}

// closedGate returns the first gate of a pair that is closed, nil when all are open.
func (m *Machine) closedGate(pr *pair) *gate {
	for i := range pr.gates {
		g := &pr.gates[i]
		if !g.open(m.pendingAt(pr.part, g)) {
			return g
		}
	}
	return nil
}

// pendingAt returns how many jobs are pending where a gate looks.
func (m *Machine) pendingAt(p *part, g *gate) int64 {
	if g.key != nil {
		value := p.machine.ResidentAt(g.key)
		if value == nil {
			return 0
		}
		return pendingOf(p, kv.Entry{Key: g.key, Value: value}, g.Queue)
	}
	t := m.pending[g.Queue]
	if t == nil {
		t = &totals{}
		m.pending[g.Queue] = t
		for _, p := range m.parts {
			if p != nil {
				m.countPending(p, g.Queue, t)
			}
		}
	}
	return t.sum
}

// pendingOf returns the pending jobs of a pair's record, when it is of the queue.
func pendingOf(p *part, e kv.Entry, queue string) int64 {
	info, err := jobqueue.DecodePair(e)
	if err != nil || info.Pair.Queue != queue {
		return 0 // what is malformed was reported where the partition was opened
	}
	c := p.mem.Counts(info.Pair, info.Counts)
	return c.Ready + c.Delayed + c.Blocked
}

// countPending counts the pending jobs of a queue in a partition anew.
func (m *Machine) countPending(p *part, queue string, t *totals) {
	n := int64(0)
	end := tuple.String(nil, tuple.Shorten(queue)) // of most keys that are not the queue's, it is not the end
	p.machine.EachResident(jobqueue.PairRange(p.id).From, func(e kv.Entry) {
		if bytes.HasSuffix(e.Key, end) {
			n += pendingOf(p, e, queue)
		}
	})
	t.sum += n - t.by[p.id]
	t.by[p.id] = n
}

// countedPerTick is how many partitions are counted in a tick: all of them in two seconds.
const countedPerTick = 8

// recount keeps the totals of queues that gates ask for.
func (m *Machine) recount() {
	if len(m.pending) == 0 {
		return
	}
	for range countedPerTick {
		id := m.counted % partition.Count
		m.counted++
		for queue, t := range m.pending { // the order does not matter: each is counted by itself
			if p := m.parts[id]; p != nil {
				m.countPending(p, queue, t)
			} else {
				t.sum -= t.by[id]
				t.by[id] = 0
			}
		}
	}
}

// gate notes that a pair is to be looked at when its gate opens.
func (m *Machine) gate(pr *pair) {
	m.mark(pr, CauseGate)
	if !pr.inGated {
		pr.inGated = true
		m.gated = append(m.gated, pr)
	}
}

// openGates lets the pairs go on whose gates are open now.
func (m *Machine) openGates() {
	m.recount()
	closed := m.gated[:0]
	for _, pr := range m.gated {
		if !m.knows(pr) {
			continue
		}
		if m.closedGate(pr) != nil {
			closed = append(closed, pr)
			continue
		}
		pr.inGated = false
		m.activate(pr)
	}
	clear(m.gated[len(closed):])
	m.gated = closed
}
