package web_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"auwai/api"
	"auwai/internal/access"
)

// served runs the dashboard behind a real server until the test ends. The token in a header is taken
// for a visitor's.
func (r *rig) served() string {
	r.t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		g, err := r.policy.Of(q.Header.Get("X-Auwai-Token"), netip.Addr{}, true)
		if _, ok := r.web.Route(q); !ok || err != nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		r.web.ServePage(w, q, g)
	}))
	ctx, cancel := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	ended.Go(func() { _ = r.web.Run(ctx) })
	r.t.Cleanup(func() { cancel(); ended.Wait(); server.Close() })
	return server.URL
}

// stream opens a stream and returns a function that reads the next event of it; "" at its end.
func (r *rig) stream(url, token string) (next func() string, leave func()) {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/live", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("X-Auwai-Token", token)
	answer, err := new(http.Client).Do(request) //nolint:bodyclose // leave closes it
	if err != nil {
		r.t.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/event-stream" {
		r.t.Fatalf("the stream is %d %s", answer.StatusCode, answer.Header)
	}
	lines := bufio.NewScanner(answer.Body)
	return func() string {
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				return data
			}
		}
		return ""
	}, func() { cancel(); _ = answer.Body.Close() }
}

func TestViewersShareOneReadingASecond(t *testing.T) {
	r := newRig(t)
	url := r.served()
	const viewers = 20
	var first [viewers]string
	var leaves [viewers]func()
	for i := range viewers {
		next, leave := r.stream(url, "")
		leaves[i], first[i] = leave, next()
	}
	for _, leave := range leaves {
		leave()
	}
	r.mu.Lock()
	n := r.totals
	r.mu.Unlock()
	// One reading, and another one if this took a second.
	if n < 1 || n > 5 {
		t.Errorf("%d viewers had the node asked %d times", viewers, n)
	}
	var figures struct {
		Ready  int64 `json:"ready"`
		Dead   int64 `json:"dead"`
		Held   int64 `json:"held"`
		Queues []struct {
			Queue string `json:"queue"`
		} `json:"queues"`
	}
	if err := json.Unmarshal([]byte(first[0]), &figures); err != nil || figures.Ready != 1239 || figures.Dead != 2 || figures.Held != 1 || len(figures.Queues) != 2 {
		t.Errorf("%v: %s", err, first[0])
	}
}

func TestAViewerGetsWhatIsNew(t *testing.T) {
	r := newRig(t)
	url := r.served()
	next, leave := r.stream(url, "")
	defer leave()
	next()
	r.mu.Lock()
	r.pairs = []api.Queue{{Queue: "a", Ready: 77}}
	r.mu.Unlock()
	for event := next(); !strings.Contains(event, `"ready":77`); event = next() {
		if event == "" {
			t.Fatal("the stream ended")
		}
	}
}

func TestAStreamHasOnlyWhatItsViewerReaches(t *testing.T) {
	r := newRig(t, readToken("boss", 1, access.AllRoles), readToken("bb", 2, access.SetOf(access.Read), "bbwiki"))
	next, leave := r.stream(r.served(), tokenOf(2))
	defer leave()
	if event := next(); !strings.Contains(event, `"ready":5,`) || strings.Contains(event, "1234") || !strings.Contains(event, `"rates":false`) {
		t.Errorf("bb is told %s", event)
	}
	if r.totals != 0 {
		t.Error("all wikis were summed up for one that reaches one")
	}
}

func TestStreamsEndWithTheService(t *testing.T) {
	r := newRig(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { r.web.ServePage(w, q, access.Everything()) }))
	defer server.Close()
	ctx, stop := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	ended.Go(func() { _ = r.web.Run(ctx) })
	next, leave := r.stream(server.URL, "")
	defer leave()
	next()
	stop()
	ended.Wait()
	for next() != "" { // what was under way
	}
}
