package purgerunner_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"auwai/internal/jobqueue"
	"auwai/internal/runner"
	"auwai/internal/runner/purgerunner"

	"github.com/google/go-cmp/cmp"
)

// purgeOf is a resource-purge event of a URL.
func purgeOf(url string) []byte {
	return []byte(`{"$schema":"/resource_change/1.0.0","meta":{"uri":"` + url + `","request_id":"r1","id":"i","domain":"wiki.example","stream":"resource-purge"},"tags":["mediawiki"]}`)
}

// workOf is a Work that purges the URLs.
func workOf(urls ...string) runner.Work {
	w := runner.Work{Wiki: "demowiki", Queue: purgerunner.Queue, Timeout: time.Minute}
	for i, u := range urls {
		w.Jobs = append(w.Jobs, runner.Item{ID: fmt.Sprintf("J%d", i), Payload: purgeOf(u), FromEvent: true, RequestID: "r1"})
	}
	return w
}

// log keeps what caches were asked, in order. Safe for concurrent use.
type log struct {
	mu    sync.Mutex
	lines []string // guarded by mu
}

func (l *log) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}

func (l *log) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.lines...)
}

// cache starts a server and returns its address.
func cache(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// noting is a cache that answers 200 and notes what it is asked under its name.
func noting(t testing.TB, l *log, name string) string {
	t.Helper()
	return cache(t, func(_ http.ResponseWriter, r *http.Request) { l.add(name + " " + r.Method + " " + r.RequestURI) })
}

// closedPort returns an address on which nothing listens.
func closedPort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return l.Addr().String()
}

// run carries out a Work and returns the results by index.
func run(t testing.TB, cfg purgerunner.Config, w runner.Work) map[int]runner.Result {
	t.Helper()
	cfg.Version = "1.2.3"
	r := purgerunner.New(cfg)
	t.Cleanup(r.Close)
	got := map[int]runner.Result{}
	if err := r.Run(t.Context(), w, func(i int, res runner.Result) { got[i] = res }); err != nil {
		t.Fatalf("Run = %v, want nil", err)
	}
	return got
}

func wantOutcome(t testing.TB, got runner.Result, outcome jobqueue.Outcome, words string) {
	t.Helper()
	if got.Outcome != outcome || !strings.Contains(got.Error, words) || got.Hold != "" || len(got.Error) > jobqueue.MaxError {
		t.Errorf("result = %+v, want outcome %d with %q and no hold", got, outcome, words)
	}
}

