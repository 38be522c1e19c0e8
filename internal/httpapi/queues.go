package httpapi

import (
	"net/http"

	"auwai/internal/inspect"
)

func (s *server) getQueues(w http.ResponseWriter, r *http.Request) error {
	q, err := readQuery(r, "wiki", "queue", "limit", "cursor")
	if err != nil {
		return err
	}
	page, err := s.Queue.Queues(r.Context(), inspect.QueueFilter{
		Queue: q.text["queue"], Wiki: q.text["wiki"], Limit: q.limit, Cursor: q.text["cursor"],
		Reach: reachOf(r),
	})
	if err != nil {
		return err
	}
	return s.answer(w, http.StatusOK, page)
}
