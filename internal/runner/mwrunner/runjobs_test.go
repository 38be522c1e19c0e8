package mwrunner_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"auwai/internal/jobqueue"
	"auwai/internal/runner/mwrunner"
)

// stock is a wiki whose index.php answers so.
func stock(t testing.TB, status int, body string) *mwrunner.Client {
	t.Helper()
	return newClient(t, farm(serve(t, mwrunner.SpecialRunJobs, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})))
}

func TestARequestToSpecialRunJobsIsASignedForm(t *testing.T) {
	var body, path, kind, host, id string
	wiki := serve(t, mwrunner.SpecialRunJobs, func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		body, path, kind, host, id = string(raw), r.Method+" "+r.RequestURI, r.Header.Get("Content-Type"), r.Host, r.Header.Get("X-Request-Id")
		_, _ = io.WriteString(w, `{"jobs":[],"reached":"none-ready","backoffs":[],"elapsed":0}`)
	})
	cfg := farm(wiki)
	cfg.Now = func() time.Time { return time.Unix(1_700_000_000, 0) }
	ran, res, known := newClient(t, cfg).RunJobs(t.Context(), "demowiki",
		mwrunner.RunJobs{MaxJobs: 5, MaxTime: 20 * time.Second, Fence: 7, RequestID: "r1"})
	if !known || res.Outcome != done || res.Error != "" || res.Message != "0 jobs ran, none-ready" {
		t.Errorf("RunJobs = %+v %+v %v", ran, res, known)
	}
	want := []string{"POST /w/index.php", "application/x-www-form-urlencoded", "wiki.example.org", "r1"}
	if diff := cmp.Diff(want, []string{path, kind, host, id}); diff != "" {
		t.Error(diff)
	}
	form, err := url.ParseQuery(body)
	if err != nil {
		t.Fatal(err)
	}
	if form.Get("signature") == "" {
		t.Error("no signature")
	}
	form.Del("signature")
	const signed = "async=0&maxjobs=5&maxtime=20&sigexpiry=1700000300&stats=1&tasks=jobs&title=Special%3ARunJobs"
	if form.Encode() != signed {
		t.Errorf("form = %s", form.Encode())
	}
}

