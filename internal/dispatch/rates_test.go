package dispatch_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"auwai/internal/dispatch"
	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/limit"
)

// startTimes notes when jobs were started, by name of a limit.
func (r *rig) startTimes(match func(s *dispatch.Start) bool, took func() time.Duration) *[]time.Duration {
	var times []time.Duration
	r.took = func(s *dispatch.Start) time.Duration {
		if match(s) {
			for range s.Jobs {
				times = append(times, r.clock.Mono)
			}
		}
		return took()
	}
	return &times
}

// inSpan returns the most jobs of any span of a length.
func inSpan(times []time.Duration, span time.Duration) (most int) {
	from := 0
	for i, at := range times {
		for times[from] < at-span {
			from++
		}
		most = max(most, i-from+1)
	}
	return most
}

func TestARateGivesItsMinuteAndNeverMore(t *testing.T) {
	for _, l := range []limit.Limit{{Rate: 5}, {Rate: 0.5, Burst: 10}, {Rate: 40, Burst: 40}, {Rate: 200}} {
		for _, name := range []string{"queue:links", "pair:links@aawiki", "wiki:aawiki", "tag:db=s1"} {
			t.Run(fmt.Sprintf("%s %g %g", name, l.Rate, l.Burst), func(t *testing.T) {
				r := newRig(t, &policy{
					node: 50, batch: 7, limits: map[string]limit.Limit{name: l},
					tags: map[string][]string{"aawiki": {"tag:db=s1"}},
				})
				r.open(false, "aawiki")
				times := r.startTimes(func(*dispatch.Start) bool { return true }, func() time.Duration { return 30 * time.Millisecond })
				r.push(pairOf("links", "aawiki"), int(l.Rate*130)+100)
				r.advance(2 * time.Minute)
				burst := max(l.Burst, l.Rate, 1)
				if l.Burst > 0 {
					burst = l.Burst
				}
				for _, span := range []time.Duration{time.Second, time.Minute} {
					if n := inSpan(*times, span); float64(n) > l.Rate*span.Seconds()+burst {
						t.Errorf("%d jobs in %s, at most %g", n, span, l.Rate*span.Seconds()+burst)
					}
				}
				if n := len(*times); float64(n) < 0.99*l.Rate*120-1 {
					t.Errorf("%d jobs in two minutes of a saturated rate of %g", n, l.Rate)
				}
			})
		}
	}
}

func TestARateIsKeptThroughChangesAndRestarts(t *testing.T) {
	p := pairOf("links", "aawiki")
	r := newRig(t, &policy{node: 50, batch: 3, limits: map[string]limit.Limit{"queue:links": {Rate: 20, Burst: 30}}})
	r.open(false, "aawiki")
	times := r.startTimes(func(*dispatch.Start) bool { return true }, func() time.Duration { return 0 })
	r.push(p, 5_000)
	for i := range 8 {
		r.advance(11 * time.Second)
		switch i % 4 {
		case 1:
			r.policy.limits["queue:links"] = limit.Limit{Rate: 5, Burst: 5}
			r.changed()
		case 2:
			r.policy.limits["queue:links"] = limit.Limit{Rate: 20, Burst: 30}
			r.changed()
		case 3:
			r.boot()
			r.open(false, "aawiki")
		}
	}
	if n := inSpan(*times, time.Minute); n > 20*60+30 {
		t.Errorf("%d jobs in a minute, at most %d", n, 20*60+30)
	}
}

