package httpapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"auwai/api"
	"auwai/internal/access"
	"auwai/internal/fault"
	"auwai/internal/inspect"
	"auwai/internal/intake"
	eventschema "auwai/internal/schema"
)

const anEvent = `[{"meta":{"stream":"a"}}]`

func problem(t *testing.T, w *httptest.ResponseRecorder) api.Problem {
	t.Helper()
	var p api.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatalf("the answer is no problem: %v: %s", err, w.Body)
	}
	return p
}

func TestEveryDocumentedAnswerIsGivenAsDocumented(t *testing.T) {
	r := newRig(t)
	r.controlAnswers()
	r.claimAnswers()
	r.insightAnswers()
	invalid := []intake.Fault{{Status: "invalid", Event: json.RawMessage(`{"a":1}`), Context: intake.Context{Message: "no"}}}
	underASchema := []intake.Fault{{Status: "invalid", Event: json.RawMessage(`{"a":1}`), Context: intake.Context{
		Message: "no", Index: 3, Name: "ValidationError", ErrorsText: "data should be right",
		Errors: []eventschema.Violation{{Keyword: "type", DataPath: ".a", SchemaPath: "#/type", Params: map[string]any{"type": "string"}, Message: "should be string"}},
	}}}
	failed := []intake.Fault{{Status: "error", Event: json.RawMessage(`"x"`), Context: intake.Context{Message: "later"}}}
	for _, e := range []intake.EventsResult{
		{Status: 201},
		{Status: 202},
		{Status: 207, Invalid: invalid, Errors: failed},
		{Status: 400, Invalid: invalid},
		{Status: 400, Invalid: underASchema},
		{Status: 413, Err: fault.New(fault.TooLarge, "too long")},
		{Status: 500, Errors: failed},
		{Status: 503, Errors: failed, RetryAfter: time.Second},
		{Status: 400, Err: fault.New(fault.Invalid, "no JSON")},
	} {
		r.events = e
		if w := r.do("POST", "/v1/events", anEvent, nil); w.Code != e.Status {
			t.Errorf("status %d, want %d", w.Code, e.Status)
		}
	}
	no := false
	for _, j := range []intake.JobsResult{
		{Status: 201, Places: []intake.Place{{ID: "a.1"}, {ID: "a.2", DuplicateOf: "a.1"}}},
		{Status: 202, Places: []intake.Place{{ID: "a.1"}, {ID: "b.1", State: api.StateAccepted}}},
		{Status: 207, Places: []intake.Place{{ID: "a.1"}, {Error: "no", Retry: &no}}},
		{Status: 400, Places: []intake.Place{{Error: "no"}}},
		{Status: 413, Err: fault.New(fault.TooLarge, "too long")},
		{Status: 500, Places: []intake.Place{{Error: "no"}}},
		{Status: 503, Places: []intake.Place{{Error: "later"}}, RetryAfter: 1500 * time.Millisecond},
		{Status: 429, Places: []intake.Place{{Error: "the queue is full"}}, RetryAfter: 5 * time.Second},
	} {
		r.jobs = j
		if w := r.do("POST", "/v1/jobs", `[{}]`, nil); w.Code != j.Status {
			t.Errorf("status %d, want %d", w.Code, j.Status)
		}
	}
	for _, path := range []string{"/v1/events", "/v1/jobs"} {
		r.do("POST", path, anEvent, header("Content-Type", "application/x-www-form-urlencoded"))
	}
	gets := []string{"/v1/jobs", "/v1/jobs/aawiki.1", "/v1/queues", "/healthz", "/readyz", "/metrics", "/_info"}
	posts := []string{"/v1/events", "/v1/jobs", "/v1/jobs/aawiki.1/retry", "/v1/jobs/aawiki.1/cancel"}
	for _, err := range []error{
		nil, fault.Field("id", "wrong"), fault.New(fault.NotFound, "gone"), fault.New(fault.Conflict, "it runs"),
		errors.New("secret detail"), fault.New(fault.Unavailable, "later"),
	} {
		r.err = err
		kind := fault.KindOf(err)
		for _, path := range gets[:3] {
			if list := path != "/v1/jobs/aawiki.1"; list && (kind == fault.NotFound || kind == fault.Conflict) || kind == fault.Conflict {
				continue
			}
			r.do("GET", path, "", nil)
		}
		for _, path := range posts[2:] {
			r.do("POST", path, "", nil)
		}
	}
	for _, path := range gets[3:] {
		r.do("GET", path, "", nil)
	}
	r.ready = false
	r.do("GET", "/readyz", "", nil)
	for _, path := range gets {
		r.do("GET", path, "", rebound)
		r.do("DELETE", path, "", nil)
	}
	for _, path := range posts {
		r.do("POST", path, "[]", rebound)
		r.do("POST", path, "[]", header("Sec-Fetch-Site", "cross-site"))
		r.do("PUT", path, "[]", nil)
	}
	r.policy = policyOf(t, []access.Token{{Name: "none", Hash: access.HashOf(aToken)}})
	for _, path := range gets {
		r.do("GET", path, "", nil)
		r.do("GET", path, "", header("X-Auwai-Token", aToken))
	}
	for _, path := range posts {
		r.do("POST", path, "[]", nil)
		r.do("POST", path, "[]", header("X-Auwai-Token", aToken))
	}
	for _, answer := range r.doc.every() {
		if answer, ok := strings.CutSuffix(answer, " 405"); ok || r.seen[answer] {
			continue // refused methods are those of no operation; they were all tried
		}
		t.Errorf("%s is documented and was not given", answer)
	}
}

