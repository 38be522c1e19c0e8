package httpapi

import (
	"net/http"

	"auwai/internal/intake"
)

// postEvents takes events as EventGate does. hasty is true whatever non-empty value it has.
func (s *server) postEvents(w http.ResponseWriter, r *http.Request) error {
	if err := checkType(r, "application/json", "text/plain", "application/reports+json"); err != nil {
		return err
	}
	body, ticket, err := s.readBody(w, r, intake.MaxBody)
	if err != nil {
		return err
	}
	hasty := r.URL.Query().Get("hasty") != ""
	result := s.Intake.Events(r.Context(), ticket, body, source(r), hasty)
	if result.RetryAfter > 0 {
		setRetryAfter(w, result.RetryAfter)
	}
	if result.Err != nil {
		return &statusError{result.Status, result.Err}
	}
	if answer := result.Body(); answer != nil {
		return s.answer(w, result.Status, answer)
	}
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(result.Status)
	return nil
}
