package web

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"auwai/internal/access"
	"auwai/internal/fault"
	"auwai/internal/inspect"
)

// Bounds of boards.
const (
	boardEvery  = time.Second      // a board is not read more often
	boardShare  = 20               // the pause after a reading, as a multiple of how long it took
	boardPause  = 30 * time.Second // however long that was
	boardWithin = 5 * time.Second  // of one reading
	boardPages  = 20               // pages of pairs of a visitor that reaches some wikis only
	maxViewers  = 1_000            // open streams: each is a connection and two goroutines
	maxBoards   = 200              // as many tokens may be looked at with at a time
)

// figures are what a board shows.
type figures struct {
	At       time.Time `json:"-"`
	Ready    int64     `json:"ready"`
	Delayed  int64     `json:"delayed"`
	Blocked  int64     `json:"blocked"`
	Running  int64     `json:"running"`
	Dead     int64     `json:"dead"`
	Held     int64     `json:"held"` // pairs that start nothing
	Oldest   float64   `json:"oldest_s"`
	Rates    bool      `json:"rates"` // the next two are known
	Started  float64   `json:"started"`
	Finished float64   `json:"finished"`
	Live     bool      `json:"live"`
	Partial  bool      `json:"partial"`
	// Queues are the queues that have jobs, by name.
	Queues []queueFigures `json:"queues"`
}

type queueFigures struct {
	Queue   string  `json:"queue"`
	Ready   int64   `json:"ready"`
	Delayed int64   `json:"delayed"`
	Blocked int64   `json:"blocked"`
	Running int64   `json:"running"`
	Dead    int64   `json:"dead"`
	Held    int64   `json:"held"`
	Wikis   int64   `json:"wikis"`
	Oldest  float64 `json:"oldest_s"`
}

// Pending are the jobs that wait.
func (q *queueFigures) Pending() int64 { return q.Ready + q.Delayed + q.Blocked }

// Age is how long the oldest ready job waits.
func (q *queueFigures) Age() time.Duration { return time.Duration(q.Oldest * float64(time.Second)) }

// Age is how long the oldest ready job waits.
func (f *figures) Age() time.Duration { return time.Duration(f.Oldest * float64(time.Second)) }

// board is what viewers of the same wikis share.
type board struct {
	reach *access.Grant // nil: all wikis

	viewers int           // guarded by Web.mu
	next    time.Time     // guarded by Web.mu; when it may be read again
	now     *figures      // guarded by Web.mu; nil: not read yet
	text    []byte        // guarded by Web.mu; now as JSON
	news    chan struct{} // guarded by Web.mu; closed when now is another, or when the board is no more
	before  Counters      // used by Run alone: the counters at the last reading
	at      time.Time     // used by Run alone
}

// boardKey names what a visitor reaches: a token has its wikis as long as the configuration does.
func boardKey(reach *access.Grant) string {
	if reach == nil {
		return ""
	}
	return strings.Join(reach.Wikis(), "\n")
}

// watch adds a viewer to the board of a visitor. The caller calls leave when it stops.
func (w *Web) watch(reach *access.Grant) (b *board, leave func(), err error) {
	key := boardKey(reach)
	w.mu.Lock()
	defer w.mu.Unlock()
	b = w.boards[key]
	if w.viewers >= maxViewers || b == nil && len(w.boards) >= maxBoards {
		return nil, nil, fault.Newf(fault.Unavailable, "%d pages are watched already; this one stays as it was loaded", w.viewers)
	}
	if b == nil {
		b = &board{reach: reach, news: make(chan struct{})}
		w.boards[key] = b
	}
	b.viewers++
	w.viewers++
	select {
	case w.wake <- struct{}{}:
	default:
	}
	return b, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		b.viewers--
		w.viewers--
		if b.viewers == 0 {
			delete(w.boards, key)
		}
	}, nil
}

// latest returns the text of a board, and what is closed when there is a newer one.
func (w *Web) latest(b *board) (text []byte, news <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return b.text, b.news
}

// readBoards reads each board that has viewers, again and again.
func (w *Web) readBoards(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.wake:
		case <-timer.C:
		}
		due, next := w.dueBoards()
		for _, b := range due {
			w.readBoard(ctx, b)
		}
		if len(due) > 0 {
			_, next = w.dueBoards()
		}
		timer.Stop()
		if !next.IsZero() {
			timer.Reset(max(time.Until(next), 10*time.Millisecond))
		}
	}
}

