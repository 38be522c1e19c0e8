package jobqueue_test

import (
	"strings"
	"testing"
	"time"

	"auwai/internal/jobqueue"
	"auwai/internal/jobqueue/jobqueuetest"
)

func store(t *testing.T, r *jobqueuetest.Rig, orderly bool, claims ...*jobqueue.Claim) {
	t.Helper()
	r.Must(&jobqueue.StoreClaims{Claims: claims, Orderly: orderly})
}

func TestAStoredClaimIsCountedAsRunning(t *testing.T) {
	r := newRig(t)
	push(t, r, jobqueue.New{})
	push(t, r, jobqueue.New{})
	c := claim(t, r)
	wantCounts(t, r, jobqueue.Counts{Ready: 1, Running: 1})
	if got := r.Pair(links()).Counts; got.Ready != 2 {
		t.Errorf("the store counts %+v, want 2 ready", got)
	}
	store(t, r, false, c, c)
	if got := r.Pair(links()).Counts; got.Running != 1 || r.Mem().InMemory(links()) != 0 {
		t.Errorf("the store counts %+v, %d in memory", got, r.Mem().InMemory(links()))
	}
	store(t, r, false, c)
	wantCounts(t, r, jobqueue.Counts{Ready: 1, Running: 1})
	finish(t, r, c, jobqueue.OutcomeDone)
	wantCounts(t, r, jobqueue.Counts{Ready: 1})
}

func TestAClaimInMemoryIsForgottenByACrash(t *testing.T) {
	r := newRig(t)
	p := push(t, r, jobqueue.New{Key: "k"})
	claim(t, r)
	r.Reopen()
	if j := wantState(t, r, p.ID, jobqueue.Ready); j.Tries != 0 {
		t.Errorf("%d attempts are counted", j.Tries)
	}
	wantCounts(t, r, jobqueue.Counts{Ready: 1})
	claim(t, r)
}

func TestAStoredClaimIsCountedAsACrash(t *testing.T) {
	r := newRig(t)
	p := push(t, r, jobqueue.New{Key: "k"})
	c := claim(t, r)
	c.Attempts = 2
	store(t, r, false, c)
	r.Advance(time.Second)
	r.Effects()
	r.Reopen()
	j := wantState(t, r, p.ID, jobqueue.Ready)
	if j.Tries != 1 || j.Crashes != 1 || len(j.Attempts) != 1 || j.Attempts[0].Outcome != jobqueue.OutcomeCrash {
		t.Errorf("the record is %+v", j)
	}
	if !j.Attempts[0].Start.Equal(jobqueuetest.Start()) || j.Attempts[0].End.Sub(j.Attempts[0].Start) != time.Second {
		t.Errorf("the attempt is %+v", j.Attempts[0])
	}
	e := r.Effects()
	if got := effect[jobqueue.Recovered](t, e); got.Crashed != 1 || got.Orderly != 0 {
		t.Errorf("the effect is %+v", got)
	}
	effect[jobqueue.BecameReady](t, e)
	wantCounts(t, r, jobqueue.Counts{Ready: 1})

	c = claim(t, r)
	c.Attempts = 2
	store(t, r, false, c)
	r.Reopen()
	j = wantState(t, r, p.ID, jobqueue.Dead)
	if !strings.Contains(j.LastError, "2 of 2") || j.Crashes != 2 {
		t.Errorf("the record is %+v", j)
	}
	if twin := push(t, r, jobqueue.New{Key: "k"}); twin.State != jobqueue.Ready {
		t.Errorf("a job with the dead one's key is %s", twin.State)
	}
	wantCounts(t, r, jobqueue.Counts{Ready: 1, Dead: 1})
}

func TestAnOrderlyStopCostsNoAttempt(t *testing.T) {
	r := newRig(t)
	first, second := push(t, r, jobqueue.New{}), push(t, r, jobqueue.New{})
	c1, c2 := claim(t, r), claim(t, r)
	store(t, r, false, c1)
	store(t, r, true, c1, c2)
	r.Effects()
	r.Reopen()
	for _, p := range []jobqueue.Pushed{first, second} {
		if j := wantState(t, r, p.ID, jobqueue.Ready); j.Tries != 0 || j.Attempts[0].Outcome != jobqueue.OutcomeOrderly {
			t.Errorf("the record is %+v", j)
		}
	}
	if got := effect[jobqueue.Recovered](t, r.Effects()); got.Orderly != 2 || got.Crashed != 0 {
		t.Errorf("the effect is %+v", got)
	}
	wantCounts(t, r, jobqueue.Counts{Ready: 2})
}

func TestTwinsThatACrashBringsTogetherMerge(t *testing.T) {
	r := newRig(t)
	first := push(t, r, jobqueue.New{Key: "k", Payload: []byte("old")})
	claim(t, r) // stored when the next job takes its key
	second := push(t, r, jobqueue.New{Key: "k", Payload: []byte("new")})
	r.Reopen()
	wantNoJob(t, r, first.ID)
	if j := wantState(t, r, second.ID, jobqueue.Ready); string(j.Payload) != "new" {
		t.Errorf("the twin has bytes %q", j.Payload)
	}
	wantCounts(t, r, jobqueue.Counts{Ready: 1})
}

