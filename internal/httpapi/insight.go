package httpapi

import (
	"context"
	"net/http"

	"auwai/api"
	"auwai/internal/access"
	"auwai/internal/inspect"
)

// Insight says why, and what followed; *inspect.Inspector implements it.
type Insight interface {
	Explain(ctx context.Context, id string) (api.Explanation, error)
	Trace(ctx context.Context, id string, reach *access.Grant) (api.Trace, error)
	Wikis(ctx context.Context, f inspect.WikiFilter) (api.WikiPage, error)
}

// Bulk acts on many jobs; *inspect.Inspector implements it.
type Bulk interface {
	RequeueDead(ctx context.Context, r *api.DeadRequest, reach *access.Grant) (api.BulkAnswer, error)
	DropDead(ctx context.Context, r *api.DeadRequest, reach *access.Grant) (api.BulkAnswer, error)
	CancelMany(ctx context.Context, r *api.CancelRequest, reach *access.Grant) (api.BulkAnswer, error)
}

func (s *server) getExplanation(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if err := reachJob(r, id); err != nil {
		return err
	}
	e, err := s.Insight.Explain(r.Context(), id)
	if err != nil {
		return err
	}
	return s.answer(w, http.StatusOK, e)
}

func (s *server) getTrace(w http.ResponseWriter, r *http.Request) error {
	if _, err := readQuery(r); err != nil {
		return err
	}
	t, err := s.Insight.Trace(r.Context(), r.PathValue("id"), reachOf(r))
	if err != nil {
		return err
	}
	return s.answer(w, http.StatusOK, t)
}

func (s *server) getWikis(w http.ResponseWriter, r *http.Request) error {
	q, err := readQuery(r, "wiki", "limit", "cursor")
	if err != nil {
		return err
	}
	page, err := s.Insight.Wikis(r.Context(), inspect.WikiFilter{
		Wiki: q.text["wiki"], Limit: q.limit, Cursor: q.text["cursor"], Reach: reachOf(r),
	})
	if err != nil {
		return err
	}
	return s.answer(w, http.StatusOK, page)
}

func (s *server) requeueDead(w http.ResponseWriter, r *http.Request) error {
	return s.deadBulk(w, r, s.Bulk.RequeueDead)
}

func (s *server) dropDead(w http.ResponseWriter, r *http.Request) error {
	return s.deadBulk(w, r, s.Bulk.DropDead)
}

func (s *server) deadBulk(w http.ResponseWriter, r *http.Request,
	do func(context.Context, *api.DeadRequest, *access.Grant) (api.BulkAnswer, error),
) error {
	var in api.DeadRequest
	if err := readObject(w, r, &in, false, "a choice of jobs", "queue, wiki, error, ids, dry_run, limit and cursor"); err != nil {
		return err
	}
	out, err := do(r.Context(), &in, reachOf(r))
	if err != nil {
		return err
	}
	return s.answer(w, http.StatusOK, out)
}

func (s *server) cancelJobs(w http.ResponseWriter, r *http.Request) error {
	var in api.CancelRequest
	if err := readObject(w, r, &in, false, "a choice of jobs", "queue, wiki, root, request_id, running, dry_run, limit and cursor"); err != nil {
		return err
	}
	out, err := s.Bulk.CancelMany(r.Context(), &in, reachOf(r))
	if err != nil {
		return err
	}
	return s.answer(w, http.StatusOK, out)
}
