package dispatch_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"auwai/internal/dispatch"
	"auwai/internal/jobqueue"
	"auwai/internal/partition"
	"auwai/internal/runner"
)

// wantBounded fails the test when windows hold more than they may, or are counted wrong.
func (r *rig) wantBounded(most int) {
	r.t.Helper()
	counted, found := r.m.Loaded()
	if counted != found {
		r.t.Fatalf("windows hold %d bytes and %d are counted", found, counted)
	}
	if counted > most {
		r.t.Fatalf("windows hold %d bytes, at most %d", counted, most)
	}
	if _, largest := r.m.Entries(); largest > dispatch.WindowEntries+dispatch.LargestPage {
		r.t.Fatalf("a window has %d entries, at most %d", largest, dispatch.WindowEntries)
	}
}

func TestALongQueueNeedsNoMoreMemoryAndRunsInOrder(t *testing.T) {
	const jobs = 200_000
	p := pairOf("links", "aawiki")
	r := newRig(t, &policy{node: 8, batch: 100})
	r.open(false, "aawiki")
	r.policy.node = 0
	for range jobs / 20_000 {
		r.push(p, 20_000)
		r.wantBounded(8 << 20)
	}
	r.policy.node = 8
	r.took = func(*dispatch.Start) time.Duration { return 10 * time.Millisecond }
	for len(r.running) > 0 || len(r.started) == 0 {
		r.advance(tick)
		r.wantBounded(8 << 20)
	}
	r.wantInOrder(p, jobs)
	r.wantEmpty(p)
}

func TestLargeJobsOfManyQueuesAreReadWhenTheirTurnComes(t *testing.T) {
	r := newRig(t, &policy{node: 8})
	r.open(false, "aawiki", "abwiki")
	r.policy.node = 0
	payload := bytes.Repeat([]byte("x"), 100<<10)
	var pairs []jobqueue.Pair
	for i := range 10 {
		pairs = append(pairs, pairOf("q"+strconv.Itoa(i), "aawiki"), pairOf("q"+strconv.Itoa(i), "abwiki"))
	}
	large := func(n *jobqueue.New) { n.Payload = append(n.Payload, payload...) }
	for range 4 {
		for _, p := range pairs {
			for range 6 {
				r.push(p, 1, large)
			}
			r.wantBounded(dispatch.WindowBytes + 20*101<<10)
		}
	}
	r.policy.node = 8
	for r.advance(tick); len(r.running) > 0; r.endAll() {
		r.wantBounded(dispatch.WindowBytes + 40*101<<10)
	}
	for _, p := range pairs {
		if got := r.payloads(p); len(got) != 24 {
			t.Errorf("%d of 24 jobs of %v ran", len(got), p)
		}
	}
	r.wantEmpty(pairs...)
}

func TestWindowsAreReadAgainAfterARestart(t *testing.T) {
	p := pairOf("links", "aawiki")
	r := newRig(t, &policy{node: 4, batch: 20})
	r.open(false, "aawiki")
	r.push(p, 5000)
	for range 20 {
		r.endAll()
	}
	before := r.payloads(p)
	for _, id := range r.ids() { // what runs is given back in order
		r.ended(id, nil)
	}
	r.settle()
	n := len(before) - 4*20
	r.boot()
	r.open(false, "aawiki")
	r.drainAll()
	got := r.payloads(p)
	slices.SortFunc(got, byNumber)
	if len(got) != 5000-n || got[0] != strconv.Itoa(n) || got[len(got)-1] != "4999" {
		t.Fatalf("after a restart %d jobs ran, from %s; want those from %d", len(got), got[0], n)
	}
	r.wantEmpty(p)
}

func byNumber(a, b string) int {
	x, _ := strconv.Atoi(a)
	y, _ := strconv.Atoi(b)
	return x - y
}

func TestARestartDoesNotWalkOverWhatIsFinished(t *testing.T) {
	p := pairOf("links", "aawiki")
	r := newRig(t, &policy{node: 4, batch: 20})
	r.open(false, "aawiki")
	r.push(p, 5000)
	for len(r.payloads(p)) < 3500 {
		r.endAll()
	}
	moved := 0
	for _, c := range sent[*jobqueue.Finish](r) {
		moved += len(c.Cursors)
	}
	if moved < 3*jobqueue.Bands || moved > 4*jobqueue.Bands {
		t.Errorf("cursors were moved %d times for 3,500 jobs, want once in 1,000", moved/jobqueue.Bands)
	}
	info := r.info(p)
	page := r.store.Scan(jobqueue.ReadyRange(partition.Of("aawiki"), p, jobqueue.Normal, 0))[0]
	first, err := jobqueue.DecodeReady(page.Entries[0])
	if err != nil {
		t.Fatal(err)
	}
	if c := info.Cursor[jobqueue.Normal]; c > first.Seq || c+1100 < first.Seq {
		t.Errorf("the cursor stands at %d and the first job at %d", c, first.Seq)
	}
}

