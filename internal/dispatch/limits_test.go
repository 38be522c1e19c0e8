package dispatch_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"auwai/internal/dispatch"
	"auwai/internal/jobqueue"
	"auwai/internal/node"
	"auwai/internal/runner"
)

func TestEveryLimitIsKeptAndUsed(t *testing.T) {
	a, b := pairOf("links", "aawiki"), pairOf("links", "abwiki")
	r := newRig(t, &policy{
		node:   10,
		queues: map[string]settings{"links": {Concurrency: 5, PerWiki: 3}, "mail": {Concurrency: 4}},
		wikis:  map[string]int{"abwiki": 2},
	})
	r.open(false, "aawiki", "abwiki", "acwiki")
	r.push(a, 20)
	r.push(b, 20)
	r.push(pairOf("mail", "aawiki"), 20)
	r.push(pairOf("other", "acwiki"), 20)
	for name, want := range map[string]int{
		"node": 10, "queue links": 5, "queue mail": 4, "wiki abwiki": 2, "pair links aawiki": 3,
		"wiki aawiki": 7, "wiki acwiki": 1,
	} {
		if r.counts[name] != want {
			t.Errorf("%s has %d attempts, want %d", name, r.counts[name], want)
		}
	}
	r.drainAll()
	r.wantInOrder(a, 20)
	r.wantInOrder(b, 20)
	r.wantEmpty(a, b, pairOf("mail", "aawiki"), pairOf("other", "acwiki"))
}

func TestALimitOfAQueueHoldsAfterAPairOfItWasForgotten(t *testing.T) {
	r := newRig(t, &policy{node: 10, queues: map[string]settings{"links": {Concurrency: 1}}, held: map[string]string{"abwiki": "closed"}})
	r.open(false, "aawiki", "abwiki")
	r.push(pairOf("links", "abwiki"), 1) // held: it keeps its queue
	r.push(pairOf("links", "aawiki"), 1)
	r.drainAll()
	r.advance(time.Minute) // the idle pair is forgotten
	r.policy.held = nil
	r.changed()
	r.push(pairOf("links", "aawiki"), 5)
	r.push(pairOf("links", "abwiki"), 5) // the rig fails above a limit
	r.drainAll()
	r.wantInOrder(pairOf("links", "abwiki"), 6)
}

func TestAWikiThatWaitsForItsQueueIsNotForgottenWhileOthersAreBusy(t *testing.T) {
	r := newRig(t, &policy{node: 4, queues: map[string]settings{"links": {Concurrency: 1}}})
	r.open(false, "aawiki", "abwiki", "acwiki")
	r.push(pairOf("links", "aawiki"), 1)
	first := r.ids()[0]
	r.push(pairOf("links", "abwiki"), 1) // waits for the slot
	r.push(pairOf("mail", "acwiki"), 1000)
	r.end(first, done()) // the slot of the queue is free; the node is busy with another wiki
	for range 4 {
		r.endAll()
	}
	if got := r.payloads(pairOf("links", "abwiki")); len(got) != 1 {
		t.Fatalf("a queue's free slot was not used for %d rounds of starts", len(r.started)/4)
	}
}

func TestAFreeSlotOfAQueueGoesToAnotherWaiterWhenTheFirstIsBlocked(t *testing.T) {
	r := newRig(t, &policy{
		node: 10, queues: map[string]settings{"links": {Concurrency: 2}}, wikis: map[string]int{"abwiki": 1},
	})
	r.open(false, "aawiki", "abwiki", "acwiki")
	r.push(pairOf("links", "aawiki"), 2) // takes the queue
	r.push(pairOf("links", "abwiki"), 1) // waits
	r.push(pairOf("mail", "abwiki"), 1)  // takes the wiki
	r.push(pairOf("links", "acwiki"), 1) // waits
	r.end(r.ids()[0], done())
	if got := len(r.payloads(pairOf("links", "acwiki"))); got != 1 {
		t.Fatalf("%d jobs of the second waiter were started, want 1", got)
	}
	r.drainAll()
	r.wantInOrder(pairOf("links", "abwiki"), 1)
}

// TestNoSlotIsEverLeftUnusedWhileAJobCouldTakeIt runs a farm of random limits and durations, and looks
// after every step whether some waiting job could have been started.
func TestNoSlotIsEverLeftUnusedWhileAJobCouldTakeIt(t *testing.T) {
	for seed := range uint64(20) {
		runRandomFarm(t, seed)
	}
}

func runRandomFarm(t *testing.T, seed uint64) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // repeatable
	wikis := []string{"aawiki", "abwiki", "acwiki", "adwiki", "aewiki"}
	queues := []string{"links", "mail", "purge"}
	p := &policy{node: 1 + rnd.IntN(8), queues: map[string]settings{}, wikis: map[string]int{}, batch: 1 + rnd.IntN(3)}
	for _, q := range queues {
		p.queues[q] = settings{Concurrency: rnd.IntN(4), PerWiki: rnd.IntN(3), Timeout: time.Minute}
	}
	for _, w := range wikis {
		p.wikis[w] = rnd.IntN(4)
	}
	r := newRig(t, p)
	r.open(false, wikis...)
	r.took = func(*dispatch.Start) time.Duration { return time.Duration(rnd.IntN(3000)) * time.Millisecond }
	var pairs []jobqueue.Pair
	for _, w := range wikis {
		for _, q := range queues {
			pairs = append(pairs, pairOf(q, w))
		}
	}
	for range 60 {
		if rnd.IntN(3) > 0 {
			r.push(pairs[rnd.IntN(len(pairs))], 1+rnd.IntN(12))
		}
		r.advance(time.Duration(rnd.IntN(800)) * time.Millisecond)
		r.wantNoSlotUnused(seed, pairs)
	}
	for i := 0; len(r.running) > 0 && i < 10_000; i++ {
		r.advance(time.Second)
		r.wantNoSlotUnused(seed, pairs)
	}
	r.wantEmpty(pairs...)
	for _, pr := range pairs {
		r.wantInOrder(pr, r.next[pr])
	}
}

