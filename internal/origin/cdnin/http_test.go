package cdnin_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"auwai/internal/event"
	"auwai/internal/fault"
	"auwai/internal/origin/cdnin"
)

func TestAPurgeBecomesAnEventLikeEventBus(t *testing.T) {
	f, c := newFake(), &counts{}
	h := cdnin.NewHTTP(configOf(f, c))
	running(t, h.Run)
	for target, want := range map[string]string{
		"http://Wiki.example:8080/wiki/Caf%c3%A9?a=b&c": "http://Wiki.example:8080/wiki/Caf%c3%A9?a=b&c", // as MediaWiki: absolute form
		"https://wiki.example/wiki/A":                   "https://wiki.example/wiki/A",
		"/wiki/A%2FB":                                   "http://wiki.example/wiki/A%2FB",
	} {
		w := ask(t, h, "PURGE", target, http.Header{"X-Request-Id": {"r-1"}})
		if w.Code != http.StatusOK || w.Body.Len() != 0 {
			t.Errorf("PURGE %s is answered %d %s", target, w.Code, w.Body)
		}
		e := f.event(len(f.urls())-1, 0)
		if e.URI != want || e.Domain != "wiki.example" || e.Stream != event.PurgeStream || e.RequestID != "r-1" || e.ID == "" || e.DT.IsZero() {
			t.Errorf("the event of %s is %+v", target, e)
		}
	}
	if diff := cmp.Diff(map[string]int{cdnin.Accepted: 3}, c.all()); diff != "" {
		t.Error(diff)
	}
	want := `[{"$schema":"/resource_change/1.0.0","meta":{"uri":"http://wiki.example/q?a=1&b=2","id":"id4",` +
		`"dt":"2026-11-24T01:02:03Z","domain":"wiki.example","stream":"resource-purge"},"tags":["http"]}]` + "\n"
	ask(t, h, "PURGE", "/q?a=1&b=2", nil)
	if diff := cmp.Diff(want, f.bodies[3]); diff != "" {
		t.Error(diff)
	}
	if f.source[3].Client != "127.0.0.1" {
		t.Errorf("the client is %q", f.source[3].Client)
	}
}

func TestAPurgeIsAnsweredAfterItsCommitAndWhatComesMeanwhileIsOneGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, c := newFake(), &counts{}
		f.gate = make(chan struct{})
		h := cdnin.NewHTTP(configOf(f, c))
		stop := running(t, h.Run)
		var answers sync.WaitGroup
		var mu sync.Mutex
		codes := map[int]int{}
		send := func(target string) {
			answers.Go(func() {
				w := ask(t, h, "PURGE", target, nil)
				mu.Lock()
				defer mu.Unlock()
				codes[w.Code]++
			})
			synctest.Wait()
		}
		send("/first")
		for _, target := range []string{"/a", "/b", "/a", "/first", "/a"} {
			send(target)
		}
		if len(codes) > 0 {
			t.Fatalf("answered before anything was durable: %v", codes)
		}
		f.gate <- struct{}{}
		synctest.Wait()
		if codes[200] != 1 {
			t.Errorf("after the first group: %v, want one answer", codes)
		}
		f.gate <- struct{}{}
		answers.Wait()
		if codes[200] != 6 {
			t.Errorf("answers %v, want six of 200", codes)
		}
		want := [][]string{{"http://wiki.example/first"}, {"http://wiki.example/a", "http://wiki.example/b", "http://wiki.example/first"}}
		if diff := cmp.Diff(want, f.urls()); diff != "" {
			t.Errorf("groups: %s", diff)
		}
		if c.all()[cdnin.Accepted] != 6 {
			t.Errorf("counted %v", c.all())
		}
		stop()
	})
}

func TestTooManyPurgesAreToldToComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, c := newFake(), &counts{}
		f.gate = make(chan struct{})
		h := cdnin.NewHTTP(configOf(f, c))
		stop := running(t, h.Run)
		var answers sync.WaitGroup
		answers.Go(func() { ask(t, h, "PURGE", "/first", nil) })
		synctest.Wait()
		for n := range 10_000 {
			answers.Go(func() {
				if w := ask(t, h, "PURGE", fmt.Sprint("/", n), nil); w.Code != http.StatusOK {
					t.Errorf("purge %d is answered %d", n, w.Code)
				}
			})
		}
		synctest.Wait()
		w := ask(t, h, "PURGE", "/one-too-many", nil)
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "try again") {
			t.Errorf("the purge that has no room is answered %d %s", w.Code, w.Body)
		}
		if c.all()[cdnin.Dropped] != 1 {
			t.Errorf("counted %v", c.all())
		}
		close(f.gate)
		answers.Wait()
		for _, group := range f.urls() {
			if len(group) > 1_000 {
				t.Errorf("a group has %d purges", len(group))
			}
		}
		stop()
	})
}

