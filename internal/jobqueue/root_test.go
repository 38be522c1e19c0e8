package jobqueue_test

import (
	"testing"

	"auwai/internal/jobqueue"
	"auwai/internal/jobqueue/jobqueuetest"
)

func root(second string, isRoot bool) jobqueue.Root {
	return jobqueue.Root{Signature: "f628445490e657a3bbd1d4d62a6447bcc215899c", Timestamp: "202601020304" + second, IsRoot: isRoot}
}

// supersede does what a dispatcher does after RootMoved: it offers all that waits.
func supersede(r *jobqueuetest.Rig) {
	c := &jobqueue.Drop{}
	for _, e := range r.Ready(links()) {
		c.Jobs = append(c.Jobs, jobqueue.Place{Pair: links(), ID: e.ID, Seq: e.Seq})
	}
	r.Must(c)
}

func TestOlderWorkThanItsRootIsSuperseded(t *testing.T) {
	r := newRig(t)
	old := push(t, r, jobqueue.New{Root: root("01", false)})
	r.Effects()
	newer := push(t, r, jobqueue.New{Root: root("02", true)})
	moved := effect[jobqueue.RootMoved](t, r.Effects())
	if moved.Root.Timestamp != root("02", true).Timestamp || moved.Signature != root("02", true).Signature {
		t.Errorf("the effect is %+v", moved)
	}
	late := push(t, r, jobqueue.New{Root: root("01", false)})
	if late.State != jobqueue.Superseded {
		t.Errorf("an older job that arrives is %s, want superseded", late.State)
	}
	wantNoJob(t, r, late.ID)
	if !moved.Root.Older(r.Job(links(), old.ID)) {
		t.Error("the waiting job of the older generation is not reported as older")
	}
	supersede(r)
	wantOrder(t, r, newer.ID)
	wantCounts(t, r, jobqueue.Counts{Ready: 1})
}

func TestAtEqualStampsOnlyARootJobSupersedes(t *testing.T) {
	r := newRig(t)
	first := push(t, r, jobqueue.New{Root: root("01", true)})
	leaf := push(t, r, jobqueue.New{Root: root("01", false)})
	supersede(r)
	wantOrder(t, r, first.ID, leaf.ID)
	second := push(t, r, jobqueue.New{Root: root("01", true)})
	child := push(t, r, jobqueue.New{Root: root("01", false)})
	supersede(r)
	wantOrder(t, r, second.ID, child.ID)
	wantCounts(t, r, jobqueue.Counts{Ready: 2})
}

func TestASupersededJobIsNobodysTwin(t *testing.T) {
	r := newRig(t)
	old := push(t, r, jobqueue.New{Key: "k", Root: root("01", false)})
	r.Effects()
	p := push(t, r, jobqueue.New{Key: "k", Root: root("02", false)})
	if p.State != jobqueue.Ready {
		t.Fatalf("the new job is %s, want ready", p.State)
	}
	wantNoJob(t, r, old.ID)
	if g := effect[jobqueue.Gone](t, r.Effects()); g.ID != old.ID || !g.Settles {
		t.Errorf("the effect is %+v", g)
	}
	wantCounts(t, r, jobqueue.Counts{Ready: 1})
}

func TestAKeptTwinTakesTheNewerRoot(t *testing.T) {
	r := newRig(t)
	p := push(t, r, jobqueue.New{Key: "k", Root: root("01", false)})
	other := jobqueue.Root{Signature: "other", Timestamp: root("02", false).Timestamp}
	push(t, r, jobqueue.New{Key: "k", Root: other})
	if j := wantState(t, r, p.ID, jobqueue.Ready); j.Root != other {
		t.Errorf("the twin has root %+v, want %+v", j.Root, other)
	}
	push(t, r, jobqueue.New{Key: "k"})
	if j := wantState(t, r, p.ID, jobqueue.Ready); j.Root != (jobqueue.Root{}) {
		t.Errorf("the twin has root %+v, want none: it stands for a job that has none", j.Root)
	}
}

func TestTheRootRuleHoldsWheneverAJobWaitsAgain(t *testing.T) {
	for name, outcome := range map[string]jobqueue.Outcome{"failed": jobqueue.OutcomeFailed, "uncounted": jobqueue.OutcomeUncounted} {
		for _, stored := range []bool{false, true} {
			r := newRig(t)
			p := push(t, r, jobqueue.New{Key: "k", Root: root("01", false)})
			c := claim(t, r)
			if stored {
				r.Must(&jobqueue.StoreClaims{Claims: []*jobqueue.Claim{c}})
			}
			push(t, r, jobqueue.New{Root: root("02", true)})
			finish(t, r, c, outcome)
			if j := r.Job(links(), p.ID); j != nil {
				t.Errorf("%s, stored %t: the job is %s, want superseded", name, stored, j.State)
			}
			wantCounts(t, r, jobqueue.Counts{Ready: 1})
		}
	}
}

func TestADelayedJobIsSupersededWhenItIsDue(t *testing.T) {
	r := newRig(t)
	p := push(t, r, jobqueue.New{Root: root("01", false), RunAt: r.Clock.Wall.Add(1)})
	push(t, r, jobqueue.New{Root: root("02", true)})
	r.Advance(1e9)
	r.Promote()
	wantNoJob(t, r, p.ID)
	wantCounts(t, r, jobqueue.Counts{Ready: 1})
}

func TestSupersedeLooksAgain(t *testing.T) {
	r := newRig(t)
	running := push(t, r, jobqueue.New{Root: root("01", false)})
	fresh := push(t, r, jobqueue.New{Root: root("01", false)})
	places := []jobqueue.Place{{Pair: links(), ID: running.ID, Seq: 1}, {Pair: links(), ID: fresh.ID, Seq: 1}, {Pair: links(), ID: r.Mint()}}
	for i, e := range r.Ready(links()) {
		places[i].Seq = e.Seq
	}
	c := claim(t, r)
	r.Must(&jobqueue.Drop{Jobs: places})
	wantCounts(t, r, jobqueue.Counts{Ready: 1, Running: 1})
	push(t, r, jobqueue.New{Root: root("02", true)})
	r.Must(&jobqueue.Drop{Jobs: places})
	wantNoJob(t, r, fresh.ID)
	finish(t, r, c, jobqueue.OutcomeDone)
	wantCounts(t, r, jobqueue.Counts{Ready: 1})
}
