package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"auwai/internal/config"
	"auwai/internal/server"
)

// wiki is an EventBus endpoint that records what reached it.
type wiki struct {
	*httptest.Server

	mu     sync.Mutex
	bodies []string
	answer func(body string) (status int, text string)
	seen   chan string
}

func newWiki(t *testing.T) *wiki {
	t.Helper()
	w := &wiki{seen: make(chan string, 1000), answer: func(string) (int, string) {
		return http.StatusOK, `{"status":true,"error":null,"caught":[],"timeMs":1}`
	}}
	w.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.mu.Lock()
		w.bodies = append(w.bodies, string(body))
		status, text := w.answer(string(body))
		w.mu.Unlock()
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(status)
		_, _ = io.WriteString(rw, text)
		w.seen <- string(body)
	}))
	t.Cleanup(w.Close)
	return w
}

// running is a service on a free port.
type running struct {
	url    string
	stop   func()
	file   string // its configuration
	hangup chan<- os.Signal
}

func start(t *testing.T, dir, wikis string) *running {
	t.Helper()
	file := filepath.Join(dir, "auwai.yaml")
	if err := os.WriteFile(file, []byte("data: store\nwikis:\n"+wikis), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Listen = l.Addr().String()
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended, hangup := make(chan struct{}), make(chan error, 1), make(chan os.Signal)
	go func() {
		ended <- server.Run(ctx, server.Options{
			Config: cfg, Drain: time.Second, Listener: l, OnReady: func(net.Addr) { close(ready) },
			Reload: func() (*config.Config, error) { return config.Load(file) }, Hangup: hangup,
		})
	}()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatalf("Run() = %v before it was ready", err)
	}
	r := &running{url: "http://" + l.Addr().String(), file: file, hangup: hangup}
	var once sync.Once
	r.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("Run() = %v, want nil after an orderly stop", err)
			}
		})
	}
	t.Cleanup(r.stop)
	return r
}

func (r *running) do(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func event(id, domain string) string {
	return fmt.Sprintf(`{"$schema":"/mediawiki/job/1.0.0","meta":{"uri":"https://placeholder.invalid/wiki/Special:Badtitle","request_id":"req-%s","id":%q,"domain":%q,"stream":"mediawiki.job.demoJob"},"database":"aawiki","type":"demoJob","params":{"b":1, "a":"\u00e9"},"mediawiki_signature":"x"}`, id, id, domain)
}

func oneWiki(w *wiki) string {
	return fmt.Sprintf("  aawiki: {url: %q, host: aawiki.localhost, runner: eventbus}\n", w.URL)
}

func TestAnEventReachesItsWikiByteForByteAndIsThenHistory(t *testing.T) {
	w := newWiki(t)
	r := start(t, t.TempDir(), oneWiki(w))
	sent := event("1", "aawiki.localhost")
	if status, text := r.do(t, http.MethodPost, "/v1/events", "["+sent+"]"); status != http.StatusCreated {
		t.Fatalf("POST /v1/events = %d %s, want 201", status, text)
	}
	if got := <-w.seen; got != sent {
		t.Errorf("the wiki got\n%s\nwant\n%s", got, sent)
	}
	waitFor(t, func() bool {
		_, text := r.do(t, http.MethodGet, "/v1/jobs?state=done&request_id=req-1", "")
		return strings.Contains(text, `"state":"done"`)
	})
}

func TestWorkThatWasTakenIsThereAfterARestart(t *testing.T) {
	w := newWiki(t)
	dir := t.TempDir()
	r := start(t, dir, "  other: {url: "+w.URL+", host: other.localhost, runner: eventbus}\n")
	for i := range 20 {
		if status, text := r.do(t, http.MethodPost, "/v1/events", event(fmt.Sprint(i), "aawiki.localhost")); status != http.StatusCreated {
			t.Fatalf("POST /v1/events = %d %s, want 201", status, text)
		}
	}
	_, text := r.do(t, http.MethodGet, "/v1/queues", "")
	if !strings.Contains(text, `"ready":20`) || !strings.Contains(text, `not in the configuration`) {
		t.Errorf("jobs of an unknown wiki are not kept and explained: %s", text)
	}
	r.stop()
	start(t, dir, oneWiki(w))
	for range 20 {
		<-w.seen
	}
}

func TestAJobWithAnotherWikisDomainWaitsAndOthersGoOn(t *testing.T) {
	w := newWiki(t)
	r := start(t, t.TempDir(), oneWiki(w))
	body := "[" + event("bad", "elsewhere.example") + "," + event("good", "aawiki.localhost") + "]"
	if status, text := r.do(t, http.MethodPost, "/v1/events", body); status != http.StatusCreated {
		t.Fatalf("POST /v1/events = %d %s, want 201", status, text)
	}
	if got := <-w.seen; !strings.Contains(got, `"good"`) {
		t.Errorf("the wiki got %s", got)
	}
	waitFor(t, func() bool {
		_, text := r.do(t, http.MethodGet, "/v1/jobs?state=delayed", "")
		var page struct {
			Jobs []struct {
				LastError string `json:"last_error"`
				Attempts  int    `json:"attempts"`
			} `json:"jobs"`
		}
		if err := json.Unmarshal([]byte(text), &page); err != nil || len(page.Jobs) != 1 {
			return false
		}
		return strings.Contains(page.Jobs[0].LastError, "elsewhere.example") && strings.Contains(page.Jobs[0].LastError, "aawiki.localhost") &&
			page.Jobs[0].Attempts == 0
	})
}

func TestAPermanentErrorIsDeadAtOnceWithItsDiagnosisAndCanBeRetried(t *testing.T) {
	w := newWiki(t)
	w.answer = func(string) (int, string) {
		return http.StatusForbidden, `{"message":"Invalid mediawiki signature","httpCode":403,"httpReason":"Forbidden"}`
	}
	r := start(t, t.TempDir(), oneWiki(w))
	r.do(t, http.MethodPost, "/v1/events", event("1", "aawiki.localhost"))
	<-w.seen
	var id string
	waitFor(t, func() bool {
		_, text := r.do(t, http.MethodGet, "/v1/jobs?state=dead", "")
		var page struct {
			Jobs []struct {
				ID        string `json:"id"`
				LastError string `json:"last_error"`
			} `json:"jobs"`
		}
		if err := json.Unmarshal([]byte(text), &page); err != nil || len(page.Jobs) != 1 {
			return false
		}
		id = page.Jobs[0].ID
		return strings.Contains(page.Jobs[0].LastError, "signature")
	})
	w.mu.Lock()
	w.answer = func(string) (int, string) { return http.StatusOK, `{"status":true,"error":null,"caught":[]}` }
	w.mu.Unlock()
	if status, text := r.do(t, http.MethodPost, "/v1/jobs/"+id+"/retry", ""); status != http.StatusOK {
		t.Fatalf("retry = %d %s, want 200", status, text)
	}
	<-w.seen
	waitFor(t, func() bool {
		_, text := r.do(t, http.MethodGet, "/v1/jobs/"+id, "")
		return strings.Contains(text, `"state":"done"`)
	})
}

// waitFor repeats a question of the service until it is answered with yes; each request takes its
// time, so the loop does not spin.
func waitFor(t *testing.T, yes func() bool) {
	t.Helper()
	for !yes() {
		if t.Context().Err() != nil {
			t.Fatal("the test ended before the condition was met")
		}
	}
}
