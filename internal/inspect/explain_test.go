package inspect_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"auwai/api"
	"auwai/internal/dispatch"
	"auwai/internal/farm"
	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/inspect"
	"auwai/internal/jobqueue"
	"auwai/internal/partition"
)

// explained explains a job and holds the explanation to a cause and to words of its sentence.
func (r *rig) explained(id, state, cause string, words ...string) api.Explanation {
	r.t.Helper()
	e, err := r.Explain(r.t.Context(), id)
	if err != nil {
		r.t.Fatalf("Explain(%s) = %v", id, err)
	}
	if e.State != state || e.Stale {
		r.t.Errorf("state %s, stale %t; want %s", e.State, e.Stale, state)
	}
	if cause != "" && (len(e.Reasons) == 0 || e.Reasons[0].Cause != cause) {
		r.t.Errorf("reasons %+v, want %s first", e.Reasons, cause)
	}
	for _, w := range words {
		if !strings.Contains(e.Summary, w) {
			r.t.Errorf("summary %q has no %q", e.Summary, w)
		}
	}
	return e
}

// told is a dispatch that says what the test wants.
type told struct {
	*dispatch.Machine

	why dispatch.Explanation
}

func (d *told) Explain(partition.Now, jobqueue.Pair, ident.Suffix) dispatch.Explanation { return d.why }

func TestEachThingThatHoldsAReadyJobIsExplained(t *testing.T) {
	d := &told{}
	r := newRigWithDispatch(t, d)
	r.wikis = []inspect.Wiki{{Name: "bbwiki"}, {Name: "aawiki", Tags: map[string]string{"db": "s1"}}}
	id := r.push(jobqueue.New{})
	for _, x := range []struct {
		name   string
		reason dispatch.Reason
		cause  string
		words  string
	}{
		{
			"a gate",
			dispatch.Reason{Cause: dispatch.CauseGate, Gate: dispatch.HoldIf, Name: "write", AnyWiki: true, Jobs: 9, Most: 5},
			api.CauseGate, "hold_if is closed: queue write of all wikis together has 9 jobs pending, and it is held while there are more than 5",
		},
		{
			"another gate",
			dispatch.Reason{Cause: dispatch.CauseGate, Gate: dispatch.StartIf, Name: "write", Jobs: 1, Most: 1},
			api.CauseGate, "start_if is closed: queue write of its wiki has 1 job pending, and it starts while there are fewer than 1",
		},
		{"what it fills", dispatch.Reason{Cause: dispatch.CauseGate, Gate: dispatch.Filled, Name: "links", Jobs: 7, Most: 7}, api.CauseGate, "max_pending is 7"},
		{"a limit of concurrency", dispatch.Reason{Cause: dispatch.CauseLimit, Name: "tag:db=s1", Jobs: 4, Most: 4}, api.CauseLimit, "tag db=s1 is at its limit: 4 of 4 attempts run"},
		{"a limit of a pair", dispatch.Reason{Cause: dispatch.CauseLimit, Name: "pair:a@b@aawiki", Jobs: 1, Most: 1}, api.CauseLimit, "queue a@b of wiki aawiki is at its limit"},
		{"a rate", dispatch.Reason{Cause: dispatch.CauseLimit, Name: "queue:a", Rate: 0.5, Wait: 2 * time.Second}, api.CauseRate, "queue a has used up its rate of 0.5 a second; the next start is in 2s"},
		{
			"a circuit",
			dispatch.Reason{Cause: dispatch.CauseCircuit, Text: "the wiki is read-only", Wait: 5 * time.Second, For: time.Minute},
			api.CauseCircuit, "takes no work for 1m0s: the wiki is read-only; it is asked again with one job in 5s",
		},
		{"a circuit of a section", dispatch.Reason{Cause: dispatch.CauseCircuit, Name: "s1", Text: "lag", Probing: true}, api.CauseCircuit, "database section s1 takes no work for 0s: lag; it is asked again now"},
		{"slots", dispatch.Reason{Cause: dispatch.CauseWorker, Jobs: 8, Most: 8}, api.CauseSlots, "all slots of the node are taken: 8 of 8"},
		{"no worker", dispatch.Reason{Cause: dispatch.CauseWorker, Text: "no worker with 8 cores waits"}, api.CauseWorker, "no worker with 8 cores waits"},
		{"a stop", dispatch.Reason{Cause: dispatch.CauseWorker, Name: dispatch.NameStopping, Text: "the service is stopping"}, api.CauseStopping, "the service is stopping"},
		{"a node that cannot commit", dispatch.Reason{Cause: dispatch.CauseWorker, Name: dispatch.NameNode, Text: "this node cannot commit"}, api.CauseNode, "cannot commit"},
		{"the configuration", dispatch.Reason{Cause: dispatch.CauseConfig, Text: "no caches are configured"}, api.CauseConfig, "no caches are configured"},
		{"a pause that is not stored", dispatch.Reason{Cause: dispatch.CausePause, Text: "it is paused"}, api.CausePause, "it is paused"},
	} {
		t.Run(x.name, func(t *testing.T) {
			d.why = dispatch.Explanation{Reasons: []dispatch.Reason{x.reason}, Wikis: 3, NodeSlots: 8}
			e := r.explained(id, api.StateReady, x.cause, x.words)
			if e.Position == nil || e.Position.Wikis != 3 || e.Position.Slots != 8 {
				t.Errorf("position %+v", e.Position)
			}
		})
	}
	t.Run("an unknown wiki", func(t *testing.T) {
		d.why = dispatch.Explanation{Reasons: []dispatch.Reason{{Cause: dispatch.CauseConfig, Text: "is not in the configuration"}}}
		r.explained(r.push(jobqueue.New{Pair: jobqueue.Pair{Wiki: "zzwiki"}}), api.StateReady, api.CauseUnknownWiki, "not in the configuration")
	})
	t.Run("pauses that are stored", func(t *testing.T) {
		d.why = dispatch.Explanation{Reasons: []dispatch.Reason{{Cause: dispatch.CausePause, Text: "it is paused"}}}
		for scope, cause := range map[string]string{
			"tag:db=s1": api.CausePause, "queue:wait": api.CausePause, "wiki:aawiki": api.CausePause,
			"pair:wait@aawiki": api.CausePause, "all": api.CausePause, "maintenance": api.CauseMaintenance,
		} {
			r.control(scope, true)
			e := r.explained(id, api.StateReady, cause, "by joe: the index is rebuilt")
			if x := e.Reasons[0]; x.By != "joe" || x.Name != scope || x.Since == nil || len(e.Reasons) != 1 {
				t.Errorf("%s: reasons %+v", scope, e.Reasons)
			}
			r.control(scope, false)
		}
	})
}

