package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"auwai/api"
	"auwai/internal/access"
	"auwai/internal/fault"
	"auwai/internal/jobqueue"
	"auwai/internal/runner"
	"auwai/internal/runner/remote"
)

// claims is a hub that answers what the test says, and remembers what it was asked. Its errors are the
// fake's, and lost.
type claims struct {
	*fake

	lost    error
	jobs    []remote.Job
	request remote.Request
	said    []any
}

func (c *claims) say(ctx context.Context, words ...any) error {
	c.said = words
	if c.lost != nil {
		return c.lost
	}
	return c.list(ctx)
}

func (c *claims) Claim(ctx context.Context, q remote.Request) ([]remote.Job, error) {
	c.request = q
	return c.jobs, c.list(ctx)
}

func (c *claims) Heartbeat(ctx context.Context, job, token string, b remote.Beat) (remote.Beaten, error) {
	return remote.Beaten{Deadline: time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600)), Cancelled: true}, c.say(ctx, job, token, b)
}

func (c *claims) Finish(ctx context.Context, job, token, message, resultURL string) error {
	return c.say(ctx, job, token, message, resultURL)
}

func (c *claims) Fail(ctx context.Context, job, token string, f remote.Failure) error {
	return c.say(ctx, job, token, f)
}

func (c *claims) Release(ctx context.Context, job, token, why string, after time.Duration) error {
	return c.say(ctx, job, token, why, after)
}

// verbs are the ends of the paths that end or extend a claim.
var verbs = []string{"heartbeat", "finish", "fail", "release"}

// claimAnswers has every documented answer of claims given.
func (r *rig) claimAnswers() {
	const claim, purge, body = "/v1/queues/encode/claim", "/v1/queues/encode/purge", `{"claim": "c"}`
	paths := []string{claim, purge}
	for _, verb := range verbs {
		paths = append(paths, "/v1/jobs/aawiki.01ARZ3NDEKTSV4RRFFQ69G5FAV/"+verb)
	}
	each := func(body string, how func(*http.Request)) {
		for _, path := range paths {
			text := body
			switch {
			case body == "[]":
			case path == claim:
				text = ""
			case path == purge:
				text = `{"wiki": "aawiki"}`
			}
			r.do("POST", path, text, how)
		}
	}
	for _, err := range []error{nil, fault.Field("timeout", "wrong"), errors.New("secret detail"), fault.New(fault.Unavailable, "later"), fault.New(fault.NotFound, "gone")} {
		if r.err = err; fault.KindOf(err) == fault.NotFound {
			paths = paths[2:]
		}
		each(body, nil)
	}
	r.err, r.claims.lost = nil, remote.ErrNotHeld
	each(body, nil)
	r.claims.lost = nil
	paths = append(paths, claim, purge)
	for _, path := range paths {
		r.do("POST", path, strings.Repeat(" ", 65<<10)+body, nil)
		r.do("POST", path, body, header("Content-Type", "text/plain"))
	}
	each(body, rebound)
	each("[]", nil)
	before := r.policy
	r.policy = policyOf(r.t, []access.Token{{Name: "none", Hash: access.HashOf(aToken)}})
	each(body, nil)
	each(body, header("X-Auwai-Token", aToken))
	r.policy = before
}

