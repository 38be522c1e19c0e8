package httpapi_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"auwai/api"
	"auwai/internal/access"
	"auwai/internal/farm"
	"auwai/internal/httpapi"
	"auwai/internal/inspect"
	"auwai/internal/intake"
)

// fake is an intake and a queue that answer what the test says, and remember what they were asked.
type fake struct {
	admitErr error
	err      error // of the queue
	events   intake.EventsResult
	jobs     intake.JobsResult
	detail   api.JobDetail
	panics   any

	body     []byte
	source   intake.Source
	hasty    bool
	admitted []int64
	filter   inspect.JobFilter
	queues   inspect.QueueFilter
	id       string
	controls []farm.Control
	scope    farm.Scope
	change   farm.Change
	dead     *api.DeadRequest
	cancel   *api.CancelRequest
	wikis    inspect.WikiFilter
	reach    *access.Grant
}

func (f *fake) Admit(size int64) (*intake.Ticket, error) {
	f.admitted = append(f.admitted, size)
	return nil, f.admitErr
}

func (f *fake) Events(_ context.Context, _ *intake.Ticket, body []byte, src intake.Source, hasty bool) intake.EventsResult {
	f.body, f.source, f.hasty = body, src, hasty
	return f.events
}

func (f *fake) Jobs(_ context.Context, _ *intake.Ticket, body []byte, src intake.Source) intake.JobsResult {
	f.body, f.source = body, src
	return f.jobs
}

func (f *fake) list(ctx context.Context) error {
	if f.panics != nil {
		panic(f.panics)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return f.err
}

func (f *fake) Queues(ctx context.Context, q inspect.QueueFilter) (api.QueuePage, error) {
	f.queues = q
	return api.QueuePage{Queues: []api.Queue{{Queue: "a", Wiki: "aawiki", Ready: 1}}, Stale: true}, f.list(ctx)
}

func (f *fake) JobsOf(ctx context.Context, q inspect.JobFilter) (api.JobPage, error) {
	f.filter = q
	return api.JobPage{Jobs: []api.Job{f.detail.Job}}, f.list(ctx)
}

func (f *fake) Job(ctx context.Context, id string) (api.JobDetail, error) {
	f.id = id
	return f.detail, f.list(ctx)
}

func (f *fake) Retry(ctx context.Context, id string) (api.JobAction, error) {
	f.id = id
	return api.JobAction{ID: id, State: api.StateReady}, f.list(ctx)
}

func (f *fake) Cancel(ctx context.Context, id string) (api.JobAction, error) {
	f.id = id
	return api.JobAction{ID: id, State: api.StateCancelled}, f.list(ctx)
}

func (f *fake) Purge(ctx context.Context, queue, wiki string) (api.PurgeAnswer, error) {
	return api.PurgeAnswer{Queue: queue, Wiki: wiki, Sweeping: 3}, f.list(ctx)
}

func (f *fake) Controls(ctx context.Context) ([]farm.Control, error) {
	return f.controls, f.list(ctx)
}

func (f *fake) SetControl(ctx context.Context, scope farm.Scope, change farm.Change) (farm.Control, error) {
	f.scope, f.change = scope, change
	return farm.Control{Scope: scope, Paused: change.Paused != nil && *change.Paused, By: change.By}, f.list(ctx)
}

// queueOf gives the fake's queue the name that the intake has too.
type queueOf struct{ *fake }

func (q queueOf) Jobs(ctx context.Context, f inspect.JobFilter) (api.JobPage, error) {
	return q.JobsOf(ctx, f)
}

// rig is the handler over a fake. Every answer is held to openapi.yaml.
type rig struct {
	*fake

	t       *testing.T
	doc     *document
	handler http.Handler
	log     *strings.Builder
	ready   bool
	policy  *access.Policy
	claims  *claims
	routes  []string
	seen    map[string]bool // documented answers that were given
}

func newRig(t *testing.T) *rig {
	t.Helper()
	moment := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	r := &rig{t: t, doc: readDocument(t), log: &strings.Builder{}, ready: true, seen: map[string]bool{}, fake: &fake{
		events: intake.EventsResult{Status: 201, Total: 1, Accepted: 1},
		jobs:   intake.JobsResult{Status: 201, Places: []intake.Place{{ID: "aawiki.1"}}},
		detail: api.JobDetail{
			Job: api.Job{
				ID: "aawiki.1", Queue: "a", Wiki: "aawiki", State: api.StateDead, Priority: "bulk", Attempts: 3,
				CreatedAt: moment, FinishedAt: &moment, Root: &api.Root{Signature: "s", Timestamp: "20260102030405"},
			},
			AttemptLog: []api.Attempt{{StartedAt: moment, EndedAt: moment, Outcome: "failed", Error: "no"}},
			Payload:    []byte(`{"a": "<&>"}`), PayloadBytes: 12,
		},
	}}
	r.policy = policyOf(t, nil, "0.0.0.0/0")
	r.claims = &claims{fake: r.fake}
	r.handler = httpapi.New(httpapi.Config{
		Intake: r.fake, Queue: queueOf{r.fake}, Insight: r.fake, Bulk: r.fake, Control: r.fake, Claims: r.claims,
		Ready: func() (bool, string) { return r.ready, "the disk is full" },
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; version=0.0.4")
			_, _ = io.WriteString(w, "auwai_up 1\n")
		}),
		Access: func() *access.Policy { return r.policy },
		Listen: "127.0.0.1:8192", Version: "1.2.3", Logger: slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		NewID: func() string { return "minted" },
		Hooks: httpapi.Hooks{OnRequest: func(route, method string, status int, _ time.Duration) {
			r.routes = append(r.routes, method+" "+route+" "+http.StatusText(status))
		}},
	})
	return r
}

// do sends a request. change, which may be nil, changes it before.
func (r *rig) do(method, target, body string, change func(*http.Request)) *httptest.ResponseRecorder {
	r.t.Helper()
	request := httptest.NewRequestWithContext(r.t.Context(), method, target, strings.NewReader(body))
	request.Host = "127.0.0.1:8192"
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if change != nil {
		change(request)
	}
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, request)
	path := request.URL.Path
	if rest, ok := strings.CutPrefix(path, "/t/"); ok {
		path = rest[strings.Index(rest, "/"):]
	}
	if r.doc.pathOf(path) != "" {
		r.seen[r.doc.hold(r.t, method, path, w)] = true
	}
	return w
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}
