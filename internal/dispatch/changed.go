package dispatch

import (
	"slices"
	"strings"

	"auwai/internal/limit"
	"auwai/internal/partition"
)

// Changed says that the policy answers differently now. What runs goes on, and counts under the limits
// as they are now: where they are lower, nothing starts until enough has ended. For use in the node's
// loop.
func (m *Machine) Changed(now partition.Now) {
	m.now = now
	if m.limits == nil {
		return // nothing was asked yet
	}
	m.limits.Changed(now.Mono)
	for _, p := range m.parts {
		if p == nil {
			continue
		}
		for _, pr := range p.pairs {
			m.refresh(pr)
		}
	}
	for _, a := range m.sorted() {
		m.limits.Release(a.limits)
		a.limits = a.pr.limits
		m.limits.Hold(a.limits)
	}
	clear(m.pending)
	m.gated = m.gated[:0]
	m.activateAll()
}

// refresh asks the policy what holds for a pair.
func (m *Machine) refresh(pr *pair) {
	pr.policy = m.cfg.Policy.Queue(pr.Pair)
	pr.held, pr.paused = m.cfg.Policy.Held(pr.Pair), false
	if pr.held == "" {
		pr.held = m.cfg.Policy.Paused(pr.Pair)
		pr.paused = pr.held != ""
	}
	old := pr.limits
	names := m.cfg.Policy.Limits(pr.Pair)
	pr.limits = make([]*limit.Limiter, len(names)) // attempts keep the old slice
	for i, name := range names {
		pr.limits[i] = m.limits.Get(m.now.Mono, name)
		if strings.HasPrefix(name, sectionPrefix) {
			pr.wiki.section = m.section(name)
		}
	}
	for _, l := range old {
		m.limits.Drop(l)
	}
	if pr.policy.Remote || pr.waits != nil && !slices.Contains(pr.limits, pr.waits) {
		m.leave(pr)
	}
	pr.gates = gatesOf(pr)
	pr.inGated = false
}

// leave takes a pair back from the limiter that it waits for.
func (m *Machine) leave(pr *pair) {
	if pr.waits != nil {
		m.limits.Leave(pr.waits, pr)
		pr.waits = nil
	}
}
