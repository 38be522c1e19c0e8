package dispatch

import (
	"cmp"
	"slices"

	"auwai/internal/partition"
)

// Changed says that the policy answers differently now. What runs goes on under the settings that it
// began with; a limit that is lower lets nothing start until enough has ended.
func (m *Machine) Changed(partition.Now) {
	for _, p := range m.parts {
		if p == nil {
			continue
		}
		for _, pr := range p.pairs {
			pr.policy = m.cfg.Policy.Queue(pr.Queue)
		}
	}
	for _, q := range m.queues {
		if len(q.waiters) > 0 && !q.freed {
			q.freed = true
			m.freed = append(m.freed, q)
		}
	}
	slices.SortFunc(m.freed, func(a, b *queue) int { return cmp.Compare(a.name, b.name) }) // maps have no order
	m.activateAll()
}
