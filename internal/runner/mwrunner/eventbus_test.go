package mwrunner_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"auwai/internal/jobqueue"
	"auwai/internal/runner"
	"auwai/internal/runner/mwrunner"

	"github.com/google/go-cmp/cmp"
)

const (
	done      = jobqueue.OutcomeDone
	retry     = jobqueue.OutcomeFailed
	dead      = jobqueue.OutcomePermanent
	uncounted = jobqueue.OutcomeUncounted
)

func TestAnEventReachesItsWikiByteForByte(t *testing.T) {
	var got *http.Request
	var body string
	wiki := serve(t, mwrunner.EventBus, func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		got, body = r, string(raw)
		write(w, `{"status":true,"error":null,"caught":[],"timeMs":1}`)
	})
	res := run(t, newClient(t, farm(wiki)), mwrunner.EventBus, t.Context(), eventWork())
	if diff := cmp.Diff(map[string]runner.Result{"demowiki.J1": {Outcome: done}}, res); diff != "" {
		t.Fatal(diff)
	}
	if body != event {
		t.Errorf("body = %s", body)
	}
	type facts struct{ Method, Path, Host, Type, ID, Fence, Agent, Encoding string }
	want := facts{
		"POST", "/w/rest.php/eventbus/v0/internal/job/execute", "wiki.example.org",
		"application/json", "req-0002", "7", "Auwai/1.2.3", "",
	}
	h := got.Header
	have := facts{
		got.Method, got.RequestURI, got.Host, h.Get("Content-Type"), h.Get("X-Request-Id"),
		h.Get("X-Auwai-Fence"), h.Get("User-Agent"), h.Get("Accept-Encoding"),
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Error(diff)
	}
}

func TestTheAnswerDecidesTheOutcomeOfAnEvent(t *testing.T) {
	const restError = `{"message":"Internal Server Error","error":"RuntimeException: rig: the job threw","httpCode":500,"httpReason":"Internal Server Error"}`
	cases := []struct {
		name    string
		status  int
		header  string // "Name: value"
		body    string
		outcome jobqueue.Outcome
		words   string
		after   time.Duration
	}{
		{"success", 200, "", `{"status":true,"error":null,"caught":[],"timeMs":1}`, done, "", 0},
		{"success with an empty error", 200, "", `{"status":true,"error":"","caught":[]}`, done, "", 0},
		{"the class forbids retries", 200, "", `{"status":true,"error":"RuntimeException: x","caught":["RuntimeException"]}`, done, "RuntimeException: x", 0},
		{"exit in the job", 200, "", "", retry, "empty body", 0},
		{"status false", 200, "", `{"status":false,"error":"no"}`, retry, "no", 0},
		{"status of another type", 200, "", `{"status":"true"}`, retry, "did not succeed", 0},
		{"a key of another case", 200, "", `{"Status":true}`, retry, "something else", 0},
		{"a page", 200, "", "<html>\n<b>Warning</b>", retry, "<html> <b>Warning</b>", 0},
		{"an array", 200, "", `[true]`, retry, "something else", 0},
		{"a warning before the result", 200, "", "Warning: x\n" + `{"status":true}`, retry, "something else", 0},
		{"accepted only", 202, "", "", retry, "202", 0},
		{"no content", 204, "", "", retry, "204", 0},
		{"redirect", 301, "Location: https://other.example/w/rest.php", "", dead, "https://other.example/w/rest.php", 0},
		{"redirect that keeps the method", 308, "Location: /elsewhere", "", dead, "redirects (308)", 0},
		{"unknown type", 400, "", `{"message":"Failed creating job from description","error":"Invalid job command 'noSuchJob'","httpCode":400}`, dead, "Invalid job command 'noSuchJob'", 0},
		{"no event", 400, "", `{"message":"Invalid event received","missing_params":["database","type","params"]}`, dead, "Invalid event received", 0},
		{"password", 401, "", "", dead, "password", 0},
		{"missing signature", 403, "", `{"message":"Missing mediawiki signature","httpCode":403}`, dead, "carries no signature", 0},
		{"private wiki", 403, "", `{"errorKey":"rest-read-denied","messageTranslations":{"en":"The user does not have rights to read title"},"httpCode":403}`, dead, "the wiki is private", 0},
		{"denied by the server", 403, "", "<h1>Forbidden</h1>", dead, "denies the service", 0},
		{"extension not loaded", 404, "", `{"messageTranslations":{"en":"The requested relative path did not match any known handler"},"httpCode":404}`, dead, "EventBus is not loaded", 0},
		{"no wiki there", 404, "", "<h1>Not Found</h1>", dead, "script_path", 0},
		{"method", 405, "", `{"message":"x"}`, dead, "405", 0},
		{"server gave up", 408, "", "", retry, "408", 0},
		{"conflict", 409, "", "", dead, "409", 0},
		{"too large", 413, "", "", dead, "post_max_size", 0},
		{"content type", 415, "", "{}", dead, "415", 0},
		{"read-only", 423, "", `{"message":"Wiki is in read-only mode.","httpCode":423}`, uncounted, "Wiki is in read-only mode.", 0},
		{"read-only with a time", 423, "Retry-After: 30", "", uncounted, "read-only", 30 * time.Second},
		{"rate", 429, "Retry-After: 7", "", retry, "429", 7 * time.Second},
		{"threw", 500, "", restError, retry, "RuntimeException: rig: the job threw", 0},
		{"threw, later", 500, "Retry-After: 2", restError, retry, "the job threw", 2 * time.Second},
		{"returned false", 500, "", `{"message":"Internal Server Error","error":null,"httpCode":500}`, retry, "gave no reason", 0},
		{"out of memory", 500, "", "", retry, "PHP died", 0},
		{"fatal error shown", 500, "", "<b>Fatal error</b>: Allowed memory", retry, "Allowed memory", 0},
		{"read-only inside the job", 500, "", `{"error":"Wikimedia\\Rdbms\\DBReadOnlyError: Database is read-only: x"}`, uncounted, "DBReadOnlyError", 0},
		{"read-only by header", 500, "X-Readonly: true", "", uncounted, "read-only", 0},
		{"read-only header that says no", 500, "X-Readonly: false", "", retry, "PHP died", 0},
		{"switched off", 501, "", `{"message":"Set $wgEventBusEnableRunJobAPI to true to enable the internal EventBus API"}`, dead, "wgEventBusEnableRunJobAPI = true", 0},
		{"bad gateway", 502, "", "<h1>", retry, "502", 0},
		{"unavailable", 503, "", "", retry, "503", 0},
		{"unavailable until", 503, "Retry-After: 120", "", retry, "503", 2 * time.Minute},
		{"unavailable for years", 503, "Retry-After: 99999999999", "", retry, "503", 24 * time.Hour},
		{"unavailable, nonsense", 503, "Retry-After: soon", "", retry, "503", 0},
		{"gateway time-out", 504, "", "", retry, "may still be running", 0},
		{"another breakdown", 507, "", "", retry, "507", 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			wiki := serve(t, mwrunner.EventBus, func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.RequestURI, "elsewhere") || strings.Contains(r.Host, "other") {
					t.Error("a redirect was followed")
				}
				if name, value, ok := strings.Cut(c.header, ": "); ok {
					w.Header().Set(name, value)
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			got := run(t, newClient(t, farm(wiki)), mwrunner.EventBus, t.Context(), eventWork())["demowiki.J1"]
			wantOutcome(t, got, c.outcome, c.words)
			if got.RetryAfter != c.after {
				t.Errorf("RetryAfter = %v, want %v", got.RetryAfter, c.after)
			}
		})
	}
}

