package node

import "auwai/internal/partition"

// orphan is what was applied in a partition that was poisoned since, and waits for its commit. The
// writes stay in their group, so its callers get their answer, and its mail arrives.
type orphan struct {
	after uint64 // count of durable groups at which it is durable
	p     partition.ID
	partition.Applied
}

// orphan takes what waits in a partition that is about to be closed.
func (m *Machine) orphan(part *partition.Machine) {
	flight, building := part.TakeApplied()
	after := m.durable
	if m.view.InFlight() {
		after++
	}
	m.orphans = append(m.orphans, orphan{after, part.ID(), flight}, orphan{m.groupsUnderWay(), part.ID(), building})
}

// releaseOrphans answers the calls whose group is durable, and follows their mail.
func (m *Machine) releaseOrphans() {
	kept := m.orphans[:0]
	for _, o := range m.orphans {
		if o.after > m.durable {
			kept = append(kept, o)
			continue
		}
		for _, c := range o.Calls {
			m.answer(c.Done, c.Err())
		}
		m.laneEffects(o.p, o.Effects)
	}
	clear(m.orphans[len(kept):])
	m.orphans = kept
}

// loseOrphans answers them when the session is over.
func (m *Machine) loseOrphans() {
	for _, o := range m.orphans {
		m.answerAll(o.Calls, ErrLostUnknown)
	}
	m.orphans = nil
}

func (m *Machine) answerAll(calls []*partition.Call, err error) {
	for _, c := range calls {
		m.answer(c.Done, err)
	}
}
