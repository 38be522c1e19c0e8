package server_test

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"auwai/api"
)

func (r *running) queue(t *testing.T) api.Queue {
	t.Helper()
	_, text := r.do(t, http.MethodGet, "/v1/queues?wiki=aawiki", "")
	var page api.QueuePage
	if err := json.Unmarshal([]byte(text), &page); err != nil {
		t.Fatal(err)
	}
	if len(page.Queues) == 0 {
		return api.Queue{}
	}
	return page.Queues[0]
}

func (r *running) put(t *testing.T, scope, change string) {
	t.Helper()
	if status, text := r.do(t, http.MethodPut, "/v1/control/"+scope, change); status != http.StatusOK {
		t.Fatalf("PUT %s %s = %d %s", scope, change, status, text)
	}
}

func TestAPausedScopeTakesWorkAndRunsNoneAlsoAfterARestart(t *testing.T) {
	for _, scope := range []string{"all", "maintenance", "queue:demoJob", "wiki:aawiki", "pair:demoJob@aawiki", "tag:db=s1"} {
		t.Run(scope, func(t *testing.T) {
			w, dir := newWiki(t), t.TempDir()
			wikis := strings.Replace(oneWiki(w), "runner:", "tags: {db: s1}, runner:", 1)
			r := start(t, dir, wikis)
			r.put(t, scope, `{"paused": true, "reason": "for a test"}`)
			if status, text := r.do(t, http.MethodPost, "/v1/events", "["+event("1", "aawiki.localhost")+"]"); status != http.StatusCreated {
				t.Fatalf("POST /v1/events = %d %s, want 201", status, text)
			}
			r.stop()
			r = start(t, dir, wikis)
			if q := r.queue(t); q.Ready != 1 || !strings.Contains(q.Held, "for a test") {
				t.Fatalf("the queue is %+v, want one job that waits, held by the pause", q)
			}
			select {
			case <-w.seen:
				t.Fatal("a job of a paused scope was run")
			default:
			}
			r.put(t, scope, `{"paused": false}`)
			<-w.seen
			if _, text := r.do(t, http.MethodGet, "/v1/control", ""); strings.Contains(text, "scope") {
				t.Errorf("controls are left: %s", text)
			}
		})
	}
}

func TestAPauseEndsByItself(t *testing.T) {
	w := newWiki(t)
	r := start(t, t.TempDir(), oneWiki(w))
	r.put(t, "all", `{"paused": true, "for": "1s"}`)
	r.do(t, http.MethodPost, "/v1/events", "["+event("1", "aawiki.localhost")+"]")
	<-w.seen
	waitFor(t, func() bool {
		_, text := r.do(t, http.MethodGet, "/v1/control", "")
		return !strings.Contains(text, "scope")
	})
}

func TestAConfigurationIsReadAgainWhileItRuns(t *testing.T) {
	w := newWiki(t)
	r := start(t, t.TempDir(), "")
	r.do(t, http.MethodPost, "/v1/events", "["+event("1", "aawiki.localhost")+"]")
	if q := r.queue(t); !strings.Contains(q.Held, "not in the configuration") {
		t.Fatalf("the queue is %+v, want it held", q)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(r.file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r.hangup <- syscall.SIGHUP
	}
	write("wikis: {aawiki: {url: 7}}\n")
	waitFor(t, func() bool {
		status, text := r.do(t, http.MethodGet, "/readyz", "")
		return status == http.StatusOK && strings.Contains(text, "wikis.aawiki.url")
	})
	write("data: store\nwikis:\n" + oneWiki(w))
	<-w.seen
	waitFor(t, func() bool {
		_, text := r.do(t, http.MethodGet, "/readyz", "")
		return !strings.Contains(text, "wikis.aawiki.url")
	})
}

func TestAChangedFileIsNoticed(t *testing.T) {
	w := newWiki(t)
	r := start(t, t.TempDir(), "")
	r.do(t, http.MethodPost, "/v1/events", "["+event("1", "aawiki.localhost")+"]")
	if err := os.WriteFile(r.file, []byte("data: store\nwikis:\n"+oneWiki(w)), 0o600); err != nil {
		t.Fatal(err)
	}
	<-w.seen
}
