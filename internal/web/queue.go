package web

import (
	"net/http"
	"strconv"

	"auwai/api"
	"auwai/internal/farm"
	"auwai/internal/fault"
	"auwai/internal/inspect"
)

// jobsOfQueue bounds the jobs that a queue's page shows; the list of jobs has all.
const jobsOfQueue = 20

type queuePage struct {
	Queue, Wiki    string
	Sum            queueFigures
	Held           string // of a pair
	Pairs          []api.Queue
	Page           slice
	Next           []api.Job // what runs, and what is next
	Control        *controlForm
	Partial, Stale bool
}

// PageURL returns the address of another page of the list.
func (p *queuePage) PageURL(n int) string {
	return link("/queue", "queue", p.Queue, "wiki", p.Wiki, "page", strconv.Itoa(n))
}

func (w *Web) getQueue(v *visit) error {
	q := v.r.URL.Query()
	p := &queuePage{Queue: q.Get("queue"), Wiki: q.Get("wiki")}
	if p.Queue == "" || p.Wiki != "" && !v.grant.Reaches(p.Wiki) {
		return fault.Newf(fault.NotFound, "there is no queue %q of the wiki %q here", fault.Short(p.Queue), fault.Short(p.Wiki))
	}
	scope := farm.Scope{Kind: farm.ScopeQueue, Queue: p.Queue}
	if p.Wiki != "" {
		scope = farm.Scope{Kind: farm.ScopePair, Queue: p.Queue, Wiki: p.Wiki}
	}
	if _, err := farm.ParseScope(scope.String()); err != nil {
		return err
	}
	done, err := v.renewal()
	if err != nil {
		return err
	}
	defer done()
	s, err := v.pairsOf(p.Queue, p.Wiki)
	if err != nil {
		return err
	}
	p.Partial, p.Stale = s.partial, s.stale
	sums := map[string]*queueFigures{p.Queue: {Queue: p.Queue}}
	for i := range s.pairs {
		addPair(sums, &s.pairs[i])
		if p.Wiki != "" {
			p.Held = s.pairs[i].Held
		}
	}
	p.Sum = *sums[p.Queue]
	number, err := strconv.Atoi(q.Get("page"))
	if err != nil {
		number = 1
	}
	pairs := sortPairs(s.pairs, "pending")
	var from, to int
	p.Page, from, to = paged(len(pairs), number)
	p.Pairs = pairs[from:to]
	list, err := v.cfg.Queue.Jobs(v.r.Context(), inspect.JobFilter{Queue: p.Queue, Wiki: p.Wiki, Limit: jobsOfQueue, Reach: v.reach()})
	if err != nil {
		return err
	}
	p.Next, p.Stale = list.Jobs, p.Stale || list.Stale
	if p.Control, err = v.controlForm(scope); err != nil {
		return err
	}
	title := p.Queue
	if p.Wiki != "" {
		title += " of " + p.Wiki
	}
	return v.render(http.StatusOK, "queue", title, "queues", p)
}

// renewal takes one of the few places of pages that are made anew for the script; a page that a person
// asks for needs none. The caller calls done when it has its answer.
func (v *visit) renewal() (done func(), err error) {
	if v.r.Header.Get("X-Auwai-Renewal") == "" {
		return func() {}, nil
	}
	select {
	case v.renewals <- struct{}{}:
		return func() { <-v.renewals }, nil
	default:
		return nil, fault.Newf(fault.Unavailable, "many pages are made anew; this one stays as it is for now")
	}
}