// dueBoards returns the boards to be read now, and when the next one is due; zero: there is none.
func (w *Web) dueBoards() (due []*board, next time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	for _, b := range w.boards {
		if !b.next.After(now) {
			due = append(due, b)
		} else if next.IsZero() || b.next.Before(next) {
			next = b.next
		}
	}
	return due, next
}

func (w *Web) readBoard(ctx context.Context, b *board) {
	ctx, cancel := context.WithTimeout(ctx, boardWithin)
	defer cancel()
	began := time.Now()
	f, err := w.figures(ctx, b.reach)
	ended := time.Now()
	var text []byte
	if err != nil {
		w.log.Debug("a board could not be read; it keeps its figures", "err", err)
	} else {
		b.rates(f, w.cfg.Counters(), ended)
		if text, err = json.Marshal(f); err != nil {
			w.log.Error("figures cannot be written", "err", err)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	b.next = ended.Add(min(max(boardEvery, boardShare*ended.Sub(began)), boardPause))
	if err != nil {
		return
	}
	b.now, b.text = f, text
	close(b.news)
	b.news = make(chan struct{})
}

// rates puts in how many jobs were started and finished a second since the last reading: on all wikis,
// so only where all are reached.
func (b *board) rates(f *figures, c Counters, now time.Time) {
	if b.reach != nil {
		return
	}
	if d := now.Sub(b.at).Seconds(); !b.at.IsZero() && d > 0 {
		f.Rates = true
		f.Started = float64(c.Started-b.before.Started) / d
		f.Finished = float64(c.Finished+c.Died-b.before.Finished-b.before.Died) / d
	}
	b.before, b.at = c, now
}

// figures reads what a visitor reaches.
func (w *Web) figures(ctx context.Context, reach *access.Grant) (*figures, error) {
	f := &figures{At: w.cfg.Now(), Queues: []queueFigures{}}
	if reach == nil {
		t, ok := w.cfg.Queue.Totals(ctx)
		if !ok {
			return nil, fault.Newf(fault.Unavailable, "the node does not answer")
		}
		f.Live = t.Live
		for i := range t.Queues {
			f.addQueue(queueOf(&t.Queues[i]))
		}
		return f, nil
	}
	byQueue := map[string]*queueFigures{}
	flt := inspect.QueueFilter{Limit: inspect.MaxLimit, Reach: reach}
	f.Live = true
	for range boardPages {
		page, err := w.cfg.Queue.Queues(ctx, flt)
		if err != nil {
			return nil, err
		}
		f.Live = f.Live && !page.Stale
		for i := range page.Queues {
			addPair(byQueue, &page.Queues[i])
		}
		flt.Cursor = page.Cursor
		if page.Cursor == "" {
			break
		}
	}
	f.Partial = flt.Cursor != ""
	for _, q := range byQueue {
		f.addQueue(*q)
	}
	slices.SortFunc(f.Queues, func(a, b queueFigures) int { return strings.Compare(a.Queue, b.Queue) })
	return f, nil
}

func queueOf(t *inspect.QueueTotals) queueFigures {
	return queueFigures{
		Queue: t.Queue, Ready: t.Counts.Ready, Delayed: t.Counts.Delayed, Blocked: t.Counts.Blocked, Running: t.Counts.Running,
		Dead: t.Counts.Dead, Held: int64(t.Held), Wikis: int64(t.Wikis), Oldest: t.Oldest.Seconds(),
	}
}

func (f *figures) addQueue(q queueFigures) {
	if q.Pending()+q.Running+q.Dead == 0 {
		return
	}
	f.Ready += q.Ready
	f.Delayed += q.Delayed
	f.Blocked += q.Blocked
	f.Running += q.Running
	f.Dead += q.Dead
	f.Held += q.Held
	f.Oldest = max(f.Oldest, q.Oldest)
	f.Queues = append(f.Queues, q)
}

// shared returns the figures of a visitor's board while it is watched, else reads them.
func (v *visit) shared() (*figures, error) {
	v.mu.Lock()
	b := v.boards[boardKey(v.reach())]
	if b != nil && b.now != nil && v.now.Sub(b.now.At) < surveyFor {
		defer v.mu.Unlock()
		return b.now, nil
	}
	v.mu.Unlock()
	return v.figures(v.r.Context(), v.reach())
}