// control pauses a scope, or ends that.
func (r *rig) control(scope string, on bool) {
	r.t.Helper()
	s, err := farm.ParseScope(scope)
	if err != nil {
		r.t.Fatal(err)
	}
	reason := "the index is rebuilt"
	c := &farm.SetControl{Scope: s, Change: farm.Change{Paused: &on, Reason: &reason, By: "joe"}}
	if err := r.loop.Do(r.t.Context(), farm.Partition, partition.Farm, c); err != nil {
		r.t.Fatal(err)
	}
}

func TestThePlaceOfAReadyJobIsExact(t *testing.T) {
	r := newRig(t, "hang")
	for range 10 { // as many as the node may run
		r.push(jobqueue.New{Pair: jobqueue.Pair{Queue: "hang"}})
		<-r.run.started
	}
	var ids []string
	for range 3 {
		ids = append(ids, r.push(jobqueue.New{Pair: jobqueue.Pair{Queue: "hang"}, Band: jobqueue.Normal}))
	}
	urgent := r.push(jobqueue.New{Pair: jobqueue.Pair{Queue: "hang"}, Band: jobqueue.Interactive})
	for n, id := range append(ids, urgent) {
		e := r.explained(id, api.StateReady, api.CauseSlots)
		if p := e.Position; p == nil || p.Ahead != n%3 || p.Running != 10 || p.Used != 10 || p.AtLeast {
			t.Errorf("job %d stands at %+v", n, p)
		}
	}
	close(r.run.release)
}

func TestAJobThatOnlyWaitsForItsTurnSaysSo(t *testing.T) {
	d := &told{why: dispatch.Explanation{Wikis: 2}}
	r := newRigWithDispatch(t, d)
	r.push(jobqueue.New{})
	r.explained(r.push(jobqueue.New{}), api.StateReady, api.CauseTurn, "1 job of its queue before it, and 2 wikis before its own")
}

func TestAJobThatRunsSaysSinceWhenAndWhatItSaid(t *testing.T) {
	r := newRig(t, "hang")
	id := r.push(jobqueue.New{Pair: jobqueue.Pair{Queue: "hang"}})
	<-r.run.started
	r.progress(id, jobqueue.Progress{Percent: 40, Message: "page 4 of 10", ResultURL: "http://r.example/"})
	e := r.explained(id, api.StateRunning, "", "runs on this node: attempt 1", "40% done", "page 4 of 10")
	if e.Run == nil || e.Run.StartedAt == nil || e.Run.ResultURL != "http://r.example/" {
		t.Errorf("run %+v", e.Run)
	}
	close(r.run.release)
	r.await(id, api.StateDone)
	r.explained(id, api.StateDone, api.CauseEnded, "done with attempt 1")
}

