package inspect

import (
	"context"
	"time"

	"auwai/api"
	"auwai/internal/eventlog"
	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/kv"
	"auwai/internal/partition"
)

// running lists what is claimed, in the order of the ids.
func running(ctx context.Context, l *lister, p partition.ID, v *view, from place) (place, bool, error) {
	start := from.suffix()
	var refs []ref
	for _, id := range v.ids() {
		if from.On && string(id[:]) <= string(start[:]) {
			continue
		}
		refs = append(refs, ref{pair: v.running[id].pair, id: id, at: place{ID: id.String()}})
	}
	return l.takeAll(ctx, p, v, refs, api.StateRunning)
}

// pairStage lists jobs pair by pair: list goes on in one pair after a place.
func pairStage(l *lister, v *view, from place,
	has func(*pairView) bool, list func(pv *pairView, from place) (place, bool, error),
) (place, bool, error) {
	for i := range v.pairs {
		pv := &v.pairs[i]
		at := place{Wiki: pv.Pair.Wiki, Queue: pv.Pair.Queue}
		within := from.On && pv.Pair == jobqueue.Pair{Wiki: from.Wiki, Queue: from.Queue}
		if within {
			at = from
		}
		if !within && !from.before(pv.Pair) || !has(pv) {
			continue
		}
		if l.full() {
			return at, false, nil
		}
		next, done, err := list(pv, at)
		if err != nil || !done {
			return next, false, err
		}
	}
	return place{}, true, nil
}

// ready lists what waits for its start, by queue and band. What is claimed in memory only stands in
// the ready order too; record tells it apart.
func ready(ctx context.Context, l *lister, p partition.ID, v *view, from place) (place, bool, error) {
	has := func(pv *pairView) bool { return pv.Counts.Ready > 0 }
	return pairStage(l, v, from, has, func(pv *pairView, at place) (place, bool, error) {
		for b := at.Band; b < jobqueue.Bands; b++ {
			seq := max(pv.Cursor[b], 1) - 1
			if b == at.Band {
				seq = max(seq, at.Seq)
			}
			next, done, err := l.walk(ctx, p, v, jobqueue.ReadyRange(p, pv.Pair, b, seq), func(e kv.Entry) (ref, bool, error) {
				r, err := jobqueue.DecodeReady(e)
				at := place{Wiki: pv.Pair.Wiki, Queue: pv.Pair.Queue, Band: b, Seq: r.Seq}
				return ref{pv.Pair, r.ID, at}, true, err
			}, api.StateReady)
			if err != nil || !done {
				if next == nil {
					next = &place{Wiki: at.Wiki, Queue: at.Queue, Band: b, Seq: seq}
				}
				return *next, false, err
			}
		}
		return place{}, true, nil
	})
}

// blocked lists jobs that wait for others, by queue, in the order in which they were blocked.
func blocked(ctx context.Context, l *lister, p partition.ID, v *view, from place) (place, bool, error) {
	has := func(pv *pairView) bool { return pv.Counts.Blocked > 0 }
	return pairStage(l, v, from, has, func(pv *pairView, at place) (place, bool, error) {
		next, done, err := l.walk(ctx, p, v, jobqueue.BlockedRange(p, pv.Pair, at.Seq), func(e kv.Entry) (ref, bool, error) {
			b, err := jobqueue.DecodeBlocked(e)
			return ref{pv.Pair, b.ID, place{Wiki: pv.Pair.Wiki, Queue: pv.Pair.Queue, Seq: b.Seq}}, true, err
		}, api.StateBlocked)
		if next == nil {
			next = &at
		}
		return *next, done, err
	})
}

// dead lists dead jobs by queue, the oldest first.
func dead(ctx context.Context, l *lister, p partition.ID, v *view, from place) (place, bool, error) {
	has := func(pv *pairView) bool { return pv.Counts.Dead > 0 }
	return pairStage(l, v, from, has, func(pv *pairView, at place) (place, bool, error) {
		next, done, err := l.walk(ctx, p, v, jobqueue.DeadRange(p, pv.Pair, at.Seq), func(e kv.Entry) (ref, bool, error) {
			id, seq, err := jobqueue.DecodeDead(e)
			return ref{pv.Pair, id, place{Wiki: pv.Pair.Wiki, Queue: pv.Pair.Queue, Seq: seq}}, true, err
		}, api.StateDead)
		if next == nil {
			next = &at
		}
		return *next, done, err
	})
}

// endOfTime is after every moment that a job can wait for.
func endOfTime() time.Time { return time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC) }

