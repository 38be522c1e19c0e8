package web

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"auwai/api"
	"auwai/internal/inspect"
)

type jobsPage struct {
	State, Queue, Wiki, Request string
	States                      []string
	Jobs                        []api.Job
	NextURL                     string
	Begun                       bool // this is not the first page
	FirstURL                    string
	Stale                       bool
	Now                         time.Time
}

// StateURL returns the address of the list for another state.
func (p *jobsPage) StateURL(state string) string {
	return link("/jobs", "state", state, "queue", p.Queue, "wiki", p.Wiki, "request", p.Request)
}

func (w *Web) getJobs(v *visit) error {
	q := v.r.URL.Query()
	p := &jobsPage{
		State: q.Get("state"), Queue: strings.TrimSpace(q.Get("queue")), Wiki: strings.TrimSpace(q.Get("wiki")),
		Request: strings.TrimSpace(q.Get("request")), Begun: q.Get("cursor") != "", Now: v.now,
	}
	p.States = slices.DeleteFunc(api.States(), func(s string) bool { return s == api.StateAccepted })
	done, err := v.renewal()
	if err != nil {
		return err
	}
	defer done()
	page, err := v.cfg.Queue.Jobs(v.r.Context(), inspect.JobFilter{
		State: p.State, Queue: p.Queue, Wiki: p.Wiki, RequestID: p.Request, Limit: rowsOfPage, Cursor: q.Get("cursor"), Reach: v.reach(),
	})
	if err != nil {
		return err
	}
	p.Jobs, p.Stale = page.Jobs, page.Stale
	if finished(p.State) {
		slices.SortStableFunc(p.Jobs, func(a, b api.Job) int { return endOf(&b).Compare(endOf(&a)) })
	}
	p.FirstURL = p.StateURL(p.State)
	if page.Cursor != "" {
		p.NextURL = link("/jobs", "state", p.State, "queue", p.Queue, "wiki", p.Wiki, "request", p.Request, "cursor", page.Cursor)
	}
	return v.render(http.StatusOK, "jobs", "Jobs", "jobs", p)
}

// finished reports whether jobs of a state have ended.
func finished(state string) bool {
	switch state {
	case api.StateDone, api.StateCancelled, api.StateSuperseded, api.StateExpired, api.StateDuplicate:
		return true
	}
	return false
}

func endOf(j *api.Job) time.Time {
	if j.FinishedAt == nil {
		return time.Time{}
	}
	return *j.FinishedAt
}