func TestARefusedSignatureIsDiagnosedWithTheSecretThatIsKnown(t *testing.T) {
	altered := strings.Replace(event, `"flag":true`, `"flag":false`, 1)
	cases := []struct {
		name, secret, event, words string
	}{
		{"no secret", "", event, "another wiki pushed it"},
		{"the secret fits", secret, event, "may lead to another wiki"},
		{"another secret", "other", event, "does not fit the configured secret"},
		{"altered", secret, altered, "does not fit the configured secret"},
		{"no signature in it", secret, `{"type":"x"}`, "does not fit the configured secret"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			wiki := serve(t, mwrunner.EventBus, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusForbidden)
				write(w, `{"message":"Invalid mediawiki signature","httpCode":403,"httpReason":"Forbidden"}`)
			})
			wiki.Secret = []byte(c.secret)
			work := eventWork()
			work.Jobs[0].Payload = []byte(c.event)
			wantOutcome(t, run(t, newClient(t, farm(wiki)), mwrunner.EventBus, t.Context(), work)["demowiki.J1"], dead, c.words)
		})
	}
}

func TestADateInRetryAfterIsComparedWithTheDateOfTheAnswer(t *testing.T) {
	wiki := serve(t, mwrunner.EventBus, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", "Mon, 02 Jan 2006 15:04:05 GMT")
		w.Header().Set("Retry-After", "Mon, 02 Jan 2006 15:05:00 GMT")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	got := run(t, newClient(t, farm(wiki)), mwrunner.EventBus, t.Context(), eventWork())["demowiki.J1"]
	if got.RetryAfter != 55*time.Second {
		t.Errorf("RetryAfter = %v, want 55s", got.RetryAfter)
	}
}

func TestAWikiThatRefusesConnectionsIsHeld(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []mwrunner.Kind{mwrunner.EventBus, mwrunner.Auwai} {
		c := newClient(t, farm(mwrunner.Wiki{URL: url, Kind: kind, Secret: []byte(secret)}))
		wantOutcome(t, run(t, c, kind, t.Context(), eventWork())["demowiki.J1"], uncounted, "refuses connections")
	}
}

func TestAnAddressThatCannotBeUsedHoldsTheWiki(t *testing.T) {
	for _, url := range []string{"", "http://a b/", "ftp://127.0.0.1", "http://127.0.0.1:99999"} {
		c := newClient(t, farm(mwrunner.Wiki{URL: url, Kind: mwrunner.EventBus}))
		wantOutcome(t, run(t, c, mwrunner.EventBus, t.Context(), eventWork())["demowiki.J1"], uncounted, "no connection")
	}
}

func TestACertificateThatIsNotTrustedHoldsTheWiki(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the request arrived") }))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	t.Cleanup(s.Close)
	c := newClient(t, farm(mwrunner.Wiki{URL: s.URL, Kind: mwrunner.EventBus}))
	wantOutcome(t, run(t, c, mwrunner.EventBus, t.Context(), eventWork())["demowiki.J1"], uncounted, "certificate")
}

func TestAWikiThatIsNotConfiguredIsHeld(t *testing.T) {
	work := eventWork()
	work.Wiki = "zzwiki"
	c := newClient(t, farm(mwrunner.Wiki{}))
	wantOutcome(t, run(t, c, mwrunner.EventBus, t.Context(), work)["demowiki.J1"], uncounted, `"zzwiki" is not configured`)
}

func TestAWorkerThatDiesIsAFailedAttempt(t *testing.T) {
	cases := []struct {
		name  string
		die   func(w http.ResponseWriter)
		words string
	}{
		{"without an answer", func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, "closed without an answer"},
		{"in the middle of it", func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "500")
			write(w, `{"status":`)
			panic(http.ErrAbortHandler)
		}, "broke off"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			wiki := serve(t, mwrunner.EventBus, func(w http.ResponseWriter, _ *http.Request) { c.die(w) })
			wantOutcome(t, run(t, newClient(t, farm(wiki)), mwrunner.EventBus, t.Context(), eventWork())["demowiki.J1"], retry, c.words)
		})
	}
}

