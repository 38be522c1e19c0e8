package httpapi

import (
	"net/http"

	"auwai/api"
)

func (s *server) getHealth(w http.ResponseWriter, _ *http.Request) error {
	return s.answer(w, http.StatusOK, api.Health{Status: "ok"})
}

// getReady answers with the reason when the node is not ready, for whoever looks at it.
func (s *server) getReady(w http.ResponseWriter, _ *http.Request) error {
	ok, reason := s.Ready()
	if !ok {
		setRetryAfter(w, 0)
		return s.answer(w, http.StatusServiceUnavailable, api.Health{Status: "unavailable", Reason: reason})
	}
	return s.answer(w, http.StatusOK, api.Health{Status: "ok", Reason: reason})
}

func (s *server) getMetrics(w http.ResponseWriter, r *http.Request) error {
	s.Metrics.ServeHTTP(w, r)
	return nil
}

func (s *server) getInfo(w http.ResponseWriter, _ *http.Request) error {
	return s.answer(w, http.StatusOK, api.Info{Name: "auwai", Version: s.Version})
}