func (r *rig) wantNoSlotUnused(seed uint64, pairs []jobqueue.Pair) {
	r.t.Helper()
	for _, pr := range pairs {
		q := r.policy.settings(pr.Queue)
		full := func(name string, limit int) bool { return limit > 0 && r.counts[name] >= limit }
		if full("node", r.policy.node) || full("queue "+pr.Queue, q.Concurrency) ||
			full("wiki "+pr.Wiki, r.policy.wikis[pr.Wiki]) || full("pair "+pr.Queue+" "+pr.Wiki, q.PerWiki) {
			continue
		}
		if c := r.pairOf(pr); c.Ready > 0 {
			r.t.Fatalf("seed %d: %d jobs of %v wait and every limit has room: %v", seed, c.Ready, pr, r.counts)
		}
	}
}

func TestJobsThatEndFasterThanTheDiskTakesItAreNotStartedWithoutBound(t *testing.T) {
	pair := pairOf("links", "aawiki")
	r := newRig(t, &policy{batch: 100})
	r.open(false, "aawiki")
	const jobs = 4 * dispatch.FinishingAtMost
	r.push(pair, jobs)
	r.policy.node = 8
	r.slow = true
	r.advance(tick)
	r.drainAll()
	n := len(r.payloads(pair))
	if most := dispatch.FinishingAtMost + 8*100; n > most || n < dispatch.FinishingAtMost {
		t.Fatalf("%d jobs were started while no end was durable, at most %d may be", n, most)
	}
	r.slow = false
	r.land()
	r.settle()
	r.drainAll()
	r.wantInOrder(pair, jobs)
	r.wantEmpty(pair)
}

func TestAChangedPolicyHoldsForWhatStartsAfterIt(t *testing.T) {
	a, b := pairOf("links", "aawiki"), pairOf("links", "abwiki")
	r := newRig(t, &policy{node: 10, queues: map[string]settings{"links": {Concurrency: 2, PerWiki: 2}}, held: map[string]string{"abwiki": "paused"}})
	r.open(false, "aawiki", "abwiki")
	r.push(a, 20)
	r.push(b, 20)
	if n := r.counts["queue links"]; n != 2 {
		t.Fatalf("%d attempts, want 2", n)
	}
	r.policy.queues["links"] = settings{Concurrency: 5, PerWiki: 4}
	r.policy.held = nil
	r.changed()
	if n := r.counts["queue links"]; n != 5 {
		t.Fatalf("%d attempts after the limit was raised, want 5", n)
	}
	if n := r.counts["wiki abwiki"]; n == 0 {
		t.Error("the wiki that was resumed starts nothing")
	}
	r.policy.queues["links"] = settings{Concurrency: 1, PerWiki: 1}
	r.changed()
	started := len(r.started)
	for range 4 { // four of the five that run; the limit is one
		id := r.ids()[0]
		for i := range r.running[id].Jobs {
			r.result(id, i, done())
		}
		delete(r.running, id)
		r.m.Ended(r.clock, id, nil)
		r.settle()
	}
	if n := len(r.started); n != started {
		t.Fatalf("%d attempts started above the lower limit", n-started)
	}
}

func TestAJobThatRunsAtMostOnceDoesNotRunAgainWhenItsEndIsNotKnown(t *testing.T) {
	for name, end := range map[string]func(r *rig, id uint64){
		"the runner says nothing of it": func(r *rig, id uint64) { r.ended(id, nil) },
		"the attempt is cut short": func(r *rig, id uint64) {
			r.m.Event(r.clock, node.Event{Kind: node.Suspended})
			r.settle()
			r.m.Result(r.clock, id, 0, runner.Result{Outcome: jobqueue.OutcomeFailed})
			r.ended(id, nil)
			r.m.Event(r.clock, node.Event{Kind: node.Resumed})
		},
	} {
		t.Run(name, func(t *testing.T) {
			pair := pairOf("mail", "aawiki")
			r := newRig(t, &policy{node: 4, queues: map[string]settings{
				"mail": {Timeout: time.Minute, Retry: jobqueue.Policy{Attempts: 3}, More: dispatch.QueuePolicy{AtMostOnce: true}},
			}})
			r.open(false, "aawiki")
			r.push(pair, 1)
			end(r, r.ids()[0])
			r.settle()
			r.advance(time.Hour)
			if n := len(r.started); n != 1 {
				t.Fatalf("the job was started %d times", n)
			}
			if c := r.pairOf(pair); c.Dead != 1 {
				t.Fatalf("the job is not among the dead: %+v", c)
			}
		})
	}
}
