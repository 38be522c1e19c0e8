package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"auwai/internal/access"
)

// observer notes what is answered. It is the ResponseWriter of every handler.
type observer struct {
	http.ResponseWriter

	route  string
	status int // 0: nothing answered yet
}

// WriteHeader notes the status.
func (o *observer) WriteHeader(status int) {
	if o.status == 0 && status >= http.StatusOK {
		o.status = status
	}
	o.ResponseWriter.WriteHeader(status)
}

// Write notes that there is an answer.
func (o *observer) Write(b []byte) (int, error) {
	if o.status == 0 {
		o.status = http.StatusOK
	}
	return o.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController find the connection.
func (o *observer) Unwrap() http.ResponseWriter { return o.ResponseWriter }

// nameRoute says which route took a request.
func nameRoute(w http.ResponseWriter, route string) {
	if o, ok := w.(*observer); ok {
		o.route = route
	}
}

type requestIDKey struct{}

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string) // absent: outside observed, which tests only can be
	return id
}

// maxRequestID bounds what a client calls its request, in bytes.
const maxRequestID = 255

// usable reports whether a client's request id can be logged and kept as it is.
func usable(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for i := range len(id) {
		if id[i] < 0x21 || id[i] > 0x7e {
			return false
		}
	}
	return true
}

// observed gives each request an id, logs it, counts it, and turns a panic into an answer.
func (s *server) observed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		id := r.Header.Get("X-Request-Id")
		if !usable(id) {
			id = s.NewID()
		}
		r = r.WithContext(context.WithValue(r.Context(), requestIDKey{}, id))
		o := &observer{ResponseWriter: w, route: "refused"}
		o.Header().Set("X-Request-Id", id)
		defer func() {
			s.recovered(o, r, recover())
			took := time.Since(began)
			if s.Hooks.OnRequest != nil {
				s.Hooks.OnRequest(o.route, boundedMethod(r.Method), o.status, took)
			}
			s.log.Debug("request", "method", r.Method, "path", access.Redact(r.URL.Path), "status", o.status, "took", took,
				"request_id", id, "client", clientOf(r))
		}()
		next.ServeHTTP(o, r)
	})
}

// recovered answers a panic. http.ErrAbortHandler is how a handler ends a connection on purpose.
func (s *server) recovered(o *observer, r *http.Request, panicked any) {
	if panicked == nil {
		return
	}
	if err, ok := panicked.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(panicked)
	}
	s.log.Error("handler panicked", "err", fmt.Sprint(panicked), "request_id", requestID(r.Context()),
		"method", r.Method, "path", access.Redact(r.URL.Path), "stack", string(debug.Stack()))
	if o.status != 0 {
		panic(http.ErrAbortHandler) // half an answer must not look like a whole one
	}
	s.problem(o, r, http.StatusInternalServerError, "internal", "", hidden)
}

// boundedMethod keeps invented methods out of labels.
func boundedMethod(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodPatch:
		return m
	default:
		return "other"
	}
}

// clientOf returns the client's address without its port.
func clientOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