func TestAClaimIsReadWhole(t *testing.T) {
	r := newRig(t)
	deadline := time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.FixedZone("", 3600))
	r.claims.jobs = []remote.Job{
		{Wiki: "aawiki", Queue: "encode", Fence: 7, Token: "secret", Deadline: deadline, Item: runner.Item{
			ID: "aawiki.1", Attempt: 2, Payload: []byte(`{"a":"<é>"}`), RequestID: "r1", Cause: runner.Text("v1;x;1;"), Needs: jobqueue.Needs{Cores: 2}, FromEvent: true, Domain: "aa.example",
		}},
		{Wiki: "aawiki", Queue: "encode", Item: runner.Item{ID: "aawiki.2", Attempt: 1, Payload: []byte("\xff")}},
	}
	w := r.do("POST", "/v1/queues/encode/claim", `{"wiki": "aawiki", "limit": 5, "wait": "30s", "worker": "w1", "timeout": "90s",
		"capacity": {"cores": 2.5, "memory": 1073741824}}`, nil)
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	want := remote.Request{
		Queues: []string{"encode"}, Wiki: "aawiki", Limit: 5, Wait: 30 * time.Second, Worker: "w1", Timeout: 90 * time.Second,
		Capacity: &jobqueue.Needs{Cores: 2.5, Memory: 1 << 30},
	}
	if diff := cmp.Diff(want, r.claims.request, cmpopts.IgnoreFields(remote.Request{}, "Allowed")); diff != "" || r.claims.request.Allowed != nil {
		t.Error(diff)
	}
	text := `{"jobs":[{"id":"aawiki.1","queue":"encode","wiki":"aawiki","attempt":2,"claim":"secret","deadline":"2026-01-02T02:04:05.678Z",` +
		`"needs":{"cores":2},"fence":7,"request_id":"r1","cause":"v1;x;1;","domain":"aa.example","from_event":true,"payload":{"a":"<é>"}},` +
		`{"id":"aawiki.2","queue":"encode","wiki":"aawiki","attempt":1,"claim":"","deadline":"0001-01-01T00:00:00Z","fence":0,` +
		`"request_id":"","from_event":false,"payload_base64":"/w=="}]}` + "\n"
	if diff := cmp.Diff(text, w.Body.String()); diff != "" {
		t.Error(diff)
	}
}

func TestAClaimNeedsNoBodyAndMayBeOfAnyQueue(t *testing.T) {
	r := newRig(t)
	w := r.do("POST", "/v1/queues/*/claim", "", nil)
	if w.Code != http.StatusOK || w.Body.String() != `{"jobs":[]}`+"\n" || r.claims.request.Queues != nil {
		t.Errorf("status %d, %s, asked for %+v", w.Code, w.Body, r.claims.request)
	}
	r.do("POST", "/v1/queues/a%2Fb/claim", "", nil)
	if diff := cmp.Diff([]string{"a/b"}, r.claims.request.Queues); diff != "" {
		t.Error(diff)
	}
	r.do("POST", "/v1/queues/*/claim", `{"queues": ["a", "b"]}`, nil)
	if diff := cmp.Diff([]string{"a", "b"}, r.claims.request.Queues); diff != "" {
		t.Error(diff)
	}
}

