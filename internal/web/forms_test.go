package web_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"auwai/internal/access"
	"auwai/internal/farm"
)

func TestAFormThatIsNotOfOurPagesChangesNothing(t *testing.T) {
	r := newRig(t)
	mark := r.page("/job?id=" + jobID).value("mark")
	cookies := maps.Clone(r.cookies)
	form := url.Values{"id": {jobID}, "do": {"retry"}}
	with := func(mark string) url.Values {
		f := url.Values{"mark": {mark}}
		maps.Copy(f, form)
		return f
	}
	for name, c := range map[string]struct {
		form   url.Values
		change func(*http.Request)
	}{
		"no mark":      {form, nil},
		"a wrong mark": {with("AAAA"), nil},
		"no cookie":    {with(mark), func(q *http.Request) { q.Header.Del("Cookie") }},
		"another site": {with(mark), func(q *http.Request) { q.Header.Set("Sec-Fetch-Site", "cross-site") }},
		"a sibling":    {with(mark), func(q *http.Request) { q.Header.Set("Sec-Fetch-Site", "same-site") }},
		"an old browser's other origin": {with(mark), func(q *http.Request) {
			q.Header.Del("Sec-Fetch-Site")
			q.Header.Set("Origin", "http://evil.example")
		}},
		"a rebound name": {with(mark), func(q *http.Request) { q.Host = "evil.example:8192" }},
		"no form":        {with(mark), func(q *http.Request) { q.Header.Set("Content-Type", "text/plain") }},
	} {
		w := r.do(http.MethodPost, "/job", c.form, c.change)
		r.cookies = maps.Clone(cookies) // the answer may have given another nonce
		if w.Code < 400 || len(r.retried) > 0 {
			t.Fatalf("%s: %d, retried %v", name, w.Code, r.retried)
		}
	}
	if w := r.do(http.MethodPost, "/job", with(mark), nil); w.Code != http.StatusSeeOther || !slices.Equal(r.retried, []string{jobID}) {
		t.Errorf("our own form: %d, retried %v", w.Code, r.retried)
	}
}

func TestAMarkOfAnotherSessionIsRefused(t *testing.T) {
	r := newRig(t, readToken("boss", 1, access.AllRoles))
	mark := r.page("/sign-in").value("mark")
	r.do(http.MethodPost, "/sign-in", url.Values{"mark": {mark}, "token": {tokenOf(1)}}, nil)
	w := r.do(http.MethodPost, "/job", url.Values{"mark": {mark}, "id": {jobID}, "do": {"retry"}}, nil)
	if w.Code != http.StatusForbidden || len(r.retried) > 0 {
		t.Errorf("the mark of before the sign-in: %d, retried %v", w.Code, r.retried)
	}
}

func TestGettingAPageChangesNothing(t *testing.T) {
	r := newRig(t)
	for _, target := range []string{"/job?id=" + jobID + "&do=retry&sure=1", "/dead?all=1&sure=1", "/controls?scope=all&do=pause"} {
		r.do(http.MethodGet, target, nil, nil)
	}
	if len(r.retried)+len(r.dropped) > 0 || r.change != nil {
		t.Errorf("retried %v, dropped %v, changed %v", r.retried, r.dropped, r.change)
	}
}

func TestACancelIsConfirmed(t *testing.T) {
	r := newRig(t)
	w := r.post("/job?id="+jobID, "/job", "id", jobID, "do", "cancel")
	d := read(t, w)
	if w.Code != http.StatusOK || len(r.dropped) > 0 || !strings.Contains(d.words(), "cannot be taken back") {
		t.Fatalf("%d: %s", w.Code, d.words())
	}
	form := url.Values{}
	for _, n := range d.all("input") {
		form.Add(attr(n, "name"), attr(n, "value"))
	}
	if w := r.do(http.MethodPost, "/job", form, nil); w.Code != http.StatusSeeOther || !slices.Equal(r.dropped, []string{jobID}) {
		t.Errorf("confirmed: %d, dropped %v", w.Code, r.dropped)
	}
}

func TestDeadJobsAreRequeuedOneByOneAndAllAfterACount(t *testing.T) {
	r := newRig(t)
	r.post("/dead", "/dead", "do", "requeue "+jobID)
	w := r.post("/dead", "/dead", "do", "requeue", "id", jobID, "id", otherID)
	if diff := cmp.Diff([]string{jobID, jobID, otherID}, r.retried); diff != "" {
		t.Error(diff)
	}
	if d := r.page(w.Header().Get("Location")); !strings.Contains(d.words(), "2 jobs will run again.") {
		t.Errorf("said %s", d.words())
	}
	r.bulk = nil
	asked := read(t, r.post("/dead", "/dead", "do", "all-requeue", "wiki", "aawiki"))
	if !strings.Contains(asked.words(), "2 jobs of the wiki aawiki will run again") || r.bulk != nil {
		t.Errorf("asked %s, did %v", asked.words(), r.bulk)
	}
	if w := r.confirmed(asked, "/dead"); w.Code != http.StatusSeeOther || r.bulk == nil || r.bulk.Wiki != "aawiki" || len(r.bulk.IDs) > 0 {
		t.Errorf("%d, did %+v", w.Code, r.bulk)
	}
}