func TestAPurgeLooksLikeMediaWikis(t *testing.T) {
	for url, want := range map[string][2]string{
		"http://aawiki.localhost:8080/wiki/Page_60": {"http://aawiki.localhost:8080/wiki/Page_60", "aawiki.localhost:8080"},
		"http://aawiki.localhost:8080/w/index.php?title=A%2FB&action=history#top": {
			"http://aawiki.localhost:8080/w/index.php?title=A%2FB&action=history", "aawiki.localhost:8080",
		},
		"https://Wiki.example/wiki/Caf%c3%A9_(x)%20!*'~;@$,:": {"http://wiki.example/wiki/Caf%c3%A9_(x)%20!*'~;@$,:", "wiki.example"},
		"http://wiki.example":               {"http://wiki.example/", "wiki.example"},
		"http://wiki.example?a=/b":          {"http://wiki.example/?a=/b", "wiki.example"},
		"http://wiki.example//a/../b//":     {"http://wiki.example//a/../b//", "wiki.example"},
		"http://wiki.example/wiki/é|\\\"^`": {"http://wiki.example/wiki/é|\\\"^`", "wiki.example"},
		"http://[::1]:80/x":                 {"http://[::1]:80/x", "[::1]:80"},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		seen := make(chan string, 1)
		go func() {
			conn, err := l.Accept()
			if err != nil {
				seen <- err.Error()
				return
			}
			var text strings.Builder
			for lines := bufio.NewScanner(conn); lines.Scan() && lines.Text() != ""; {
				text.WriteString(lines.Text() + "\n")
			}
			seen <- text.String()
			_, _ = io.WriteString(conn, "HTTP/1.1 200 Purged\r\nContent-Length: 0\r\n\r\n")
			_ = conn.Close()
		}()
		work := workOf("x")
		work.Jobs[0].Payload = purgeOf(strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(url))
		wantOutcome(t, run(t, purgerunner.Config{Layers: [][]string{{l.Addr().String()}}}, work)[0], jobqueue.OutcomeDone, "")
		wire := "PURGE " + want[0] + " HTTP/1.1\nHost: " + want[1] + "\nUser-Agent: Auwai/1.2.3\nContent-Length: 0\nAccept: */*\nX-Request-Id: r1\n"
		if diff := cmp.Diff(wire, <-seen); diff != "" {
			t.Error(diff)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestALayerIsAskedWhenTheOneBeforeItHasAnswered(t *testing.T) {
	var l log
	both := make(chan struct{})
	var inner atomic.Int64
	first := func(name string) string {
		return cache(t, func(_ http.ResponseWriter, r *http.Request) {
			if inner.Add(1) == 2 {
				close(both) // the servers of a layer are asked at the same time
			}
			<-both
			l.add(name)
		})
	}
	layers := [][]string{{first("inner"), first("inner")}, {noting(t, &l, "outer")}, {noting(t, &l, "edge")}}
	got := run(t, purgerunner.Config{Layers: layers}, workOf("http://wiki.example/wiki/A"))
	wantOutcome(t, got[0], jobqueue.OutcomeDone, "")
	want := []string{"inner", "inner", "outer PURGE http://wiki.example/wiki/A", "edge PURGE http://wiki.example/wiki/A"}
	if diff := cmp.Diff(want, l.all()); diff != "" {
		t.Error(diff)
	}
}

func TestAURLIsPurgedOnceForAllItsJobs(t *testing.T) {
	var l log
	urls := []string{"http://wiki.example/A", "http://wiki.example/B", "https://wiki.example/A#x", "http://WIKI.example/A", "http://wiki.example/a"}
	got := run(t, purgerunner.Config{Layers: [][]string{{noting(t, &l, "c")}}, Conns: 1}, workOf(urls...))
	for i := range urls {
		wantOutcome(t, got[i], jobqueue.OutcomeDone, "")
	}
	want := []string{"c PURGE http://wiki.example/A", "c PURGE http://wiki.example/B", "c PURGE http://wiki.example/a"}
	if diff := cmp.Diff(want, l.all()); diff != "" {
		t.Error(diff)
	}
}

func TestTheAnswerOfACacheDecidesTheOutcome(t *testing.T) {
	for status, want := range map[int]struct {
		outcome jobqueue.Outcome
		words   string
	}{
		200: {jobqueue.OutcomeDone, ""},
		204: {jobqueue.OutcomeDone, ""},
		404: {jobqueue.OutcomeDone, ""},
		301: {jobqueue.OutcomeFailed, "answered 301"},
		400: {jobqueue.OutcomeFailed, "answered 400"},
		403: {jobqueue.OutcomeFailed, "access list"},
		405: {jobqueue.OutcomeFailed, "access list"},
		500: {jobqueue.OutcomeFailed, "answered 500"},
		503: {jobqueue.OutcomeFailed, "answered 503"},
	} {
		var l log
		bad := cache(t, func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasPrefix(r.RequestURI, "http://wiki.example") {
				t.Error("a redirect was followed")
			}
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
		})
		layers := [][]string{{bad, noting(t, &l, "beside")}, {noting(t, &l, "behind")}}
		wantOutcome(t, run(t, purgerunner.Config{Layers: layers}, workOf("http://wiki.example/A"))[0], want.outcome, want.words)
		if got := l.all(); len(got) != 2 {
			t.Errorf("status %d: the other caches were asked %q", status, got)
		}
	}
}

func TestACacheThatIsDownIsAskedOnceAndHoldsNobody(t *testing.T) {
	var l log
	gone := closedPort(t)
	layers := [][]string{{gone, noting(t, &l, "beside")}, {noting(t, &l, "behind")}}
	got := run(t, purgerunner.Config{Layers: layers, Conns: 1}, workOf("http://wiki.example/A", "http://wiki.example/B"))
	for i := range 2 {
		wantOutcome(t, got[i], jobqueue.OutcomeFailed, "cache "+gone+": refuses connections")
	}
	if len(l.all()) != 4 {
		t.Errorf("the other caches were asked %q", l.all())
	}
}

func TestACacheThatDiesIsAFailure(t *testing.T) {
	dying := cache(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	wantOutcome(t, run(t, purgerunner.Config{Layers: [][]string{{dying}}}, workOf("http://wiki.example/A"))[0], jobqueue.OutcomeFailed, "no answer")
}

func TestASilentCacheIsAFailure(t *testing.T) {
	release := make(chan struct{})
	silent := cache(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	cfg := purgerunner.Config{Layers: [][]string{{silent}}, Timeout: 40 * time.Millisecond}
	wantOutcome(t, run(t, cfg, workOf("http://wiki.example/A"))[0], jobqueue.OutcomeFailed, "no answer within 40ms")
	work := workOf("http://wiki.example/A", "http://wiki.example/B")
	work.Timeout = 40 * time.Millisecond
	got := run(t, purgerunner.Config{Layers: [][]string{{silent}}, Conns: 1}, work)
	for i := range 2 {
		wantOutcome(t, got[i], jobqueue.OutcomeFailed, "time-out of the purge has passed")
	}
}

func TestACancelledWorkKeepsTheResultsItHas(t *testing.T) {
	release := make(chan struct{})
	c := cache(t, func(_ http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.RequestURI, "/B") {
			<-release
		}
	})
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	r := purgerunner.New(purgerunner.Config{Layers: [][]string{{c}}, Conns: 1})
	t.Cleanup(r.Close)
	var got []int
	work := workOf("http://wiki.example/A", "http://wiki.example/B", "http://wiki.example/C")
	err := r.Run(ctx, work, func(i int, _ runner.Result) {
		got = append(got, i)
		cancel()
	})
	if diff := cmp.Diff([]int{0}, got); diff != "" || err != nil {
		t.Errorf("err = %v, %s", err, diff)
	}
}

func TestAPayloadWithoutAURLIsDead(t *testing.T) {
	var l log
	work := workOf("http://wiki.example/A")
	for _, payload := range []string{
		``, `[]`, `{}`, `{"meta":{}}`, `{"meta":{"uri":null}}`, `{"meta":{"uri":7}}`, `{"Meta":{"uri":"http://wiki.example/"}}`,
		string(purgeOf("")), string(purgeOf("/wiki/A")), string(purgeOf("ftp://wiki.example/A")), string(purgeOf("http:///A")),
		string(purgeOf("http://user:pw@wiki.example/A")), string(purgeOf("http://wiki.example/A B")),
		string(purgeOf(`http://wiki.example/A\r\nX-Evil: 1`)), string(purgeOf("http://wíki.example/A")), string(purgeOf("http://a%20b/A")),
		string(purgeOf("http://wiki.example:x/A")), string(purgeOf("http://wiki.example/" + strings.Repeat("a", 1<<17))),
	} {
		work.Jobs = append(work.Jobs, runner.Item{Payload: []byte(payload)})
	}
	got := run(t, purgerunner.Config{Layers: [][]string{{noting(t, &l, "c")}}}, work)
	wantOutcome(t, got[0], jobqueue.OutcomeDone, "")
	for i := range work.Jobs[1:] {
		wantOutcome(t, got[i+1], jobqueue.OutcomePermanent, "")
	}
	if len(l.all()) != 1 {
		t.Errorf("the cache was asked %q", l.all())
	}
}

func TestWithoutLayersAPurgeIsDone(t *testing.T) {
	wantOutcome(t, run(t, purgerunner.Config{}, workOf("http://wiki.example/A"))[0], jobqueue.OutcomeDone, "")
}

func TestACacheSeesAtMostSoManyRequestsAtOnce(t *testing.T) {
	var now, most atomic.Int64
	peers := map[string]bool{}
	var mu sync.Mutex
	full := make(chan struct{})
	c := cache(t, func(_ http.ResponseWriter, r *http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		mu.Lock()
		peers[r.RemoteAddr] = true
		if n > most.Load() {
			most.Store(n)
			if n == 3 {
				close(full)
			}
		}
		mu.Unlock()
		<-full
	})
	r := purgerunner.New(purgerunner.Config{Layers: [][]string{{c}}, Conns: 3})
	t.Cleanup(r.Close)
	var urls []string
	for i := range 60 {
		urls = append(urls, fmt.Sprintf("http://wiki.example/%d", i))
	}
	var works sync.WaitGroup
	for range 2 {
		works.Go(func() {
			n := 0
			if err := r.Run(t.Context(), workOf(urls...), func(int, runner.Result) { n++ }); err != nil || n != len(urls) {
				t.Errorf("Run = %v with %d results", err, n)
			}
		})
	}
	works.Wait()
	if most.Load() != 3 || len(peers) != 3 {
		t.Errorf("%d requests at once over %d connections, want 3 and 3", most.Load(), len(peers))
	}
	if n := r.Batch(purgerunner.Queue); n != purgerunner.DefaultMaxBatch {
		t.Errorf("Batch = %d", n)
	}
}

func BenchmarkWorkOf200(b *testing.B) {
	c := cache(b, func(http.ResponseWriter, *http.Request) {})
	r := purgerunner.New(purgerunner.Config{Layers: [][]string{{c}}})
	b.Cleanup(r.Close)
	var urls []string
	for i := range 200 {
		urls = append(urls, fmt.Sprintf("http://wiki.example/wiki/Page_%d", i))
	}
	work := workOf(urls...)
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Run(b.Context(), work, func(int, runner.Result) {}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(urls))/b.Elapsed().Seconds(), "purges/s")
}
