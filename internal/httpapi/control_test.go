package httpapi_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"auwai/api"
	"auwai/internal/access"
	"auwai/internal/farm"
	"auwai/internal/fault"
)

// controlAnswers has every documented answer of controls given.
func (r *rig) controlAnswers() {
	const list, one, change = "/v1/control", "/v1/control/all", `{"paused": true}`
	each := func(how func(*http.Request)) {
		r.do("GET", list, "", how)
		r.do("PUT", one, change, how)
		r.do("DELETE", one, "", how)
	}
	for _, err := range []error{nil, fault.Field("reason", "wrong"), errors.New("secret detail"), fault.New(fault.Unavailable, "later")} {
		r.err = err
		each(nil)
	}
	r.err = nil
	r.do("PUT", one, strings.Repeat(" ", 65<<10)+change, nil)
	r.do("PUT", one, change, header("Content-Type", "text/plain"))
	each(rebound)
	before := r.policy
	r.policy = policyOf(r.t, []access.Token{{Name: "none", Hash: access.HashOf(aToken)}})
	each(nil)
	each(header("X-Auwai-Token", aToken))
	r.policy = before
}

func TestAChangeOfAControlIsReadWhole(t *testing.T) {
	r := newRig(t)
	w := r.do("PUT", "/v1/control/queue:refreshLinks", `{"paused": true, "reason": "why", "by": "ann", "until": "2100-01-02T03:04:05Z",
		"set": {"concurrency": 8, "rate": "0.5", "timeout": "2m", "weight": null}}`, nil)
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	want := farm.Change{
		Paused: new(true), Reason: new("why"), By: "ann", Until: new(time.Date(2100, 1, 2, 3, 4, 5, 0, time.UTC)),
		Set: map[string]*float64{"concurrency": new(8.0), "rate": new(0.5), "timeout": new(120.0), "weight": nil},
	}
	if diff := cmp.Diff(want, r.change); diff != "" {
		t.Error(diff)
	}
	if r.scope != (farm.Scope{Kind: farm.ScopeQueue, Queue: "refreshLinks"}) {
		t.Errorf("scope %v", r.scope)
	}
}

func TestBadChangesNameTheirField(t *testing.T) {
	r := newRig(t)
	for body, field := range map[string]string{
		`{"set": {"concurrency": "many"}}`: "set.concurrency",
		`{"set": {"timeout": 30}}`:         "set.timeout",
		`{"set": {"speed": 1}}`:            "set.speed",
		`{"until": "tomorrow"}`:            "until",
		`{"for": "-1h"}`:                   "for",
		`{"for": "1h", "until": ""}`:       "for",
		`{"pause": true}`:                  "",
		`[]`:                               "",
		`{"paused": "yes"}`:                "",
		`{"paused": true, "set": {"max_pending": {"below": 10}}}`: "set.max_pending",
	} {
		w := r.do("PUT", "/v1/control/queue:q", body, nil)
		var p api.Problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		if w.Code != http.StatusBadRequest || p.Field != field {
			t.Errorf("%s: status %d, field %q, want %q: %s", body, w.Code, p.Field, field, p.Detail)
		}
	}
	if w := r.do("PUT", "/v1/control/queues:q", `{}`, nil); w.Code != http.StatusBadRequest {
		t.Errorf("an unknown scope is answered %d", w.Code)
	}
}

func TestATokenOfAWikiControlsThatWikiOnly(t *testing.T) {
	r := newRig(t)
	r.policy = policyOf(t, []access.Token{{Name: "a", Hash: access.HashOf(aToken), Roles: access.SetOf(access.Admin), Wikis: []string{"aawiki"}}})
	as := header("X-Auwai-Token", aToken)
	for scope, want := range map[string]int{
		"wiki:aawiki": 200, "pair:q@aawiki": 200, "wiki:abwiki": 403, "pair:q@abwiki": 403, "queue:q": 403, "all": 403, "maintenance": 403, "tag:db=s1": 403,
	} {
		if w := r.do("PUT", "/v1/control/"+scope, `{"paused": true, "by": "ann"}`, as); w.Code != want {
			t.Errorf("%s is answered %d, want %d", scope, w.Code, want)
		}
	}
	if r.change.By != "a ann" {
		t.Errorf("the change is by %q, want the token's name first", r.change.By)
	}
	r.controls = []farm.Control{
		{Scope: farm.Scope{Kind: farm.ScopeWiki, Wiki: "aawiki"}, Paused: true},
		{Scope: farm.Scope{Kind: farm.ScopeWiki, Wiki: "abwiki"}, Paused: true},
		{Scope: farm.Scope{Kind: farm.ScopeMaintenance}, Paused: true},
	}
	var list api.ControlList
	if err := json.Unmarshal(r.do("GET", "/v1/control", "", as).Body.Bytes(), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Entries) != 2 || list.Entries[0].Scope != "wiki:aawiki" || !list.Maintenance {
		t.Errorf("the list for one wiki is %+v", list)
	}
}