func TestErrorsAreProblemsWithTheRequestsID(t *testing.T) {
	r := newRig(t)
	r.err = fault.Field("state", "%q is no state", "asleep")
	w := r.do("GET", "/v1/jobs?state=asleep", "", header("X-Request-Id", "abc"))
	p := problem(t, w)
	want := api.Problem{
		Type: "about:blank", Title: "Bad Request", Status: 400, Detail: `state: "asleep" is no state`, Kind: "invalid",
		Field: "state", Method: "GET", URI: "/v1/jobs?state=asleep", RequestID: "abc",
	}
	if p != want {
		t.Errorf("the problem is %+v, want %+v", p, want)
	}
	if got := w.Header().Get("X-Request-Id"); got != "abc" {
		t.Errorf("X-Request-Id is %q", got)
	}
	for _, id := range []string{"", "two words", strings.Repeat("x", 256), "é"} {
		if w := r.do("GET", "/healthz", "", header("X-Request-Id", id)); w.Header().Get("X-Request-Id") != "minted" {
			t.Errorf("for %q the id is %q", id, w.Header().Get("X-Request-Id"))
		}
	}
}

func TestInternalErrorsAreLoggedAndHidden(t *testing.T) {
	r := newRig(t)
	r.err = errors.New("secret detail")
	w := r.do("GET", "/v1/queues", "", nil)
	if w.Code != 500 || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
	if !strings.Contains(r.log.String(), "secret detail") || !strings.Contains(r.log.String(), "request_id=minted") {
		t.Errorf("the log is %s", r.log)
	}
}

