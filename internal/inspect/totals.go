package inspect

import (
	"context"
	"slices"
	"strings"
	"time"

	"auwai/internal/jobqueue"
	"auwai/internal/node"
	"auwai/internal/partition"
)

// Totals sums up what a node knows, for metrics.
type Totals struct {
	Live       bool // the node can commit
	Partitions int  // open here
	Queues     []QueueTotals
}

// QueueTotals sums up a queue over all wikis.
type QueueTotals struct {
	Queue  string
	Counts jobqueue.Counts
	Wikis  int           // that have jobs in it
	Held   int           // of these, where nothing is started
	Oldest time.Duration // age of the oldest job at a head that is in memory
}

// Totals asks the owner of each partition; ok is false when the loop is silent.
func (i *Inspector) Totals(ctx context.Context) (totals Totals, ok bool) {
	a := i.asker()
	t := &Totals{} // its own memory: a silent loop may write to it later
	if !a.ask(ctx, func(_ partition.Now, m *node.Machine) { t.Live, t.Partitions = m.Live(), m.OpenCount() }) {
		return Totals{}, false
	}
	now := a.now()
	byQueue := map[string]*QueueTotals{}
	for p := range partition.ID(partition.Count) {
		v, err := a.view(ctx, p, filter{})
		if err != nil || a.silent {
			return Totals{}, false
		}
		for n := range v.pairs {
			v.pairs[n].addTo(byQueue, now)
		}
	}
	for _, q := range byQueue {
		t.Queues = append(t.Queues, *q)
	}
	slices.SortFunc(t.Queues, func(a, b QueueTotals) int { return strings.Compare(a.Queue, b.Queue) })
	return *t, true
}

func (pv *pairView) addTo(byQueue map[string]*QueueTotals, now time.Time) {
	q := byQueue[pv.Pair.Queue]
	if q == nil {
		q = &QueueTotals{Queue: pv.Pair.Queue}
		byQueue[pv.Pair.Queue] = q
	}
	q.Counts.Ready += pv.Counts.Ready
	q.Counts.Delayed += pv.Counts.Delayed
	q.Counts.Blocked += pv.Counts.Blocked
	q.Counts.Running += pv.Counts.Running
	q.Counts.Dead += pv.Counts.Dead
	q.Counts.Sweeping += pv.Counts.Sweeping
	q.Wikis++
	if pv.held != "" {
		q.Held++
	}
	if pv.Counts.Ready > 0 && !pv.head.IsZero() {
		q.Oldest = max(q.Oldest, now.Sub(pv.head))
	}
}
