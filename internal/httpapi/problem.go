package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"auwai/api"
	"auwai/internal/access"
	"auwai/internal/fault"
)

// hidden stands for the details of an Internal error.
const hidden = "internal error; the service's log has it under this request_id"

// retryAfter is what a client that is refused for now is told to wait.
const retryAfter = time.Second

// statusError is an error whose status does not follow from its kind.
type statusError struct {
	status int
	err    error
}

// Error implements error.
func (e *statusError) Error() string { return e.err.Error() }

// Unwrap returns the error itself.
func (e *statusError) Unwrap() error { return e.err }

// fail answers an error.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil && errors.Is(err, context.Canceled) {
		return // the client has gone
	}
	kind := fault.KindOf(err)
	if errors.Is(err, context.DeadlineExceeded) {
		kind = fault.Unavailable
	}
	status, detail := api.StatusOf(kind), err.Error()
	if own, ok := errors.AsType[*statusError](err); ok {
		status = own.status
	}
	if status == http.StatusInternalServerError {
		s.log.Error("request failed", "err", err, "method", r.Method, "path", access.Redact(r.URL.Path), "request_id", requestID(r.Context()))
		detail, kind = hidden, fault.Internal
	}
	if errors.Is(err, access.ErrUnknown) {
		status = http.StatusUnauthorized
		challenge(w)
	}
	if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
		setRetryAfter(w, 0)
	}
	s.problem(w, r, status, kind.String(), fault.FieldOf(err), detail)
}

// setRetryAfter says when to come back, in whole seconds.
func setRetryAfter(w http.ResponseWriter, d time.Duration) {
	d = max(d, retryAfter)
	w.Header().Set("Retry-After", strconv.Itoa(int((d+time.Second-1)/time.Second)))
}

func (s *server) problem(w http.ResponseWriter, r *http.Request, status int, kind, field, detail string) {
	s.writeJSON(w, status, api.ProblemType, api.Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Kind: kind, Field: field,
		Method: r.Method, URI: fault.Short(access.Redact(r.URL.RequestURI())), RequestID: requestID(r.Context()),
	})
}

// answer writes a JSON answer.
func (s *server) answer(w http.ResponseWriter, status int, v any) error {
	s.writeJSON(w, status, "application/json", v)
	return nil
}

func (s *server) writeJSON(w http.ResponseWriter, status int, mediaType string, v any) {
	body, err := marshal(v)
	if err != nil {
		s.log.Error("an answer cannot be written", "err", err)
		status, body = http.StatusInternalServerError, nil
	}
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that is gone is told nothing
}

// marshal is json.Marshal without escaping for HTML: payloads and titles are read by people.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}
