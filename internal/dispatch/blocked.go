package dispatch

import "time"

// Cause is why a pair with ready jobs starts nothing.
type Cause uint8

// The causes. CauseWorker is no bound of the configuration: all slots of the node are used by others,
// or no worker came.
const (
	causeNone Cause = iota // it has nothing to start
	CauseWorker
	CauseLimit
	CauseGate
	CausePause
	CauseCircuit
	CauseConfig
)

// String returns the cause as metrics show it.
func (c Cause) String() string {
	names := [...]string{"none", "worker", "limit", "gate", "pause", "circuit", "config"}
	if int(c) < len(names) {
		return names[c]
	}
	return "unknown"
}

// mark says why a pair starts nothing from now on, and tells of the time until now.
func (m *Machine) mark(pr *pair, cause Cause) {
	if pr.cause != cause {
		m.tell(pr)
		pr.cause = cause
	}
}

// tell tells how long a pair has been as it is.
func (m *Machine) tell(pr *pair) {
	took := m.now.Mono - pr.since
	pr.since = m.now.Mono
	if took > 0 && pr.cause != causeNone && m.cfg.Hooks.OnBlocked != nil {
		m.cfg.Hooks.OnBlocked(pr.Pair, pr.cause, took)
	}
}

// tellAll tells of times that go on, so that they are seen while they do.
func (m *Machine) tellAll() {
	if m.cfg.Hooks.OnBlocked == nil {
		return
	}
	for _, p := range m.parts {
		if p == nil {
			continue
		}
		for _, pr := range p.pairs {
			if m.tell(pr); pr.empty() {
				pr.cause = causeNone
			}
		}
	}
}

// sweep does what is worth doing every few seconds only.
func (m *Machine) sweep(now time.Duration) {
	if now-m.lastSweep < sweepEvery || m.limits == nil {
		return
	}
	m.lastSweep = now
	m.limits.Sweep(now)
	m.tellAll()
}
