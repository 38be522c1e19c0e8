package httpapi

import (
	"net/http"

	"auwai/api"
	"auwai/internal/fault"
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

// purgeQueue ends what waits. Whoever may claim jobs may do that: claimed and finished they would be gone
// too.
func (s *server) purgeQueue(w http.ResponseWriter, r *http.Request) error {
	var in api.PurgeRequest
	if err := readObject(w, r, &in, false, "a purge of a queue", "wiki"); err != nil {
		return err
	}
	if in.Wiki == "" {
		return fault.Field("wiki", "is missing; name the wiki whose jobs are to be ended")
	}
	if g := grantOf(r); !g.Reaches(in.Wiki) {
		return fault.Newf(fault.Forbidden, "the token %q does not reach the wiki %q", g.Token(), fault.Short(in.Wiki))
	}
	answer, err := s.Queue.Purge(r.Context(), r.PathValue("queue"), in.Wiki)
	if err != nil {
		return err
	}
	return s.answer(w, http.StatusOK, answer)
}
