package jobqueue_test

import (
	"strings"
	"testing"
	"time"

	"auwai/internal/fault"
	"auwai/internal/jobqueue"
	"auwai/internal/jobqueue/jobqueuetest"
)

func TestAPushedJobIsReadyWithItsBytes(t *testing.T) {
	r := newRig(t)
	p := push(t, r, jobqueue.New{Payload: []byte(`{"a": 1}`), RequestID: "req", ClientID: "c", Domain: "d", FromEvent: true, Band: jobqueue.Bulk})
	j := wantState(t, r, p.ID, jobqueue.Ready)
	if string(j.Payload) != `{"a": 1}` || j.RequestID != "req" || j.ClientID != "c" || j.Domain != "d" || !j.FromEvent || j.Band != jobqueue.Bulk {
		t.Errorf("the record is %+v", j)
	}
	if e := effect[jobqueue.BecameReady](t, r.Effects()); e.Job.ID != p.ID || e.Settles {
		t.Errorf("the effect is %+v", e)
	}
	wantCounts(t, r, jobqueue.Counts{Ready: 1})
}

func TestAJobThatAnotherQueueGaveUpIsDeadFromTheStartAndCanBeRequeued(t *testing.T) {
	r := newRig(t)
	waiting := push(t, r, jobqueue.New{Key: "k"})
	p := push(t, r, jobqueue.New{Key: "k", Root: jobqueue.Root{Signature: "s", Timestamp: "20260102030405"}, Dead: "it failed there", Payload: []byte("1")})
	j := wantState(t, r, p.ID, jobqueue.Dead)
	if j.LastError != "it failed there" || j.Died.IsZero() || p.State != jobqueue.Dead || !p.DuplicateOf.IsZero() {
		t.Errorf("the record is %+v, the answer %+v", j, p)
	}
	wantCounts(t, r, jobqueue.Counts{Ready: 1, Dead: 1})
	wantOrder(t, r, waiting.ID)
	claim(t, r)
	retry := &jobqueue.Retry{Wiki: links().Wiki, ID: p.ID}
	if err := r.Do(retry); err != nil {
		t.Fatal(err)
	}
	wantState(t, r, p.ID, jobqueue.Ready)
}

func TestBandsAndSequenceOrderReadyJobs(t *testing.T) {
	r := newRig(t)
	bulk := push(t, r, jobqueue.New{Band: jobqueue.Bulk})
	first := push(t, r, jobqueue.New{Band: jobqueue.Normal})
	second := push(t, r, jobqueue.New{Band: jobqueue.Normal})
	urgent := push(t, r, jobqueue.New{Band: jobqueue.Interactive})
	wantOrder(t, r, urgent.ID, first.ID, second.ID, bulk.ID)
}

func TestADelayedJobBecomesReadyAtItsMoment(t *testing.T) {
	r := newRig(t)
	at := r.Clock.Wall.Add(time.Hour + 300*time.Microsecond)
	p := push(t, r, jobqueue.New{RunAt: at})
	wantCounts(t, r, jobqueue.Counts{Delayed: 1})
	if e := effect[jobqueue.BecameDelayed](t, r.Effects()); e.Due.Before(at) || e.Due.Sub(at) > time.Millisecond {
		t.Errorf("due %s, want %s rounded up", e.Due, at)
	}
	r.Advance(time.Hour)
	r.Promote()
	wantState(t, r, p.ID, jobqueue.Delayed)
	r.Advance(time.Millisecond)
	r.Promote()
	wantState(t, r, p.ID, jobqueue.Ready)
	wantCounts(t, r, jobqueue.Counts{Ready: 1})
}

func TestAMomentInThePastIsNoDelay(t *testing.T) {
	r := newRig(t)
	p := push(t, r, jobqueue.New{RunAt: r.Clock.Wall.Add(-time.Hour)})
	if j := wantState(t, r, p.ID, jobqueue.Ready); !j.RunAt.IsZero() {
		t.Errorf("run_at is kept as %s", j.RunAt)
	}
}

