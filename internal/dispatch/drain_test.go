package dispatch_test

import (
	"slices"
	"testing"
	"time"

	"auwai/internal/jobqueue"
	"auwai/internal/node"
	"auwai/internal/partition"
	"auwai/internal/runner"
)

func TestADrainStartsNothingAndWaitsForWhatRuns(t *testing.T) {
	p := pairOf("links", "aawiki")
	r := newRig(t, &policy{node: 2})
	r.open(false, "aawiki")
	r.push(p, 5)
	r.m.Drain(r.clock.Mono + 30*time.Second)
	r.endAll()
	r.push(p, 3)
	r.advance(time.Second)
	if len(r.started) != 2 {
		t.Fatalf("%d attempts were started while draining", len(r.started)-2)
	}
	if !r.m.Drained() {
		t.Fatal("nothing runs, everything is durable, and the drain is not complete")
	}
	if c := r.pairOf(p); c.Ready != 6 || c.Running != 0 {
		t.Fatalf("%+v, want 6 ready", c)
	}
}

func TestADrainIsCompleteWhenOutcomesAreDurable(t *testing.T) {
	r := newRig(t, &policy{node: 2})
	r.open(false, "aawiki")
	r.push(pairOf("links", "aawiki"), 2)
	r.m.Drain(r.clock.Mono + 30*time.Second)
	r.slow = true
	r.endAll()
	if r.m.Drained() {
		t.Fatal("a drain is complete before the last outcome is durable")
	}
	r.slow = false
	r.land()
	r.settle()
	if !r.m.Drained() {
		t.Fatal("a drain is not complete although everything is durable")
	}
}

func TestWhatStillRunsAtTheDeadlineOfADrainIsStoredAndNotCounted(t *testing.T) {
	p := pairOf("links", "aawiki")
	r := newRig(t, &policy{node: 2})
	r.open(false, "aawiki")
	r.push(p, 3)
	r.m.Drain(r.clock.Mono + 5*time.Second)
	r.advance(4 * time.Second)
	if len(r.cancelled) > 0 || r.m.Drained() {
		t.Fatal("attempts were cancelled before the deadline")
	}
	r.advance(1500 * time.Millisecond)
	if o, n := r.storedClaims("aawiki"); o != 2 || n != 0 {
		t.Fatalf("%d claims are marked as cut short and %d are not, want 2 and 0", o, n)
	}
	slices.Sort(r.cancelled)
	if got := slices.Compact(r.cancelled); !slices.Equal(got, r.ids()) {
		t.Fatalf("cancelled are %v, running %v", got, r.ids())
	}
	if !r.m.Drained() {
		t.Fatal("the drain is not complete although everything that runs is stored")
	}
	r.boot() // the process ends with its attempts
	r.open(false, "aawiki")
	for _, s := range r.started {
		if s.Work.Jobs[0].Attempt != 1 {
			t.Fatalf("attempt %d: an orderly stop was counted", s.Work.Jobs[0].Attempt)
		}
	}
	r.drainAll()
	r.wantEmpty(p)
}

func TestAnAttemptWhoseClaimIsBeingStoredDoesNotStartInADrain(t *testing.T) {
	p := pairOf("links", "abwiki")
	r := crashed(t, &policy{node: 4})
	r.open(true, "abwiki")
	r.push(p, 1, func(*jobqueue.New) { r.slow = false })
	r.drainAll()
	r.started = nil
	r.push(p, 2, func(*jobqueue.New) { r.policy.node = 0 })
	r.slow, r.policy.node = true, 4
	r.settle() // the claims are on their way
	r.m.Drain(r.clock.Mono + 30*time.Second)
	r.slow = false
	r.land()
	r.settle()
	if len(r.started) != 0 {
		t.Fatalf("%d attempts were started in a drain", len(r.started))
	}
	r.advance(tick)
	if !r.m.Drained() {
		t.Fatal("the drain is not complete")
	}
	if c := r.pairOf(p); c.Ready != 2 || c.Running != 0 {
		t.Fatalf("%+v, want both jobs ready again", c)
	}
}

func TestAnAttemptThatReportedAllAndHangsDoesNotHoldUpADrain(t *testing.T) {
	r := newRig(t, &policy{node: 2})
	r.open(false, "aawiki")
	r.push(pairOf("links", "aawiki"), 1)
	r.result(r.ids()[0], 0, done())
	r.settle()
	r.m.Drain(r.clock.Mono + time.Second)
	r.advance(2 * time.Second)
	if !slices.Contains(r.cancelled, r.ids()[0]) {
		t.Error("an attempt that hangs was not cancelled at the deadline")
	}
	if !r.m.Drained() {
		t.Error("the drain is not complete although every outcome is durable")
	}
}