func TestADropIsConfirmed(t *testing.T) {
	r := newRig(t)
	for name, c := range map[string]struct {
		form, want []string
	}{
		"one":    {[]string{"do", "drop " + jobID}, []string{jobID}},
		"marked": {[]string{"do", "drop", "id", jobID, "id", otherID}, []string{jobID, otherID}},
		"all":    {[]string{"do", "all-drop", "queue", "refreshLinks"}, nil},
	} {
		r.dropped, r.bulk = nil, nil
		asked := read(t, r.post("/dead", "/dead", c.form...))
		if r.bulk != nil || !strings.Contains(asked.words(), "cannot be taken back") {
			t.Errorf("%s: %s", name, asked.words())
		}
		if w := r.confirmed(asked, "/dead"); w.Code != http.StatusSeeOther || !slices.Equal(r.dropped, c.want) || r.bulk == nil || name == "all" && r.bulk.Queue != "refreshLinks" {
			t.Errorf("%s: %d, dropped %v by %+v", name, w.Code, r.dropped, r.bulk)
		}
	}
}

// confirmed sends the form of a page that asks.
func (r *rig) confirmed(asked *doc, action string) *httptest.ResponseRecorder {
	r.t.Helper()
	form := url.Values{}
	for _, n := range asked.all("input") {
		form.Add(attr(n, "name"), attr(n, "value"))
	}
	return r.do(http.MethodPost, action, form, nil)
}

func TestAJobsPageSaysWhyAndWhatItBelongsTo(t *testing.T) {
	r := newRig(t)
	d := r.page("/job?id=" + jobID)
	if words := d.words(); !strings.Contains(words, "it waits for its turn") || !strings.Contains(words, "Level 2 "+otherID) {
		t.Errorf("%s", words)
	}
}

func TestAPauseHasItsReasonAndItsEnd(t *testing.T) {
	r := newRig(t)
	w := r.post("/controls", "/controls", "scope", "queue:refreshLinks", "do", "pause", "reason", "too many", "for", "2h", "back", "/queue?queue=refreshLinks")
	if w.Code != http.StatusSeeOther || r.scope.String() != "queue:refreshLinks" || !*r.change.Paused || *r.change.Reason != "too many" ||
		!r.change.Until.Equal(r.now.Add(2*time.Hour)) || r.change.By != "dashboard" {
		t.Errorf("%d: %s %+v", w.Code, r.scope, r.change)
	}
	if to := w.Header().Get("Location"); !strings.HasPrefix(to, "/queue?") {
		t.Errorf("led to %s", to)
	}
	w = r.post("/controls", "/controls", "scope", "queue:refreshLinks", "do", "set", "set.concurrency", "8", "set.rate", "", "set.timeout", "5m")
	if w.Code != http.StatusSeeOther || *r.change.Set["concurrency"] != 8 || r.change.Set["rate"] != nil || *r.change.Set["timeout"] != 300 {
		t.Errorf("%d: %+v", w.Code, r.change)
	}
	r.change = nil
	for _, wrong := range [][]string{{"do", "pause", "for", "soon"}, {"do", "set", "set.concurrency", "many"}, {"do", "set", "set.what", "1"}, {"do", "explode"}} {
		if w := r.post("/controls", "/controls", append([]string{"scope", "queue:q"}, wrong...)...); w.Code != http.StatusBadRequest || r.change != nil {
			t.Errorf("%v: %d", wrong, w.Code)
		}
	}
}

func TestALinkDoesNotLeadOut(t *testing.T) {
	r := newRig(t)
	for _, back := range []string{"//evil.example/", "https://evil.example/", `/\evil.example`, "/assets/x", "/live", "javascript:alert(1)", "/nothing"} {
		w := r.post("/controls", "/controls", "scope", "all", "do", "resume", "back", back)
		if to := w.Header().Get("Location"); !strings.HasPrefix(to, "/?") {
			t.Errorf("back to %q leads to %q", back, to)
		}
	}
}

