package inspect_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"auwai/api"
	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/inspect"
	"auwai/internal/jobqueue"
)

// child returns the cause of what a job makes.
func child(id string, depth int) *jobqueue.Cause {
	return &jobqueue.Cause{Parent: id, Depth: depth, Chain: []uint64{uint64(depth)}} //nolint:gosec // small
}

// shape is a trace as indented lines.
func shape(t *api.Trace, names map[string]string) string {
	var b strings.Builder
	for _, n := range t.Nodes {
		fmt.Fprintf(&b, "%s%s %s\n", strings.Repeat(" ", n.Level), names[n.ID], n.State)
	}
	return b.String()
}

func TestATraceIsTheWholeCascadeOverAllWikisWithoutStrangers(t *testing.T) {
	r := newRig(t, "quick", "fail", "hang")
	at := func(queue, wiki string) jobqueue.Pair { return jobqueue.Pair{Queue: queue, Wiki: wiki} }
	names := map[string]string{}
	push := func(name, queue, wiki, key string, cause *jobqueue.Cause) string {
		id := r.push(jobqueue.New{Pair: at(queue, wiki), RequestID: "edit", Key: key, Cause: cause})
		names[id] = name
		return id
	}
	root := push("root", "quick", "aawiki", "", nil)
	r.await(root, api.StateDone)
	dead := push("dead", "fail", "bbwiki", "", child(root, 1))
	r.await(dead, api.StateDead)
	runs := push("runs", "hang", "ccwiki", "", child(root, 1))
	<-r.run.started
	kept := push("kept", "wait", "aawiki", "k", child(root, 1))
	// The job that waits takes the bytes of the newer one, and its cause with them.
	push("twin", "wait", "aawiki", "k", child(dead, 2))
	push("lost", "wait", "aawiki", "", child("ddwiki.01ARZ3NDEKTSV4RRFFQ69G5FAV", 3))
	r.push(jobqueue.New{Pair: at("wait", "aawiki"), RequestID: "another"})
	r.push(jobqueue.New{Pair: at("wait", "bbwiki")})
	for _, id := range []string{"edit", root, kept, runs} {
		trace, err := r.Trace(t.Context(), id, nil)
		if err != nil {
			t.Fatal(err)
		}
		want := " root done\n  dead dead\n   kept ready\n   twin duplicate\n  runs running\n lost ready\n"
		if diff := cmp.Diff(want, shape(&trace, names)); diff != "" {
			t.Errorf("trace of %s (-want +got):\n%s", id, diff)
		}
		if trace.RequestID != "edit" || trace.Open != 3 || trace.More != 0 || trace.Stale {
			t.Errorf("trace of %s: request %q, %d open, %d more, stale %t", id, trace.RequestID, trace.Open, trace.More, trace.Stale)
		}
		if n := trace.Nodes[0]; n.WaitedMS == nil || n.RanMS == nil || n.StartedAt == nil || n.EndedAt == nil || n.Attempts != 1 {
			t.Errorf("the root has no times: %+v", n)
		}
		if n := trace.Nodes[3]; n.DuplicateOf != kept {
			t.Errorf("the twin is merged into %q, want %q", n.DuplicateOf, kept)
		}
	}
	if _, err := r.Trace(t.Context(), "nothing", nil); fault.KindOf(err) != fault.NotFound {
		t.Errorf("Trace of nothing = %v", err)
	}
}

func TestATraceOfAJobWithoutARequestIsThatJob(t *testing.T) {
	r := newRig(t)
	id := r.push(jobqueue.New{})
	trace, err := r.Trace(t.Context(), id, nil)
	if err != nil || len(trace.Nodes) != 1 || trace.Nodes[0].ID != id || trace.RequestID != "" {
		t.Errorf("Trace = %+v, %v", trace, err)
	}
}

func TestAnEventIsTracedByItsID(t *testing.T) {
	r := newRig(t)
	r.wikis = []inspect.Wiki{{Name: "aawiki"}, {Name: "bbwiki"}}
	n := jobqueue.New{
		ID: r.minter.Next(time.Now()), Pair: jobqueue.Pair{Queue: "wait", Wiki: "bbwiki"}, RequestID: "edit", Payload: []byte("{}"), FromEvent: true,
		Source: jobqueue.Source{Name: "e:0b5c", Hash: [8]byte{1}},
	}
	if err := r.do("bbwiki", &jobqueue.Push{Jobs: []jobqueue.New{n}}); err != nil {
		t.Fatal(err)
	}
	trace, err := r.Trace(t.Context(), "0b5c", nil)
	if err != nil || trace.RequestID != "edit" || len(trace.Nodes) != 1 {
		t.Errorf("Trace = %+v, %v", trace, err)
	}
}

func TestALargeTraceSaysHowManyJobsItLeavesOut(t *testing.T) {
	r := newRig(t)
	const jobs, batch = inspect.MaxTrace + 30, 500
	for begun := 0; begun < jobs; begun += batch {
		c := &jobqueue.Push{}
		for range min(batch, jobs-begun) {
			c.Jobs = append(c.Jobs, jobqueue.New{
				ID: r.minter.Next(time.Now()), Pair: jobqueue.Pair{Queue: "wait", Wiki: "aawiki"}, RequestID: "edit", Payload: []byte("1"),
			})
		}
		if err := r.do("aawiki", c); err != nil {
			t.Fatal(err)
		}
	}
	trace, err := r.Trace(t.Context(), "edit", nil)
	if err != nil || len(trace.Nodes) != inspect.MaxTrace || trace.More != 30 || trace.Open != jobs {
		t.Errorf("%d nodes, %d more, %d open: %v", len(trace.Nodes), trace.More, trace.Open, err)
	}
}

func TestAForgedCircleOfCausesIsDrawnOnce(t *testing.T) {
	r := newRig(t)
	a := r.minter.Next(time.Now())
	b := r.minter.Next(time.Now())
	pair := jobqueue.Pair{Queue: "wait", Wiki: "aawiki"}
	name := func(s ident.Suffix) string { return ident.ID{Wiki: "aawiki", Suffix: s}.String() }
	c := &jobqueue.Push{Jobs: []jobqueue.New{
		{ID: a, Pair: pair, RequestID: "edit", Payload: []byte("1"), Cause: child(name(b), 2)},
		{ID: b, Pair: pair, RequestID: "edit", Payload: []byte("2"), Cause: child(name(a), 2)},
	}}
	if err := r.do("aawiki", c); err != nil {
		t.Fatal(err)
	}
	trace, err := r.Trace(t.Context(), "edit", nil)
	if err != nil || len(trace.Nodes) != 2 || trace.Nodes[0].Level != 1 || trace.Nodes[1].Level != 2 {
		t.Errorf("Trace = %+v, %v", trace, err)
	}
}