func TestOnePurgeAtFaultDoesNotSpoilItsGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, c := newFake(), &counts{}
		f.gate = make(chan struct{})
		f.fail = func(e *event.Event) error {
			switch {
			case strings.HasSuffix(e.URI, "/invalid"):
				return fault.Field("meta.uri", "is wrong")
			case strings.HasSuffix(e.URI, "/later"):
				return fault.New(fault.Unavailable, "not now")
			case strings.HasSuffix(e.URI, "/unknown"):
				return fault.New(fault.Unknown, "perhaps")
			case strings.HasSuffix(e.URI, "/defect"):
				return fault.New(fault.Internal, "secret details")
			}
			return nil
		}
		h := cdnin.NewHTTP(configOf(f, c))
		stop := running(t, h.Run)
		var answers sync.WaitGroup
		answers.Go(func() { ask(t, h, "PURGE", "/first", nil) })
		synctest.Wait()
		for target, code := range map[string]int{"/good": 200, "/invalid": 400, "/later": 503, "/unknown": 503, "/defect": 503} {
			answers.Go(func() {
				w := ask(t, h, "PURGE", target, nil)
				if w.Code != code || strings.Contains(w.Body.String(), "secret") || code == 503 && w.Header().Get("Retry-After") == "" {
					t.Errorf("PURGE %s is answered %d %s, want %d", target, w.Code, w.Body, code)
				}
			})
		}
		synctest.Wait()
		close(f.gate)
		answers.Wait()
		if diff := cmp.Diff(map[string]int{cdnin.Accepted: 2, cdnin.Invalid: 1, cdnin.Failed: 3}, c.all()); diff != "" {
			t.Error(diff)
		}
		stop()
	})
}

func TestAFullIntakeIsBackPressure(t *testing.T) {
	f, c := newFake(), &counts{}
	f.admit = func() error { return fault.New(fault.Unavailable, "too many requests") }
	h := cdnin.NewHTTP(configOf(f, c))
	running(t, h.Run)
	if w := ask(t, h, "PURGE", "/a", nil); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
}

func TestWhatIsNoPurgeIsRefusedInWords(t *testing.T) {
	f, c := newFake(), &counts{}
	cfg := configOf(f, c)
	cfg.Allowed = func(a netip.Addr) bool { return a.IsLoopback() }
	h := cdnin.NewHTTP(cfg)
	running(t, h.Run)
	for _, x := range [...]struct {
		method, target string
		code           int
		words          string
	}{
		{"GET", "/wiki/A", 405, "PURGE only"},
		{"PURGE", "ftp://wiki.example/A", 400, "does not begin with http"},
		{"PURGE", "http:///A", 400, "names no host"},
		{"PURGE", "http://user@wiki.example/A", 400, "names no host"},
		{"PURGE", "http://wiki.example/A B", 400, "space"},
		{"PURGE", "http://wiki.example/\xff", 400, "UTF-8"},
		{"PURGE", "http://wiki.example/\x01", 400, "control character"},
		{"PURGE", "http://wíki.example/", 400, "ASCII"},
		{"PURGE", "*", 400, "does not begin with http"},
		{"PURGE", "http://wiki.example/" + strings.Repeat("a", 9000), 400, "at most 8192"},
	} {
		if w := ask(t, h, x.method, x.target, nil); w.Code != x.code || !strings.Contains(w.Body.String(), x.words) {
			t.Errorf("%s %.60s is answered %d %s, want %d with %q", x.method, x.target, w.Code, w.Body, x.code, x.words)
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), "PURGE", "http://wiki.example/A", nil)
	r.RemoteAddr = "192.0.2.1:9"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "cdn.allow_from") {
		t.Errorf("a stranger is answered %d %s", w.Code, w.Body)
	}
	if len(f.urls()) != 0 {
		t.Errorf("reached the intake: %v", f.urls())
	}
}

func TestAnOddRequestIDIsLeftOut(t *testing.T) {
	f, c := newFake(), &counts{}
	h := cdnin.NewHTTP(configOf(f, c))
	running(t, h.Run)
	for n, id := range []string{"a b", strings.Repeat("x", 256), "é"} {
		ask(t, h, "PURGE", fmt.Sprint("/", n), http.Header{"X-Request-Id": {id}})
		if e := f.event(n, 0); e.RequestID != "" {
			t.Errorf("the id %.20q is kept as %.20q", id, e.RequestID)
		}
	}
}
