package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"auwai/api"
	"auwai/test/rig"
)

// forScripts leaves these queues to whoever claims their jobs; a job is tried once.
func forScripts(queues ...string) func(*rig.ServiceConfig) {
	return func(config *rig.ServiceConfig) {
		for _, name := range queues {
			config.Queues[name] = rig.QueueConfig{Runner: "remote", Attempts: 1}
		}
	}
}

// core runs one of MediaWiki's own scripts on the wiki.
func core(t *testing.T, wiki *rig.Wiki, script string, args ...string) string {
	t.Helper()
	out, err := wiki.Core(t.Context(), script, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// assertSays checks that a script wrote each of the words.
func assertSays(t *testing.T, out string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(out, w) {
			t.Errorf("the script does not say %q, it says:\n%s", w, out)
		}
	}
}

// ran returns how the jobs of a run of runJobs.php ended.
func ran(t *testing.T, wiki *rig.Wiki, args ...string) []string {
	t.Helper()
	out := core(t, wiki, "runJobs", append([]string{"--result=json"}, args...)...)
	var result struct {
		Jobs []struct {
			Type   string `json:"type"`
			Status string `json:"status"`
		} `json:"jobs"`
	}
	if err := json.Unmarshal([]byte(out), &result); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var ends []string
	for _, job := range result.Jobs {
		ends = append(ends, job.Type+" "+job.Status)
	}
	return ends
}

// assertStates checks how many jobs of a queue there are in each state.
func (s *stand) assertStates(t *testing.T, queue string, want map[string]int) {
	t.Helper()
	err := rig.UntilIn(t.Context(), time.Minute, fmt.Sprintf("%s to have %v", queue, want), func(ctx context.Context) (bool, string, error) {
		jobs, err := s.service.Jobs(ctx, url.Values{"queue": {queue}})
		got := map[string]int{}
		for _, job := range jobs {
			got[job.State]++
		}
		return cmp.Equal(got, want), fmt.Sprint(got), err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestCoresScriptsRunListAndDeleteTheServicesJobs(t *testing.T) {
	s := newStandWith(t, 3, forScripts("null", "refreshLinks"), "aawiki")
	wiki := s.Wiki("aawiki")
	var ids []string
	for range 3 {
		ids = append(ids, s.pushNull(t, "aawiki"))
	}
	assertSays(t, core(t, wiki, "showJobs", "--group"), "null: 3 queued; 0 claimed (0 active, 0 abandoned); 0 delayed")
	list := core(t, wiki, "showJobs", "--list", "--type", "null")
	if n := strings.Count(list, "status=unclaimed"); n != 3 {
		t.Errorf("%d jobs are listed:\n%s", n, list)
	}
	for _, id := range ids {
		assertSays(t, list, "id="+id+",timestamp=")
	}

	if diff := cmp.Diff([]string{"null ok", "null ok"}, ran(t, wiki, "--type", "null", "--maxjobs", "2")); diff != "" {
		t.Errorf("runJobs.php (-want +got):\n%s", diff)
	}
	s.assertStates(t, "null", map[string]int{"ready": 1, "done": 2})

	assertSays(t, core(t, wiki, "manageJobs", "--type", "null", "--action", "delete"),
		"Queue has 1 job(s); deleting...", "Done; current size is 0 job(s).")
	s.assertStates(t, "null", map[string]int{"cancelled": 1, "done": 2})
	if ends := ran(t, wiki, "--type", "null"); len(ends) != 0 {
		t.Errorf("runJobs.php ran %q of an empty queue", ends)
	}
}

func TestAJobThatFailsInRunJobsIsDeadAndCanBePushedAgain(t *testing.T) {
	s := newStandWith(t, 3, forScripts("refreshLinks"), "aawiki")
	wiki := s.Wiki("aawiki")
	id := s.pushJob(t, "aawiki", "refreshLinks", map[string]any{"namespace": 0, "title": "Not there"})
	if diff := cmp.Diff([]string{"refreshLinks failed"}, ran(t, wiki)); diff != "" {
		t.Fatalf("runJobs.php (-want +got):\n%s", diff)
	}
	s.assertStates(t, "refreshLinks", map[string]int{"dead": 1})
	dead, err := s.service.Job(t.Context(), id)
	if err != nil || dead.LastError == "" || dead.Attempts != 1 {
		t.Errorf("the dead job: %+v, %v", dead, err)
	}
	assertSays(t, core(t, wiki, "showJobs", "--list", "--type", "refreshLinks", "--status=abandoned"), "id="+id, "status=abandoned")
	assertSays(t, core(t, wiki, "showJobs", "--group"), "refreshLinks: 0 queued; 1 claimed (0 active, 1 abandoned); 0 delayed")
	assertSays(t, core(t, wiki, "manageJobs", "--type", "refreshLinks", "--action", "repush-abandoned"), "Re-pushed 1 job(s) [0 skipped]")
	s.assertStates(t, "refreshLinks", map[string]int{"ready": 1, "dead": 1})
	assertSays(t, core(t, wiki, "manageJobs", "--type", "refreshLinks", "--action", "delete"), "current size is 0")
}

func TestTheJobsOfAnEditCanBeRunByCoresRunnerAlone(t *testing.T) {
	s := newStandWith(t, 12, forScripts("refreshLinks", "htmlCacheUpdate"), "aawiki")
	wiki := s.Wiki("aawiki")
	warm(t, s.Farm, wiki, "first-mark")
	request, err := login(t, wiki).EditInner(t.Context(), "second-mark")
	if err != nil {
		t.Fatal(err)
	}
	s.awaitJob(t, request, "htmlCacheUpdate")
	s.awaitJob(t, request, "refreshLinks")
	var ends []string
	for {
		now := ran(t, wiki, "--nothrottle")
		if len(now) == 0 {
			break
		}
		ends = append(ends, now...)
	}
	if !slices.Contains(ends, "refreshLinks ok") || slices.ContainsFunc(ends, func(end string) bool { return strings.HasSuffix(end, "failed") }) {
		t.Errorf("runJobs.php: %q", ends)
	}
	s.awaitIdle(t)
	assertFresh(t, s.Farm, wiki, "second-mark")
	s.assertNoneDead(t)
	out, err := s.service.CLI(t.Context(), nil, "trace", "--json", request)
	if err != nil {
		t.Fatal(err)
	}
	var trace api.Trace
	if err := json.Unmarshal(out, &trace); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if !slices.ContainsFunc(trace.Nodes, func(n api.TraceNode) bool { return n.Queue == "refreshLinks" && n.Parent != "" && n.Level > 1 }) {
		t.Errorf("no job of the edit names the job that made it: %s", out)
	}
}

func TestCopyJobQueueCopiesIntoTheServiceAndBack(t *testing.T) {
	s := newStandWith(t, 12, forScripts("null"), "aawiki")
	wiki := s.Wiki("aawiki")
	const template = "<span class=\"rig\">second-mark {{{1|}}}</span>"
	if err := wiki.EditPlain(t.Context(), "Template:Inner", template); err != nil {
		t.Fatal(err)
	}
	assertSays(t, core(t, wiki, "copyJobQueue", "--src", "own", "--dst", "auwai", "--type", "all"), "queued htmlCacheUpdate jobs.", "Copied 0/0 queued null jobs.")
	s.awaitIdle(t)
	s.assertNoneDead(t)
	done, err := s.service.Jobs(t.Context(), url.Values{"queue": {"refreshLinks"}, "state": {"done"}})
	if err != nil || len(done) < len(s.Pages()) {
		t.Errorf("%d jobs for %d pages ran, %v", len(done), len(s.Pages()), err)
	}

	for range 2 {
		s.pushNull(t, "aawiki")
	}
	assertSays(t, core(t, wiki, "copyJobQueue", "--src", "auwai", "--dst", "own", "--type", "null"), "Copied 2/2 queued null jobs.", "Copied 0/0 delayed null jobs.")
	s.assertStates(t, "null", map[string]int{"ready": 2})
	assertSays(t, core(t, wiki, "manageJobs", "--type", "null", "--action", "delete"), "current size is 0")
	dump, err := wiki.DumpJobs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(dump), "'null'"); n != 2 {
		t.Errorf("the wiki's own table has %d null jobs, want 2", n)
	}
}
