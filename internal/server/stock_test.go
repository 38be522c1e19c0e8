package server_test

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"auwai/internal/runner/mwrunner"
)

// table is a stock wiki: jobs in a table of its own, and Special:RunJobs.
type table struct {
	mu   sync.Mutex
	jobs int // guarded by mu
	most int // guarded by mu: the maxjobs of the largest request
}

// answer is what the wiki says to a form.
func (s *table) answer(body string) (status int, text string) {
	form, err := url.ParseQuery(body)
	if err != nil || form.Get("title") != "Special:RunJobs" || form.Get("signature") == "" {
		return http.StatusBadRequest, "Invalid or stale signature provided."
	}
	limit, err := strconv.Atoi(form.Get("maxjobs"))
	if err != nil {
		return http.StatusBadRequest, err.Error()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.most = max(s.most, limit)
	n, reached := min(s.jobs, limit), "none-ready"
	if n == limit {
		reached = "job-limit"
	}
	s.jobs -= n
	run := strings.TrimSuffix(strings.Repeat(`{"type":"null","status":"ok","error":null,"time":1},`, n), ",")
	return http.StatusOK, `{"jobs":[` + run + `],"reached":"` + reached + `","backoffs":[],"elapsed":1}`
}

func (s *table) left() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.jobs
}

// startStock starts a service for one stock wiki and returns where packets go.
func startStock(t *testing.T, s *table, poll string) (*running, net.Conn) {
	t.Helper()
	w := newWiki(t)
	w.answer = s.answer
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "key"), []byte("k"), 0o600); err != nil {
		t.Fatal(err)
	}
	feed := freePort(t)
	r := start(t, dir, fmt.Sprintf("  aawiki: {url: %q, host: aawiki.localhost, runner: special-runjobs, secret_file: key, poll: %s}\n"+
		"  bbwiki: {url: %q, host: bbwiki.localhost, runner: eventbus-rpc}\nrcfeed_listen: %q\n", w.URL, poll, w.URL, feed))
	conn, err := new(net.Dialer).DialContext(t.Context(), "udp", feed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return r, conn
}

func TestAPacketHasAStockWikiRunAllOfItsJobs(t *testing.T) {
	s := &table{}
	r, feed := startStock(t, s, "1h")
	waitFor(t, func() bool {
		_, text := r.do(t, http.MethodGet, "/metrics", "")
		return strings.Contains(text, `auwai_looks_total{outcome="nothing"} 1`)
	})
	s.mu.Lock()
	s.jobs = 2*mwrunner.DefaultRunJobs + 3
	s.mu.Unlock()
	if _, err := feed.Write([]byte(`{"type":"edit","title":"A","server_name":"aawiki.localhost","wiki":"aawiki"}`)); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool {
		_, text := r.do(t, http.MethodGet, "/v1/jobs?state=done&queue=auwai.runjobs&wiki=aawiki", "")
		return s.left() == 0 && strings.Count(text, `"state":"done"`) == 3
	})
	if _, text := r.do(t, http.MethodGet, "/v1/queues", ""); strings.Contains(text, `"dead":1`) {
		t.Errorf("a wake-up died: %s", text)
	}
	for packet, outcome := range map[string]string{
		`{"wiki":"bbwiki"}`: "ignored", `{"wiki":"zzwiki"}`: "unknown", "noise": "unreadable",
		"aawiki \x0314[[\x0307Special:Log/move\x0314]]\x034 move\x0310 \x0302\x03": "woke",
	} {
		line := `auwai_rcfeed_packets_total{outcome="` + outcome + `"}`
		_, before := r.do(t, http.MethodGet, "/metrics", "")
		if _, err := feed.Write([]byte(packet)); err != nil {
			t.Fatal(err)
		}
		waitFor(t, func() bool {
			_, text := r.do(t, http.MethodGet, "/metrics", "")
			return strings.Contains(text, line) && valueOf(text, line) != valueOf(before, line)
		})
	}
}

// valueOf returns what follows the start of a line.
func valueOf(text, start string) string {
	_, rest, _ := strings.Cut(text, start)
	line, _, _ := strings.Cut(rest, "\n")
	return line
}

func TestAStockWikiIsPolledWithoutPackets(t *testing.T) {
	s := &table{}
	r, _ := startStock(t, s, "1s")
	s.mu.Lock()
	s.jobs = 5
	s.mu.Unlock()
	waitFor(t, func() bool {
		_, text := r.do(t, http.MethodGet, "/v1/jobs?state=done&queue=auwai.runjobs", "")
		return s.left() == 0 && strings.Contains(text, `"state":"done"`)
	})
}

func TestAPausedQueueOfWakeUpsRunsNothing(t *testing.T) {
	s := &table{}
	r, _ := startStock(t, s, "1s")
	if status, text := r.do(t, http.MethodPut, "/v1/control/all", `{"paused":true,"reason":"the test"}`); status != http.StatusOK {
		t.Fatalf("pause = %d %s", status, text)
	}
	waitFor(t, func() bool {
		_, text := r.do(t, http.MethodGet, "/metrics", "")
		return strings.Contains(text, `auwai_looks_total{outcome="skipped"}`)
	})
	s.mu.Lock()
	s.jobs = 5
	s.mu.Unlock()
	_, before := r.do(t, http.MethodGet, "/metrics", "")
	waitFor(t, func() bool {
		_, text := r.do(t, http.MethodGet, "/metrics", "")
		const line = `auwai_looks_total{outcome="skipped"}`
		return valueOf(text, line) != valueOf(before, line)
	})
	if s.left() != 5 {
		t.Errorf("%d jobs are left, want 5", s.left())
	}
}

func TestAJobForAWikiThatTakesNoneIsKeptWithTheReason(t *testing.T) {
	r, _ := startStock(t, &table{}, "1h")
	status, text := r.do(t, http.MethodPost, "/v1/jobs", `[{"queue":"null","wiki":"aawiki","payload":{"type":"null","params":{}}}]`)
	if status != http.StatusCreated {
		t.Fatalf("POST /v1/jobs = %d %s", status, text)
	}
	if _, text = r.do(t, http.MethodGet, "/v1/queues", ""); !strings.Contains(text, "takes no jobs") {
		t.Errorf("the queue does not say why it waits: %s", text)
	}
	status, text = r.do(t, http.MethodPost, "/v1/jobs", `[{"queue":"auwai.runjobs","wiki":"aawiki","payload":{}}]`)
	if status != http.StatusBadRequest || !strings.Contains(text, "auwai.") {
		t.Errorf("a wake-up of a stranger = %d %s", status, text)
	}
}

func TestAnEventReachesTheRunnerScriptOfItsFarm(t *testing.T) {
	w := newWiki(t)
	w.answer = func(string) (int, string) { return http.StatusOK, "" }
	r := start(t, t.TempDir(), fmt.Sprintf("  aawiki: {url: %q, host: aawiki.localhost, runner: eventbus-rpc}\n", w.URL))
	sent := event("1", "aawiki.localhost")
	if status, text := r.do(t, http.MethodPost, "/v1/events", sent); status != http.StatusCreated {
		t.Fatalf("POST /v1/events = %d %s", status, text)
	}
	if got := <-w.seen; got != sent {
		t.Errorf("the script got\n%s\nwant\n%s", got, sent)
	}
	waitFor(t, func() bool {
		_, text := r.do(t, http.MethodGet, "/v1/jobs?state=done&request_id=req-1", "")
		return strings.Contains(text, `"state":"done"`)
	})
}