func TestAJobThatTakesTooLongFailsAndMayStillRun(t *testing.T) {
	for _, kind := range []mwrunner.Kind{mwrunner.EventBus, mwrunner.Auwai} {
		release := make(chan struct{})
		wiki := serve(t, kind, func(http.ResponseWriter, *http.Request) { <-release })
		work := eventWork()
		work.Timeout = 30 * time.Millisecond
		got := run(t, newClient(t, farm(wiki)), kind, t.Context(), work)
		close(release)
		wantOutcome(t, got["demowiki.J1"], retry, "no answer within 30ms; the wiki may still be running the job")
	}
}

func TestTheCallersDeadlineIsATimeOutToo(t *testing.T) {
	release := make(chan struct{})
	wiki := serve(t, mwrunner.EventBus, func(http.ResponseWriter, *http.Request) { <-release })
	work := eventWork()
	work.Timeout = 0
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	got := run(t, newClient(t, farm(wiki)), mwrunner.EventBus, ctx, work)
	close(release)
	wantOutcome(t, got["demowiki.J1"], retry, "no answer in time")
}

func TestACancelledEventHasNoResult(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	wiki := serve(t, mwrunner.EventBus, func(w http.ResponseWriter, _ *http.Request) {
		write(w, `{"status":`)
		close(arrived)
		<-release
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	got := run(t, newClient(t, farm(wiki)), mwrunner.EventBus, ctx, eventWork())
	close(release)
	if len(got) != 0 {
		t.Errorf("results = %v, want none", got)
	}
}

func TestOfSeveralEventsOnlyTheFirstIsRun(t *testing.T) {
	calls := 0
	wiki := serve(t, mwrunner.EventBus, func(w http.ResponseWriter, _ *http.Request) {
		calls++
		write(w, `{"status":true}`)
	})
	work := eventWork()
	work.Jobs = append(work.Jobs, runner.Item{ID: "demowiki.J2", Payload: []byte(event), FromEvent: true})
	c := newClient(t, farm(wiki))
	got := run(t, c, mwrunner.Auwai, t.Context(), work)
	if diff := cmp.Diff(map[string]runner.Result{"demowiki.J1": {Outcome: done}}, got); diff != "" || calls != 1 {
		t.Errorf("%d calls, %s", calls, diff)
	}
	if n := c.Runner(mwrunner.EventBus).Batch("demoJob"); n != 1 {
		t.Errorf("Batch = %d, want 1", n)
	}
}

func TestAnAnswerWithoutEndIsReadToItsBoundOnly(t *testing.T) {
	for _, status := range []int{200, 500} {
		gone := make(chan struct{})
		wiki := serve(t, mwrunner.EventBus, func(w http.ResponseWriter, r *http.Request) {
			defer close(gone)
			w.WriteHeader(status)
			page := []byte(strings.Repeat("x", 64<<10))
			for r.Context().Err() == nil {
				if _, err := w.Write(page); err != nil {
					return
				}
			}
		})
		got := run(t, newClient(t, farm(wiki)), mwrunner.EventBus, t.Context(), eventWork())["demowiki.J1"]
		wantOutcome(t, got, retry, "")
		<-gone
	}
}

func TestARequestIDThatIsNoHeaderIsLeftOut(t *testing.T) {
	wiki := serve(t, mwrunner.EventBus, func(w http.ResponseWriter, r *http.Request) {
		if id, there := r.Header["X-Request-Id"]; there {
			t.Errorf("X-Request-Id = %q", id)
		}
		write(w, `{"status":true}`)
	})
	for _, id := range []string{"", "a\r\nX-Evil: 1", "é", strings.Repeat("a", 256)} {
		work := eventWork()
		work.Jobs[0].RequestID = id
		wantOutcome(t, run(t, newClient(t, farm(wiki)), mwrunner.EventBus, t.Context(), work)["demowiki.J1"], done, "")
	}
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	peers := map[string]bool{}
	wiki := serve(t, mwrunner.EventBus, func(w http.ResponseWriter, r *http.Request) {
		peers[r.RemoteAddr] = true
		_, _ = io.Copy(io.Discard, r.Body)
		write(w, `{"status":true}`)
	})
	c := newClient(t, farm(wiki))
	for range 20 {
		wantOutcome(t, run(t, c, mwrunner.EventBus, t.Context(), eventWork())["demowiki.J1"], done, "")
	}
	if len(peers) != 1 {
		t.Errorf("%d connections for 20 events in a row, want 1", len(peers))
	}
}

func TestAHugeEventArrivesWhole(t *testing.T) {
	var got int64
	wiki := serve(t, mwrunner.EventBus, func(w http.ResponseWriter, r *http.Request) {
		got, _ = io.Copy(io.Discard, r.Body)
		write(w, `{"status":true}`)
	})
	work := eventWork()
	work.Jobs[0].Payload = []byte(`{"type":"demoJob","params":{"text":"` + strings.Repeat("é", 8<<20) + `"}}`)
	wantOutcome(t, run(t, newClient(t, farm(wiki)), mwrunner.EventBus, t.Context(), work)["demowiki.J1"], done, "")
	if got != int64(len(work.Jobs[0].Payload)) {
		t.Errorf("%d bytes arrived, want %d", got, len(work.Jobs[0].Payload))
	}
}

func TestFailuresHaveAClassAndHoldsAScope(t *testing.T) {
	threw := `{"error":"Wikimedia\\Rdbms\\DBQueryError: no","message":"Internal Server Error"}`
	for _, c := range []struct {
		name   string
		status int
		body   string
		class  string
		scope  string
	}{
		{"not found", 404, "", "404", ""},
		{"rate", 429, "", "429", ""},
		{"threw", 500, threw, `exception:Wikimedia\Rdbms\DBQueryError`, ""},
		{"returned false", 500, `{"message":"Internal Server Error","error":null}`, "500", ""},
		{"said something else", 500, `{"error":"Some words: and more"}`, "500", ""},
		{"gateway", 504, "", "504", ""},
		{"empty 200", 200, "", runner.ClassCrash, ""},
		{"status false", 200, `{"status":false}`, "", ""},
		{"done", 200, `{"status":true}`, "", ""},
		{"read-only", 423, "", "", runner.ScopeDB},
		{"database read-only", 500, `{"error":"DBReadOnlyError: x"}`, "", runner.ScopeDB},
	} {
		wiki := serve(t, mwrunner.EventBus, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body)
		})
		got := run(t, newClient(t, farm(wiki)), mwrunner.EventBus, t.Context(), eventWork())["demowiki.J1"]
		if got.Class != c.class || got.Scope != c.scope {
			t.Errorf("%s: class %q, scope %q, want %q and %q", c.name, got.Class, got.Scope, c.class, c.scope)
		}
	}
	nobody := serve(t, mwrunner.EventBus, nil)
	nobody.URL = "http://127.0.0.1:1"
	if got := run(t, newClient(t, farm(nobody)), mwrunner.EventBus, t.Context(), eventWork())["demowiki.J1"]; got.Scope != runner.ScopeDB || got.Hold == "" {
		t.Errorf("a server that refuses connections: %+v, want a hold of the section", got)
	}
}