func TestAPushIsTakenWholeOrNotAtAll(t *testing.T) {
	r := newRig(t)
	c := &jobqueue.Push{Jobs: []jobqueue.New{
		{ID: r.Mint(), Pair: links(), Payload: []byte("1")},
		{ID: r.Mint(), Pair: links(), Blob: jobqueue.BlobRef{ID: r.Mint(), Size: 10}},
	}}
	wantKind(t, r.Do(c), fault.Conflict)
	if n := r.Store.Len(); n > 1 {
		t.Errorf("%d keys are left, want the partition's own only", n)
	}
	if len(r.Effects()) > 0 {
		t.Error("a refused push has effects")
	}
	wantCounts(t, r, jobqueue.Counts{})
}

func TestBadJobsAreRefusedWithTheirField(t *testing.T) {
	r := newRig(t)
	good := jobqueue.New{ID: r.Mint(), Pair: links()}
	for field, spoil := range map[string]func(*jobqueue.New){
		"jobs[0].id":        func(n *jobqueue.New) { n.ID = [16]byte{} },
		"jobs[0].wiki":      func(n *jobqueue.New) { n.Wiki = "a\x00b" },
		"jobs[0].queue":     func(n *jobqueue.New) { n.Queue = strings.Repeat("q", 256) },
		"jobs[0].priority":  func(n *jobqueue.New) { n.Band = 9 },
		"jobs[0].client_id": func(n *jobqueue.New) { n.ClientID = strings.Repeat("c", 256) },
		"jobs[0].key":       func(n *jobqueue.New) { n.Key = strings.Repeat("k", 8<<10+1) },
	} {
		n := good
		spoil(&n)
		err := r.Do(&jobqueue.Push{Jobs: []jobqueue.New{n}})
		if fault.KindOf(err) != fault.Invalid || fault.FieldOf(err) != field {
			t.Errorf("got %v, want field %s", err, field)
		}
	}
	big := good
	big.Payload = make([]byte, jobqueue.MaxInline+1)
	wantKind(t, r.Do(&jobqueue.Push{Jobs: []jobqueue.New{big}}), fault.TooLarge)
	wantKind(t, r.Do(&jobqueue.Push{Jobs: make([]jobqueue.New, jobqueue.MaxPush+1)}), fault.TooLarge)
}

func TestTheLongestNamesFitIntoKeys(t *testing.T) {
	r := newRig(t)
	pair := jobqueue.Pair{Wiki: strings.Repeat("w", 255), Queue: strings.Repeat("q", 255)}
	long := strings.Repeat("\x00x", 4<<10)
	root := jobqueue.Root{Signature: long, Timestamp: "20260101000000", IsRoot: true}
	r.Must(&jobqueue.Push{Jobs: []jobqueue.New{
		{ID: r.Mint(), Pair: pair, Key: long, Root: root, RequestID: long, Source: jobqueue.Source{Name: long}, Payload: []byte("1")},
		{ID: r.Mint(), Pair: pair, RunAt: r.Clock.Wall.Add(time.Hour), Payload: []byte("2")},
	}})
	i := r.Pair(pair)
	if i.Counts.Ready != 1 || i.Counts.Delayed != 1 {
		t.Fatalf("counts are %+v", i.Counts)
	}
	c := r.Claim(pair)
	r.Must(&jobqueue.StoreClaims{Claims: []*jobqueue.Claim{c}})
	r.Must(&jobqueue.Finish{Outcomes: []jobqueue.Ended{{Claim: c, Outcome: jobqueue.OutcomePermanent, Error: "no"}}})
	if i := r.Pair(pair); i.Counts.Dead != 1 {
		t.Fatalf("counts are %+v", i.Counts)
	}
}