func TestAPanicIsAnInternalErrorAndIsLogged(t *testing.T) {
	r := newRig(t)
	r.panics = "boom"
	w := r.do("GET", "/v1/queues", "", nil)
	if w.Code != 500 || problem(t, w).Kind != "internal" {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
	if log := r.log.String(); !strings.Contains(log, "boom") || !strings.Contains(log, "rig_test.go") {
		t.Errorf("the log has no stack: %s", log)
	}
	r.panics = http.ErrAbortHandler
	defer func() {
		if err, ok := recover().(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
			t.Errorf("recovered %v", err)
		}
	}()
	r.do("GET", "/v1/queues", "", nil)
}

func TestUnknownPathsAndMethodsAreProblems(t *testing.T) {
	r := newRig(t)
	if w := r.do("GET", "/v1/nothing", "", nil); w.Code != 404 || problem(t, w).Kind != "not_found" {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
	w := r.do("DELETE", "/v1/jobs", "", nil)
	if w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD, POST" || problem(t, w).Status != 405 {
		t.Errorf("status %d, Allow %q: %s", w.Code, w.Header().Get("Allow"), w.Body)
	}
	if w := r.do("HEAD", "/v1/queues", "", nil); w.Code != 200 {
		t.Errorf("HEAD: status %d", w.Code)
	}
	for _, route := range []string{"GET unknown Not Found", "DELETE /v1/jobs Method Not Allowed", "HEAD /v1/queues OK"} {
		if !strings.Contains(strings.Join(r.routes, ";"), route) {
			t.Errorf("%q was not counted: %v", route, r.routes)
		}
	}
}

func TestFiltersReachTheQueue(t *testing.T) {
	r := newRig(t)
	r.do("GET", "/v1/jobs?state=dead&queue=q&wiki=w&request_id=r&client_id=c&limit=7&cursor=x", "", nil)
	want := inspect.JobFilter{State: "dead", Queue: "q", Wiki: "w", RequestID: "r", ClientID: "c", Limit: 7, Cursor: "x"}
	if r.filter != want {
		t.Errorf("the filter is %+v", r.filter)
	}
	r.do("GET", "/v1/queues?queue=q&wiki=w&limit=7&cursor=x", "", nil)
	if want := (inspect.QueueFilter{Queue: "q", Wiki: "w", Limit: 7, Cursor: "x"}); r.queues != want {
		t.Errorf("the filter is %+v", r.queues)
	}
	for query, field := range map[string]string{
		"wikis=a": "wikis", "wiki=a&wiki=b": "wiki", "limit=0": "limit", "limit=x": "limit", "%zz": "", "state=x;y": "",
	} {
		w := r.do("GET", "/v1/queues?"+query, "", nil)
		if p := problem(t, w); w.Code != 400 || p.Field != field && field != "" {
			t.Errorf("%s: status %d: %+v", query, w.Code, p)
		}
	}
	r.do("GET", "/v1/jobs/a%2Fb.1", "", nil)
	if r.id != "a/b.1" {
		t.Errorf("the id is %q", r.id)
	}
}

func TestEventsAreHandedOverAsTheyCame(t *testing.T) {
	r := newRig(t)
	for _, kind := range []string{"application/json", "application/json; charset=utf-8", "text/plain", "application/reports+json", ""} {
		w := r.do("POST", "/v1/events", anEvent, func(request *http.Request) {
			request.Header.Del("Content-Type")
			if kind != "" {
				request.Header.Set("Content-Type", kind)
			}
			request.RemoteAddr = "127.0.0.1:4711"
		})
		if w.Code != 201 || w.Body.Len() != 0 || string(r.body) != anEvent {
			t.Errorf("%q: status %d, body %s, events %s", kind, w.Code, w.Body, r.body)
		}
	}
	if want := (intake.Source{Client: "127.0.0.1", RequestID: "minted"}); r.source != want {
		t.Errorf("the source is %+v", r.source)
	}
	if r.hasty {
		t.Error("the request was hasty")
	}
	r.do("POST", "/v1/events?hasty=true", anEvent, nil)
	if !r.hasty {
		t.Error("the request was not hasty")
	}
	if w := r.do("POST", "/v1/events", anEvent, header("Content-Encoding", "gzip")); w.Code != 415 {
		t.Errorf("a compressed body: status %d", w.Code)
	}
}

func TestBodiesThatAreTooLongAreNotRead(t *testing.T) {
	r := newRig(t)
	w := r.do("POST", "/v1/events", anEvent, func(request *http.Request) { request.ContentLength = intake.MaxBody + 1 })
	if w.Code != 413 || len(r.admitted) != 0 {
		t.Errorf("status %d, admitted %v", w.Code, r.admitted)
	}
	long := strings.NewReader(strings.Repeat(" ", intake.MaxJobsBody+1))
	w = r.do("POST", "/v1/jobs", "x", func(request *http.Request) { request.ContentLength, request.Body = -1, io.NopCloser(long) })
	if w.Code != 413 {
		t.Errorf("status %d", w.Code)
	}
	w = r.do("POST", "/v1/jobs", "[]", func(request *http.Request) { request.ContentLength = 100 })
	if w.Code != 400 {
		t.Errorf("a body that broke off: status %d", w.Code)
	}
	r.admitErr = intake.ErrFull
	if w := r.do("POST", "/v1/events", anEvent, nil); w.Code != 503 || w.Header().Get("Retry-After") != "1" {
		t.Errorf("status %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
	}
}

func TestWebPagesOfOthersMayNotAct(t *testing.T) {
	r := newRig(t)
	for name, c := range map[string]struct {
		method string
		change func(*http.Request)
		want   int
	}{
		"cross-site":              {"POST", header("Sec-Fetch-Site", "cross-site"), 403},
		"same-site":               {"POST", header("Sec-Fetch-Site", "same-site"), 403},
		"same-origin":             {"POST", header("Sec-Fetch-Site", "same-origin"), 201},
		"old browser":             {"POST", header("Origin", "http://evil.example"), 403},
		"old browser, own origin": {"POST", header("Origin", "http://127.0.0.1:8192"), 201},
		"reading":                 {"GET", header("Sec-Fetch-Site", "cross-site"), 200},
		"EventBus":                {"POST", func(r *http.Request) { r.Host = "127.0.0.1:8192" }, 201},
		"another port":            {"POST", func(r *http.Request) { r.Host = "127.0.0.1:1" }, 201},
		"localhost":               {"POST", func(r *http.Request) { r.Host = "LOCALHOST" }, 201},
		"IPv6":                    {"POST", func(r *http.Request) { r.Host = "[::1]:8192" }, 201},
		"a proxy's name":          {"POST", func(r *http.Request) { r.Host = "bus.internal" }, 201},
		"HTTP/1.0":                {"POST", func(r *http.Request) { r.Host = "" }, 201},
		"rebound name": {"POST", func(r *http.Request) {
			r.Host = "evil.example:8192"
			r.Header.Set("Origin", "http://evil.example:8192")
		}, 421},
		"rebound name that the browser does not trust": {"GET", func(r *http.Request) { r.Host = "evil.example"; r.Header.Set("Accept-Language", "") }, 421},
		"a proxy's name, reading":                      {"GET", func(r *http.Request) { r.Host = "bus.internal" }, 200},
		"rebound name, reading":                        {"GET", func(r *http.Request) { r.Host = "evil.example"; r.Header.Set("Sec-Fetch-Site", "same-origin") }, 421},
		"name that looks alike":                        {"GET", func(r *http.Request) { r.Host = "127.0.0.1.evil.example"; r.Header.Set("Sec-Fetch-Site", "none") }, 421},
	} {
		t.Run(name, func(t *testing.T) {
			if w := r.do(c.method, "/v1/jobs", "", c.change); w.Code != c.want {
				t.Errorf("status %d, want %d: %s", w.Code, c.want, w.Body)
			}
		})
	}
}

// rebound makes a request that of a browser whose page has a name that was made to lead here.
func rebound(r *http.Request) {
	r.Host = "evil.example"
	r.Header.Set("Sec-Fetch-Site", "same-origin")
}

func TestAClientThatLeftIsNotAnswered(t *testing.T) {
	r := newRig(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	request := httptest.NewRequestWithContext(ctx, "GET", "/v1/queues", nil)
	request.Host = ""
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, request)
	if w.Body.Len() != 0 || strings.Contains(r.log.String(), "failed") {
		t.Errorf("answered %s, logged %s", w.Body, r.log)
	}
}

// Over a real connection: the status line has its reason phrase, and a client that waits for leave to
// send its body gets it, or the refusal.
func TestTheStatusLineAndLeaveToSend(t *testing.T) {
	r := newRig(t)
	server := httptest.NewServer(r.handler)
	defer server.Close()
	talk := func(length, body string) (status, leave string) {
		t.Helper()
		connection, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		if _, err := io.WriteString(connection, "POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 100-continue\r\n"+
			"Content-Type: application/json\r\nContent-Length: "+length+"\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(connection)
		first, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(first, " 100 ") {
			return first, ""
		}
		if _, err := io.WriteString(connection, body); err != nil {
			t.Fatal(err)
		}
		if _, err := lines.ReadString('\n'); err != nil { // the empty line after it
			t.Fatal(err)
		}
		status, err = lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return status, first
	}
	if status, leave := talk("25", anEvent); status != "HTTP/1.1 201 Created\r\n" || leave != "HTTP/1.1 100 Continue\r\n" {
		t.Errorf("answered %q after %q", status, leave)
	}
	if status, leave := talk("20000000", ""); status != "HTTP/1.1 413 Request Entity Too Large\r\n" || leave != "" {
		t.Errorf("answered %q after %q", status, leave)
	}
	r.events = intake.EventsResult{Status: 207}
	if status, _ := talk("25", anEvent); status != "HTTP/1.1 207 Multi-Status\r\n" {
		t.Errorf("answered %q", status)
	}
}
