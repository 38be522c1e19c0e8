package web

import (
	"context"
	"net/http"
	"strings"
	"time"

	"auwai/api"
	"auwai/internal/access"
	"auwai/internal/fault"
	"auwai/internal/inspect"
)

// Bounds of one bulk action: a request has to end. What is left is done when the form is sent again.
const (
	bulkWithin = 10 * time.Second
	bulkMost   = 5_000
	bulkPage   = 200
)

type deadPage struct {
	Queue, Wiki string
	Jobs        []api.Job
	Count       int64 // of all that the filter finds
	AtLeast     bool  // there are more pairs than were counted
	NextURL     string
	Begun       bool
	May         bool // the visitor may act on some
	Stale       bool
	Now         time.Time
}

func (w *Web) getDead(v *visit) error {
	q := v.r.URL.Query()
	p := &deadPage{
		Queue: strings.TrimSpace(q.Get("queue")), Wiki: strings.TrimSpace(q.Get("wiki")),
		Begun: q.Get("cursor") != "", May: v.grant.May(access.Admin), Now: v.now,
	}
	page, err := w.cfg.Queue.Jobs(v.r.Context(), inspect.JobFilter{
		State: api.StateDead, Queue: p.Queue, Wiki: p.Wiki, Limit: rowsOfPage, Cursor: q.Get("cursor"), Reach: v.reach(),
	})
	if err != nil {
		return err
	}
	p.Jobs, p.Stale = page.Jobs, page.Stale
	if p.Count, p.AtLeast, err = v.countDead(p.Queue, p.Wiki); err != nil {
		return err
	}
	if page.Cursor != "" {
		p.NextURL = link("/dead", "queue", p.Queue, "wiki", p.Wiki, "cursor", page.Cursor)
	}
	return v.render(http.StatusOK, "dead", "Dead letters", "dead", p)
}

func (v *visit) countDead(queue, wiki string) (n int64, atLeast bool, err error) {
	s, err := v.pairsOf(queue, wiki)
	if err != nil {
		return 0, false, err
	}
	for i := range s.pairs {
		n += s.pairs[i].Dead
	}
	return n, s.partial, nil
}

// postDead requeues one job, those that are marked, or all of a filter; the last after a question.
func (w *Web) postDead(v *visit) error {
	ids := v.form["id"]
	queue, wiki := strings.TrimSpace(v.form.Get("queue")), strings.TrimSpace(v.form.Get("wiki"))
	if one := v.form.Get("one"); one != "" {
		ids = []string{one}
	}
	back := deadURL(queue, wiki)
	if v.form.Get("all") == "" {
		if len(ids) == 0 {
			return fault.Field("id", "is not there: no job is marked; mark some, or choose all")
		}
		n, err := v.requeue(ids)
		if err != nil {
			return err
		}
		w.forgetSurveys()
		v.see(back, said("retried", n))
		return nil
	}
	if v.form.Get("sure") == "" {
		n, atLeast, err := v.countDead(queue, wiki)
		if err != nil {
			return err
		}
		words := jobsWord(int(n))
		if atLeast {
			words = "At least " + words
		}
		return v.confirm(&confirmation{
			Title:  "Requeue all of these dead jobs?",
			Words:  words + " " + filterWords(queue, wiki) + " will run again, with all attempts before them. What killed them may kill them again.",
			Action: "/dead", Button: "Requeue " + jobsWord(int(n)), Back: back, Calm: true,
			Fields: fields("all", "1", "queue", queue, "wiki", wiki),
		})
	}
	n, more, err := v.requeueAll(queue, wiki)
	if err != nil {
		return err
	}
	w.forgetSurveys()
	if more {
		v.see(back, said("more", n))
		return nil
	}
	v.see(back, said("retried", n))
	return nil
}

func filterWords(queue, wiki string) string {
	switch {
	case queue != "" && wiki != "":
		return "of the queue " + queue + " of the wiki " + wiki
	case queue != "":
		return "of the queue " + queue
	case wiki != "":
		return "of the wiki " + wiki
	}
	return "of all queues"
}

// requeue has dead jobs run again and returns how many did. One that is not dead any more was requeued
// by somebody else, which is as good.
func (v *visit) requeue(ids []string) (done int, err error) {
	for _, id := range ids {
		if err := v.reachID(id); err != nil {
			return done, err
		}
		_, err := v.cfg.Queue.Retry(v.r.Context(), id)
		switch kind := fault.KindOf(err); {
		case err == nil:
			done++
		case kind == fault.Conflict, kind == fault.NotFound:
		default:
			return done, err
		}
	}
	return done, nil
}

// requeueAll does it for all jobs of a filter, as far as it comes in one request.
func (v *visit) requeueAll(queue, wiki string) (done int, more bool, err error) {
	ctx, cancel := context.WithTimeout(v.r.Context(), bulkWithin)
	defer cancel()
	f := inspect.JobFilter{State: api.StateDead, Queue: queue, Wiki: wiki, Limit: bulkPage, Reach: v.reach()}
	for done < bulkMost {
		page, err := v.cfg.Queue.Jobs(ctx, f)
		if ctx.Err() != nil && v.r.Context().Err() == nil {
			return done, true, nil
		}
		if err != nil {
			return done, false, err
		}
		ids := make([]string, len(page.Jobs))
		for i := range page.Jobs {
			ids[i] = page.Jobs[i].ID
		}
		n, err := v.requeue(ids)
		done += n
		if err != nil {
			return done, false, err
		}
		if page.Cursor == "" {
			return done, false, nil
		}
		f.Cursor = page.Cursor
		if ctx.Err() != nil {
			break
		}
	}
	return done, true, nil
}