func TestAReadThatFailsIsRepeated(t *testing.T) {
	p := pairOf("links", "aawiki")
	r := newRig(t, &policy{node: 2, batch: 50})
	r.open(false, "aawiki")
	r.push(p, 6000)
	r.boot()
	n := 0
	r.readFails = func() error {
		if n++; n%3 == 0 {
			return errRefused
		}
		return nil
	}
	r.open(false, "aawiki")
	r.drainAll()
	r.wantInOrder(p, 6000)
	r.wantEmpty(p)
}

// TestNothingIsLostOrDoubledWhileWindowsAreRead has reads that take long, commits that are seen by
// readers before they are acknowledged, and jobs that arrive, are cancelled, merged, superseded and
// given back meanwhile.
func TestNothingIsLostOrDoubledWhileWindowsAreRead(t *testing.T) {
	for seed := range uint64(10) {
		newWindowRun(t, seed).run()
	}
}

// windowRun is one random life of a queue whose windows are always too short.
type windowRun struct {
	*rig
	rnd   *rand.Rand
	seed  uint64
	pair  jobqueue.Pair
	jobs  []jobqueue.New
	cause uint64
}

func newWindowRun(t *testing.T, seed uint64) *windowRun {
	t.Helper()
	u := &windowRun{rnd: rand.New(rand.NewPCG(seed, 2)), seed: seed, pair: pairOf("links", "aawiki")} //nolint:gosec // repeatable
	u.rig = newRig(t, &policy{node: 1 + u.rnd.IntN(6), batch: 1 + u.rnd.IntN(4)})
	u.open(false, "aawiki")
	u.policy.node, u.cause = 0, uint64(u.policy.node) //nolint:gosec // small
	u.push(u.pair, 4200)                              // the window is over its entries
	u.policy.node = int(u.cause)                      //nolint:gosec // small
	return u
}

func (u *windowRun) run() {
	u.t.Helper()
	for range 300 {
		u.change()
		u.slow = u.rnd.IntN(2) == 0
		u.holdReads = u.rnd.IntN(3) > 0
		if !u.slow && u.view.InFlight() {
			u.land()
		}
		u.settle()
		for _, id := range u.ids() {
			if u.rnd.IntN(3) > 0 && u.running[id] != nil {
				u.finishSome(id)
			}
		}
		u.clock.Mono += 50 * time.Millisecond
		u.clock.Wall = u.clock.Wall.Add(50 * time.Millisecond)
	}
	u.slow, u.holdReads = false, false
	if u.view.InFlight() {
		u.land()
	}
	u.policy.batch, u.policy.node = 50, 8
	u.settle()
	u.drainAll()
	u.advance(10 * time.Minute)
	u.drainAll()
	c := u.pairOf(u.pair)
	if c.Dead = 0; !c.IsZero() { // some have failed three times
		u.t.Fatalf("seed %d: %+v is left", u.seed, c)
	}
	if left := u.mem("aawiki").Claims(); left != 0 {
		u.t.Fatalf("seed %d: %d claims are left", u.seed, left)
	}
}

func (u *windowRun) finishSome(id uint64) {
	u.t.Helper()
	res := done()
	switch u.rnd.IntN(8) {
	case 0:
		res = runner.Result{Outcome: jobqueue.OutcomeUncounted}
	case 1:
		res = runner.Result{Outcome: jobqueue.OutcomeFailed, Error: "it broke", RetryAfter: time.Second}
	}
	u.end(id, res)
}

// change has a caller do something.
func (u *windowRun) change() {
	u.t.Helper()
	note := func(n *jobqueue.New) { u.jobs = append(u.jobs, *n) }
	switch u.rnd.IntN(6) {
	case 0, 1:
		u.pushOpen(u.pair, 1+u.rnd.IntN(40), note)
	case 2:
		key := "k" + strconv.Itoa(u.rnd.IntN(4))
		band := jobqueue.Band(u.rnd.IntN(3)) //nolint:gosec // a band
		u.pushOpen(u.pair, 1, note, func(n *jobqueue.New) { n.Key, n.Band = key, band })
	case 3:
		u.clock.Wall = u.clock.Wall.Add(time.Second)
		root := jobqueue.Root{Signature: "s" + strconv.Itoa(u.rnd.IntN(3)), Timestamp: u.clock.Wall.Format("20060102150405")}
		root.IsRoot = u.rnd.IntN(2) == 0
		u.pushOpen(u.pair, 1+u.rnd.IntN(5), note, func(n *jobqueue.New) { n.Root = root })
	case 4:
		u.pushOpen(u.pair, 1, note, func(n *jobqueue.New) { n.RunAt = u.clock.Wall.Add(time.Second) })
	default:
		for range min(len(u.jobs), 20) {
			id := u.jobs[u.rnd.IntN(len(u.jobs))].ID
			// Whatever the state of the job is.
			u.submit(u.order[0], "aawiki", &jobqueue.Cancel{Wiki: "aawiki", ID: id}, func(error) {})
		}
	}
}