// delayed lists what waits for a moment, the earliest first.
func delayed(ctx context.Context, l *lister, p partition.ID, v *view, from place) (place, bool, error) {
	r := jobqueue.DueRange(p, endOfTime())
	if from.On && len(from.Key) > 0 {
		if string(from.Key) < string(r.From) || string(from.Key) >= string(r.To) {
			return from, false, fault.Field("cursor", "is no cursor; use the one of the page before, or none")
		}
		r.From = after(from.Key)
	}
	flt := l.f.filter()
	next, done, err := l.walk(ctx, p, v, r, func(e kv.Entry) (ref, bool, error) {
		d, err := jobqueue.DecodeDue(e)
		return ref{d.Pair, d.ID, place{Key: e.Key}}, flt.has(d.Pair), err
	}, api.StateDelayed)
	if next == nil {
		next = &from
	}
	return *next, done, err
}

// walk reads a range, and the records that its entries name, until its end or the page's. next is nil
// when it has not moved. decode says also whether the entry is of interest.
func (l *lister) walk(ctx context.Context, p partition.ID, v *view, r kv.Range,
	decode func(kv.Entry) (ref, bool, error), state string,
) (next *place, done bool, err error) {
	r.Limit = scanBatch
	for {
		if l.full() {
			return next, false, nil
		}
		pages, err := l.engine.Scan(ctx, r)
		if err != nil {
			return next, false, read(err, "the order of jobs")
		}
		entries := pages[0].Entries
		if len(entries) == 0 {
			return next, true, nil
		}
		var refs []ref
		var last place
		for _, e := range entries {
			one, wanted, err := decode(e)
			if err != nil {
				return next, false, err
			}
			last = one.at
			if wanted {
				refs = append(refs, one)
			} else {
				l.budget--
			}
		}
		at, all, err := l.takeAll(ctx, p, v, refs, state)
		if err != nil {
			return next, false, err
		}
		if !all {
			if at.isZero() {
				return next, false, nil
			}
			return &at, false, nil
		}
		next = &last
		if !pages[0].More {
			return next, true, nil
		}
		r.From = after(entries[len(entries)-1].Key)
	}
}

func (p place) isZero() bool {
	return p.Wiki == "" && p.Queue == "" && p.Band == 0 && p.Seq == 0 && p.ID == "" && p.Key == nil
}

// past lists finished jobs, the newest first.
func past(ctx context.Context, l *lister, p partition.ID, _ *view, from place) (place, bool, error) {
	reader := eventlog.Reader{Source: l.engine, Partition: p, Stream: jobqueue.HistoryStream}
	before := from.Seq
	for !l.full() {
		records, next, err := reader.Backward(ctx, before, eventlog.Bound{Records: min(scanBatch, max(l.budget, 1))})
		if err != nil {
			return place{Seq: before}, false, read(err, "the history")
		}
		for _, r := range records {
			l.budget--
			h, err := jobqueue.DecodeHistory(r.Data)
			if err != nil {
				return place{Seq: before}, false, err
			}
			if l.f.filter().has(h.Pair) {
				l.take(history(&h))
			}
			before = r.Pos
			if l.full() {
				return place{Seq: before}, false, nil
			}
		}
		if next == 0 {
			return place{}, true, nil
		}
		before = next
	}
	return place{Seq: before}, false, nil
}

// found is a job by its id: a record, or what is kept of a finished one.
type found struct {
	job  *jobqueue.Job
	past *jobqueue.History
}

// find looks a job up; both are nil when there is none.
func (a *asker) find(ctx context.Context, p partition.ID, id ident.ID) (found, error) {
	jobs, err := a.records(ctx, p, []ref{{pair: jobqueue.Pair{Wiki: id.Wiki}, id: id.Suffix}})
	if err != nil || jobs[0] != nil {
		return found{job: first(jobs)}, err
	}
	reader := eventlog.Reader{Source: a.engine, Partition: p, Stream: jobqueue.HistoryStream}
	r, ok, err := reader.Find(ctx, eventlog.Tag(id.Suffix), jobqueue.HistoryTag)
	if err != nil {
		return found{}, read(err, "the history")
	}
	if !ok {
		return found{}, nil
	}
	h, err := jobqueue.DecodeHistory(r.Data)
	if err != nil || h.Wiki != id.Wiki {
		return found{}, err
	}
	return found{past: &h}, nil
}

func first(jobs []*jobqueue.Job) *jobqueue.Job {
	if len(jobs) == 0 {
		return nil
	}
	return jobs[0]
}
