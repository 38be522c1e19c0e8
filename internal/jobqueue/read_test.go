package jobqueue_test

import (
	"testing"
	"time"

	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/jobqueue/jobqueuetest"
)

func requests(t *testing.T, r *jobqueuetest.Rig, request string) []jobqueue.RequestEntry {
	t.Helper()
	var out []jobqueue.RequestEntry
	for _, rng := range jobqueue.RequestRanges(r.Partition(), r.Clock.Wall, request) {
		for _, e := range r.Scan(rng) {
			list, err := jobqueue.DecodeRequest(e.Value)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, list...)
		}
	}
	return out
}

func TestARequestLeadsToAllItsJobs(t *testing.T) {
	r := newRig(t)
	p := push(t, r, jobqueue.New{RequestID: "one", Key: "k"})
	other := push(t, r, jobqueue.New{RequestID: "one"})
	push(t, r, jobqueue.New{RequestID: "two", Key: "k"})
	var waits []ident.Suffix
	var moved int
	for _, e := range requests(t, r, "one") {
		switch e.Kind {
		case jobqueue.RequestWaits:
			waits = append(waits, e.ID)
		case jobqueue.RequestMoved:
			moved++
			if e.ID != p.ID || len(jobqueue.RequestRangesOf(r.Partition(), r.Clock.Wall, e.Request)) == 0 {
				t.Errorf("the entry is %+v", e)
			}
		case jobqueue.RequestEnded:
			t.Errorf("the request has %+v, and none of its jobs has ended", e)
		}
	}
	if len(waits) != 2 || waits[0] != p.ID || waits[1] != other.ID || moved != 1 {
		t.Errorf("request one leads to %v and %d moved", waits, moved)
	}
	finish(t, r, claim(t, r), jobqueue.OutcomeDone)
	var ended int
	for _, e := range requests(t, r, "two") {
		if e.Kind == jobqueue.RequestEnded && e.Position > 0 {
			ended++
		}
	}
	if ended != 2 {
		t.Errorf("request two has %d ended jobs, want its duplicate and the twin", ended)
	}
}

func TestAJobThatWaitedLongIsFoundByItsRequestAgain(t *testing.T) {
	r := newRig(t)
	p := push(t, r, jobqueue.New{RequestID: "one", RunAt: r.Clock.Wall.Add(5 * 24 * time.Hour)})
	r.Advance(5 * 24 * time.Hour)
	r.Sweep()
	if got := requests(t, r, "one"); len(got) != 0 {
		t.Fatalf("the entries are %+v, want them swept", got)
	}
	r.Promote()
	if got := requests(t, r, "one"); len(got) != 1 || got[0].ID != p.ID {
		t.Errorf("the entries are %+v", got)
	}
}

func TestAClientIDLeadsToItsJob(t *testing.T) {
	r := newRig(t)
	p := push(t, r, jobqueue.New{ClientID: "c1", Source: jobqueue.Source{Name: "c:c1"}})
	var found []jobqueue.SourceEntry
	for _, v := range r.Store.Get(jobqueue.SourceKeys(r.Partition(), r.Clock.Wall, "aawiki", "c:c1")...) {
		list, err := jobqueue.DecodeSource(v)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, list...)
	}
	if len(found) != 1 || found[0].ID != p.ID {
		t.Errorf("found %+v", found)
	}
}

func TestRangesListWhatTheyPromise(t *testing.T) {
	r := newRig(t)
	first, second := push(t, r, jobqueue.New{}), push(t, r, jobqueue.New{})
	e := r.Ready(links())
	rest := r.Scan(jobqueue.ReadyRange(r.Partition(), links(), 0, e[0].Seq))
	if len(rest) != 1 {
		t.Errorf("%d jobs after the first place, want 1", len(rest))
	}
	if !e[0].Created.Equal(r.Clock.Wall.Truncate(time.Millisecond)) {
		t.Errorf("created %s", e[0].Created)
	}
	jobs := r.Scan(jobqueue.JobRange(r.Partition(), "aawiki", ident.Suffix{}))
	if len(jobs) != 2 || len(r.Scan(jobqueue.JobRange(r.Partition(), "aawiki", first.ID))) != 1 {
		t.Errorf("%d records", len(jobs))
	}
	if j, err := jobqueue.DecodeJobEntry("aawiki", jobs[1]); err != nil || j.ID != second.ID {
		t.Errorf("the record is %v, %v", j, err)
	}
	finish(t, r, claim(t, r), jobqueue.OutcomePermanent)
	dead := r.Scan(jobqueue.DeadRange(r.Partition(), links(), 0))
	if len(dead) != 1 {
		t.Fatalf("%d dead jobs, want 1", len(dead))
	}
	id, seq, err := jobqueue.DecodeDead(dead[0])
	if err != nil || id != first.ID || len(r.Scan(jobqueue.DeadRange(r.Partition(), links(), seq))) != 0 {
		t.Errorf("the dead job is %s at %d, %v", id, seq, err)
	}
	push(t, r, jobqueue.New{RunAt: r.Clock.Wall.Add(time.Hour)})
	if n := len(r.Scan(jobqueue.NextDueRange(r.Partition(), r.Clock.Wall))); n != 1 {
		t.Errorf("%d jobs are due next, want 1", n)
	}
	c := claim(t, r)
	c.Deadline = r.Clock.Wall.Add(time.Minute)
	r.Must(&jobqueue.StoreClaims{Claims: []*jobqueue.Claim{c}})
	running := r.Scan(jobqueue.RunningRange(r.Partition()))
	if got, err := jobqueue.DecodeRunning(running[0]); err != nil || got.ID != second.ID || got.Pair != links() || !got.Deadline.Equal(c.Deadline.Truncate(time.Millisecond)) {
		t.Errorf("the stored claim is %+v, %v", got, err)
	}
}

func TestEveryKeyHasWords(t *testing.T) {
	r := newRig(t)
	blob := jobqueue.BlobRef{ID: r.Mint(), Size: 1}
	storeBlob(r, blob)
	push(t, r, jobqueue.New{Key: "k", RequestID: "r", Source: jobqueue.Source{Name: "s"}, Root: root("01", true)})
	finish(t, r, claim(t, r), jobqueue.OutcomePermanent)
	push(t, r, jobqueue.New{Key: "k", RunAt: r.Clock.Wall.Add(time.Hour)})
	push(t, r, jobqueue.New{})
	r.Must(&jobqueue.StoreClaims{Claims: []*jobqueue.Claim{claim(t, r)}})
	push(t, r, jobqueue.New{})
	everyLine(t, r)
	named := map[string]bool{}
	for _, text := range r.Words() {
		named[text.Family] = true
		if text.Malformed {
			t.Errorf("%s", text.Words)
		}
	}
	for _, f := range jobqueue.Families() {
		if !named[f.Name] {
			t.Errorf("no key of family %s was seen", f.Name)
		}
		if f.Deleted == "" {
			t.Errorf("family %s does not say who deletes its keys", f.Name)
		}
	}
}