func TestAJobThatIsReadBeforeItsPushIsAcknowledgedRunsOnce(t *testing.T) {
	p := pairOf("links", "aawiki")
	r := newRig(t, &policy{node: 4})
	r.open(false, "aawiki")
	r.policy.node = 0
	r.push(p, 4200) // more than a window takes
	r.policy.node = 4
	r.untilRead()
	r.drainAll() // what is in memory
	r.slow = true
	r.push(p, 1) // seen by readers, not yet acknowledged
	r.readNow()
	r.settle()
	r.drainAll()
	r.slow = false
	r.land()
	r.settle()
	r.drainAll()
	r.wantInOrder(p, 4201)
	r.wantEmpty(p)
}

func TestARootThatMovesDuringAReadSupersedesWhatHasArrived(t *testing.T) {
	p := pairOf("links", "aawiki")
	r := newRig(t, &policy{node: 1})
	r.open(false, "aawiki")
	r.push(p, dispatch.WindowEntries+10) // the read will find the end
	r.untilRead()
	rooted := func(stamp string) func(*jobqueue.New) {
		return func(n *jobqueue.New) { n.Root = jobqueue.Root{Signature: "s", Timestamp: stamp} }
	}
	r.push(p, 1, rooted("20260101000000"))
	r.push(p, 1, rooted("20260102000000"))
	r.holdReads = false
	r.settle()
	r.drainAll()
	got := r.payloads(p)
	old, young := strconv.Itoa(dispatch.WindowEntries+10), strconv.Itoa(dispatch.WindowEntries+11)
	if slices.Contains(got, old) || !slices.Contains(got, young) {
		t.Fatalf("the last jobs were %v; want %s, and not %s, which is of an older root", got[len(got)-3:], young, old)
	}
	r.wantEmpty(p)
}

func TestAJobThatTookAnotherRootDuringAReadIsKept(t *testing.T) {
	p := pairOf("links", "aawiki")
	r := newRig(t, &policy{node: 1})
	r.open(false, "aawiki")
	r.push(p, dispatch.WindowEntries+10)
	r.untilRead()
	rooted := func(signature, stamp, key string) func(*jobqueue.New) {
		return func(n *jobqueue.New) {
			n.Root, n.Key = jobqueue.Root{Signature: signature, Timestamp: stamp}, key
		}
	}
	r.push(p, 1, rooted("s", "20260101000000", "k"))
	r.push(p, 1, rooted("u", "20260102000000", "k")) // merged into the first
	r.push(p, 1, rooted("s", "20260103000000", ""))
	r.holdReads = false
	r.settle()
	r.drainAll()
	if got := len(r.payloads(p)); got != dispatch.WindowEntries+12 {
		t.Fatalf("%d jobs ran, want %d", got, dispatch.WindowEntries+12)
	}
	r.wantEmpty(p)
}

func TestJobsOfAnOldRootAreNotStarted(t *testing.T) {
	p := pairOf("links", "aawiki")
	r := newRig(t, &policy{node: 1})
	r.open(false, "aawiki")
	r.push(p, 1)
	for _, stamp := range []string{"20260101000000", "20260103000000", "20260102000000"} {
		r.push(p, 100, func(n *jobqueue.New) { n.Root = jobqueue.Root{Signature: "s", Timestamp: stamp} })
	}
	r.drainAll()
	if got := r.payloads(p); len(got) != 101 || got[1] != "101" {
		t.Fatalf("%d jobs ran, the second was %s; want 101, from 101", len(got), got[1])
	}
	r.wantEmpty(p)
}

func TestAPairThatIsIdleIsForgotten(t *testing.T) {
	p := pairOf("links", "aawiki")
	r := newRig(t, &policy{node: 4})
	r.open(false, "aawiki")
	var ids []jobqueue.New
	r.push(p, 5)
	r.push(pairOf("mail", "aawiki"), 10, func(n *jobqueue.New) { ids = append(ids, *n) })
	r.drainAll()
	r.policy.node = 0
	r.push(pairOf("gone", "aawiki"), 1, func(n *jobqueue.New) { ids = append(ids[:0], *n) })
	r.command("aawiki", &jobqueue.Cancel{Wiki: "aawiki", ID: ids[0].ID})
	r.settle()
	r.advance(30 * time.Second)
	if pairs, wikis, limiters := r.m.Known(); pairs+wikis+limiters != 0 {
		t.Fatalf("%d pairs, %d wikis and %d limiters are in memory, want none", pairs, wikis, limiters)
	}
	r.policy.node = 4
	r.push(p, 5)
	r.drainAll()
	r.wantInOrder(p, 10)
}

// untilRead ends attempts until a window is being read on, and has that read take long.
func (r *rig) untilRead() {
	r.t.Helper()
	r.holdReads = true
	for range 10_000 {
		if len(r.scans) > 0 {
			return
		}
		r.endAll()
	}
	r.t.Fatal("no window is read on")
}

// readNow has the reads that are under way see what is there now.
func (r *rig) readNow() {
	for i := range r.scans {
		r.scans[i].pages = nil
	}
	r.holdReads = false
}
