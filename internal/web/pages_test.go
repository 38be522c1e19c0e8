package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"auwai/api"
	"auwai/internal/farm"
)

func pages() []string {
	return []string{
		"/", "/queues", "/queues?view=matrix", "/queue?queue=refreshLinks", "/queue?queue=refreshLinks&wiki=aawiki",
		"/wikis", "/wiki?wiki=aawiki", "/jobs", "/jobs?state=done", "/job?id=" + jobID, "/dead", "/controls", "/sign-in",
		"/queue?" + url.Values{"queue": {hostile}}.Encode(), "/queues?" + url.Values{"queue": {hostile}, "wiki": {hostile}}.Encode(),
		"/jobs?" + url.Values{"request": {hostile}}.Encode(),
	}
}

// Names, errors and payloads come from others. On no page are they markup, and no page has a script, a
// style or a handler of its own, which the policy of the content would not let run either.
func TestNothingFromOutsideIsMarkup(t *testing.T) {
	r := newRig(t)
	for _, target := range pages() {
		w := r.do(http.MethodGet, target, nil, nil)
		if w.Code != http.StatusOK {
			t.Errorf("GET %s = %d", target, w.Code)
		}
		d := read(t, w)
		for _, n := range d.all("") {
			switch n.Data {
			case "script":
				if attr(n, "src") != "/assets/live.js" || n.FirstChild != nil {
					t.Errorf("%s has a script: %q", target, text(n))
				}
			case "style", "iframe", "object", "embed", "base", "b":
				t.Errorf("%s has a <%s>", target, n.Data)
			case "img":
				if attr(n, "src") != "/assets/icon.svg" {
					t.Errorf("%s has an image of %q", target, attr(n, "src"))
				}
			}
			for _, a := range n.Attr {
				if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
					t.Errorf("%s: <%s %s=%q>", target, n.Data, a.Key, a.Val)
				}
				if (a.Key == "href" || a.Key == "action") && (!strings.HasPrefix(a.Val, "/") && a.Val != "#main" || strings.HasPrefix(a.Val, "//")) {
					t.Errorf("%s leads to %q", target, a.Val)
				}
			}
		}
		for _, word := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "form-action 'self'", "frame-ancestors 'none'"} {
			if policy := w.Header().Get("Content-Security-Policy"); !strings.Contains(policy, word) || strings.Contains(policy, "unsafe") {
				t.Errorf("%s: the policy %q has not %s", target, policy, word)
			}
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: headers %v", target, w.Header())
		}
	}
	if d := r.page("/job?id=" + jobID); !strings.Contains(d.words(), "12345678901234567890") || !strings.Contains(d.words(), `"title": "</pre><b>"`) {
		t.Errorf("the payload is not shown as it is: %s", d.words())
	}
}

func TestEveryPageCanBeReadByEverybody(t *testing.T) {
	r := newRig(t)
	for _, target := range pages() {
		d := r.page(target)
		if n := len(d.all("main")); n != 1 {
			t.Errorf("%s has %d main landmarks", target, n)
		}
		if n := len(d.all("h1")); n != 1 {
			t.Errorf("%s has %d headings of the first level", target, n)
		}
		if lang := attr(d.all("html")[0], "lang"); lang != "en" {
			t.Errorf("%s is in the language %q", target, lang)
		}
		ids := map[string]bool{}
		for _, n := range d.all("") {
			if id := attr(n, "id"); id != "" {
				if ids[id] {
					t.Errorf("%s has the id %q twice", target, id)
				}
				ids[id] = true
			}
			switch n.Data {
			case "table":
				if first := n.FirstChild; !hasChild(n, "caption") || first == nil {
					t.Errorf("%s has a table without a caption", target)
				}
			case "th":
				if attr(n, "scope") == "" {
					t.Errorf("%s has a header cell %q without a scope", target, text(n))
				}
			case "nav":
				if attr(n, "aria-label") == "" {
					t.Errorf("%s has a nav without a name", target)
				}
			case "input", "select":
				if attr(n, "type") != "hidden" && !labelled(d, n) {
					t.Errorf("%s has a field %q without a label", target, attr(n, "name"))
				}
			}
		}
	}
}

func hasChild(n *html.Node, kind string) bool {
	for c := range n.ChildNodes() {
		if c.Data == kind {
			return true
		}
	}
	return false
}

func labelled(d *doc, n *html.Node) bool {
	if attr(n, "aria-label") != "" {
		return true
	}
	for p := n.Parent; p != nil; p = p.Parent {
		if p.Data == "label" {
			return true
		}
	}
	return slices.ContainsFunc(d.all("label"), func(l *html.Node) bool { return attr(l, "for") != "" && attr(l, "for") == attr(n, "id") })
}

