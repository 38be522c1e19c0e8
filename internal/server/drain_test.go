package server_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestAnAttemptThatAStopCutsShortIsMadeAgainAndNotCounted(t *testing.T) {
	w := newWiki(t)
	entered, hold := make(chan struct{}), make(chan struct{})
	right := w.answer
	w.answer = func(string) (int, string) {
		entered <- struct{}{}
		<-hold
		return http.StatusServiceUnavailable, "too late"
	}
	dir := t.TempDir()
	r := start(t, dir, oneWiki(w))
	if status, text := r.do(t, http.MethodPost, "/v1/events", event("1", "aawiki.localhost")); status != http.StatusCreated {
		t.Fatalf("POST /v1/events = %d %s, want 201", status, text)
	}
	<-entered
	stopped := make(chan struct{})
	go func() { r.stop(); close(stopped) }()
	waitFor(t, func() bool {
		_, text := r.do(t, http.MethodGet, "/v1/queues", "")
		return strings.Contains(text, "the service is stopping")
	})
	if status, text := r.do(t, http.MethodPost, "/v1/events", event("2", "aawiki.localhost")); status != http.StatusCreated {
		t.Errorf("POST /v1/events = %d %s during the drain, want 201", status, text)
	}
	<-stopped
	w.answer = right // its handler is stopped at hold
	close(hold)
	<-w.seen
	r = start(t, dir, oneWiki(w))
	waitFor(t, func() bool {
		_, text := r.do(t, http.MethodGet, "/v1/jobs?state=done", "")
		return strings.Count(text, `"state":"done"`) == 2
	})
	_, text := r.do(t, http.MethodGet, "/v1/jobs?state=done", "")
	if n := strings.Count(text, `"attempts":1`); n != 2 {
		t.Errorf("%d of 2 jobs have one attempt: %s", n, text)
	}
}