func TestATagBoundsTheWikisThatHaveIt(t *testing.T) {
	r := newRig(t, &policy{
		node: 20, limits: map[string]limit.Limit{"tag:db=s1": {Concurrency: 3}},
		tags: map[string][]string{"aawiki": {"tag:db=s1"}, "abwiki": {"tag:db=s1"}, "acwiki": {"tag:db=s2"}},
	})
	r.open(false, "aawiki", "abwiki", "acwiki")
	for _, w := range []string{"aawiki", "abwiki", "acwiki"} {
		r.push(pairOf("links", w), 8)
	}
	if r.counts["tag:db=s1"] != 3 || r.counts["tag:db=s2"] != 8 {
		t.Fatalf("%v, want 3 attempts under s1 and 8 under s2", r.counts)
	}
	r.endAll()
	r.took = func(*dispatch.Start) time.Duration { return 100 * time.Millisecond }
	r.push(pairOf("links", "aawiki"), 300)
	r.push(pairOf("links", "abwiki"), 300)
	r.drainAll()
	r.push(pairOf("links", "aawiki"), 300)
	r.push(pairOf("links", "abwiki"), 300)
	before := [2]int{r.startsOf("aawiki"), r.startsOf("abwiki")}
	r.advance(5 * time.Second)
	a, b := r.startsOf("aawiki")-before[0], r.startsOf("abwiki")-before[1]
	if a+b < 145 || a < 60 || b < 60 {
		t.Errorf("in five seconds %d and %d attempts of 100 ms began under a tag of three slots, want about 75 each", a, b)
	}
}

func TestALimitCountsWhatRunsWhenItComes(t *testing.T) {
	a, b := pairOf("links", "aawiki"), pairOf("links", "abwiki")
	r := newRig(t, &policy{node: 20, tags: map[string][]string{}})
	r.open(false, "aawiki", "abwiki")
	r.push(a, 6)
	r.policy.tags = map[string][]string{"aawiki": {"tag:db=s1"}, "abwiki": {"tag:db=s1"}}
	r.policy.limits = map[string]limit.Limit{"tag:db=s1": {Concurrency: 4}}
	r.changed()
	r.push(b, 3)
	for left := 6; left > 4; left-- {
		if n := r.counts["wiki abwiki"]; n != 0 {
			t.Fatalf("%d attempts began beside %d that ran before the limit came", n, left)
		}
		r.end(r.ids()[0], done())
	}
	r.end(r.ids()[0], done())
	if r.counts["wiki abwiki"] != 1 || r.counts["wiki aawiki"] != 3 {
		t.Fatalf("%v, want one attempt of abwiki beside three that ran before", r.counts)
	}
}

// TestLimitsOfAllKindsAreKeptThroughRandomChanges runs a farm with random limits and rates that change.
// The rig fails above a limit; in the end every job has run, once and in order.
func TestLimitsOfAllKindsAreKeptThroughRandomChanges(t *testing.T) {
	for seed := range uint64(15) {
		rnd := rand.New(rand.NewPCG(seed, 5)) //nolint:gosec // repeatable
		wikis := []string{"aawiki", "abwiki", "acwiki", "adwiki"}
		p := &policy{node: 1 + rnd.IntN(8), batch: 1 + rnd.IntN(4), limits: map[string]limit.Limit{}, tags: map[string][]string{}}
		for i, w := range wikis {
			p.tags[w] = []string{"tag:db=s" + string(rune('1'+i/2))}
		}
		draw := func() {
			for _, name := range []string{"queue:links", "queue:mail", "wiki:aawiki", "tag:db=s1", "tag:db=s2", "pair:mail@abwiki"} {
				p.limits[name] = limit.Limit{Concurrency: rnd.IntN(4), Rate: float64(rnd.IntN(2) * rnd.IntN(50))}
			}
		}
		draw()
		r := newRig(t, p)
		r.open(false, wikis...)
		r.took = func(*dispatch.Start) time.Duration { return time.Duration(rnd.IntN(2000)) * time.Millisecond }
		var pairs []jobqueue.Pair
		for _, w := range wikis {
			pairs = append(pairs, pairOf("links", w), pairOf("mail", w))
		}
		for range 80 {
			r.push(pairs[rnd.IntN(len(pairs))], rnd.IntN(6))
			r.advance(time.Duration(rnd.IntN(500)) * time.Millisecond)
			if rnd.IntN(8) == 0 {
				// The rig holds starts against the limits: they must not be lower than what runs.
				for name, l := range p.limits {
					l.Concurrency *= rnd.IntN(2)
					p.limits[name] = l
				}
				r.changed()
			}
		}
		p.limits = map[string]limit.Limit{}
		r.changed()
		for i := 0; len(r.running) > 0 && i < 1_000; i++ {
			r.advance(time.Second)
		}
		r.wantEmpty(pairs...)
		for _, pr := range pairs {
			r.wantInOrder(pr, r.next[pr])
		}
	}
}