func TestAPartitionThatIsGivenUpStoresItsClaimsAndIsThenSettled(t *testing.T) {
	a, b := pairOf("links", "aawiki"), pairOf("links", "abwiki")
	r := newRig(t, &policy{node: 4})
	r.open(false, "aawiki", "abwiki")
	r.push(a, 10)
	r.push(b, 10)
	p := partition.Of("aawiki")
	r.slow = true
	r.closing("aawiki")
	r.settle()
	if r.settled[p] != 0 {
		t.Fatal("a partition was said to be settled before its claims are durable")
	}
	r.slow = false
	r.land()
	r.settle()
	if r.settled[p] == 0 {
		t.Fatal("the partition is not settled")
	}
	if o, n := r.storedClaims("aawiki"); o != r.counts["wiki aawiki"] || n != 0 {
		t.Fatalf("%d of %d attempts are stored as cut short", o, r.counts["wiki aawiki"])
	}
	before := r.startsOf("aawiki")
	for _, id := range r.ids() {
		if r.running[id].Work.Wiki == "aawiki" {
			if !slices.Contains(r.cancelled, id) {
				t.Errorf("attempt %d was not cancelled", id)
			}
			r.end(id, runner.Result{Outcome: jobqueue.OutcomeFailed, Error: "cancelled"})
		}
	}
	r.close("aawiki")
	r.settle()
	r.advance(5 * time.Second)
	if n := r.startsOf("aawiki"); n != before {
		t.Fatalf("%d attempts were started in a partition that was given up", n-before)
	}
	r.drainAll()
	r.wantInOrder(b, 10)
	r.open(false, "aawiki")
	for _, s := range r.started[len(r.started)-4:] {
		if s.Work.Wiki != "aawiki" || s.Work.Jobs[0].Attempt != 1 {
			t.Fatalf("attempt %d of %s, want the first of aawiki", s.Work.Jobs[0].Attempt, s.Work.Wiki)
		}
	}
	r.drainAll()
	r.wantEmpty(a, b)
}

func TestAttemptsOfAPartitionThatWasLostKeepTheirSlotsUntilTheyEnd(t *testing.T) {
	a, b := pairOf("links", "aawiki"), pairOf("links", "abwiki")
	r := newRig(t, &policy{node: 2})
	r.open(false, "aawiki", "abwiki")
	r.push(a, 6)
	r.advance(2 * time.Second) // stored claims, found by the next owner
	old := r.ids()
	r.close("aawiki")
	r.push(b, 6)
	if len(r.ids()) != 2 {
		t.Fatalf("%d attempts run, at most 2", len(r.ids()))
	}
	r.open(false, "aawiki") // owned again, while the old attempts still run
	for _, id := range old {
		if !slices.Contains(r.cancelled, id) {
			t.Errorf("attempt %d of a lost partition was not cancelled", id)
		}
		r.result(id, 0, done())
		clear(r.done) // the new owner does not know of it
		r.ended(id, nil)
	}
	r.settle()
	r.drainAll()
	r.wantEmpty(a, b)
	r.advance(time.Minute)
	if pairs, wikis, limiters := r.m.Known(); pairs+wikis+limiters != 0 {
		t.Fatalf("%d pairs, %d wikis and %d limiters are in memory, want none", pairs, wikis, limiters)
	}
}

func TestASuspendedNodeStartsNothingAndCancelsWhatRuns(t *testing.T) {
	p := pairOf("links", "aawiki")
	r := newRig(t, &policy{node: 2})
	r.open(false, "aawiki")
	r.push(p, 6)
	r.m.Event(r.clock, node.Event{Kind: node.Suspended})
	r.settle()
	if len(r.cancelled) != 2 {
		t.Fatalf("%d attempts were cancelled, want 2", len(r.cancelled))
	}
	for _, id := range r.ids() {
		r.end(id, runner.Result{Outcome: jobqueue.OutcomeFailed, Error: "cancelled"})
	}
	if len(r.running) != 0 {
		t.Fatal("a suspended node starts attempts")
	}
	want := "this node cannot commit; nothing is started until it can"
	if got := r.m.Held(r.clock, p); got != want {
		t.Errorf("Held() = %q, want %q", got, want)
	}
	r.m.Event(r.clock, node.Event{Kind: node.Resumed})
	r.settle()
	if len(r.running) != 2 {
		t.Fatalf("%d attempts run after the node has resumed, want 2", len(r.running))
	}
	r.drainAll()
	for _, s := range r.started {
		if s.Work.Jobs[0].Attempt != 1 {
			t.Fatalf("attempt %d: being cancelled by the node was counted", s.Work.Jobs[0].Attempt)
		}
	}
	r.wantEmpty(p)
}
