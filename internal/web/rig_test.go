package web_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

	"auwai/api"
	"auwai/internal/access"
	"auwai/internal/farm"
	"auwai/internal/fault"
	"auwai/internal/inspect"
	"auwai/internal/jobqueue"
	"auwai/internal/web"
)

const (
	jobID   = "aawiki.01ARZ3NDEKTSV4RRFFQ69G5FAV"
	otherID = "bbwiki.01ARZ3NDEKTSV4RRFFQ69G5FAV"
	hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)>`
)

func tokenOf(b byte) string { return access.NewToken([access.SecretBytes]byte{b}) }

// fake is a queue and controls that answer what the test says, and remember what they were asked.
type fake struct {
	mu       sync.Mutex
	pairs    []api.Queue
	jobs     []api.Job
	detail   api.JobDetail
	controls []farm.Control
	err      error
	asked    inspect.JobFilter
	retried  []string
	dropped  []string
	bulk     *api.DeadRequest
	scope    farm.Scope
	change   *farm.Change
	silent   bool // totals are not known
	totals   int  // times that they were asked for
}

func (f *fake) Queues(_ context.Context, q inspect.QueueFilter) (api.QueuePage, error) {
	page := api.QueuePage{}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.pairs {
		if (q.Queue == "" || q.Queue == p.Queue) && (q.Wiki == "" || q.Wiki == p.Wiki) && q.Reach.Reaches(p.Wiki) {
			page.Queues = append(page.Queues, p)
		}
	}
	return page, f.err
}

func (f *fake) Jobs(_ context.Context, q inspect.JobFilter) (api.JobPage, error) {
	f.asked = q
	page := api.JobPage{}
	for _, j := range f.jobs {
		if q.Reach.Reaches(j.Wiki) {
			page.Jobs = append(page.Jobs, j)
		}
	}
	return page, f.err
}

func (f *fake) Job(_ context.Context, id string) (api.JobDetail, error) {
	if id != f.detail.ID {
		return api.JobDetail{}, inspect.NoJob(id)
	}
	return f.detail, f.err
}

func (f *fake) Totals(context.Context) (inspect.Totals, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.totals++
	t := inspect.Totals{Live: true}
	for _, p := range f.pairs {
		t.Queues = append(t.Queues, inspect.QueueTotals{Queue: p.Queue, Counts: jobqueue.Counts{Ready: p.Ready, Dead: p.Dead}, Held: min(len(p.Held), 1)})
	}
	return t, !f.silent
}

func (f *fake) Retry(_ context.Context, id string) (api.JobAction, error) {
	f.retried = append(f.retried, id)
	return api.JobAction{ID: id, State: api.StateReady}, f.err
}

func (f *fake) Cancel(_ context.Context, id string) (api.JobAction, error) {
	f.dropped = append(f.dropped, id)
	return api.JobAction{ID: id, State: api.StateCancelled}, f.err
}

func (f *fake) RequeueDead(_ context.Context, r *api.DeadRequest, _ *access.Grant) (api.BulkAnswer, error) {
	f.retried, f.bulk = append(f.retried, r.IDs...), r
	return api.BulkAnswer{Done: max(len(r.IDs), 2)}, f.err
}

func (f *fake) DropDead(_ context.Context, r *api.DeadRequest, _ *access.Grant) (api.BulkAnswer, error) {
	f.dropped, f.bulk = append(f.dropped, r.IDs...), r
	return api.BulkAnswer{Done: max(len(r.IDs), 2)}, f.err
}

func (f *fake) Explain(_ context.Context, id string) (api.Explanation, error) {
	return api.Explanation{ID: id, Summary: "it waits for its turn " + hostile}, f.err
}

func (f *fake) Trace(_ context.Context, id string, reach *access.Grant) (api.Trace, error) {
	t := api.Trace{ID: id, Open: 1}
	for n, j := range f.jobs {
		if reach.Reaches(j.Wiki) {
			t.Nodes = append(t.Nodes, api.TraceNode{ID: j.ID, Queue: j.Queue, Wiki: j.Wiki, State: j.State, Level: n + 1, Error: hostile})
		}
	}
	return t, f.err
}

func (f *fake) Controls(context.Context) ([]farm.Control, error) { return f.controls, f.err }

func (f *fake) SetControl(_ context.Context, scope farm.Scope, change farm.Change) (farm.Control, error) {
	f.scope, f.change = scope, &change
	return farm.Control{Scope: scope}, f.err
}

// rig is the dashboard as the HTTP interface mounts it, with a browser's cookies.
type rig struct {
	*fake

	t       *testing.T
	web     *web.Web
	policy  *access.Policy
	remote  string
	cookies map[string]string
	now     time.Time
}

// newRig returns a rig whose visitors are on loopback, and may do everything there.
func newRig(t *testing.T, tokens ...access.Token) *rig {
	t.Helper()
	policy, err := access.New(tokens, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{
		t: t, policy: policy, remote: "127.0.0.1:5000", cookies: map[string]string{}, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	died := r.now.Add(-time.Minute)
	job := api.Job{
		ID: jobID, Queue: "refreshLinks", Wiki: "aawiki", State: api.StateDead, Priority: "normal", Attempts: 3, CreatedAt: r.now.Add(-time.Hour),
		FinishedAt: &died, LastError: "it broke " + hostile, RequestID: "req-1", Key: hostile,
	}
	other := job
	other.ID, other.Wiki = otherID, "bbwiki"
	r.fake = &fake{
		pairs: []api.Queue{
			{Queue: "refreshLinks", Wiki: "aawiki", Ready: 1234, Dead: 2, OldestAge: 75},
			{Queue: "refreshLinks", Wiki: "bbwiki", Ready: 5, Held: "the wiki is paused"},
			{Queue: hostile, Wiki: "aawiki", Delayed: 7},
		},
		jobs: []api.Job{job, other},
		detail: api.JobDetail{
			Job: job, AttemptLog: []api.Attempt{{StartedAt: died, EndedAt: died.Add(2 * time.Second), Outcome: "failed", Error: hostile}},
			Payload: []byte(`{"title":"</pre>` + `<b>","n":12345678901234567890}`), PayloadBytes: 45,
		},
	}
	r.web = web.New(web.Config{
		Queue: r.fake, Dead: r.fake, Story: r.fake, Control: r.fake, Wikis: func() []web.Wiki {
			return []web.Wiki{{Name: "aawiki", Runner: "auwai", URL: "http://aa.example"}, {Name: "bbwiki", Runner: "auwai"}}
		},
		Settings: func(farm.Scope) map[string]float64 { return map[string]float64{"concurrency": 30} },
		Ready:    func() (bool, string) { return true, "" }, Counters: func() web.Counters { return web.Counters{} },
		Access: func() *access.Policy { return r.policy }, Listen: "127.0.0.1:8192", Version: "1.2.3",
		Secret: []byte("01234567890123456789012345678901"), Now: func() time.Time { return r.now },
	})
	return r
}

// do sends a request as a browser does.
func (r *rig) do(method, target string, form url.Values, change func(*http.Request)) *httptest.ResponseRecorder {
	r.t.Helper()
	request := httptest.NewRequestWithContext(r.t.Context(), method, target, strings.NewReader(form.Encode()))
	request.Host, request.RemoteAddr = "127.0.0.1:8192", r.remote
	request.Header.Set("Accept", "text/html,*/*;q=0.8")
	request.Header.Set("Accept-Language", "en")
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range r.cookies {
		request.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	if change != nil {
		change(request)
	}
	w := httptest.NewRecorder()
	if _, ok := r.web.Route(request); !ok {
		w.WriteHeader(http.StatusNotFound)
		return w
	}
	addr, local := access.AddressOf(request.RemoteAddr)
	g, err := r.policy.Of("", addr, local)
	if err != nil {
		r.t.Fatal(err)
	}
	r.web.ServePage(w, request, g)
	for _, c := range w.Result().Cookies() {
		r.cookies[c.Name] = c.Value
		if c.MaxAge < 0 {
			delete(r.cookies, c.Name)
		}
	}
	return w
}

// page gets a page and reads it.
func (r *rig) page(target string) *doc {
	r.t.Helper()
	w := r.do(http.MethodGet, target, nil, nil)
	if w.Code != http.StatusOK {
		r.t.Fatalf("GET %s = %d: %s", target, w.Code, read(r.t, w).words())
	}
	return read(r.t, w)
}

// post sends a form of a page: the values, and the mark that the page has.
func (r *rig) post(page, action string, pairs ...string) *httptest.ResponseRecorder {
	r.t.Helper()
	form := url.Values{"mark": {r.page(page).value("mark")}}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return r.do(http.MethodPost, action, form, nil)
}

// doc is a page that was parsed.
type doc struct {
	t    *testing.T
	root *html.Node
}

func read(t *testing.T, w *httptest.ResponseRecorder) *doc {
	t.Helper()
	root, err := html.Parse(strings.NewReader(w.Body.String()))
	if err != nil {
		t.Fatal(err)
	}
	return &doc{t, root}
}

// all returns the elements of a kind.
func (d *doc) all(kind string) []*html.Node {
	var out []*html.Node
	for n := range d.root.Descendants() {
		if n.Type == html.ElementNode && (kind == "" || n.Data == kind) {
			out = append(out, n)
		}
	}
	return out
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// value returns the value of the first input of a name.
func (d *doc) value(name string) string {
	d.t.Helper()
	for _, n := range d.all("input") {
		if attr(n, "name") == name {
			return attr(n, "value")
		}
	}
	return ""
}

func text(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data + " ")
		}
	}
	return b.String()
}

func (d *doc) words() string { return strings.Join(strings.Fields(text(d.root)), " ") }

// buttons returns the texts of all buttons of forms that change something.
func (d *doc) buttons() []string {
	out := []string{}
	for _, f := range d.all("form") {
		if attr(f, "method") != "post" {
			continue
		}
		for c := range f.Descendants() {
			if c.Type == html.ElementNode && c.Data == "button" {
				out = append(out, strings.TrimSpace(text(c)))
			}
		}
	}
	return out
}

func readToken(name string, b byte, roles access.Roles, wikis ...string) access.Token {
	return access.Token{Name: name, Hash: access.HashOf(tokenOf(b)), Roles: roles, Wikis: wikis}
}

func unavailable() error { return fault.Newf(fault.Unavailable, "the node does not answer") }
