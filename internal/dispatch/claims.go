package dispatch

import (
	"slices"
	"time"

	"auwai/internal/jobqueue"
	"auwai/internal/node"
	"auwai/internal/partition"
)

// ticked does what time alone asks for.
func (m *Machine) ticked(now partition.Now, h node.Host) {
	m.probeDue()
	m.openGates()
	m.endLate(now)
	m.offerBarred()
	m.sweep(now.Mono)
	m.storeOld(now, h)
	m.forgetIdle(now)
	if m.draining && now.Mono >= m.drainBy && !m.cutShort {
		m.cutShort = true
		m.storeOrderly(now, h, nil)
		m.cancelReported()
	}
}

// storeOld writes the claims that have been in memory for a while, and charges running time.
func (m *Machine) storeOld(now partition.Now, h node.Host) {
	byPart := map[*part][]*jobqueue.Claim{}
	for _, a := range m.sorted() {
		if !a.started || a.found {
			continue
		}
		if used := float64(now.Mono - a.from); used > a.charged && !a.remote {
			m.charge(a.pr.wiki, used-a.charged)
			a.charged = used
		}
		if a.stored || now.Mono-a.from < storeClaimAfter || m.parts[a.part.id] != a.part {
			continue
		}
		for i, c := range a.claims {
			if !a.reported[i] && !c.Stored && !c.Storing {
				c.Storing = true
				byPart[a.part] = append(byPart[a.part], c)
			}
		}
	}
	for _, p := range m.parts {
		if claims := byPart[p]; p != nil && len(claims) > 0 {
			m.store(now, h, p, claims, false, nil)
		}
	}
}

func (m *Machine) store(now partition.Now, h node.Host, p *part, claims []*jobqueue.Claim, orderly bool, then func()) {
	m.commands++
	p.storing++
	h.SubmitOwn(now, p.id, &partition.Call{
		Command: &jobqueue.StoreClaims{Claims: claims, Orderly: orderly},
		Done: func(err error) {
			m.commands--
			p.storing--
			if err != nil {
				for _, c := range claims {
					c.Storing = false
				}
			}
			if then != nil {
				then()
			}
		},
	})
}

// storeOrderly marks all running attempts, of one partition or of all, as cut short by an orderly
// stop, and then cancels them.
func (m *Machine) storeOrderly(now partition.Now, h node.Host, only *part) {
	byPart := map[*part][]*jobqueue.Claim{}
	for _, a := range m.sorted() {
		if !a.local() || only != nil && a.part != only || m.parts[a.part.id] != a.part {
			continue // who holds a claim elsewhere goes on
		}
		for i, c := range a.claims {
			if !a.reported[i] {
				c.Storing = true
				byPart[a.part] = append(byPart[a.part], c)
			}
		}
	}
	for _, p := range m.parts {
		if claims := byPart[p]; p != nil && len(claims) > 0 {
			m.store(now, h, p, claims, true, func() { m.cancel(nil, func(a *attempt) bool { return a.part == p && a.local() }) })
		}
	}
}

// cancelReported has the attempts cancelled that have no job left and do not end.
func (m *Machine) cancelReported() {
	for _, a := range m.sorted() {
		if a.left == 0 && !a.cut && a.local() {
			a.cut = true
			m.cancels = append(m.cancels, Cancel{Attempt: a.id})
		}
	}
}

// sorted returns the attempts in the order of their start.
func (m *Machine) sorted() []*attempt {
	list := make([]*attempt, 0, len(m.attempts))
	for _, a := range m.attempts {
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b *attempt) int { return int(a.id) - int(b.id) }) //nolint:gosec // small differences
	return list
}

// cancel has the attempts cancelled that are chosen. Their results are not counted.
func (m *Machine) cancel(cause error, chosen func(*attempt) bool) {
	for _, a := range m.sorted() {
		if !a.cut && chosen(a) {
			a.cut = true
			m.cancels = append(m.cancels, Cancel{a.id, cause})
		}
	}
}

// cancelAll has all attempts of a partition cancelled.
func (m *Machine) cancelAll(p *part) { m.cancel(nil, func(a *attempt) bool { return a.part == p }) }

// cancelLocal has all attempts of this node cancelled.
func (m *Machine) cancelLocal() { m.cancel(nil, (*attempt).local) }

// settleClosing ends the work in partitions that are being given up.
func (m *Machine) settleClosing(now partition.Now, h node.Host) {
	for _, p := range m.parts {
		if p == nil || !p.closing {
			continue
		}
		if !p.cut {
			p.cut = true
			m.storeOrderly(now, h, p)
		}
		if p.storing == 0 && len(p.ended) == 0 && !p.due.asking {
			h.Settled(p.id)
		}
	}
}

// Drain stops starting. What runs may go on until the deadline on the monotonic clock; then it is
// stored as cut short and cancelled.
func (m *Machine) Drain(deadline time.Duration) {
	m.draining, m.drainBy = true, deadline
}

// Drained reports whether a drain is complete: nothing runs that could still report, and everything
// that was reported is durable.
func (m *Machine) Drained() bool {
	if !m.draining || m.commands > 0 {
		return false
	}
	for _, p := range m.parts {
		if p != nil && len(p.ended) > 0 {
			return false
		}
	}
	return m.running == 0 || m.cutShort && m.allCut()
}

func (m *Machine) allCut() bool {
	for _, a := range m.attempts {
		if !a.cut && a.local() {
			return false
		}
	}
	return true
}