func TestTheAnswerOfSpecialRunJobsDecidesTheOutcome(t *testing.T) {
	const page = `<!DOCTYPE html><html><head><title>Bad Request</title></head><body><h1>Bad Request</h1><p>`
	cases := []struct {
		name    string
		status  int
		body    string
		outcome jobqueue.Outcome
		words   string
		ran     mwrunner.Ran
	}{
		{
			"nothing to do", 200, `{"jobs":[],"reached":"none-ready","backoffs":[],"elapsed":0}`, done, "",
			mwrunner.Ran{Reached: "none-ready"},
		},
		{
			"all done, one failed", 200,
			`{"jobs":[{"type":"a","status":"ok","error":null,"time":1},{"type":"b","status":"failed","error":"RuntimeException: x\ny","time":2}],` +
				`"reached":"none-ready","backoffs":[],"elapsed":3}`,
			done, "1 of 2 jobs failed, MediaWiki will try them again; the first: b: RuntimeException: x y",
			mwrunner.Ran{Jobs: 2, Failed: 1, FirstError: "b: RuntimeException: x y", Reached: "none-ready"},
		},
		{
			"the limit of jobs", 200, `{"jobs":[{"type":"a","status":"ok","error":null,"time":1}],"reached":"job-limit","backoffs":[],"elapsed":1}`, done, "",
			mwrunner.Ran{Jobs: 1, Reached: "job-limit", More: true},
		},
		{
			"a limit, and none ran", 200, `{"jobs":[],"reached":"memory-limit","backoffs":[],"elapsed":1}`, done, "",
			mwrunner.Ran{Reached: "memory-limit"},
		},
		{
			"throttled by MediaWiki", 200, `{"jobs":[],"reached":"none-ready","backoffs":{"a":1700000012.5,"b":1700000002.5},"elapsed":1}`, done, "",
			mwrunner.Ran{Reached: "none-ready", Again: time.Unix(1_700_000_002, 500_000_000)},
		},
		{"became read-only", 200, `{"jobs":[],"reached":"read-only"}`, uncounted, "read-only", mwrunner.Ran{Reached: "read-only"}},
		{"lag", 200, `{"jobs":[],"reached":"replica-lag-limit"}`, uncounted, "lag", mwrunner.Ran{Reached: "replica-lag-limit"}},
		{"lost the database", 200, `{"jobs":[],"reached":"exception","backoffs":[]}`, retry, "connection to its database", mwrunner.Ran{Reached: "exception"}},
		{"exit() or a dead PHP", 200, ``, retry, "empty body", mwrunner.Ran{}},
		{"no MediaWiki", 200, `<html><title>Welcome to nginx</title></html>`, retry, "Welcome to nginx", mwrunner.Ran{}},
		{"another JSON", 200, `{"jobs":[]}`, retry, "something else", mwrunner.Ran{}},
		{"in the background", 202, ``, retry, "202", mwrunner.Ran{}},
		{"bad signature", 400, page + `Invalid or stale signature provided.</p></body></html>`, uncounted, "Compare secret_file", mwrunner.Ran{}},
		{"bad request", 400, page + `Missing parameters: tasks</p></body></html>`, uncounted, "Missing parameters: tasks", mwrunner.Ran{}},
		{"read-only", 423, page + `Wiki is in read-only mode.</p>`, uncounted, "read-only", mwrunner.Ran{}},
		{"read-only in the middle", 500, `DBReadOnlyError`, uncounted, "read-only", mwrunner.Ran{}},
		{"elsewhere", 301, ``, uncounted, "redirects", mwrunner.Ran{}},
		{"denied", 403, ``, uncounted, "denies", mwrunner.Ran{}},
		{"no wiki", 404, ``, uncounted, "script_path", mwrunner.Ran{}},
		{"a fatal error", 500, ``, retry, "PHP died", mwrunner.Ran{}},
		{"gave up", 504, ``, retry, "still be running", mwrunner.Ran{}},
		{"overload", 503, ``, retry, "503", mwrunner.Ran{}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			cfg := farm(serve(t, mwrunner.SpecialRunJobs, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}))
			cfg.Now = func() time.Time { return time.Unix(1_700_000_000, 0) }
			ran, res, known := newClient(t, cfg).RunJobs(t.Context(), "demowiki", mwrunner.RunJobs{})
			if !known {
				t.Error("nothing is known")
			}
			wantOutcome(t, res, c.outcome, c.words)
			if diff := cmp.Diff(c.ran, ran); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAStockWikiThatCannotBeAskedIsHeldAndSaysWhy(t *testing.T) {
	away := mwrunner.Wiki{URL: "http://127.0.0.1:1", Kind: mwrunner.SpecialRunJobs, Secret: []byte("x")}
	noSecret := away
	noSecret.Secret = nil
	for words, wiki := range map[string]mwrunner.Wiki{"refuses connections": away, "set secret_file": noSecret} {
		_, res, known := newClient(t, farm(wiki)).RunJobs(t.Context(), "demowiki", mwrunner.RunJobs{})
		if !known {
			t.Error("nothing is known")
		}
		wantOutcome(t, res, uncounted, words)
	}
	_, res, _ := newClient(t, farm(away)).RunJobs(t.Context(), "other", mwrunner.RunJobs{})
	wantOutcome(t, res, uncounted, "not configured")
}

func TestAWikiThatGotAnotherRunnerHasNothingToRun(t *testing.T) {
	wiki := serve(t, mwrunner.Auwai, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	_, res, known := newClient(t, farm(wiki)).RunJobs(t.Context(), "demowiki", mwrunner.RunJobs{})
	if !known || res.Outcome != done {
		t.Errorf("RunJobs = %+v, %v", res, known)
	}
}

func TestNothingIsKnownOfARequestThatWasCutShort(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	wiki := serve(t, mwrunner.SpecialRunJobs, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body) // only then does the server see that the client goes away
		cancel()
		<-r.Context().Done()
	})
	if _, _, known := newClient(t, farm(wiki)).RunJobs(ctx, "demowiki", mwrunner.RunJobs{}); known {
		t.Error("something is known")
	}
}

func TestAnEndlessListOfErrorsDoesNotOverflowARecord(t *testing.T) {
	long := strings.Repeat("ä", 20_000)
	_, res, _ := stock(t, 200, `{"jobs":[{"type":"a","status":"failed","error":"`+long+`","time":1}],"reached":"none-ready"}`).
		RunJobs(t.Context(), "demowiki", mwrunner.RunJobs{})
	wantOutcome(t, res, done, "1 of 1 jobs failed")
}
