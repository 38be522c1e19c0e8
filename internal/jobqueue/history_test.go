package jobqueue_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"auwai/internal/jobqueue"
)

func TestHistoryTellsHowEachJobEnded(t *testing.T) {
	r := newRig(t)
	full := push(t, r, jobqueue.New{Key: "k", RequestID: "req", ClientID: "c", Root: root("01", true)})
	finish(t, r, claim(t, r), jobqueue.OutcomeFailed)
	twin := push(t, r, jobqueue.New{Key: "k", RequestID: "req", Root: root("01", false)})
	late := push(t, r, jobqueue.New{Root: root("00", false)})
	gone := push(t, r, jobqueue.New{})
	r.Must(&jobqueue.Cancel{Wiki: "aawiki", ID: gone.ID})
	r.Advance(time.Second)
	finish(t, r, claim(t, r), jobqueue.OutcomeDone)

	now := r.Clock.Wall
	then := now.Add(-time.Second)
	want := []jobqueue.History{
		{ID: twin.ID, State: jobqueue.Duplicate, DuplicateOf: full.ID, Key: "k", RequestID: "req", Root: root("01", false), Finished: then},
		{ID: late.ID, State: jobqueue.Superseded, Generation: root("01", true).Timestamp, Root: root("00", false), Finished: then},
		{ID: gone.ID, State: jobqueue.Cancelled, Finished: then},
		{
			ID: full.ID, State: jobqueue.Done, Tries: 2, Key: "k", RequestID: "req", ClientID: "c", Root: root("01", false),
			LastError: "it broke", Finished: now, Attempts: []jobqueue.Attempt{
				{Start: then, End: then, Outcome: jobqueue.OutcomeFailed, Error: "it broke"},
				{Start: now, End: now, Outcome: jobqueue.OutcomeDone},
			},
		},
	}
	for i := range want {
		want[i].Pair, want[i].Created = links(), then
	}
	if diff := cmp.Diff(want, r.History()); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
}

func TestTheStoreReturnsToItsBaseline(t *testing.T) {
	r := newRig(t)
	for n := range 30 {
		blob := jobqueue.BlobRef{}
		if n%5 == 0 {
			blob = jobqueue.BlobRef{ID: r.Mint(), Size: 100}
			storeBlob(r, blob)
		}
		push(t, r, jobqueue.New{
			Key: fmt.Sprint("k", n%7), RequestID: fmt.Sprint("r", n%4), Source: jobqueue.Source{Name: fmt.Sprint("s", n)},
			Root: root(fmt.Sprintf("%02d", n%11), n%11 == 0), Blob: blob, RunAt: r.Clock.Wall.Add(time.Duration(n%3) * time.Hour),
		})
		if c := r.Claim(links()); c != nil {
			finish(t, r, c, []jobqueue.Outcome{jobqueue.OutcomeDone, jobqueue.OutcomeFailed, jobqueue.OutcomePermanent, jobqueue.OutcomeUncounted}[n%4])
		}
		r.Advance(20 * time.Minute)
	}
	storeBlob(r, jobqueue.BlobRef{ID: r.Mint(), Size: 100}) // nobody comes for it
	for range 5 {
		r.Advance(12 * time.Hour)
		r.Promote()
		for c := r.Claim(links()); c != nil; c = r.Claim(links()) {
			finish(t, r, c, jobqueue.OutcomeDone)
		}
	}
	if n := r.Pair(links()).Counts; n.Dead == 0 || n.Ready+n.Delayed+n.Running > 0 {
		t.Fatalf("counts are %+v, want dead jobs only", n)
	}
	for range 80 {
		r.Advance(12 * time.Hour)
		r.Sweep()
		r.Verify()
	}
	if h := r.History(); h[len(h)-1].State != jobqueue.Expired {
		t.Errorf("the last to end is %+v, want an expired dead job", h[len(h)-1])
	}
	r.Advance(48 * time.Hour)
	r.Sweep()
	r.ExpireHistory(24 * time.Hour)
	if diff := cmp.Diff([]string{"log-next", "meta"}, names(r.Words())); diff != "" {
		t.Errorf("families left (-want +got):\n%s", diff)
	}
}

func TestDeadJobsCanBeDropped(t *testing.T) {
	r := newRig(t)
	p, alive := push(t, r, jobqueue.New{}), push(t, r, jobqueue.New{})
	finish(t, r, claim(t, r), jobqueue.OutcomePermanent)
	c := &jobqueue.ExpireDead{Wiki: "aawiki"}
	c.IDs = append(c.IDs, p.ID, alive.ID, r.Mint())
	r.Must(c)
	if c.Expired != 1 || c.Done != 3 {
		t.Errorf("%d expired of %d looked at", c.Expired, c.Done)
	}
	wantNoJob(t, r, p.ID)
	wantCounts(t, r, jobqueue.Counts{Ready: 1})
}

func TestASweepDeletesNothingThatIsNotDue(t *testing.T) {
	r := newRig(t)
	push(t, r, jobqueue.New{RequestID: "r", Source: jobqueue.Source{Name: "s"}, Root: root("01", true)})
	finish(t, r, claim(t, r), jobqueue.OutcomePermanent)
	storeBlob(r, jobqueue.BlobRef{ID: r.Mint(), Size: 1})
	before := r.Words()
	c := &jobqueue.Sweep{}
	for _, rng := range jobqueue.SweepRanges(r.Partition(), r.Clock.Wall.Add(60*24*time.Hour)) {
		for _, e := range r.Scan(rng) {
			c.Keys = append(c.Keys, e.Key)
		}
	}
	if len(c.Keys) < 5 {
		t.Fatalf("%d keys to try, want one of each family", len(c.Keys))
	}
	r.Must(c)
	if diff := cmp.Diff(before, r.Words()); diff != "" {
		t.Errorf("a sweep by a clock that is ahead changed (-before +after):\n%s", diff)
	}
}
