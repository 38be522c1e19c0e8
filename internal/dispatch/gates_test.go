package dispatch_test

import (
	"fmt"
	"testing"
	"time"

	"auwai/internal/dispatch"
	"auwai/internal/ident"
	"auwai/internal/jobqueue"
)

// cirrus are the gates of CirrusSearch's sanity checker, as small wikis have them: a job that makes checks
// starts while fewer than 10 are pending, checks start while no other queue of the search has more than
// 50 pending, and a check takes 60 s at most.
func cirrus() map[string]settings {
	return map[string]settings{
		"cirrusSearchSaneitizer": {Concurrency: 1, More: dispatch.QueuePolicy{Gates: []dispatch.Gate{
			{Kind: dispatch.StartIf, Queue: "cirrusSearchCheckerJob", Jobs: 10},
		}}},
		"cirrusSearchCheckerJob": {Concurrency: 2, Timeout: time.Minute, More: dispatch.QueuePolicy{Gates: []dispatch.Gate{
			{Kind: dispatch.HoldIf, Queue: "cirrusSearchLinksUpdate", Jobs: 50},
			{Kind: dispatch.HoldIf, Queue: "cirrusSearchElasticaWrite", Jobs: 50},
		}}},
	}
}

func TestChecksOfASearchIndexWaitForItsUpdates(t *testing.T) {
	maker, check := pairOf("cirrusSearchSaneitizer", "aawiki"), pairOf("cirrusSearchCheckerJob", "aawiki")
	write := pairOf("cirrusSearchElasticaWrite", "aawiki")
	r := newRig(t, &policy{node: 200, queues: cirrus(), paused: map[string]string{"cirrusSearchElasticaWrite": "the index is being rebuilt"}})
	r.open(false, "aawiki", "abwiki")
	r.push(maker, 3)
	r.push(pairOf("cirrusSearchElasticaWrite", "abwiki"), 90) // another wiki's have nothing to say
	r.push(write, 50)
	// The first maker has made twelve checks; they run, since not more than 50 updates are pending.
	r.push(check, 12)
	if n := len(r.payloads(check)); n != 2 {
		t.Fatalf("%d checks run beside 50 updates, want 2", n)
	}
	if s := r.started[len(r.started)-1]; s.Work.Timeout != time.Minute {
		t.Errorf("a check may take %s, want a minute", s.Work.Timeout)
	}
	r.push(write, 1)
	r.endQueue("cirrusSearchCheckerJob")
	r.advance(time.Minute)
	if n := len(r.payloads(check)); n != 2 {
		t.Fatalf("%d checks ran while 51 updates are pending, want none but the first 2", n)
	}
	// Ten checks are pending: no further maker starts.
	r.endQueue("cirrusSearchSaneitizer")
	r.advance(time.Second)
	if n := len(r.payloads(maker)); n != 1 {
		t.Fatalf("%d makers ran, want the first only: ten checks are pending", n)
	}
	// The updates are run, so checks go on, and then a maker.
	r.policy.paused = nil
	r.changed()
	r.endQueue("cirrusSearchElasticaWrite")
	r.advance(tick)
	if n := len(r.payloads(check)); n < 4 {
		t.Fatalf("%d checks ran after the updates were, want more", n)
	}
	r.advance(tick)
	if n := len(r.payloads(maker)); n != 2 {
		t.Fatalf("%d makers ran while fewer than ten checks are pending, want 2", n)
	}
	r.drainTicking()
	r.wantInOrder(check, 12)
	r.wantInOrder(maker, 3)
	r.wantEmpty(maker, check, write)
}

// endQueue ends what runs of a queue.
func (r *rig) endQueue(queue string) {
	r.t.Helper()
	for _, id := range r.ids() {
		if a := r.running[id]; a != nil && a.Work.Queue == queue {
			r.end(id, done())
		}
	}
}

// drainTicking ends attempts, and lets time pass, until nothing has run for a minute.
func (r *rig) drainTicking() {
	r.t.Helper()
	for quiet := 0; quiet < 240; quiet++ {
		if len(r.running) > 0 {
			r.drainAll()
			quiet = 0
		}
		r.advance(tick)
	}
}

func TestAGateOverAllWikisSeesThemAll(t *testing.T) {
	p := pairOf("check", "aawiki")
	gate := dispatch.Gate{Kind: dispatch.HoldIf, Queue: "links", AnyWiki: true, Jobs: 100}
	r := newRig(t, &policy{
		node: 20, queues: map[string]settings{"check": {More: dispatch.QueuePolicy{Gates: []dispatch.Gate{gate}}}},
		paused: map[string]string{"links": "paused", "relinks": "paused"},
	})
	wikis := []string{"aawiki", "abwiki", "acwiki", "adwiki", "aewiki"}
	r.open(false, wikis...)
	r.push(pairOf("relinks", "abwiki"), 500) // a name that ends alike
	for _, w := range wikis {
		r.push(pairOf("links", w), 20)
	}
	r.push(pairOf("links", "abwiki"), 5, func(n *jobqueue.New) { n.RunAt = r.clock.Wall.Add(time.Hour) })
	r.push(p, 5)
	if len(r.started) != 0 {
		t.Fatalf("%d jobs began while 105 are pending over all wikis", len(r.started))
	}
	r.policy.paused = map[string]string{"relinks": "paused"}
	r.policy.node = 5
	r.changed()
	r.endAll()
	r.advance(3 * time.Second) // all partitions are counted in two seconds
	if got := len(r.payloads(p)); got == 0 {
		t.Fatalf("no job began after the others had become fewer: %+v", r.m.Explain(r.clock, p, ident.Suffix{}))
	}
}

func TestAQueueThatFillsAnotherWaitsWhileThatOneIsFull(t *testing.T) {
	p := pairOf("propagate", "aawiki")
	r := newRig(t, &policy{node: 20, queues: map[string]settings{
		"propagate": {More: dispatch.QueuePolicy{Gates: []dispatch.Gate{{Kind: dispatch.Filled, Queue: "parse", Jobs: 5}}}},
	}, paused: map[string]string{"parse": "paused"}})
	r.open(false, "aawiki")
	r.push(p, 10)
	r.endQueue("propagate")
	r.push(pairOf("parse", "aawiki"), 5)
	r.endQueue("propagate")
	r.advance(time.Minute)
	if len(r.running) != 0 {
		t.Fatalf("%d jobs run that would fill a full queue", len(r.running))
	}
}

func TestARandomFarmOfGatesStandsStillOnlyWhereAGateIsClosed(t *testing.T) {
	for n := range 10 {
		gates := []dispatch.Gate{{Kind: dispatch.StartIf, Queue: "b", Jobs: int64(1 + n)}, {Kind: dispatch.HoldIf, Queue: "c", Jobs: int64(n)}}
		r := newRig(t, &policy{node: 2, queues: map[string]settings{"a": {More: dispatch.QueuePolicy{Gates: gates}}}})
		r.open(false, "aawiki")
		r.took = func(*dispatch.Start) time.Duration { return 70 * time.Millisecond }
		for i := range 40 {
			r.push(pairOf(string(rune('a'+i%3)), "aawiki"), (i*7)%5)
			r.advance(150 * time.Millisecond)
		}
		r.advance(time.Minute)
		for _, q := range []string{"a", "b", "c"} {
			if p := pairOf(q, "aawiki"); !r.pairOf(p).IsZero() {
				t.Fatalf("%d: %v is left with %+v: %s", n, p, r.pairOf(p), fmt.Sprint(r.m.Explain(r.clock, p, ident.Suffix{})))
			}
		}
	}
}
