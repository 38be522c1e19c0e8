package inspect

import (
	"context"
	"strings"
	"time"

	"auwai/api"
	"auwai/internal/access"
	"auwai/internal/jobqueue"
	"auwai/internal/kv"
	"auwai/internal/partition"
	"auwai/internal/tuple"
)

// QueueFilter says which queues to list; "" is any.
type QueueFilter struct {
	Queue, Wiki string
	Limit       int // 0: DefaultLimit
	Cursor      string
	// Reach is who asks: wikis that it does not reach are not there. nil: all are.
	Reach *access.Grant
}

// Queues lists pairs with their counts, those without jobs left out.
func (i *Inspector) Queues(ctx context.Context, f QueueFilter) (api.QueuePage, error) {
	page := api.QueuePage{Queues: []api.Queue{}}
	limit, err := checkLimit(f.Limit)
	if err != nil {
		return page, err
	}
	c, err := parseCursor(f.Cursor, question("queues", f.Queue, f.Wiki), 1)
	if err != nil {
		return page, err
	}
	a, flt, last := i.asker(), filter{f.Queue, f.Wiki, f.Reach}, c
	for _, p := range flt.partitions() {
		if p < c.Partition {
			continue
		}
		v, err := a.view(ctx, p, flt)
		if err != nil {
			return page, err
		}
		from := place{}
		if p == c.Partition {
			from = c.place
		}
		rows, more, err := a.queueRows(ctx, p, v, from, limit-len(page.Queues))
		if err != nil {
			return page, err
		}
		page.Queues = append(page.Queues, rows...)
		if n := len(rows); n > 0 {
			last = cursor{Version: cursorVersion, Filter: c.Filter, Partition: p, place: place{Wiki: rows[n-1].Wiki, Queue: rows[n-1].Queue, On: true}}
		}
		if more {
			page.Cursor = last.String()
			break
		}
	}
	page.Stale = a.stale
	return page, nil
}

// before reports whether the place is before a pair.
func (p place) before(pair jobqueue.Pair) bool {
	if !p.On {
		return true
	}
	// As keys have them, so that the order is that of the store.
	if d := strings.Compare(tuple.Shorten(pair.Wiki), tuple.Shorten(p.Wiki)); d != 0 {
		return d > 0
	}
	return tuple.Shorten(pair.Queue) > tuple.Shorten(p.Queue)
}

// queueRows makes rows of the pairs of a partition after a place. more says that further ones are
// left.
func (a *asker) queueRows(ctx context.Context, p partition.ID, v *view, from place, room int) (rows []api.Queue, more bool, err error) {
	var chosen []pairView
	for _, pv := range v.pairs {
		if !from.before(pv.Pair) || pv.Counts.IsZero() {
			continue
		}
		if len(chosen) == room {
			more = true
			break
		}
		chosen = append(chosen, pv)
	}
	heads, err := a.heads(ctx, p, chosen)
	if err != nil {
		return nil, false, err
	}
	now := a.now()
	for n, pv := range chosen {
		k := pv.Counts
		row := api.Queue{
			Queue: pv.Pair.Queue, Wiki: pv.Pair.Wiki, Ready: k.Ready, Delayed: k.Delayed,
			Blocked: k.Blocked, Running: k.Running, Held: pv.held, Dead: k.Dead,
		}
		if k.Ready > 0 && !heads[n].IsZero() {
			row.OldestAge = int64(max(now.Sub(heads[n]), 0) / time.Second)
		}
		rows = append(rows, row)
	}
	return rows, more, nil
}

// headsAtOnce bounds the ranges of one Scan.
const headsAtOnce = 300

// heads returns when the job at the head of each pair was created; it is read from the store where it
// is not in memory.
func (a *asker) heads(ctx context.Context, p partition.ID, pairs []pairView) ([]time.Time, error) {
	out := make([]time.Time, len(pairs))
	var ranges []kv.Range
	var of []int
	flush := func() error {
		if len(ranges) == 0 {
			return nil
		}
		pages, err := a.engine.Scan(ctx, ranges...)
		if err != nil {
			return read(err, "the heads of queues")
		}
		for n, page := range pages {
			if len(page.Entries) == 0 {
				continue
			}
			e, err := jobqueue.DecodeReady(page.Entries[0])
			if err != nil {
				return err
			}
			if head := &out[of[n]]; head.IsZero() || e.Created.Before(*head) {
				*head = e.Created
			}
		}
		ranges, of = ranges[:0], of[:0]
		return nil
	}
	for n, pv := range pairs {
		switch {
		case !pv.head.IsZero():
			out[n] = pv.head
			continue
		case pv.Counts.Ready == 0:
			continue
		}
		for b := range jobqueue.Band(jobqueue.Bands) {
			r := jobqueue.ReadyRange(p, pv.Pair, b, max(pv.Cursor[b], 1)-1)
			r.Limit = 1
			ranges, of = append(ranges, r), append(of, n)
		}
		if len(ranges) >= headsAtOnce {
			if err := flush(); err != nil {
				return nil, err
			}
		}
	}
	return out, flush()
}
