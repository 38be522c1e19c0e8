package telemetry

import (
	"strconv"
	"time"

	"auwai/internal/dispatch"
	"auwai/internal/intake"
	"auwai/internal/jobqueue"
	"auwai/internal/origin/udp"
)

// Intake returns the hooks of the intake.
func (m *Metrics) Intake() intake.Hooks {
	return intake.Hooks{
		OnEvents: func(accepted, invalid, failed int) {
			m.events.Add(float64(accepted))
			m.eventsRefused.WithLabelValues("invalid").Add(float64(invalid))
			m.eventsRefused.WithLabelValues("failed").Add(float64(failed))
		},
		OnJobs: func(accepted, refused int) {
			m.jobsPushed.WithLabelValues("accepted").Add(float64(accepted))
			m.jobsPushed.WithLabelValues("refused").Add(float64(refused))
		},
		OnFlag:   func(_, _, _, _ string) { m.eventFlags.Inc() },
		OnRepeat: func() { m.eventRepeats.Inc() },
	}
}

// Purges returns the OnPurges of package cdnin for a wire, http or htcp.
func (m *Metrics) Purges(wire string) func(outcome string, n int) {
	return func(outcome string, n int) { m.purgesReceived.WithLabelValues(wire, outcome).Add(float64(n)) }
}

// Dispatch returns the hooks of dispatch. They are called in the node's loop, for every job.
func (m *Metrics) Dispatch() dispatch.Hooks {
	return dispatch.Hooks{
		OnFinished: m.finished,
		OnRetried: func(r jobqueue.Retried) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.of(r.Pair.Queue).retries.Inc()
		},
		OnStart: func(pair jobqueue.Pair, jobs int, waited time.Duration) {
			m.mu.Lock()
			defer m.mu.Unlock()
			s := m.of(pair.Queue)
			s.started.Add(float64(jobs))
			s.wait.Observe(max(waited, 0).Seconds())
		},
		OnEnd:      m.ended,
		OnHold:     m.hold,
		OnSection:  m.section,
		OnBlocked:  m.blockedFor,
		OnRepaired: func(string) { m.repairs.Inc() },
	}
}

func (m *Metrics) ended(pair jobqueue.Pair, outcome jobqueue.Outcome, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.of(pair.Queue)
	s.attemptTime.Observe(max(took, 0).Seconds())
	if int(outcome) >= len(s.attempts) {
		return
	}
	if s.attempts[outcome] == nil {
		s.attempts[outcome] = m.attempts.WithLabelValues(s.label, outcome.String())
	}
	s.attempts[outcome].Inc()
}

func (m *Metrics) finished(f jobqueue.Finished) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.of(f.Pair.Queue)
	if int(f.State) >= len(s.finished) {
		return
	}
	if s.finished[f.State] == nil {
		s.finished[f.State] = m.jobsFinished.WithLabelValues(s.label, f.State.String())
	}
	s.finished[f.State].Inc()
	if f.Pair.Queue == intake.PurgeQueue {
		m.purges.WithLabelValues(f.State.String()).Inc()
	}
}

// hold counts holds; reason is "" when one was lifted.
func (m *Metrics) hold(wiki, reason string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, was := m.held[wiki]; reason != "" && !was {
		m.holds.Inc()
		m.held[wiki] = struct{}{}
	}
	if reason == "" {
		delete(m.held, wiki)
	}
	m.heldWikis.Set(float64(len(m.held)))
}

// Packet counts an RCFeed packet; it is the OnPacket of package udp.
func (m *Metrics) Packet(o udp.Outcome) { m.packets.WithLabelValues(string(o)).Inc() }

// Look counts a look at a stock wiki; outcome is a Look of package stock.
func (m *Metrics) Look(outcome string) { m.looks.WithLabelValues(outcome).Inc() }

// section follows holds of database sections; reason is "" when one was lifted.
func (m *Metrics) section(name, reason string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if reason != "" {
		m.down[name] = struct{}{}
	} else {
		delete(m.down, name)
	}
	m.heldSections.Set(float64(len(m.down)))
}

func (m *Metrics) blockedFor(pair jobqueue.Pair, cause dispatch.Cause, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.of(pair.Queue)
	if int(cause) >= len(s.blocked) {
		return
	}
	if s.blocked[cause] == nil {
		s.blocked[cause] = m.blocked.WithLabelValues(s.label, cause.String())
	}
	s.blocked[cause].Add(took.Seconds())
}

// Request counts an answered request; it is the OnRequest of package httpapi.
func (m *Metrics) Request(route, method string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
	m.requestTime.WithLabelValues(route).Observe(took.Seconds())
}