func TestARepeatedSourceAnswersTheFirstID(t *testing.T) {
	for name, wait := range map[string]time.Duration{"at once": 0, "after a day": 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			source := jobqueue.Source{Name: "e:1", Hash: [8]byte{1}}
			first := push(t, r, jobqueue.New{Source: source})
			finish(t, r, claim(t, r), jobqueue.OutcomeDone)
			r.Advance(wait)
			again := push(t, r, jobqueue.New{Source: source})
			if !again.Repeated || again.ID != first.ID {
				t.Errorf("the repeat answers %+v, want %s", again, first.ID)
			}
			other := push(t, r, jobqueue.New{Source: jobqueue.Source{Name: "e:1", Hash: [8]byte{2}}})
			if other.Repeated || !other.Flagged || other.State != jobqueue.Ready {
				t.Errorf("the same event id with other bytes answers %+v, want a new job, flagged", other)
			}
			r.Advance(37 * time.Hour)
			late := push(t, r, jobqueue.New{Source: source})
			if late.Repeated || late.Flagged {
				t.Errorf("after 37 h the source answers %+v, want it forgotten", late)
			}
			wantCounts(t, r, jobqueue.Counts{Ready: 2})
		})
	}
}

func TestSourcesAreOfOneWiki(t *testing.T) {
	r := newRig(t)
	source := jobqueue.Source{Name: "c:1"}
	push(t, r, jobqueue.New{Source: source})
	other := push(t, r, jobqueue.New{Pair: jobqueue.Pair{Wiki: "bbwiki", Queue: "q"}, Source: source})
	if other.Repeated {
		t.Error("a client id of one wiki is taken for another wiki's")
	}
}

func TestASourceTwiceInOnePushMakesOneJob(t *testing.T) {
	r := newRig(t)
	source := jobqueue.Source{Name: "c:1"}
	c := &jobqueue.Push{Jobs: []jobqueue.New{{ID: r.Mint(), Pair: links(), Source: source}, {ID: r.Mint(), Pair: links(), Source: source}}}
	r.Must(c)
	if !c.Results[1].Repeated || c.Results[1].ID != c.Results[0].ID {
		t.Errorf("the answers are %+v", c.Results)
	}
	wantCounts(t, r, jobqueue.Counts{Ready: 1})
}

func TestALargePayloadIsStoredAheadAndGoesWithItsJob(t *testing.T) {
	r := newRig(t)
	blob := jobqueue.BlobRef{ID: r.Mint(), Size: jobqueue.ChunkSize + 5}
	storeBlob(r, blob)
	p := push(t, r, jobqueue.New{Blob: blob})
	r.Advance(48 * time.Hour)
	r.Sweep()
	r.Verify()
	c := claim(t, r)
	if c.Job.Blob != blob || c.Job.Payload != nil {
		t.Fatalf("job %s has payload %+v", p.ID, c.Job.Blob)
	}
	size := 0
	for _, v := range r.Store.Get(jobqueue.BlobKeys(r.Partition(), "aawiki", blob)...) {
		size += len(v)
	}
	if size != blob.Size {
		t.Errorf("the blocks have %d bytes, want %d", size, blob.Size)
	}
	finish(t, r, c, jobqueue.OutcomeDone)
	for i, v := range r.Store.Get(jobqueue.BlobKeys(r.Partition(), "aawiki", blob)...) {
		if v != nil {
			t.Errorf("block %d is left", i)
		}
	}
	r.Verify()
}

func TestAPayloadThatNoJobNamesIsSwept(t *testing.T) {
	r := newRig(t)
	blob := jobqueue.BlobRef{ID: r.Mint(), Size: jobqueue.ChunkSize + 5}
	storeBlob(r, blob)
	r.Advance(36 * time.Hour)
	wantKind(t, r.Do(&jobqueue.StoreBlob{Wiki: "aawiki", ID: blob.ID, Chunk: 2, Data: []byte("x")}), fault.Invalid)
	r.Sweep()
	for i, v := range r.Store.Get(jobqueue.BlobKeys(r.Partition(), "aawiki", blob)...) {
		if v != nil {
			t.Errorf("block %d is left", i)
		}
	}
	wantKind(t, r.Do(&jobqueue.Push{Jobs: []jobqueue.New{{ID: r.Mint(), Pair: links(), Blob: blob}}}), fault.Conflict)
}

func storeBlob(r *jobqueuetest.Rig, b jobqueue.BlobRef) {
	for n, left := 0, b.Size; left > 0; n++ {
		size := min(left, jobqueue.ChunkSize)
		r.Must(&jobqueue.StoreBlob{Wiki: "aawiki", ID: b.ID, Chunk: n, Data: make([]byte, size)})
		left -= size
	}
}
