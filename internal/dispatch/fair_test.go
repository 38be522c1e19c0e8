package dispatch_test

import (
	"strings"
	"testing"
	"time"

	"auwai/internal/dispatch"
	"auwai/internal/jobqueue"
)

// usage sums up the time that the attempts of each wiki use.
func (r *rig) usage(took map[string]time.Duration) map[string]time.Duration {
	used := map[string]time.Duration{}
	r.took = func(s *dispatch.Start) time.Duration {
		used[s.Work.Wiki] += took[s.Work.Wiki]
		return took[s.Work.Wiki]
	}
	return used
}

func TestWikisShareTheNodeByTheTimeTheyUse(t *testing.T) {
	slow, burst := pairOf("links", "aawiki"), pairOf("links", "abwiki")
	r := newRig(t, &policy{node: 4})
	r.open(false, "aawiki", "abwiki")
	used := r.usage(map[string]time.Duration{"aawiki": time.Second, "abwiki": 20 * time.Millisecond})
	r.push(burst, 10_000)
	r.push(slow, 1_000)
	r.advance(time.Minute)
	a, b := used["aawiki"].Seconds(), used["abwiki"].Seconds()
	if total := a + b; total < 239 || total > 246 {
		t.Errorf("%.0f s of attempts in a minute of 4 slots, want 240", total)
	}
	if a < 0.9*b || b < 0.9*a {
		t.Errorf("the wiki with slow jobs used %.1f s and the one with many jobs %.1f s, want about the same", a, b)
	}
}

func TestANewWikiDoesNotWaitBehindABurst(t *testing.T) {
	r := newRig(t, &policy{node: 4})
	r.open(false, "aawiki", "abwiki")
	r.usage(map[string]time.Duration{"aawiki": 50 * time.Millisecond, "abwiki": 50 * time.Millisecond})
	r.push(pairOf("links", "aawiki"), 5_000)
	r.advance(10 * time.Second)
	r.push(pairOf("links", "abwiki"), 1)
	r.advance(60 * time.Millisecond) // the slots that run now have ended once
	if got := len(r.payloads(pairOf("links", "abwiki"))); got != 1 {
		t.Fatalf("a new wiki's only job was started %d times within the time of one attempt, want 1", got)
	}
}

func TestAWikiIsNotOwedForTheTimeInWhichItAskedForNothing(t *testing.T) {
	r := newRig(t, &policy{node: 2})
	r.open(false, "aawiki", "abwiki")
	used := r.usage(map[string]time.Duration{"aawiki": 100 * time.Millisecond, "abwiki": 100 * time.Millisecond})
	r.push(pairOf("links", "abwiki"), 1) // known from the beginning
	r.push(pairOf("links", "aawiki"), 3_000)
	r.advance(30 * time.Second)
	before := used["aawiki"]
	r.push(pairOf("links", "abwiki"), 3_000)
	r.advance(20 * time.Second)
	a := (used["aawiki"] - before).Seconds()
	if a < 18 || a > 22 {
		t.Fatalf("a busy wiki used %.1f s of 40 s after an idle one came back, want half", a)
	}
}

func TestManyWikisAdvanceTogether(t *testing.T) {
	r := newRig(t, &policy{node: 8})
	took := map[string]time.Duration{}
	var wikis []string
	for i := range 40 {
		w := name("w", i)
		wikis = append(wikis, w)
		took[w] = time.Duration(10+i) * time.Millisecond
	}
	r.open(false, wikis...)
	used := r.usage(took)
	for _, w := range wikis {
		r.push(pairOf("links", w), 300)
	}
	r.advance(10 * time.Second)
	for _, w := range wikis {
		if u := used[w].Seconds(); u < 1.7 || u > 2.3 {
			t.Errorf("%s used %.2f s of 80 s for 40 wikis, want about 2", w, u)
		}
	}
}

func banded(b jobqueue.Band) func(*jobqueue.New) { return func(n *jobqueue.New) { n.Band = b } }

