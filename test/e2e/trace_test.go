package e2e_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"auwai/api"
)

// cascadeJobs is how many jobs the edit of the test has to cause at least.
const cascadeJobs = 400

func TestATraceShowsTheWholeCascadeOfAnEditAndNothingElse(t *testing.T) {
	s := newStand(t, 300, "aawiki")
	editor := login(t, s.Wiki("aawiki"))
	s.awaitIdle(t)
	request, err := editor.EditInner(t.Context(), "second-mark")
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := editor.Edit(t.Context(), "Page 1", "an edit of its own")
	if err != nil {
		t.Fatal(err)
	}
	s.awaitIdle(t)
	s.assertNoneDead(t)
	trace := s.trace(t, request)
	if trace.RequestID != request || trace.Open != 0 || trace.More != 0 || len(trace.Nodes) < cascadeJobs {
		t.Errorf("trace of %s: %d nodes, %d more, %d open; want at least %d nodes that have ended", trace.RequestID, len(trace.Nodes), trace.More, trace.Open, cascadeJobs)
	}
	shown := map[string]api.TraceNode{}
	for _, n := range trace.Nodes {
		shown[n.ID] = n
	}
	if len(shown) != len(trace.Nodes) {
		t.Errorf("%d nodes, of which %d are different", len(trace.Nodes), len(shown))
	}
	// The list of all jobs does not use the index by request, so it tells whether one is missing.
	jobs, err := s.service.Jobs(t.Context(), url.Values{})
	if err != nil {
		t.Fatal(err)
	}
	ours := 0
	for _, job := range jobs {
		_, have := shown[job.ID]
		switch {
		case job.RequestID == request && !have:
			t.Errorf("%s of queue %s is missing in the trace", job.ID, job.Queue)
		case job.RequestID != request && have && shown[job.ID].RequestID == "":
			t.Errorf("%s of request %s is a stranger in the trace", job.ID, job.RequestID)
		}
		if job.RequestID == request {
			ours++
		}
	}
	t.Logf("%d of %d jobs are of the request", ours, len(jobs))
	s.assertEdges(t, &trace, shown)
	text, err := s.service.CLI(t.Context(), nil, "trace", request)
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(text), "\n"); lines < len(trace.Nodes) || !strings.Contains(string(text), "All have ended.") {
		t.Errorf("auwai trace drew %d lines for %d jobs", lines, len(trace.Nodes))
	}
	if other := s.trace(t, stranger); len(other.Nodes) == 0 || len(other.Nodes) >= cascadeJobs {
		t.Errorf("the trace of the other edit has %d nodes", len(other.Nodes))
	}
}

// assertEdges checks that what a job pushed while it ran stands below it.
func (s *stand) assertEdges(t *testing.T, trace *api.Trace, shown map[string]api.TraceNode) {
	t.Helper()
	below, deepest := 0, 0
	for _, n := range trace.Nodes {
		deepest = max(deepest, n.Level)
		if n.Parent == "" {
			continue
		}
		parent, have := shown[n.Parent]
		if !have {
			t.Errorf("the parent %s of %s is not in the trace", n.Parent, n.ID)
			continue
		}
		if below++; n.Level != parent.Level+1 {
			t.Errorf("%s stands at level %d below one of level %d", n.ID, n.Level, parent.Level)
		}
	}
	t.Logf("%d of %d jobs stand below another one, at level %d at most", below, len(trace.Nodes), deepest)
	if below < 300 || deepest < 2 {
		t.Errorf("%d jobs stand below the one that made them, want one for each page", below)
	}
}

// trace asks the command line for a trace.
func (s *stand) trace(t *testing.T, id string) api.Trace {
	t.Helper()
	text, err := s.service.CLI(t.Context(), nil, "trace", id, "--json")
	if err != nil {
		t.Fatal(err)
	}
	var trace api.Trace
	if err := json.Unmarshal(text, &trace); err != nil {
		t.Fatalf("auwai trace --json: %v: %s", err, text)
	}
	return trace
}
