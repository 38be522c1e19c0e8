package httpapi

import (
	"net/http"

	"auwai/internal/fault"
	"auwai/internal/inspect"
	"auwai/internal/intake"
)

func (s *server) postJobs(w http.ResponseWriter, r *http.Request) error {
	if err := checkType(r, "application/json"); err != nil {
		return err
	}
	body, ticket, err := s.readBody(w, r, intake.MaxJobsBody)
	if err != nil {
		return err
	}
	result := s.Intake.Jobs(r.Context(), ticket, body, source(r))
	if result.RetryAfter > 0 {
		setRetryAfter(w, result.RetryAfter)
	}
	if result.Err != nil {
		return &statusError{result.Status, result.Err}
	}
	return s.answer(w, result.Status, result.Places)
}

func (s *server) getJobs(w http.ResponseWriter, r *http.Request) error {
	q, err := readQuery(r, "state", "queue", "wiki", "request_id", "client_id", "raw", "limit", "cursor")
	if err != nil {
		return err
	}
	if raw := q.text["raw"]; raw != "" && raw != "0" && raw != "1" {
		return fault.Field("raw", "is %q; 1 or 0 is expected", fault.Short(raw))
	}
	page, err := s.Queue.Jobs(r.Context(), inspect.JobFilter{
		State: q.text["state"], Queue: q.text["queue"], Wiki: q.text["wiki"], RequestID: q.text["request_id"],
		ClientID: q.text["client_id"], Raw: q.text["raw"] == "1", Limit: q.limit, Cursor: q.text["cursor"],
		Reach: reachOf(r),
	})
	if err != nil {
		return err
	}
	return s.answer(w, http.StatusOK, page)
}

func (s *server) getJob(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if err := reachJob(r, id); err != nil {
		return err
	}
	job, err := s.Queue.Job(r.Context(), id)
	if err != nil {
		return err
	}
	return s.answer(w, http.StatusOK, job)
}

func (s *server) retryJob(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if err := reachJob(r, id); err != nil {
		return err
	}
	action, err := s.Queue.Retry(r.Context(), id)
	if err != nil {
		return err
	}
	return s.answer(w, http.StatusOK, action)
}

func (s *server) cancelJob(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if err := reachJob(r, id); err != nil {
		return err
	}
	action, err := s.Queue.Cancel(r.Context(), id)
	if err != nil {
		return err
	}
	return s.answer(w, http.StatusOK, action)
}
