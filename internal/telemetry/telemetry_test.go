package telemetry_test

import (
	"context"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"auwai/internal/dispatch"
	"auwai/internal/inspect"
	"auwai/internal/intake"
	"auwai/internal/jobqueue"
	"auwai/internal/kv/pebblekv"
	"auwai/internal/origin/udp"
	"auwai/internal/telemetry"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

func scrape(t *testing.T, m *telemetry.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// used returns metrics on which everything has happened once.
func used() *telemetry.Metrics {
	m := telemetry.New("1.2.3", telemetry.State{
		Totals: func(context.Context) (inspect.Totals, bool) {
			return inspect.Totals{Live: true, Partitions: 64, Queues: []inspect.QueueTotals{
				{Queue: "a", Counts: jobqueue.Counts{Ready: 5, Dead: 1}, Wikis: 2, Held: 1, Oldest: 90 * time.Second},
			}}, true
		},
		Store: func() pebblekv.Metrics { return pebblekv.Metrics{LogSyncs: 7} },
	})
	in := m.Intake()
	in.OnEvents(3, 2, 1)
	in.OnJobs(4, 1)
	in.OnFlag("w", "s", "i", "odd")
	in.OnRepeat()
	m.Purges("htcp")("dropped", 2)
	m.Packet(udp.Woke)
	m.Look("nothing")
	pair := jobqueue.Pair{Queue: "a", Wiki: "aawiki"}
	d := m.Dispatch()
	d.OnStart(pair, 2, time.Second)
	d.OnEnd(pair, jobqueue.OutcomeFailed, time.Second)
	d.OnRetried(jobqueue.Retried{Pair: pair})
	d.OnBlocked(pair, dispatch.CauseLimit, 1500*time.Millisecond)
	d.OnBlocked(pair, dispatch.CauseWorker, 250*time.Millisecond)
	d.OnSection("s1", "the database is read-only")
	d.OnFinished(jobqueue.Finished{Pair: pair, State: jobqueue.Dead})
	d.OnFinished(jobqueue.Finished{Pair: jobqueue.Pair{Queue: intake.PurgeQueue}, State: jobqueue.Done})
	d.OnHold("aawiki", "read-only")
	d.OnHold("aawiki", "still read-only")
	d.OnRepaired("a key")
	m.Request("/v1/jobs", "GET", 200, time.Millisecond)
	return m
}

func TestTheGoldenFileListsAllMetrics(t *testing.T) {
	var names []string
	for _, line := range regexp.MustCompile(`(?m)^# TYPE (auwai_\S+ \S+)$`).FindAllStringSubmatch(scrape(t, used()), -1) {
		names = append(names, line[1])
	}
	slices.Sort(names)
	got := strings.Join(names, "\n") + "\n"
	const golden = "testdata/names.golden"
	if *rewrite {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("metrics (-want +got), -rewrite accepts them:\n%s", diff)
	}
}

func TestHooksAndStateAreCounted(t *testing.T) {
	text := scrape(t, used())
	for _, line := range []string{
		"auwai_events_total 3",
		`auwai_events_refused_total{outcome="invalid"} 2`,
		`auwai_jobs_pushed_total{outcome="accepted"} 4`,
		`auwai_jobs_started_total{queue="a"} 2`,
		`auwai_jobs_finished_total{outcome="dead",queue="a"} 1`,
		`auwai_job_attempts_total{outcome="failed",queue="a"} 1`,
		`auwai_purges_total{outcome="done"} 1`,
		`auwai_purges_received_total{outcome="dropped",wire="htcp"} 2`,
		`auwai_rcfeed_packets_total{outcome="woke"} 1`, `auwai_looks_total{outcome="nothing"} 1`,
		"auwai_holds_total 1", "auwai_held_wikis 1", "auwai_up 1", "auwai_partitions_open 64",
		`auwai_jobs{queue="a",state="ready"} 5`, `auwai_oldest_ready_seconds{queue="a"} 90`, `auwai_held_queues{queue="a"} 1`,
		"auwai_store_log_syncs_total 7", `auwai_build_info{version="1.2.3"} 1`,
		`auwai_http_requests_total{method="GET",route="/v1/jobs",status="200"} 1`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("%q is missing in\n%s", line, text)
		}
	}
}

func TestALiftedHoldIsHeldNoMore(t *testing.T) {
	m := used()
	m.Dispatch().OnHold("aawiki", "")
	m.Dispatch().OnHold("bbwiki", "")
	if text := scrape(t, m); !strings.Contains(text, "auwai_held_wikis 0\n") || !strings.Contains(text, "auwai_holds_total 1\n") {
		t.Errorf("the hold is counted still:\n%s", text)
	}
}

func TestQueuesWithoutBoundShareOneLabel(t *testing.T) {
	m := telemetry.New("", telemetry.State{})
	d := m.Dispatch()
	for n := range 1_000 {
		d.OnRetried(jobqueue.Retried{Pair: jobqueue.Pair{Queue: fmt.Sprint("queue", n)}})
	}
	text := scrape(t, m)
	if n := strings.Count(text, "auwai_job_retries_total{"); n != 301 {
		t.Errorf("%d series, want 300 and the others", n)
	}
	if !strings.Contains(text, `auwai_job_retries_total{queue="other"} 700`) {
		t.Error("the others are not counted together")
	}
}

func TestASilentNodeIsDown(t *testing.T) {
	m := telemetry.New("", telemetry.State{Totals: func(ctx context.Context) (inspect.Totals, bool) {
		if _, ok := ctx.Deadline(); !ok {
			t.Error("the question has no end")
		}
		return inspect.Totals{}, false
	}})
	if text := scrape(t, m); !strings.Contains(text, "auwai_up 0\n") || strings.Contains(text, "auwai_partitions_open") {
		t.Errorf("the scrape is\n%s", text)
	}
}

func TestTheLoggerKnowsFormatsAndLevels(t *testing.T) {
	var b strings.Builder
	log, err := telemetry.NewLogger(&b, "json", "warn")
	if err != nil {
		t.Fatal(err)
	}
	log.Info("unheard")
	log.Warn("heard", "queue", "a")
	if text := b.String(); strings.Contains(text, "unheard") || !strings.Contains(text, `"msg":"heard","queue":"a"`) || !strings.Contains(text, `Z"`) {
		t.Errorf("the log is %s", text)
	}
	for _, c := range [][2]string{{"xml", "info"}, {"text", "loud"}} {
		if _, err := telemetry.NewLogger(&b, c[0], c[1]); err == nil {
			t.Errorf("NewLogger(%q, %q) = nil", c[0], c[1])
		}
	}
}

// The hooks run in the node's loop, for every job.
func BenchmarkHooksOfAJob(b *testing.B) {
	d := telemetry.New("", telemetry.State{}).Dispatch()
	pair := jobqueue.Pair{Queue: "a", Wiki: "aawiki"}
	for b.Loop() {
		d.OnStart(pair, 1, time.Second)
		d.OnEnd(pair, jobqueue.OutcomeDone, time.Second)
		d.OnFinished(jobqueue.Finished{Pair: pair, State: jobqueue.Done})
	}
}
