package telemetry

import (
	"strconv"
	"time"

	"auwai/internal/dispatch"
	"auwai/internal/intake"
	"auwai/internal/jobqueue"
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

// Dispatch returns the hooks of dispatch. They are called in the node's loop.
func (m *Metrics) Dispatch() dispatch.Hooks {
	return dispatch.Hooks{
		OnFinished: m.finished,
		OnRetried:  func(r jobqueue.Retried) { m.retries.WithLabelValues(m.queue(r.Pair.Queue)).Inc() },
		OnStart: func(pair jobqueue.Pair, jobs int, waited time.Duration) {
			queue := m.queue(pair.Queue)
			m.jobsStarted.WithLabelValues(queue).Add(float64(jobs))
			m.jobWait.WithLabelValues(queue).Observe(max(waited, 0).Seconds())
		},
		OnEnd: func(pair jobqueue.Pair, outcome jobqueue.Outcome, took time.Duration) {
			queue := m.queue(pair.Queue)
			m.attempts.WithLabelValues(queue, outcome.String()).Inc()
			m.attemptTime.WithLabelValues(queue).Observe(max(took, 0).Seconds())
		},
		OnHold:     m.hold,
		OnRepaired: func(string) { m.repairs.Inc() },
	}
}

func (m *Metrics) finished(f jobqueue.Finished) {
	m.jobsFinished.WithLabelValues(m.queue(f.Pair.Queue), f.State.String()).Inc()
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

// Request counts an answered request; it is the OnRequest of package httpapi.
func (m *Metrics) Request(route, method string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
	m.requestTime.WithLabelValues(route).Observe(took.Seconds())
}