// progress notes what a running job says of itself.
func (r *rig) progress(id string, p jobqueue.Progress) {
	r.t.Helper()
	job, _ := ident.Parse(id)
	r.inMem(job.Wiki, func(mem *jobqueue.Mem) {
		if !mem.SetProgress(job.Suffix, p) {
			r.t.Error("the job does not run")
		}
	})
}

func TestWhatIsNotReadySaysWhatItWaitsFor(t *testing.T) {
	r := newRig(t, "fail")
	later := r.push(jobqueue.New{RunAt: time.Now().Add(time.Hour)})
	e := r.explained(later, api.StateDelayed, api.CauseDelayed, "not to run before")
	if e.Reasons[0].Until == nil || len(e.Reasons) != 2 || e.Reasons[1].Cause != api.CauseConfig {
		t.Errorf("reasons %+v", e.Reasons)
	}
	first := r.push(jobqueue.New{SerialKey: "page 1"})
	second := r.push(jobqueue.New{SerialKey: "page 1"})
	if e := r.explained(second, api.StateBlocked, api.CauseSerial, first+" goes first"); len(e.Reasons[0].Jobs) != 1 {
		t.Errorf("reasons %+v", e.Reasons)
	}
	job, _ := ident.Parse(first)
	waits := r.push(jobqueue.New{WaitsFor: []ident.Suffix{job.Suffix}})
	r.explained(waits, api.StateBlocked, api.CauseWaitsFor, "waits for 1 job that has to end before: "+first)
	dead := r.push(jobqueue.New{Pair: jobqueue.Pair{Queue: "fail"}})
	r.await(dead, api.StateDead)
	r.explained(dead, api.StateDead, api.CauseEnded, "not tried any more", "it cannot be done")
	job, _ = ident.Parse(dead)
	waits = r.push(jobqueue.New{WaitsFor: []ident.Suffix{job.Suffix}})
	r.explained(waits, api.StateBlocked, api.CauseWaitsFor, "dead is "+dead+": retry or drop it")
}

func TestAJobInBackOffSaysWhenItIsTriedAgainAndWhy(t *testing.T) {
	r := newRig(t, "twice")
	id := r.push(jobqueue.New{Pair: jobqueue.Pair{Queue: "twice"}})
	r.await(id, api.StateDelayed)
	r.explained(id, api.StateDelayed, api.CauseBackoff, "1 attempt failed", "it will be better", "due in 1h0m0s")
}

func TestWhatHasEndedSaysHow(t *testing.T) {
	r := newRig(t)
	kept := r.push(jobqueue.New{Key: "k"})
	twin := r.push(jobqueue.New{Key: "k"})
	if e := r.explained(twin, api.StateDuplicate, api.CauseDuplicate, "merged into "+kept); e.Reasons[0].Jobs[0] != kept {
		t.Errorf("reasons %+v", e.Reasons)
	}
	root := func(at string) jobqueue.Root { return jobqueue.Root{Signature: "s", Timestamp: at} }
	r.push(jobqueue.New{Root: root("20260102030406")})
	old := r.push(jobqueue.New{Root: root("20260102030405")})
	r.explained(old, api.StateSuperseded, api.CauseSuperseded, "newer change of the same root", "20260102030406")
	gone := r.push(jobqueue.New{})
	if _, err := r.Cancel(context.Background(), gone); err != nil { //nolint:usetesting // it is the same
		t.Fatal(err)
	}
	r.explained(gone, api.StateCancelled, api.CauseEnded, "ended as cancelled")
	late := r.push(jobqueue.New{ExpireAt: time.Now().Add(-time.Hour)})
	r.explained(late, api.StateExpired, api.CauseEnded, "ended as expired")
	if _, err := r.Explain(t.Context(), "aawiki.01ARZ3NDEKTSV4RRFFQ69G5FAV"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("Explain of nothing = %v", err)
	}
	if _, err := r.Explain(t.Context(), "nothing"); fault.FieldOf(err) != "id" {
		t.Errorf("Explain of no id = %v", err)
	}
}

func TestAPurgedJobSaysThatItIsAboutToGo(t *testing.T) {
	r := newRig(t)
	id := r.push(jobqueue.New{})
	if err := r.do("aawiki", &jobqueue.Purge{Pair: jobqueue.Pair{Queue: "wait", Wiki: "aawiki"}}); err != nil {
		t.Fatal(err)
	}
	r.explained(id, api.StateReady, api.CausePurged, "its queue was purged")
}

func TestTheNameOfAWorkerIsShownWithoutItsToken(t *testing.T) {
	if got := inspect.WorkerName("host#1#abc"); got != "host#1" {
		t.Errorf("WorkerName = %q", got)
	}
}