func TestTheVisitorsRoleAndWikisDecide(t *testing.T) {
	r := newRig(t,
		readToken("boss", 1, access.AllRoles), readToken("reader", 2, access.SetOf(access.Read)),
		readToken("aa", 3, access.SetOf(access.Admin), "aawiki"), readToken("wikiserver", 4, access.SetOf(access.Produce)))
	r.controls = []farm.Control{{Scope: farm.Scope{Kind: farm.ScopeWiki, Wiki: "bbwiki"}, Paused: true}}
	w := r.do(http.MethodGet, "/queues?wiki=aawiki", nil, nil)
	d := read(t, w)
	if w.Code != http.StatusUnauthorized || d.value("back") != "/queues?wiki=aawiki" || strings.Contains(d.words(), "refreshLinks") {
		t.Fatalf("without a token: %d %s", w.Code, d.words())
	}
	signIn := func(b byte) int {
		clear(r.cookies)
		return r.post("/sign-in", "/sign-in", "token", tokenOf(b), "back", "/dead").Code
	}
	if got := []int{signIn(9), signIn(4)}; !slices.Equal(got, []int{401, 403}) || r.cookies["auwai_session"] != "" {
		t.Errorf("a wrong token and one without the role: %v", got)
	}
	if signIn(2) != http.StatusSeeOther || r.cookies["auwai_session"] != tokenOf(2) {
		t.Fatalf("the reader cannot sign in: %v", r.cookies)
	}
	if diff := cmp.Diff([]string{"Sign out"}, r.page("/dead").buttons()); diff != "" {
		t.Errorf("the reader has buttons: %s", diff)
	}
	if w := r.post("/dead", "/dead", "do", "requeue "+jobID); w.Code != http.StatusForbidden || len(r.retried) > 0 {
		t.Errorf("the reader requeued: %d", w.Code)
	}
	signIn(3)
	for _, target := range pages() {
		if w := r.do(http.MethodGet, target, nil, nil); strings.Contains(w.Body.String(), "bbwiki") {
			t.Errorf("%s shows what aa does not reach", target)
		}
	}
	for _, scope := range []string{"all", "maintenance", "queue:refreshLinks", "wiki:bbwiki", "tag:db=s1"} {
		if w := r.post("/wiki?wiki=aawiki", "/controls", "scope", scope, "do", "pause"); w.Code != http.StatusForbidden || r.change != nil {
			t.Errorf("aa paused %s: %d", scope, w.Code)
		}
	}
	if w := r.post("/wiki?wiki=aawiki", "/controls", "scope", "wiki:aawiki", "do", "pause"); w.Code != http.StatusSeeOther || r.change.By != "aa" {
		t.Errorf("aa cannot pause its wiki: %d", w.Code)
	}
	if w := r.post("/dead", "/dead", "do", "requeue "+otherID); w.Code != http.StatusNotFound || len(r.retried) > 0 {
		t.Errorf("aa requeued a job of bbwiki: %d", w.Code)
	}
	signIn(1)
	if !slices.Contains(r.page("/controls").buttons(), "Begin maintenance") {
		t.Errorf("the boss has %v", r.page("/controls").buttons())
	}
	r.policy, _ = access.New([]access.Token{readToken("other", 7, access.AllRoles)}, nil)
	if w := r.do(http.MethodGet, "/", nil, nil); w.Code != http.StatusUnauthorized || !strings.Contains(read(t, w).words(), "not known any more") {
		t.Errorf("a token that was taken away: %d", w.Code)
	}
}

func TestASessionIsOutOfReachForScripts(t *testing.T) {
	r := newRig(t, readToken("boss", 1, access.AllRoles))
	w := r.post("/sign-in", "/sign-in", "token", tokenOf(1))
	for _, c := range w.Result().Cookies() {
		if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Secure {
			t.Errorf("over HTTP the cookie is %+v", c)
		}
	}
	if strings.Contains(r.page("/").words()+r.do(http.MethodGet, "/", nil, nil).Body.String(), tokenOf(1)) {
		t.Error("the token is on a page")
	}
	clear(r.cookies)
	mark := r.page("/sign-in").value("mark")
	w = r.do(http.MethodPost, "/sign-in", url.Values{"mark": {mark}, "token": {tokenOf(1)}}, func(q *http.Request) { q.Header.Set("X-Forwarded-Proto", "https") })
	if cookies := w.Result().Cookies(); len(cookies) != 1 || !cookies[0].Secure {
		t.Errorf("behind a proxy with TLS the cookies are %v", cookies)
	}
	r.post("/", "/sign-out")
	if w := r.do(http.MethodGet, "/", nil, nil); w.Code != http.StatusUnauthorized {
		t.Errorf("after signing out: %d", w.Code)
	}
}

// A name that was made to lead to a loopback address names itself as Host. It is refused what the
// address may do; with a session there is no need: the name's owner has not the cookie.
func TestARebornNameSeesNothing(t *testing.T) {
	r := newRig(t)
	evil := func(q *http.Request) { q.Host = "evil.example" }
	if w := r.do(http.MethodGet, "/", nil, evil); w.Code != http.StatusMisdirectedRequest || strings.Contains(w.Body.String(), "refreshLinks") {
		t.Errorf("%d: %s", w.Code, w.Body)
	}
	r = newRig(t, readToken("boss", 1, access.AllRoles))
	if w := r.do(http.MethodGet, "/", nil, evil); w.Code != http.StatusUnauthorized {
		t.Errorf("with tokens, a proxy's name = %d", w.Code)
	}
	r.post("/sign-in", "/sign-in", "token", tokenOf(1))
	if w := r.do(http.MethodGet, "/", nil, evil); w.Code != http.StatusOK {
		t.Errorf("with a session, a proxy's name = %d", w.Code)
	}
}
