package telemetry

import (
	"net/http"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"auwai/internal/dispatch"
	"auwai/internal/jobqueue"
)

const namespace = "auwai"

// maxQueues bounds the queues that have series of their own: MediaWiki with its extensions has some
// 130 job types, but anybody may push to a queue of any name.
const maxQueues = 300

const otherQueue = "other"

// Metrics counts what happens. Safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry

	events, eventRepeats, eventFlags prometheus.Counter
	eventsRefused, jobsPushed        *prometheus.CounterVec
	purgesReceived                   *prometheus.CounterVec

	packets, looks *prometheus.CounterVec

	jobsStarted, jobsFinished, retries, attempts, purges *prometheus.CounterVec
	jobWait, attemptTime                                 *prometheus.HistogramVec
	holds, repairs                                       prometheus.Counter
	heldWikis, heldSections                              prometheus.Gauge
	blocked                                              *prometheus.CounterVec

	requests    *prometheus.CounterVec
	requestTime *prometheus.HistogramVec

	mu     sync.Mutex
	queues map[string]*series  // guarded by mu
	other  *series             // of the queues beyond the bound; guarded by mu
	held   map[string]struct{} // wikis; guarded by mu
	down   map[string]struct{} // database sections; guarded by mu
}

// New returns metrics at zero. state may be the zero value.
func New(version string, state State) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), queues: map[string]*series{}, held: map[string]struct{}{}, down: map[string]struct{}{}}
	m.intakeMetrics()
	m.jobMetrics()
	m.requests = m.counters("http_requests_total", "Requests answered.", "route", "method", "status")
	m.requestTime = m.histograms("http_request_seconds", "Time from a request to its answer.",
		[]float64{.001, .005, .025, .1, .5, 1, 5}, "route")
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "Always 1; the version is a label.",
	}, []string{"version"})
	info.WithLabelValues(version).Set(1)
	m.registry.MustRegister(info, &collector{metrics: m, state: state},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *Metrics) intakeMetrics() {
	m.events = m.counter("events_total", "Events taken in.")
	m.eventsRefused = m.counters("events_refused_total", "Events not taken: invalid ones never will be, failed ones may be sent again.", "outcome")
	m.eventRepeats = m.counter("repeats_total", "Events and jobs that came again and made nothing new.")
	m.eventFlags = m.counter("events_flagged_total", "Events taken although something is odd: a time far off, an id with other bytes.")
	m.purgesReceived = m.counters("purges_received_total", "Purges that wikis sent as to a cache, by PURGE or HTCP.", "wire", "outcome")
	m.packets = m.counters("rcfeed_packets_total", "Packets by which wikis tell of changes.", "outcome")
	m.looks = m.counters("looks_total", "Looks whether stock wikis have jobs.", "outcome")
	m.jobsPushed = m.counters("jobs_pushed_total", "Jobs of POST /v1/jobs.", "outcome")
}

func (m *Metrics) jobMetrics() {
	m.jobsStarted = m.counters("jobs_started_total", "Jobs handed to a runner.", "queue")
	m.jobsFinished = m.counters("jobs_finished_total", "Jobs whose life ended, and those that died.", "queue", "outcome")
	m.retries = m.counters("job_retries_total", "Attempts that failed with another one to follow.", "queue")
	m.attempts = m.counters("job_attempts_total", "Jobs that came back from a runner.", "queue", "outcome")
	m.purges = m.counters("purges_total", "Purges of a URL that ended.", "outcome")
	m.jobWait = m.histograms("job_wait_seconds", "Time from a job's creation to its start.",
		[]float64{.01, .1, .5, 1, 5, 30, 60, 300, 1800, 7200, 86400}, "queue")
	m.attemptTime = m.histograms("job_attempt_seconds", "Time of an attempt at a job.",
		[]float64{.01, .05, .1, .5, 1, 5, 15, 60, 300, 600}, "queue")
	m.holds = m.counter("holds_total", "Times that a wiki was found to take no work.")
	m.repairs = m.counter("repairs_total", "Keys of the store that led nowhere and were removed: a defect.")
	m.heldWikis = prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "held_wikis", Help: "Wikis that take no work now.",
	})
	m.heldSections = prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "held_sections", Help: "Database sections that take no work now.",
	})
	m.blocked = m.counters("blocked_seconds_total", "Time that a queue of a wiki had ready jobs and started none, by what kept it.", "queue", "cause")
	m.registry.MustRegister(m.heldWikis, m.heldSections)
}

func (m *Metrics) counter(name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help})
	m.registry.MustRegister(c)
	return c
}

func (m *Metrics) counters(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
	m.registry.MustRegister(c)
	return c
}

func (m *Metrics) histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
	m.registry.MustRegister(h)
	return h
}

// Handler answers a scrape.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, EnableOpenMetrics: false})
}

// series are the metrics of one queue. Looking one up by its labels takes longer than counting.
type series struct {
	label             string
	started, retries  prometheus.Counter
	wait, attemptTime prometheus.Observer
	finished          [jobqueue.Duplicate + 1]prometheus.Counter      // by state; made at first use
	attempts          [jobqueue.OutcomeOrderly + 1]prometheus.Counter // by outcome; made at first use
	blocked           [dispatch.CauseConfig + 1]prometheus.Counter    // by cause; made at first use
}

// of returns the series of a queue. m.mu is held.
func (m *Metrics) of(queue string) *series {
	s := m.queues[queue]
	switch {
	case s != nil:
		return s
	case len(m.queues) < maxQueues:
		s = m.newSeries(queue)
		m.queues[queue] = s
		return s
	case m.other == nil:
		m.other = m.newSeries(otherQueue)
	}
	return m.other
}

func (m *Metrics) newSeries(label string) *series {
	return &series{
		label: label, started: m.jobsStarted.WithLabelValues(label), retries: m.retries.WithLabelValues(label),
		wait: m.jobWait.WithLabelValues(label), attemptTime: m.attemptTime.WithLabelValues(label),
	}
}

// queue returns the label of a queue.
func (m *Metrics) queue(name string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.of(name).label
}