func TestUrgentBandsGoFirstAndTheLeastUrgentIsNotStarved(t *testing.T) {
	r := newRig(t, &policy{node: 1})
	r.open(false, "aawiki")
	r.push(pairOf("bulk", "aawiki"), 50, banded(jobqueue.Bulk))
	r.push(pairOf("page", "aawiki"), 50, banded(jobqueue.Normal))
	r.push(pairOf("mail", "aawiki"), 50, banded(jobqueue.Interactive))
	for range 48 {
		r.endAll()
	}
	counts := map[string]int{}
	for i, s := range r.started[1:] { // the first one was alone
		counts[s.Work.Queue]++
		if guard := (i+1)%dispatch.StarvationGuard == dispatch.StarvationGuard-1; guard != (s.Work.Queue == "bulk") {
			t.Errorf("start %d is of queue %s", i+1, s.Work.Queue)
		}
	}
	if counts["bulk"] != 3 || counts["page"] != 0 {
		t.Fatalf("48 starts were %v, want 3 of bulk and none of page while there is mail", counts)
	}
	r.drainAll()
	r.wantInOrder(pairOf("mail", "aawiki"), 50)
	r.wantInOrder(pairOf("bulk", "aawiki"), 50)
}

func TestBandsOfOneQueueKeepTheirOrderToo(t *testing.T) {
	r := newRig(t, &policy{node: 1})
	p := pairOf("links", "aawiki")
	r.open(false, "aawiki")
	r.push(p, 1)
	r.push(p, 2, banded(jobqueue.Bulk))
	r.push(p, 2, banded(jobqueue.Interactive))
	r.push(p, 2)
	r.drainAll()
	if got := strings.Join(r.payloads(p), " "); got != "0 3 4 5 6 1 2" {
		t.Fatalf("jobs were started in the order %s", got)
	}
}

func TestQueuesOfAWikiTakeTurns(t *testing.T) {
	r := newRig(t, &policy{node: 1})
	r.open(false, "aawiki")
	r.push(pairOf("a", "aawiki"), 10)
	r.push(pairOf("b", "aawiki"), 10)
	r.push(pairOf("c", "aawiki"), 10)
	r.drainAll()
	counts := map[string]int{}
	for _, s := range r.started[:15] {
		counts[s.Work.Queue]++
	}
	for _, q := range []string{"a", "b", "c"} {
		if counts[q] < 4 || counts[q] > 6 {
			t.Errorf("%d of 15 starts are of queue %s, want about 5", counts[q], q)
		}
	}
}

func TestAnAttemptTakesABatchOfOnePair(t *testing.T) {
	a, b := pairOf("links", "aawiki"), pairOf("mail", "aawiki")
	r := newRig(t, &policy{node: 2, batch: 10})
	r.open(false, "aawiki")
	r.pushOpen(a, 25)
	r.pushOpen(b, 3)
	r.settle()
	r.drainAll()
	r.wantInOrder(a, 25)
	r.wantInOrder(b, 3)
	if len(r.started) != 4 {
		t.Fatalf("28 jobs of two queues took %d attempts in batches of 10, want 4", len(r.started))
	}
	r.wantEmpty(a, b)
}

func TestABatchOfSlowJobsIsCut(t *testing.T) {
	p := pairOf("links", "aawiki")
	r := newRig(t, &policy{node: 1, batch: 50})
	r.open(false, "aawiki")
	r.took = func(s *dispatch.Start) time.Duration { return time.Duration(len(s.Jobs)) * time.Second }
	r.push(p, 400)
	r.advance(10 * time.Minute)
	r.wantInOrder(p, 400)
	last := r.started[len(r.started)-1]
	if n := len(last.Jobs); n > 4 {
		t.Fatalf("an attempt has %d jobs of a second each, want a batch of about 2 s", n)
	}
}

func TestJobsOfABatchEndOneByOne(t *testing.T) {
	p := pairOf("links", "aawiki")
	r := newRig(t, &policy{node: 1, batch: 4})
	r.open(false, "aawiki")
	r.push(p, 1)
	r.pushOpen(p, 4)
	r.settle()
	r.drainAllButLast()
	id := r.ids()[0]
	r.m.Result(r.clock, id, 1, done())
	r.m.Result(r.clock, id, 1, done()) // said twice
	r.m.Result(r.clock, id, 7, done()) // of no job
	r.settle()
	if c := r.pairOf(p); c.Running != 3 {
		t.Fatalf("%+v after one of four jobs has ended, want 3 running", c)
	}
	r.ended(id, nil) // the others have no result
	r.settle()
	if c := r.pairOf(p); c.Running+c.Ready != 3 || c.Delayed+c.Dead != 0 {
		t.Fatalf("%+v after an attempt ended without three results, want 3 jobs that wait or run", c)
	}
	r.drainAll()
	r.wantEmpty(p)
}

// drainAllButLast ends attempts until no job waits.
func (r *rig) drainAllButLast() {
	r.t.Helper()
	for range 100 {
		id := r.ids()[0]
		if len(r.running[id].Jobs) == 4 {
			return
		}
		r.endAll()
	}
	r.t.Fatal("no batch of four was started")
}
