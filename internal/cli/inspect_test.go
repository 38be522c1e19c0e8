package cli

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"auwai/api"
)

func TestATraceIsDrawnAsAnAlignedTreeWithWhatIsOpenMarked(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := now.Add(-3 * time.Second)
	due := now.Add(time.Minute)
	trace := api.Trace{RequestID: "edit", More: 2, Open: 2, Nodes: []api.TraceNode{
		{ID: "a.1", Queue: "refreshLinks", Wiki: "aawiki", State: "done", Level: 1, CreatedAt: at, WaitedMS: new(int64(40)), RanMS: new(int64(1200)), Attempts: 1},
		{ID: "a.2", Queue: "refreshLinks", Wiki: "aawiki", State: "delayed", Open: true, Level: 2, CreatedAt: at, RunAt: &due, WaitedMS: new(int64(40)), RanMS: new(int64(200_000)), Attempts: 2},
		{ID: "a.3", Queue: "auwai.purge", Wiki: "aawiki", State: "duplicate", Level: 3, CreatedAt: at, DuplicateOf: "a.9"},
		{ID: "a.4", Queue: "null", Wiki: "bbwiki", State: "ready", Open: true, Level: 2, CreatedAt: at, Held: "read-only"},
		{ID: "a.5", Queue: "null", Wiki: "bbwiki", State: "dead", Level: 1, CreatedAt: at, Attempts: 3, Error: "no"},
	}}
	var b strings.Builder
	showTrace(&b, &trace, now)
	want := `JOB                       WIKI    STATE      WAITED    RAN  ATTEMPTS  NOTE
request edit
├─ refreshLinks           aawiki  done         40ms   1.2s         1
│  ├─ • refreshLinks      aawiki  delayed      40ms  3m20s         2  due in 1m
│  │  └─ auwai.purge      aawiki  duplicate                           merged into a.9
│  └─ • null              bbwiki  ready        3.0s                   held: read-only
└─ null                   bbwiki  dead                             3  no

7 jobs: 1 delayed, 1 ready, 1 done, 1 dead, 1 duplicate; 2 more are not shown. 2 have not ended (•).
`
	squeeze := func(s string) string {
		var out []string
		for line := range strings.Lines(s) {
			out = append(out, strings.Join(strings.Fields(line), " "))
		}
		return strings.Join(out, "\n")
	}
	if diff := cmp.Diff(squeeze(want), squeeze(b.String())); diff != "" {
		t.Errorf("tree (-want +got):\n%s\n%s", diff, b.String())
	}
}

func TestADrawingGoesOverTheOneBeforeOnATerminalOnly(t *testing.T) {
	for terminal, want := range map[bool]string{true: "a\nb\n\x1b[2F\x1b[Jc\n", false: "a\nb\nc\n"} {
		var b strings.Builder
		s := &screen{w: &b, terminal: terminal}
		s.draw("a\nb\n")
		s.draw("c\n")
		if b.String() != want {
			t.Errorf("terminal %t: %q, want %q", terminal, b.String(), want)
		}
	}
	if got := fit("long line\nb\nc\n", 5, 3); got != "long…\nb\n" {
		t.Errorf("fit = %q", got)
	}
}

func TestTheLiveViewReadsRatesFromTwoSamples(t *testing.T) {
	text := func(started, done string) string {
		return "# HELP x\nauwai_jobs{queue=\"a\\\"b\",state=\"ready\"} 5\nauwai_jobs{queue=\"z\",state=\"ready\"} 0\n" +
			"auwai_jobs_started_total{queue=\"a\\\"b\"} " + started + "\nauwai_job_attempts_total{outcome=\"done\",queue=\"a\\\"b\"} " + done +
			"\nauwai_job_attempts_total{outcome=\"crash\",queue=\"a\\\"b\"} 1\nauwai_up 1\nbroken{\n"
	}
	rows := topRows(readSample(text("10", "4")), readSample(text("30", "5")), 2*time.Second)
	want := []topRow{{Queue: `a"b`, Ready: 5, Started: 10, Done: 0.5}}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	rows = []topRow{{Queue: "a", Ready: 1, Dead: 9}, {Queue: "b", Ready: 2}, {Queue: "c", Ready: 2}}
	sortTop(rows, "ready")
	if rows[0].Queue != "b" || rows[1].Queue != "c" {
		t.Errorf("by ready: %+v", rows)
	}
	sortTop(rows, "dead")
	if rows[0].Queue != "a" {
		t.Errorf("by dead: %+v", rows)
	}
}

