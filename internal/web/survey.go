package web

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"auwai/api"
	"auwai/internal/inspect"
)

// Bounds of surveys.
const (
	surveyFor   = 3 * time.Second // how old what is shown may be
	surveyPages = 20              // pages of pairs: what is behind them is found by a filter
	maxSurveys  = 64
	maxRenewals = 2 // pages that are made anew for their viewers at a time
	rowsOfPage  = 50
)

// survey is the pairs of a filter.
type survey struct {
	mu      sync.Mutex // held while it is read, so that it is read once
	at      time.Time
	pairs   []api.Queue
	partial bool // there are more pairs than are looked at
	stale   bool
}

// pairsOf returns the pairs of a filter. They are shared: the caller changes nothing in them.
func (v *visit) pairsOf(queue, wiki string) (*survey, error) {
	key := queue + "\x00" + wiki + "\x00" + boardKey(v.reach())
	v.mu.Lock()
	s := v.surveys[key]
	if s == nil {
		v.dropOldSurveys()
		s = &survey{}
		v.surveys[key] = s
	}
	v.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if v.now.Sub(s.at) < surveyFor && s.pairs != nil {
		return &survey{at: s.at, pairs: s.pairs, partial: s.partial, stale: s.stale}, nil
	}
	fresh, err := v.readPairs(v.r.Context(), queue, wiki)
	if err != nil {
		return nil, err
	}
	s.at, s.pairs, s.partial, s.stale = v.now, fresh.pairs, fresh.partial, fresh.stale
	return fresh, nil
}

// dropOldSurveys makes room. The caller holds mu.
func (w *Web) dropOldSurveys() {
	if len(w.surveys) >= maxSurveys {
		clear(w.surveys) // those that are being read are read to their end, and not kept
	}
}

func (w *Web) forgetSurveys() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.surveys)
}

func (v *visit) readPairs(ctx context.Context, queue, wiki string) (*survey, error) {
	out := &survey{at: v.now, pairs: []api.Queue{}}
	f := inspect.QueueFilter{Queue: queue, Wiki: wiki, Limit: inspect.MaxLimit, Reach: v.reach()}
	for range surveyPages {
		page, err := v.cfg.Queue.Queues(ctx, f)
		if err != nil {
			return nil, err
		}
		out.pairs = append(out.pairs, page.Queues...)
		out.stale = out.stale || page.Stale
		f.Cursor = page.Cursor
		if page.Cursor == "" {
			return out, nil
		}
	}
	out.partial = true
	return out, nil
}

// addPair adds a pair to the figures of its queue.
func addPair(byQueue map[string]*queueFigures, p *api.Queue) {
	q := byQueue[p.Queue]
	if q == nil {
		q = &queueFigures{Queue: p.Queue}
		byQueue[p.Queue] = q
	}
	q.Ready += p.Ready
	q.Delayed += p.Delayed
	q.Blocked += p.Blocked
	q.Running += p.Running
	q.Dead += p.Dead
	q.Wikis++
	if p.Held != "" {
		q.Held++
	}
	q.Oldest = max(q.Oldest, float64(p.OldestAge))
}

func pending(p *api.Queue) int64 { return p.Ready + p.Delayed + p.Blocked }

// sortPairs returns pairs in another order; unknown words leave them by wiki and queue.
func sortPairs(pairs []api.Queue, by string) []api.Queue {
	out := slices.Clone(pairs)
	key := map[string]func(*api.Queue) int64{
		"pending": pending,
		"ready":   func(p *api.Queue) int64 { return p.Ready },
		"delayed": func(p *api.Queue) int64 { return p.Delayed + p.Blocked },
		"running": func(p *api.Queue) int64 { return p.Running },
		"dead":    func(p *api.Queue) int64 { return p.Dead },
		"oldest":  func(p *api.Queue) int64 { return p.OldestAge },
	}[by]
	slices.SortStableFunc(out, func(a, b api.Queue) int {
		if key != nil {
			if d := cmp.Compare(key(&b), key(&a)); d != 0 {
				return d
			}
		}
		if by == "queue" {
			return cmp.Or(strings.Compare(a.Queue, b.Queue), strings.Compare(a.Wiki, b.Wiki))
		}
		return cmp.Or(strings.Compare(a.Wiki, b.Wiki), strings.Compare(a.Queue, b.Queue))
	})
	return out
}

// slice is a page of rows.
type slice struct {
	From, To, Total int // rows From to To of Total; From is 1 for the first
	Prev, Next      int // numbers of pages; 0: none
}

// paged returns which rows are on a page.
func paged(total, page int) (slice, int, int) {
	page = max(1, min(page, (total+rowsOfPage-1)/rowsOfPage))
	from := (page - 1) * rowsOfPage
	to := min(from+rowsOfPage, total)
	s := slice{From: min(from+1, total), To: to, Total: total, Prev: page - 1}
	if to < total {
		s.Next = page + 1
	}
	return s, from, to
}
