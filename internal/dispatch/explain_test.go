package dispatch_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"auwai/internal/dispatch"
	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/limit"
)

func TestExplainNamesAllThatHoldsAPair(t *testing.T) {
	p := pairOf("links", "aawiki")
	gate := dispatch.Gate{Kind: dispatch.HoldIf, Queue: "write", Jobs: 1}
	r := newRig(t, &policy{
		node: 2, tags: map[string][]string{"aawiki": {"tag:db=s1"}},
		queues: map[string]settings{"links": {Concurrency: 1, More: dispatch.QueuePolicy{Gates: []dispatch.Gate{gate}}}},
		limits: map[string]limit.Limit{"tag:db=s1": {Rate: 0.1}},
		paused: map[string]string{"write": "the index is rebuilt"},
	})
	r.open(false, "aawiki")
	r.advance(10 * time.Second) // the bucket of the tag has one job
	var ids []ident.Suffix
	r.push(p, 5, func(n *jobqueue.New) { ids = append(ids, n.ID) })
	r.push(pairOf("write", "aawiki"), 3)
	if len(r.running) != 1 {
		t.Fatalf("%d attempts run, want 1", len(r.running))
	}
	e := r.m.Explain(r.clock, p, ids[3])
	want := dispatch.Explanation{
		Reasons: []dispatch.Reason{
			{Cause: dispatch.CauseGate, Name: "write", Gate: dispatch.HoldIf, Jobs: 3, Most: 1},
			{Cause: dispatch.CauseLimit, Name: "queue:links", Jobs: 1, Most: 1},
			{Cause: dispatch.CauseLimit, Name: "tag:db=s1", Rate: 0.1, Wait: 10 * time.Second},
		},
		Known: true, Ahead: 2, Band: jobqueue.Normal, Running: 1, NodeRunning: 1, NodeSlots: 2,
	}
	if diff := cmp.Diff(want, e); diff != "" {
		t.Errorf("Explain (-want +got):\n%s", diff)
	}
	e = r.m.Explain(r.clock, pairOf("write", "aawiki"), ident.Suffix{})
	if len(e.Reasons) != 2 || e.Reasons[0].Cause != dispatch.CausePause || e.Reasons[0].Text != "the index is rebuilt" {
		t.Errorf("Explain of a paused queue = %+v", e)
	}
	r.end(r.ids()[0], readOnly())
	e = r.m.Explain(r.clock, p, ids[0])
	if r0 := e.Reasons[0]; r0.Cause != dispatch.CauseCircuit || r0.Text != "the wiki is read-only" || r0.Wait != 5*time.Second {
		t.Errorf("Explain on a wiki that is held = %+v", e)
	}
	if e.Ahead != 0 || !e.Known {
		t.Errorf("the job that came back has %d before it (%t)", e.Ahead, e.Known)
	}
	if e := r.m.Explain(r.clock, pairOf("none", "nowhere"), ident.Suffix{}); e.Known || len(e.Reasons) != 0 {
		t.Errorf("Explain of a pair without jobs = %+v", e)
	}
}

func TestExplainSaysThatTheNodeIsFull(t *testing.T) {
	r := newRig(t, &policy{node: 1})
	r.open(false, "aawiki")
	r.push(pairOf("links", "aawiki"), 2)
	e := r.m.Explain(r.clock, pairOf("links", "aawiki"), ident.Suffix{})
	want := []dispatch.Reason{{Cause: dispatch.CauseWorker, Jobs: 1, Most: 1}}
	if diff := cmp.Diff(want, e.Reasons); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
}

func TestTimeBlockedIsToldByItsCause(t *testing.T) {
	limited, waiting, paused := pairOf("limited", "aawiki"), pairOf("waiting", "abwiki"), pairOf("paused", "aawiki")
	told := map[jobqueue.Pair]map[dispatch.Cause]time.Duration{}
	r := newRig(t, &policy{node: 2, queues: map[string]settings{"limited": {Concurrency: 1}}, paused: map[string]string{"paused": "for a test"}})
	r.cfg.Hooks.OnBlocked = func(p jobqueue.Pair, cause dispatch.Cause, took time.Duration) {
		if told[p] == nil {
			told[p] = map[dispatch.Cause]time.Duration{}
		}
		told[p][cause] += took
	}
	r.boot()
	r.open(false, "aawiki", "abwiki")
	r.took = func(s *dispatch.Start) time.Duration { return 20 * time.Second }
	r.push(limited, 2)
	r.push(paused, 1)
	r.push(waiting, 2) // one of them gets the second slot of the node
	r.advance(30 * time.Second)
	near := func(p jobqueue.Pair, cause dispatch.Cause, want time.Duration) {
		t.Helper()
		if got := told[p][cause]; got < want-time.Second || got > want+time.Second {
			t.Errorf("%v: %s for %s, want about %s", p, cause, got, want)
		}
	}
	near(waiting, dispatch.CauseWorker, 20*time.Second)
	near(paused, dispatch.CausePause, 30*time.Second)
	if got := told[limited][dispatch.CauseLimit] + told[limited][dispatch.CauseWorker]; got < 19*time.Second || got > 21*time.Second {
		t.Errorf("limited: %v, want 20 s in all", told[limited])
	}
	if told[waiting][dispatch.CauseLimit] != 0 || told[paused][dispatch.CauseWorker] > time.Second {
		t.Errorf("told were %v", told)
	}
}
