package httpapi_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"auwai/api"
	"auwai/internal/access"
	"auwai/internal/fault"
	"auwai/internal/inspect"
)

const aJob = "aawiki.01ARZ3NDEKTSV4RRFFQ69G5FAV"

func (f *fake) Explain(ctx context.Context, id string) (api.Explanation, error) {
	f.id = id
	at, most, rate, now := int64(3), int64(3), 0.5, time.Now().UTC()
	return api.Explanation{
		ID: id, Queue: "a", Wiki: "aawiki", State: api.StateReady, Summary: "The job is ready.",
		Reasons:  []api.Reason{{Cause: api.CauseLimit, Text: "t", Name: "queue:a", At: &at, Most: &most, Rate: &rate, Until: &now, Since: &now, By: "joe", Jobs: []string{aJob}}},
		Position: &api.Position{Priority: "bulk", Ahead: 1, AtLeast: true, Wikis: 2, Running: 1, Slots: 3, Used: 1},
		Run:      &api.Run{StartedAt: &now, Deadline: &now, Attempt: 1, Worker: "w", Percent: 50, Message: "m", ResultURL: "http://r.example/", Stopping: true},
		Stale:    true,
	}, f.list(ctx)
}

func (f *fake) Trace(ctx context.Context, id string, reach *access.Grant) (api.Trace, error) {
	f.id, f.reach = id, reach
	ms, now := int64(4), time.Now().UTC()
	return api.Trace{ID: id, RequestID: "r", More: 1, Open: 1, Stale: true, Nodes: []api.TraceNode{{
		ID: aJob, Queue: "a", Wiki: "aawiki", State: api.StateRunning, Open: true, Parent: aJob, Level: 1, CreatedAt: now, StartedAt: &now,
		EndedAt: &now, RunAt: &now, WaitedMS: &ms, RanMS: &ms, Attempts: 1, Error: "e", Held: "h", DuplicateOf: aJob, Superseded: "2", Message: "m",
		ResultURL: "u", RequestID: "s",
	}}}, f.list(ctx)
}

func (f *fake) Wikis(ctx context.Context, q inspect.WikiFilter) (api.WikiPage, error) {
	f.wikis = q
	now := time.Now().UTC()
	return api.WikiPage{Stale: true, Wikis: []api.Wiki{{
		Wiki: "aawiki", Since: &now, Runner: "auwai", URL: "http://a.example", Domains: []string{"a.example"}, Tags: map[string]string{"db": "s1"}, Ready: 1,
	}}}, f.list(ctx)
}

func (f *fake) RequeueDead(ctx context.Context, r *api.DeadRequest, reach *access.Grant) (api.BulkAnswer, error) {
	f.dead, f.reach = r, reach
	return api.BulkAnswer{Matched: 2, Done: 1, Cursor: "c"}, f.list(ctx)
}

func (f *fake) DropDead(ctx context.Context, r *api.DeadRequest, reach *access.Grant) (api.BulkAnswer, error) {
	return f.RequeueDead(ctx, r, reach)
}

func (f *fake) CancelMany(ctx context.Context, r *api.CancelRequest, reach *access.Grant) (api.BulkAnswer, error) {
	f.cancel, f.reach = r, reach
	return api.BulkAnswer{Matched: 2, Done: 2, Stopping: 1}, f.list(ctx)
}

// insightAnswers has every documented answer of explain, trace, wikis and bulk work be given.
func (r *rig) insightAnswers() {
	const explain, trace, wikis = "/v1/jobs/" + aJob + "/explain", "/v1/trace/r-1", "/v1/wikis"
	posts := []string{"/v1/dead/requeue", "/v1/dead/drop", "/v1/jobs/cancel"}
	for _, err := range []error{nil, fault.Field("id", "wrong"), fault.New(fault.NotFound, "gone"), errors.New("secret"), fault.New(fault.Unavailable, "later")} {
		r.err = err
		r.do("GET", explain, "", nil)
		r.do("GET", trace, "", nil)
		if fault.KindOf(err) == fault.NotFound {
			continue
		}
		r.do("GET", wikis, "", nil)
		for _, p := range posts {
			r.do("POST", p, `{"wiki":"aawiki"}`, nil)
		}
	}
	r.err = nil
	each := func(how func(*http.Request)) {
		for _, p := range []string{explain, trace, wikis} {
			r.do("GET", p, "", how)
		}
		for _, p := range posts {
			r.do("POST", p, "{}", how)
		}
	}
	for _, p := range []string{explain, trace, wikis} {
		r.do("DELETE", p, "", nil)
	}
	for _, p := range posts {
		r.do("PUT", p, "{}", nil)
		r.do("POST", p, strings.Repeat(" ", 65<<10)+"{}", nil)
		r.do("POST", p, "{}", header("Content-Type", "text/plain"))
	}
	each(rebound)
	before := r.policy
	r.policy = policyOf(r.t, []access.Token{{Name: "none", Hash: access.HashOf(aToken)}})
	each(nil)
	each(header("X-Auwai-Token", aToken))
	r.policy = before
}

func TestBulkRequestsReachTheQueueWhole(t *testing.T) {
	r := newRig(t)
	if w := r.do("POST", "/v1/dead/drop", `{"queue":"q","wiki":"w","error":"no","ids":["a"],"dry_run":true,"limit":7,"cursor":"c"}`, nil); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if d := r.dead; d.Queue != "q" || d.Wiki != "w" || d.Error != "no" || len(d.IDs) != 1 || !d.DryRun || d.Limit != 7 || d.Cursor != "c" {
		t.Errorf("asked for %+v", d)
	}
	if w := r.do("POST", "/v1/jobs/cancel", `{"root":"s","request_id":"r","running":true}`, nil); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if c := r.cancel; c.Root != "s" || c.RequestID != "r" || !c.Running || c.DryRun {
		t.Errorf("asked for %+v", c)
	}
	if w := r.do("POST", "/v1/dead/drop", `{"qeue":"q"}`, nil); w.Code != 400 || !strings.Contains(w.Body.String(), "qeue") {
		t.Errorf("a misspelt filter: %d %s", w.Code, w.Body)
	}
}
