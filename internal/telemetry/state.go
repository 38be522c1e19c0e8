package telemetry

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"auwai/internal/inspect"
	"auwai/internal/jobqueue"
	"auwai/internal/kv/pebblekv"
)

// State is asked when somebody looks. Each may be nil.
type State struct {
	// Totals says where the jobs stand; false when the node does not answer.
	Totals func(ctx context.Context) (inspect.Totals, bool)
	// Store says what the embedded store does.
	Store func() pebblekv.Metrics
}

// scrapeTime bounds the question to the node: a scrape has to answer when the node does not.
const scrapeTime = 2 * time.Second

// collector turns State into metrics.
type collector struct {
	metrics *Metrics
	state   State
}

// figure is a metric that is computed at a scrape.
type figure struct {
	name, help string
	kind       prometheus.ValueType
	labels     []string
}

func (f figure) desc() *prometheus.Desc {
	return prometheus.NewDesc(namespace+"_"+f.name, f.help, f.labels, nil)
}

func (f figure) put(ch chan<- prometheus.Metric, value float64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(f.desc(), f.kind, value, labels...)
}

func gauge(name, help string, labels ...string) figure {
	return figure{name, help, prometheus.GaugeValue, labels}
}

func count(name, help string) figure { return figure{name, help, prometheus.CounterValue, nil} }

func upFigure() figure { return gauge("up", "1 when the node answers and can commit.") }
func partitionsFigure() figure {
	return gauge("partitions_open", "Partitions that take commands on this node.")
}

func jobsFigure() figure {
	return gauge("jobs", "Jobs that wait, run or are dead.", "queue", "state")
}

func oldestFigure() figure {
	return gauge("oldest_ready_seconds", "Age of the oldest job at the head of a queue of a wiki.", "queue")
}

func heldFigure() figure {
	return gauge("held_queues", "Wikis where the queue has jobs and starts none.", "queue")
}

// storeFigures pairs each figure of the store with its value.
func storeFigures(s pebblekv.Metrics) []struct {
	figure
	value float64
} {
	return []struct {
		figure
		value float64
	}{
		{count("store_log_syncs_total", "Syncs of the store's log, which durable commits share."), float64(s.LogSyncs)},
		{count("store_log_bytes_total", "Bytes written to the store's log."), float64(s.LogBytes)},
		{count("store_table_bytes_total", "Bytes written to the store's other files."), float64(s.TableBytes)},
		{count("store_flushes_total", "Tables written from memory."), float64(s.Flushes)},
		{count("store_compactions_total", "Compactions done."), float64(s.Compactions)},
		{gauge("store_disk_bytes", "Size of the store's files."), float64(s.DiskBytes)},
		{gauge("store_memtable_bytes", "Memory of tables that are not on disk yet."), float64(s.MemTableBytes)},
		{gauge("store_cache_bytes", "Memory of the store's cache."), float64(s.CacheBytes)},
		{gauge("store_l0_sublevels", "Depth of what is not sorted yet; writes stall at 24."), float64(s.L0Sublevels)},
		{gauge("store_compaction_debt_bytes", "Bytes that compaction still has to rewrite."), float64(s.Debt)},
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, f := range []figure{upFigure(), partitionsFigure(), jobsFigure(), oldestFigure(), heldFigure()} {
		ch <- f.desc()
	}
	for _, f := range storeFigures(pebblekv.Metrics{}) {
		ch <- f.desc()
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	up := 0.0
	if c.state.Totals != nil {
		ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
		totals, ok := c.state.Totals(ctx)
		cancel()
		if ok {
			c.totals(ch, &totals)
		}
		if ok && totals.Live {
			up = 1
		}
	}
	upFigure().put(ch, up)
	if c.state.Store != nil {
		for _, f := range storeFigures(c.state.Store()) {
			f.put(ch, f.value)
		}
	}
}

func (c *collector) totals(ch chan<- prometheus.Metric, t *inspect.Totals) {
	partitionsFigure().put(ch, float64(t.Partitions))
	merged := map[string]*inspect.QueueTotals{} // queues beyond the bound are one
	for _, q := range t.Queues {
		name := c.metrics.queue(q.Queue)
		m := merged[name]
		if m == nil {
			m = &inspect.QueueTotals{}
			merged[name] = m
		}
		addCounts(&m.Counts, q.Counts)
		m.Held += q.Held
		m.Oldest = max(m.Oldest, q.Oldest)
	}
	for name, q := range merged {
		for state, n := range map[string]int64{
			"ready": q.Counts.Ready, "delayed": q.Counts.Delayed, "blocked": q.Counts.Blocked,
			"running": q.Counts.Running, "dead": q.Counts.Dead,
		} {
			jobsFigure().put(ch, float64(n), name, state)
		}
		oldestFigure().put(ch, q.Oldest.Seconds(), name)
		heldFigure().put(ch, float64(q.Held), name)
	}
}

func addCounts(to *jobqueue.Counts, n jobqueue.Counts) {
	to.Ready += n.Ready
	to.Delayed += n.Delayed
	to.Blocked += n.Blocked
	to.Running += n.Running
	to.Dead += n.Dead
}
