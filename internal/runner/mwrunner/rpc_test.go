package mwrunner_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"auwai/internal/jobqueue"
	"auwai/internal/runner"
	"auwai/internal/runner/mwrunner"
)

func TestAnEventReachesTheRunnerScriptByteForByte(t *testing.T) {
	var body, path, host, kind, fence string
	wiki := serve(t, mwrunner.EventBusRPC, func(_ http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		body, path, host, kind, fence = string(raw), r.RequestURI, r.Host, r.Header.Get("Content-Type"), r.Header.Get("X-Auwai-Fence")
	})
	wiki.Secret = nil
	got := run(t, newClient(t, farm(wiki)), mwrunner.EventBusRPC, t.Context(), eventWork())
	if diff := cmp.Diff(map[string]runner.Result{"demowiki.J1": {Outcome: done}}, got); diff != "" {
		t.Error(diff)
	}
	if body != event {
		t.Errorf("the body is\n%s", body)
	}
	want := []string{"/rpc/RunSingleJob.php", "wiki.example.org", "application/json", "7"}
	if diff := cmp.Diff(want, []string{path, host, kind, fence}); diff != "" {
		t.Error(diff)
	}
}

func TestTheRunnerScriptMayLieElsewhere(t *testing.T) {
	var path string
	wiki := serve(t, mwrunner.EventBusRPC, func(_ http.ResponseWriter, r *http.Request) { path = r.RequestURI })
	wiki.RPCPath = "/internal/run.php"
	run(t, newClient(t, farm(wiki)), mwrunner.EventBusRPC, t.Context(), eventWork())
	if path != "/internal/run.php" {
		t.Errorf("path = %s", path)
	}
}

func TestAJobThatIsNoEventGoesToTheRunnerScriptAsOne(t *testing.T) {
	var body []byte
	wiki := serve(t, mwrunner.EventBusRPC, func(_ http.ResponseWriter, r *http.Request) { body, _ = io.ReadAll(r.Body) })
	work := batchWork("demowiki.J1")
	work.Jobs[0].Payload = []byte(`{"type":"demoJob","params":{"ratio":1.0}}`)
	got := run(t, newClient(t, farm(wiki)), mwrunner.EventBusRPC, t.Context(), work)
	wantOutcome(t, got["demowiki.J1"], done, "")
	want := `{"meta":{"id":"demowiki.J1","request_id":"r-demowiki.J1"},"database":"demowiki","type":"demoJob","params":{"ratio":1.0}}`
	if string(body) != want {
		t.Errorf("body = %s", body)
	}
	for payload, words := range map[string]string{`[]`: "not a JSON object", `{"type":"x"}`: "no member params", `{"params":{}}`: "no member type"} {
		work.Jobs[0].Payload = []byte(payload)
		wantOutcome(t, run(t, newClient(t, farm(wiki)), mwrunner.EventBusRPC, t.Context(), work)["demowiki.J1"], dead, words)
	}
}

func TestTheRunnerScriptsAnswerDecidesTheOutcome(t *testing.T) {
	cases := []struct {
		name    string
		status  int
		header  string // X-Readonly
		body    string
		outcome jobqueue.Outcome
		class   string
		words   string
	}{
		{"success", 200, "", "", done, "", ""},
		{"success, and a line's end after PHP's", 200, "", "\n", done, "", ""},
		{"out of memory, shown", 200, "", "<br />\n<b>Fatal error</b>:  Allowed memory size of 1 bytes exhausted", retry, "crash", "Fatal error : Allowed memory size"},
		{"another server's page", 200, "", "<!DOCTYPE html><html><title>Welcome</title>It works!</html>", retry, "crash", "Welcome It works!"},
		{"the job failed", 500, "", "", retry, "500", "the job failed (500)"},
		{"it threw", 500, "", "RuntimeException: x", retry, "exception:RuntimeException", "RuntimeException: x"},
		{"PHP shows what it threw", 500, "", "<br />\n<b>Fatal error</b>:  Uncaught Wikimedia\\Rdbms\\DBQueryError: x in /srv/y.php:3", retry, "exception:Wikimedia\\Rdbms\\DBQueryError", "DBQueryError: x"},
		{"read-only", 500, "true", "", uncounted, "", "read-only"},
		{"read-only, in words", 500, "", "Wikimedia\\Rdbms\\DBReadOnlyError: x", uncounted, "", "read-only"},
		{"no event", 422, "", "No event received.", dead, "422", "No event received."},
		{"denied", 403, "", "", dead, "403", "Allow this machine's address"},
		{"not there", 404, "", "", dead, "404", "rpc_path"},
		{"GET after a redirect", 405, "", "Request must use POST.", dead, "405", "405"},
		{"the web server gave up", 504, "", "", retry, "504", "may still be running"},
		{"overload", 503, "", "", retry, "503", "503"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			wiki := serve(t, mwrunner.EventBusRPC, func(w http.ResponseWriter, _ *http.Request) {
				if c.header != "" {
					w.Header().Set("X-Readonly", c.header)
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			got := run(t, newClient(t, farm(wiki)), mwrunner.EventBusRPC, t.Context(), eventWork())["demowiki.J1"]
			wantOutcome(t, got, c.outcome, c.words)
			if got.Class != c.class {
				t.Errorf("the class is %q, want %q", got.Class, c.class)
			}
		})
	}
}

func TestAJobIsNotHandedToAWikiThatRunsItsOwnTable(t *testing.T) {
	wiki := serve(t, mwrunner.SpecialRunJobs, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	got := run(t, newClient(t, farm(wiki)), mwrunner.SpecialRunJobs, t.Context(), eventWork())
	wantOutcome(t, got["demowiki.J1"], uncounted, "own table")
	if strings.Contains(got["demowiki.J1"].Error, "not configured") {
		t.Error(got)
	}
}
