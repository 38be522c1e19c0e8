package cdnin_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"auwai/internal/event"
	"auwai/internal/fault"
	"auwai/internal/intake"
	"auwai/internal/origin/cdnin"
)

// fakeIntake notes the groups that reach it.
type fakeIntake struct {
	// gate, where set, is received from before each group is answered.
	gate chan struct{}
	// fail, where set, says what is wrong with an event.
	fail func(e *event.Event) error
	// admit, where set, refuses groups.
	admit func() error

	real *intake.Intake // for its tickets only

	mu     sync.Mutex
	groups [][]event.Event // guarded by mu
	bodies []string        // guarded by mu
	source []intake.Source // guarded by mu
}

func newFake() *fakeIntake {
	return &fakeIntake{real: intake.New(intake.Config{}, nil)}
}

func (f *fakeIntake) Admit(size int64) (*intake.Ticket, error) {
	if f.admit != nil {
		if err := f.admit(); err != nil {
			return nil, err
		}
	}
	return f.real.Admit(size)
}

func (f *fakeIntake) Events(_ context.Context, t *intake.Ticket, body []byte, src intake.Source, _ bool) intake.EventsResult {
	defer t.Release()
	items, err := event.Parse(body, intake.MaxEvents)
	if err != nil {
		return intake.EventsResult{Status: 400, Err: err}
	}
	var group []event.Event
	r := intake.EventsResult{Status: 201, Total: len(items)}
	for i, it := range items {
		if it.Err != nil {
			return intake.EventsResult{Status: 400, Err: it.Err}
		}
		group = append(group, *it.Event)
		if f.fail == nil {
			continue
		}
		if err := f.fail(it.Event); err != nil {
			bad := intake.Fault{Context: intake.Context{Index: i}, Err: err}
			if fault.KindOf(err) == fault.Invalid {
				r.Invalid = append(r.Invalid, bad)
			} else {
				r.Errors = append(r.Errors, bad)
			}
		}
	}
	f.mu.Lock()
	f.groups = append(f.groups, group)
	f.bodies = append(f.bodies, string(body))
	f.source = append(f.source, src)
	f.mu.Unlock()
	if f.gate != nil {
		<-f.gate
	}
	return r
}

// urls returns the URLs of each group.
func (f *fakeIntake) urls() (out [][]string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, g := range f.groups {
		var urls []string
		for i := range g {
			urls = append(urls, g[i].URI)
		}
		out = append(out, urls)
	}
	return out
}

func (f *fakeIntake) event(group, n int) event.Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.groups[group][n]
}

// counts is what was counted, by outcome. Safe for concurrent use.
type counts struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *counts) add(outcome string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]int{}
	}
	c.n[outcome] += n
}

func (c *counts) all() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.n)
}

// configOf returns settings whose ids are id1, id2 and so on.
func configOf(f *fakeIntake, c *counts) cdnin.Config {
	var mu sync.Mutex
	n := 0
	return cdnin.Config{
		Intake: f, Now: func() time.Time { return time.Date(2026, 11, 24, 1, 2, 3, 0, time.UTC) }, OnPurges: c.add,
		NewID: func() string {
			mu.Lock()
			defer mu.Unlock()
			n++
			return fmt.Sprint("id", n)
		},
	}
}

// ask sends one request and returns its answer.
func ask(t testing.TB, h http.Handler, method, target string, header http.Header) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "http://x/", nil)
	r.RequestURI, r.Host, r.RemoteAddr = target, "wiki.example", "127.0.0.1:1234"
	maps.Copy(r.Header, header)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// running runs something until the test's end, or until stop.
func running(t testing.TB, run func(ctx context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
	})
	t.Cleanup(stop)
	return stop
}
