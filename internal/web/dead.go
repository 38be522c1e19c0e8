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
	bulkMost   = 50_000
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

// deadVerb is what is done to dead jobs.
type deadVerb struct {
	do          func(ctx context.Context, r *api.DeadRequest, reach *access.Grant) (api.BulkAnswer, error)
	said        string
	title, name string
	words       string // what becomes of the jobs
	calm        bool
}

func (w *Web) deadVerb(word string) (deadVerb, error) {
	switch word {
	case "requeue":
		return deadVerb{
			w.cfg.Dead.RequeueDead, "retried", "Requeue these dead jobs?", "Requeue",
			"will run again, with all attempts before them. What killed them may kill them again.", true,
		}, nil
	case "drop":
		return deadVerb{
			w.cfg.Dead.DropDead, "dropped", "Drop these dead jobs?", "Drop",
			"will be gone, and never run. This cannot be taken back.", false,
		}, nil
	}
	return deadVerb{}, fault.Field("do", "is %q; requeue or drop is expected", fault.Short(word))
}

// postDead requeues or drops one job, those that are marked, or all of a filter. A drop, and all of a
// filter, are asked about first. do is the verb; the button of a row has its job's id behind it.
func (w *Web) postDead(v *visit) error {
	word, one, _ := strings.Cut(v.form.Get("do"), " ")
	all := v.form.Get("all") != ""
	if rest, ok := strings.CutPrefix(word, "all-"); ok {
		word, all = rest, true
	}
	verb, err := w.deadVerb(word)
	if err != nil {
		return err
	}
	r := &api.DeadRequest{Queue: strings.TrimSpace(v.form.Get("queue")), Wiki: strings.TrimSpace(v.form.Get("wiki"))}
	back := deadURL(r.Queue, r.Wiki)
	if !all {
		if r.IDs = v.form["id"]; one != "" {
			r.IDs = []string{one}
		}
		if len(r.IDs) == 0 {
			return fault.Field("id", "is not there: no job is marked; mark some, or choose all")
		}
		for _, id := range r.IDs {
			if err := v.reachID(id); err != nil {
				return err
			}
		}
	}
	if v.form.Get("sure") == "" && (all || !verb.calm) {
		return v.askDead(&verb, word, r, back)
	}
	n, more, err := v.bulk(&verb, r)
	if err != nil {
		return err
	}
	w.forgetSurveys()
	if more {
		v.see(back, said("more", n))
		return nil
	}
	v.see(back, said(verb.said, n))
	return nil
}

// askDead asks whether it is meant, with the number of jobs.
func (v *visit) askDead(verb *deadVerb, word string, r *api.DeadRequest, back string) error {
	n, atLeast := int64(len(r.IDs)), false
	sent := fields("do", word, "queue", r.Queue, "wiki", r.Wiki)
	of := "that you marked"
	if len(r.IDs) == 0 {
		var err error
		if n, atLeast, err = v.countDead(r.Queue, r.Wiki); err != nil {
			return err
		}
		sent, of = append(sent, field{"all", "1"}), filterWords(r.Queue, r.Wiki)
	}
	for _, id := range r.IDs {
		sent = append(sent, field{"id", id})
	}
	words := jobsWord(int(n))
	if atLeast {
		words = "At least " + words
	}
	return v.confirm(&confirmation{
		Title: verb.title, Words: words + " " + of + " " + verb.words, Action: "/dead", Button: verb.name + " " + jobsWord(int(n)),
		Back: back, Calm: verb.calm, Fields: sent,
	})
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

// bulk does it page by page, as far as it comes in one request.
func (v *visit) bulk(verb *deadVerb, r *api.DeadRequest) (done int, more bool, err error) {
	for began := time.Now(); ; {
		answer, err := verb.do(v.r.Context(), r, v.reach())
		done += answer.Done
		if err != nil {
			return done, false, err
		}
		r.Cursor = answer.Cursor
		switch {
		case r.Cursor == "":
			return done, false, nil
		case done >= bulkMost || time.Since(began) > bulkWithin:
			return done, true, nil
		}
	}
}