func TestTheOverviewSaysWhatIsHeldAndWhy(t *testing.T) {
	r := newRig(t)
	words := r.page("/").words()
	for _, want := range []string{"Ready 1 239", "Dead 2", "the wiki is paused", "refreshLinks of bbwiki"} {
		if !strings.Contains(words, want) {
			t.Errorf("the overview has no %q: %s", want, words)
		}
	}
	r.controls = []farm.Control{{Scope: farm.Scope{Kind: farm.ScopeMaintenance}, Paused: true, Reason: "new disks"}}
	if words := r.page("/").words(); !strings.Contains(words, "Maintenance: work is taken and none is run: new disks") {
		t.Errorf("maintenance is not told: %s", words)
	}
}

func TestAnOverviewIsThereWhenTheNodeIsSilent(t *testing.T) {
	r := newRig(t)
	r.silent = true
	if words := r.page("/").words(); !strings.Contains(words, "The node does not answer.") {
		t.Errorf("the overview says nothing of it: %s", words)
	}
}

func TestQueuesAreFilteredSortedAndPaged(t *testing.T) {
	r := newRig(t)
	for n := range 120 {
		r.pairs = append(r.pairs, api.Queue{Queue: "many", Wiki: "w" + string(rune('a'+n%26)) + strings.Repeat("x", n/26), Ready: int64(n)})
	}
	first := r.page("/queues?queue=many&sort=ready")
	rows := tableRows(first)
	if len(rows) != 50 || !strings.Contains(rows[0], "119") || !strings.Contains(rows[49], "70") {
		t.Errorf("the first page has %d rows: %v", len(rows), rows)
	}
	next := ""
	for _, a := range first.all("a") {
		if attr(a, "rel") == "next" {
			next = attr(a, "href")
		}
	}
	if rows := tableRows(r.page(next)); len(rows) != 50 || !strings.Contains(rows[0], "69") {
		t.Errorf("the page at %s has %v", next, rows)
	}
	if rows := tableRows(r.page("/queues?show=held")); len(rows) != 1 || !strings.Contains(rows[0], "bbwiki") {
		t.Errorf("held are %v", rows)
	}
	matrix := r.page("/queues?view=matrix&wiki=aawiki")
	if words := matrix.words(); !strings.Contains(words, "aawiki 1 234 ✕2 7 1 241") {
		t.Errorf("the matrix is %s", words)
	}
}

func tableRows(d *doc) []string {
	var out []string
	for _, b := range d.all("tbody") {
		for c := range b.ChildNodes() {
			if c.Data == "tr" {
				out = append(out, strings.Join(strings.Fields(text(c)), " "))
			}
		}
	}
	return out
}

func TestListsAskForWhatThePageSays(t *testing.T) {
	r := newRig(t)
	r.page("/jobs?state=dead&queue=q&wiki=w&request=x")
	if f := r.asked; f.State != "dead" || f.Queue != "q" || f.Wiki != "w" || f.RequestID != "x" || f.Limit == 0 {
		t.Errorf("asked %+v", f)
	}
}

func TestAProgramIsNotGivenPages(t *testing.T) {
	r := newRig(t)
	w := r.do(http.MethodGet, "/", nil, func(q *http.Request) { q.Header.Set("Accept", "*/*") })
	if w.Code != http.StatusNotFound || w.Body.Len() > 0 {
		t.Errorf("GET / of a program = %d, %s", w.Code, w.Body)
	}
	for _, target := range []string{"/v1/jobs", "/healthz", "/metrics", "/nothing"} {
		if w := r.do(http.MethodGet, target, nil, nil); w.Body.Len() > 0 {
			t.Errorf("GET %s is a page", target)
		}
	}
}

func TestAnErrorIsAPageThatSaysWhat(t *testing.T) {
	r := newRig(t)
	for target, want := range map[string]int{
		"/job?id=aawiki.01ARZ3NDEKTSV4RRFFQ69G5FAX": http.StatusNotFound, "/wiki?wiki=nowiki": http.StatusNotFound, "/queue": http.StatusNotFound,
	} {
		w := r.do(http.MethodGet, target, nil, nil)
		if w.Code != want || len(read(t, w).all("main")) != 1 {
			t.Errorf("GET %s = %d: %s", target, w.Code, read(t, w).words())
		}
	}
	r.err = unavailable()
	if w := r.do(http.MethodGet, "/jobs", nil, nil); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" ||
		!strings.Contains(read(t, w).words(), "The node does not answer.") {
		t.Errorf("GET /jobs = %d: %s", w.Code, w.Body)
	}
}

func TestAssetsAreServedWithTheirTypes(t *testing.T) {
	r := newRig(t)
	for name, kind := range map[string]string{"style.css": "text/css", "live.js": "text/javascript", "icon.svg": "image/svg+xml"} {
		w := r.do(http.MethodGet, "/assets/"+name, nil, nil)
		if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), kind) || w.Body.Len() == 0 {
			t.Errorf("%s = %d %s", name, w.Code, w.Header())
		}
	}
	if w := r.do(http.MethodGet, "/assets/other", nil, nil); w.Code != http.StatusNotFound {
		t.Errorf("an asset that is not there = %d", w.Code)
	}
}
