package mwrunner_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"auwai/internal/jobqueue"
	"auwai/internal/runner"
	"auwai/internal/runner/mwrunner"
)

// secret is the key of the signature vectors below.
const secret = "not-a-real-key"

// event is a job event as EventBus writes it, with its signature. Its spaces, escapes and order of
// keys would not survive being written anew.
const event = `{"$schema":"/mediawiki/job/1.0.0","meta":{"uri":"https://placeholder.invalid/wiki/Special:Badtitle","request_id":"req-0002",` +
	`"id":"11111111-2222-4333-8444-666666666666","dt":"2026-01-02T03:04:05Z","domain":"wiki.example.org","stream":"mediawiki.job.demoJob"},` +
	`"database":"demowiki","type":"demoJob","delay_until":"2026-01-02T03:05:05Z","sha1":"da39a3ee5e6b4b0d3255bfef95601890afd80709",` +
	`"root_event":{"signature":"0123456789abcdef0123456789abcdef01234567","dt":"2026-01-02T03:00:00Z"},` +
	`"params":{"title":"Zürich/东京","tab":"a\tb<&>","sep":"x\u2028y","ratio":1.5,"flag":true,"none":null,"list":[1,"2"],"empty":[]},` +
	`"mediawiki_signature":"944bfda4912f963f9ff2e4db3acaeeabb70cd170"}`

// farm returns a Config for one wiki, "demowiki".
func farm(wiki mwrunner.Wiki) mwrunner.Config {
	return mwrunner.Config{
		Wikis:   func(name string) (mwrunner.Wiki, bool) { return wiki, name == "demowiki" },
		Version: "1.2.3",
	}
}

// serve starts a server for the test and returns it as a wiki.
func serve(t testing.TB, kind mwrunner.Kind, h http.HandlerFunc) mwrunner.Wiki {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return mwrunner.Wiki{URL: s.URL, ScriptPath: "/w", Host: "wiki.example.org", Kind: kind, Secret: []byte(secret)}
}

// newClient returns a Client whose connections end with the test.
func newClient(t testing.TB, cfg mwrunner.Config) *mwrunner.Client {
	t.Helper()
	c := mwrunner.New(cfg)
	t.Cleanup(c.Close)
	return c
}

// eventWork is a Work with one event.
func eventWork() runner.Work {
	return runner.Work{Wiki: "demowiki", Queue: "demoJob", Fence: 7, Timeout: time.Minute, Jobs: []runner.Item{{
		ID: "demowiki.J1", Attempt: 1, Payload: []byte(event), FromEvent: true, Domain: "wiki.example.org", RequestID: "req-0002",
	}}}
}

// batchWork is a Work with jobs of the API, by id.
func batchWork(ids ...string) runner.Work {
	w := runner.Work{Wiki: "demowiki", Queue: "demoJob", Fence: 7, Timeout: time.Minute}
	for _, id := range ids {
		w.Jobs = append(w.Jobs, runner.Item{ID: id, Attempt: 2, RequestID: "r-" + id, Payload: []byte(`{"type":"demoJob","params":{}}`)})
	}
	return w
}

// run carries out a Work and returns the results by the ids of jobs.
func run(t testing.TB, c *mwrunner.Client, kind mwrunner.Kind, ctx context.Context, w runner.Work) map[string]runner.Result { //nolint:revive // t first, as in every helper
	t.Helper()
	got := map[string]runner.Result{}
	returned := false
	err := c.Runner(kind).Run(ctx, w, func(i int, r runner.Result) {
		if returned {
			t.Error("a result was reported after Run returned")
		}
		if _, twice := got[w.Jobs[i].ID]; twice {
			t.Errorf("job %s was reported twice", w.Jobs[i].ID)
		}
		got[w.Jobs[i].ID] = r
	})
	returned = true
	if err != nil {
		t.Fatalf("Run = %v, want nil", err)
	}
	return got
}

// request is what the extension gets.
type request struct {
	Fence uint64 `json:"fence"`
	Jobs  []struct {
		ID        string          `json:"id"`
		Attempt   int             `json:"attempt"`
		Payload   json.RawMessage `json:"payload"`
		RequestID string          `json:"request_id"`
	} `json:"jobs"`
	MaxTimeS int `json:"max_time_s"`
}

// readRequest reads a request of kind auwai.
func readRequest(t testing.TB, r *http.Request) (q request, body []byte) {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Errorf("read the request: %v", err)
	}
	if err := json.Unmarshal(body, &q); err != nil {
		t.Errorf("the request is not JSON: %v\n%s", err, body)
	}
	return q, body
}

// write sends lines at once.
func write(w http.ResponseWriter, lines ...string) {
	_, _ = io.WriteString(w, strings.Join(lines, "\n")+"\n")
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
}

func okLine(id string) string {
	return `{"id":"` + id + `","ok":true,"error":null,"caught":[],"retry":true,"permanent":false,"readonly":false,"time_ms":3}`
}

const lastLine = `{"done":true,"spool":0,"stopped":""}`

// wantOutcome checks an outcome and the words of its text.
func wantOutcome(t testing.TB, got runner.Result, outcome jobqueue.Outcome, words string) {
	t.Helper()
	if got.Outcome != outcome || !strings.Contains(got.Error, words) {
		t.Errorf("result = %+v, want outcome %d with %q", got, outcome, words)
	}
	if (outcome == jobqueue.OutcomeUncounted) != (got.Hold != "") {
		t.Errorf("result = %+v: an uncounted outcome, and no other, holds the wiki", got)
	}
	if len(got.Error) > jobqueue.MaxError {
		t.Errorf("the error's text has %d bytes", len(got.Error))
	}
}