func TestNothingIsWokenForAQueueThatWaitsForItsRate(t *testing.T) {
	r := newRig(t, &policy{node: 4, limits: map[string]limit.Limit{"queue:links": {Rate: 0.01}}})
	r.open(false, "aawiki")
	r.push(pairOf("links", "aawiki"), 3)
	if wake := r.m.Step(r.clock, host{r}); wake < r.clock.Mono+tick {
		t.Errorf("the node is woken after %s for a job that starts in 100 s", wake-r.clock.Mono)
	}
	r.advance(99 * time.Second)
	if len(r.started) != 0 {
		t.Fatal("a job started before its time")
	}
	r.advance(time.Second)
	if len(r.started) != 1 {
		t.Fatalf("%d jobs started after 100 s at one in 100 s", len(r.started))
	}
}

func TestQueuesOfAWikiGoByRankThenByWeight(t *testing.T) {
	r := newRig(t, &policy{node: 1, queues: map[string]settings{
		"first": {More: dispatch.QueuePolicy{Rank: -1}}, "heavy": {More: dispatch.QueuePolicy{Weight: 3}}, "light": {More: dispatch.QueuePolicy{Weight: 1}},
		"last": {More: dispatch.QueuePolicy{Rank: 5}},
	}})
	r.open(false, "aawiki")
	for _, q := range []string{"last", "light", "heavy", "first"} {
		r.pushOpen(pairOf(q, "aawiki"), 60)
	}
	r.settle()
	order := func(from, to int) map[string]int {
		for len(r.started) < to {
			r.endAll()
		}
		n := map[string]int{}
		for _, s := range r.started[from:to] {
			n[s.Work.Queue]++
		}
		return n
	}
	if n := order(1, 49); n["first"] < 44 || n["last"] != 3 || n["heavy"]+n["light"] > 1 {
		t.Errorf("48 starts were %v, want the first rank, and every sixteenth of the last", n)
	}
	for r.pairOf(pairOf("first", "aawiki")).Ready > 0 {
		r.endAll()
	}
	from := len(r.started)
	n := order(from, from+40)
	if ratio := float64(n["heavy"]) / float64(max(n["light"], 1)); ratio < 2.4 || ratio > 3.6 {
		t.Errorf("40 starts were %v, want three of heavy for one of light", n)
	}
}

func TestAPairThatWaitedForALimitAndWasCancelledIsForgotten(t *testing.T) {
	p := pairOf("links", "aawiki")
	r := newRig(t, &policy{node: 4, queues: map[string]settings{"links": {Concurrency: 1}}})
	r.open(false, "aawiki", "abwiki")
	r.push(pairOf("links", "abwiki"), 1)
	var ids []ident.Suffix
	r.push(p, 3, func(n *jobqueue.New) { ids = append(ids, n.ID) })
	for _, id := range ids {
		r.command("aawiki", &jobqueue.Cancel{Wiki: "aawiki", ID: id})
	}
	r.settle()
	r.drainAll()
	r.advance(time.Minute)
	if pairs, wikis, limiters := r.m.Known(); pairs+wikis+limiters != 0 {
		t.Errorf("%d pairs, %d wikis and %d limiters are in memory, want none", pairs, wikis, limiters)
	}
}