func TestEndsOfClaimsAreReadWhole(t *testing.T) {
	const id = "aawiki.01ARZ3NDEKTSV4RRFFQ69G5FAV"
	for verb, c := range map[string]struct {
		body, answer string
		want         []any
	}{
		"heartbeat": {
			`{"claim": "c", "progress": 40, "message": "m", "result_url": "u", "timeout": "1m"}`,
			`{"deadline":"2026-01-02T02:04:05Z","cancelled":true}`,
			[]any{id, "c", remote.Beat{Timeout: time.Minute, Progress: jobqueue.Progress{Percent: 40, Message: "m", ResultURL: "u"}}},
		},
		"finish": {`{"claim": "c", "message": "m", "result_url": "u"}`, `{"id":"` + id + `","state":"done"}`, []any{id, "c", "m", "u"}},
		"fail": {
			`{"claim": "c", "error": "no", "class": "missing", "retry_after": "2m", "permanent": true}`, `{"id":"` + id + `","state":"dead"}`,
			[]any{id, "c", remote.Failure{Error: "no", Class: "missing", RetryAfter: 2 * time.Minute, Permanent: true}},
		},
		"release": {`{"claim": "c", "reason": "stopping", "retry_after": "1s"}`, `{"id":"` + id + `","state":"dead"}`, []any{id, "c", "stopping", time.Second}},
	} {
		t.Run(verb, func(t *testing.T) {
			r := newRig(t)
			w := r.do("POST", "/v1/jobs/"+id+"/"+verb, c.body, nil)
			if w.Code != http.StatusOK || w.Body.String() != c.answer+"\n" {
				t.Errorf("status %d: %s", w.Code, w.Body)
			}
			if diff := cmp.Diff(c.want, r.claims.said); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBadClaimsNameTheirField(t *testing.T) {
	r := newRig(t)
	const job = "/v1/jobs/aawiki.01ARZ3NDEKTSV4RRFFQ69G5FAV/"
	for _, c := range []struct{ path, body, field string }{
		{"/v1/queues/q/claim", `{"wait": "1h"}`, "wait"},
		{"/v1/queues/q/claim", `{"wait": 30}`, ""},
		{"/v1/queues/q/claim", `{"timeout": "-1s"}`, "timeout"},
		{"/v1/queues/q/claim", `{"queue": "x"}`, ""},
		{"/v1/queues/q/claim", `{"queues": ["x"]}`, "queues"},
		{"/v1/queues/q/purge", `{}`, "wiki"},
		{job + "heartbeat", `{"claim": "c", "progress": 101}`, "progress"},
		{job + "heartbeat", ``, ""},
		{job + "finish", `{}`, "claim"},
		{job + "fail", `{"claim": "c", "retry_after": "soon"}`, "retry_after"},
		{job + "release", "{\"claim\": \"\xff\"}", ""},
	} {
		w := r.do("POST", c.path, c.body, nil)
		var p api.Problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		if w.Code != http.StatusBadRequest || p.Field != c.field {
			t.Errorf("%s %s: status %d, field %q, want %q: %s", c.path, c.body, w.Code, p.Field, c.field, p.Detail)
		}
	}
}

func TestAClaimThatIsNotHeldIsToldWhatBecameOfTheJob(t *testing.T) {
	r := newRig(t)
	r.claims.lost = remote.ErrNotHeld
	for _, verb := range verbs {
		w := r.do("POST", "/v1/jobs/aawiki.01ARZ3NDEKTSV4RRFFQ69G5FAV/"+verb, `{"claim": "c"}`, nil)
		if p := problem(t, w); w.Code != http.StatusConflict || p.Detail != "the claim is not held any more: the job is dead (attempts so far: 3); drop what was done" {
			t.Errorf("%s: status %d: %s", verb, w.Code, p.Detail)
		}
	}
	r.detail.State = api.StateRunning
	w := r.do("POST", "/v1/jobs/aawiki.01ARZ3NDEKTSV4RRFFQ69G5FAV/finish", `{"claim": "c"}`, nil)
	if p := problem(t, w); !strings.Contains(p.Detail, "the job runs, in other hands") {
		t.Error(p.Detail)
	}
	r.err = fault.New(fault.NotFound, "gone")
	w = r.do("POST", "/v1/jobs/aawiki.01ARZ3NDEKTSV4RRFFQ69G5FAV/finish", `{"claim": "c"}`, nil)
	if p := problem(t, w); w.Code != http.StatusConflict || !strings.Contains(p.Detail, "none finished lately") {
		t.Error(p.Detail)
	}
}

func TestATokenOfAWikiClaimsThatWikisJobsOnly(t *testing.T) {
	r := newRig(t)
	r.policy = policyOf(t, []access.Token{{Name: "a", Hash: access.HashOf(aToken), Roles: access.SetOf(access.Run), Wikis: []string{"aawiki"}}})
	as := header("X-Auwai-Token", aToken)
	if w := r.do("POST", "/v1/queues/*/claim", `{"wiki": "abwiki"}`, as); w.Code != http.StatusForbidden {
		t.Errorf("a claim of another wiki is answered %d", w.Code)
	}
	if w := r.do("POST", "/v1/queues/encode/purge", `{"wiki": "abwiki"}`, as); w.Code != http.StatusForbidden {
		t.Errorf("a purge of another wiki is answered %d", w.Code)
	}
	if w := r.do("POST", "/v1/queues/*/claim", `{}`, as); w.Code != http.StatusOK || r.claims.request.Allowed == nil ||
		!r.claims.request.Allowed("aawiki") || r.claims.request.Allowed("abwiki") {
		t.Errorf("a claim of any wiki is answered %d and asks for %+v", w.Code, r.claims.request)
	}
	for _, verb := range verbs {
		if w := r.do("POST", "/v1/jobs/abwiki.01ARZ3NDEKTSV4RRFFQ69G5FAV/"+verb, `{"claim": "c"}`, as); w.Code != http.StatusNotFound {
			t.Errorf("%s of another wiki's job is answered %d", verb, w.Code)
		}
	}
}