func TestTwinsThatBothRanMergeAfterACrash(t *testing.T) {
	r := newRig(t)
	first := push(t, r, jobqueue.New{Key: "k", Payload: []byte("old")})
	claim(t, r)
	second := push(t, r, jobqueue.New{Key: "k", Payload: []byte("new")})
	store(t, r, false, claim(t, r))
	r.Reopen()
	wantNoJob(t, r, second.ID)
	if j := wantState(t, r, first.ID, jobqueue.Ready); string(j.Payload) != "new" {
		t.Errorf("the twin has bytes %q", j.Payload)
	}
	wantCounts(t, r, jobqueue.Counts{Ready: 1})
}

func TestManyClaimsAreRecoveredInPages(t *testing.T) {
	r := newRig(t)
	const n = jobqueue.MaxPage + 20
	var claims []*jobqueue.Claim
	for range n {
		push(t, r, jobqueue.New{})
	}
	large := push(t, r, jobqueue.New{Payload: make([]byte, 500<<10), Band: jobqueue.Interactive})
	push(t, r, jobqueue.New{Payload: make([]byte, 500<<10), Band: jobqueue.Interactive})
	push(t, r, jobqueue.New{Payload: make([]byte, 500<<10), Band: jobqueue.Interactive})
	for _, e := range r.Ready(links()) {
		c, ok := r.Mem().Claim(r.Job(links(), e.ID))
		if !ok {
			t.Fatal("not claimed")
		}
		claims = append(claims, c)
	}
	store(t, r, false, claims...)
	wantCounts(t, r, jobqueue.Counts{Running: n + 3})
	r.Reopen()
	wantCounts(t, r, jobqueue.Counts{Ready: n + 3})
	wantState(t, r, large.ID, jobqueue.Ready)
	if r.Mem().Claims() != 0 {
		t.Errorf("%d claims are left", r.Mem().Claims())
	}
}

func TestWhatIsNotCommittedIsAsIfItHadNotBeen(t *testing.T) {
	r := newRig(t)
	p := push(t, r, jobqueue.New{Key: "k"})
	c := claim(t, r)
	if err := r.Apply(&jobqueue.Finish{Outcomes: []jobqueue.Ended{ended(r, c, jobqueue.OutcomeDone)}}); err != nil {
		t.Fatal(err)
	}
	r.Reopen()
	wantState(t, r, p.ID, jobqueue.Ready)
	wantCounts(t, r, jobqueue.Counts{Ready: 1})
}

func TestAClaimThatEndedIsNotStored(t *testing.T) {
	r := newRig(t)
	push(t, r, jobqueue.New{})
	c := claim(t, r)
	finish(t, r, c, jobqueue.OutcomeDone)
	store(t, r, true, c)
	wantCounts(t, r, jobqueue.Counts{})
}

func TestAScanIsOutOfDateForWhatChangedMeanwhile(t *testing.T) {
	r := newRig(t)
	p, still := push(t, r, jobqueue.New{}), push(t, r, jobqueue.New{})
	m := r.Mem()
	scan := m.BeginScan()
	finish(t, r, claim(t, r), jobqueue.OutcomeDone)
	if !m.Moved(scan, p.ID) || m.Moved(scan, still.ID) {
		t.Errorf("moved: %t and %t, want the finished job only", m.Moved(scan, p.ID), m.Moved(scan, still.ID))
	}
	later := m.BeginScan()
	if m.Moved(later, p.ID) {
		t.Error("a scan that began after a change is told to ignore it")
	}
	m.EndScan(scan)
	m.EndScan(later)
	if m.Moved(m.BeginScan(), p.ID) || m.Noted() != 0 {
		t.Errorf("the note outlives the scans: %d are left", m.Noted())
	}
}

func TestScansThatAlwaysOverlapKeepNoMoreThanTheOldestNeeds(t *testing.T) {
	r := newRig(t)
	m := r.Mem()
	under := m.BeginScan()
	for range 100 {
		push(t, r, jobqueue.New{})
		c := claim(t, r)
		id := c.Job.ID
		next := m.BeginScan()
		finish(t, r, c, jobqueue.OutcomeDone)
		if !m.Moved(under, id) || !m.Moved(next, id) {
			t.Fatal("a change during both scans is not known to both")
		}
		m.EndScan(under)
		if under = next; !m.Moved(under, id) {
			t.Fatal("the end of a scan made another forget")
		}
	}
	if n := m.Noted(); n > 2 {
		t.Errorf("%d changes are noted after 100 scans that overlapped by pairs", n)
	}
}

func TestCountsAreRightWhileAChangeOfAClaimIsOnItsWay(t *testing.T) {
	r := newRig(t)
	for range 3 {
		push(t, r, jobqueue.New{})
	}
	first, second := claim(t, r), claim(t, r)
	durable := r.Pair(links()).Counts
	want := func(when string, ready, running int64) {
		t.Helper()
		got := r.Mem().Counts(links(), durable)
		if got.Ready != ready || got.Running != running {
			t.Errorf("%s: %d ready and %d running, want %d and %d", when, got.Ready, got.Running, ready, running)
		}
	}
	want("claimed", 1, 2)
	if err := r.Apply(&jobqueue.StoreClaims{Claims: []*jobqueue.Claim{first, second}}); err != nil {
		t.Fatal(err)
	}
	want("being stored", 1, 2)
	if err := r.Apply(&jobqueue.Finish{Outcomes: []jobqueue.Ended{ended(r, first, jobqueue.OutcomeDone)}}); err != nil {
		t.Fatal(err)
	}
	want("one being ended", 1, 2)
	r.Commit()
	durable = r.Pair(links()).Counts
	want("durable", 1, 1)
}