func FuzzReadMetric(f *testing.F) {
	f.Add(`auwai_jobs{queue="a\"b",state="ready"} 5`)
	f.Add(`auwai_up 1`)
	f.Add(`auwai_x{="} 1`)
	f.Fuzz(func(t *testing.T, line string) {
		name, _, _, ok := readMetric(line)
		if ok && (name == "" || !strings.HasPrefix(line, name)) {
			t.Fatalf("%q has the name %q", line, name)
		}
	})
}

// pages answers bulk requests: two pages of two jobs each, and remembers what it was asked for.
func pages(t *testing.T) (url string, asked *[]api.DeadRequest) {
	t.Helper()
	asked = &[]api.DeadRequest{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in api.DeadRequest
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || r.Method != http.MethodPost {
			t.Errorf("%s %s: %v", r.Method, r.URL, err)
		}
		*asked = append(*asked, in)
		out := api.BulkAnswer{Matched: 2}
		if in.Cursor == "" {
			out.Cursor = "second"
		}
		if !in.DryRun {
			out.Done = 2
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(out); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, asked
}

func TestBulkWorkCountsAsksAndGoesPageByPage(t *testing.T) {
	run := func(answer string, args ...string) (string, string, int, []api.DeadRequest) {
		url, asked := pages(t)
		var out, errs strings.Builder
		code := Run(context.Background(), append(args, "--server", url), strings.NewReader(answer), &out, &errs, Deps{}) //nolint:usetesting // it ends before the test
		return out.String(), errs.String(), code, *asked
	}
	out, errs, code, asked := run("y\n", "dead", "requeue", "--queue", "q", "--error", "lag")
	if code != exitDone || !strings.Contains(errs, "requeue 4 jobs?") || out != "requeue: 4 jobs.\n" {
		t.Errorf("code %d, out %q, errs %q", code, out, errs)
	}
	if len(asked) != 4 || !asked[0].DryRun || !asked[1].DryRun || asked[2].DryRun || asked[3].Cursor != "second" || asked[3].Error != "lag" {
		t.Errorf("asked %+v", asked)
	}
	if _, errs, code, asked = run("", "dead", "drop", "--all"); code != exitFailed || len(asked) != 2 || !strings.Contains(errs, "Nothing was done") {
		t.Errorf("without an answer: code %d, asked %+v, %q", code, asked, errs)
	}
	if out, _, code, asked = run("", "jobs", "cancel", "--wiki", "w", "--yes", "--json"); code != exitDone || len(asked) != 4 || !strings.Contains(out, `"done": 4`) {
		t.Errorf("with --yes: code %d, asked %+v, %q", code, asked, out)
	}
	if out, _, code, asked = run("", "dead", "drop", "--wiki", "w", "--dry-run"); code != exitDone || len(asked) != 2 || !strings.Contains(out, "4 jobs would be touched") {
		t.Errorf("dry run: code %d, asked %+v, %q", code, asked, out)
	}
	for _, args := range [][]string{{"dead", "drop"}, {"jobs", "cancel"}, {"dead", "drop", "--all", "--wiki", "w"}, {"queues", "top", "--sort", "x"}, {"trace", "x", "--follow", "--json"}} {
		if _, _, code, asked := run("", args...); code != exitUsage || len(asked) != 0 {
			t.Errorf("%v: code %d", args, code)
		}
	}
}
