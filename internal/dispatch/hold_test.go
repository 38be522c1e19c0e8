package dispatch_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"auwai/internal/dispatch"
	"auwai/internal/jobqueue"
	"auwai/internal/runner"
)

func readOnly() runner.Result {
	return runner.Result{Outcome: jobqueue.OutcomeUncounted, Hold: "the wiki is read-only", Error: "423"}
}

// startsOf returns how many attempts of a wiki were started.
func (r *rig) startsOf(wiki string) int {
	n := 0
	for i := range r.started {
		if r.started[i].Work.Wiki == wiki {
			n++
		}
	}
	return n
}

// heldRig has a wiki held since now, with 20 jobs, and another with jobs.
func heldRig(t *testing.T, p *policy) *rig {
	t.Helper()
	r := newRig(t, p)
	r.open(false, "aawiki", "abwiki")
	r.push(pairOf("links", "aawiki"), 20)
	r.push(pairOf("links", "abwiki"), 100)
	for _, id := range r.ids() {
		if r.running[id].Work.Wiki == "aawiki" {
			r.end(id, readOnly())
		}
	}
	return r
}

func TestAWikiThatTakesNoWorkIsHeldAndOthersAreNot(t *testing.T) {
	r := heldRig(t, &policy{node: 4})
	before := r.startsOf("aawiki")
	for range 5 {
		r.endAll()
	}
	if n := r.startsOf("aawiki"); n != before {
		t.Errorf("%d attempts were started on a wiki that is held", n-before)
	}
	if r.counts["wiki abwiki"] != 4 {
		t.Errorf("the other wiki has %d attempts, want all 4 slots", r.counts["wiki abwiki"])
	}
	got := r.m.Held(r.clock, pairOf("links", "aawiki"))
	if want := "the wiki is read-only; probed again in 5s"; got != want {
		t.Errorf("Held() = %q, want %q", got, want)
	}
	if got := r.m.Held(r.clock, pairOf("links", "abwiki")); got != "" {
		t.Errorf("Held() of the other wiki = %q, want nothing", got)
	}
}

func TestAHeldWikiIsProbedWithOneJobAfterDoublingPauses(t *testing.T) {
	r := heldRig(t, &policy{node: 4, batch: 5})
	r.drainOthers("abwiki")
	for _, seconds := range []int{5, 10, 20, 40, 60, 60} {
		pause := time.Duration(seconds) * time.Second
		before := r.startsOf("aawiki")
		r.advance(pause - tick)
		if n := r.startsOf("aawiki") - before; n != 0 {
			t.Fatalf("%d attempts %s after the last answer, want none", n, pause)
		}
		r.advance(2 * tick)
		if n := r.startsOf("aawiki") - before; n != 1 {
			t.Fatalf("%d attempts after %s, want one probe", n, pause)
		}
		last := r.started[len(r.started)-1]
		if len(last.Jobs) != 1 {
			t.Fatalf("a probe has %d jobs, want one", len(last.Jobs))
		}
		if got := r.m.Held(r.clock, pairOf("links", "aawiki")); !strings.HasSuffix(got, "being probed now") {
			t.Errorf("Held() = %q during a probe", got)
		}
		r.end(last.Attempt, readOnly())
	}
}

// drainOthers ends the attempts of a wiki until it has no job left.
func (r *rig) drainOthers(wiki string) {
	r.t.Helper()
	for r.counts["wiki "+wiki] > 0 {
		for _, id := range r.ids() {
			if a := r.running[id]; a != nil && a.Work.Wiki == wiki {
				r.end(id, done())
			}
		}
	}
}

func TestAnyOtherAnswerLiftsAHold(t *testing.T) {
	for _, o := range []jobqueue.Outcome{jobqueue.OutcomeDone, jobqueue.OutcomeFailed, jobqueue.OutcomePermanent} {
		r := heldRig(t, &policy{node: 4})
		r.drainOthers("abwiki")
		r.advance(6 * time.Second)
		id := r.ids()[0]
		r.end(id, runner.Result{Outcome: o, Error: "it broke"})
		if r.counts["wiki aawiki"] != 4 {
			t.Errorf("after a probe that was %s the wiki has %d attempts, want 4", o, r.counts["wiki aawiki"])
		}
		if got := r.m.Held(r.clock, pairOf("links", "aawiki")); got != "" {
			t.Errorf("Held() = %q after a probe that was %s", got, o)
		}
	}
}

func TestAnswersOfAttemptsFromBeforeAHoldDoNotLengthenIt(t *testing.T) {
	r := newRig(t, &policy{node: 4})
	r.open(false, "aawiki")
	r.push(pairOf("links", "aawiki"), 20)
	ids := r.ids()
	r.end(ids[0], readOnly())
	r.advance(3 * time.Second)
	r.end(ids[1], readOnly())
	r.end(ids[2], readOnly())
	r.end(ids[3], readOnly())
	r.advance(2*time.Second + tick)
	if n := len(r.ids()); n != 1 {
		t.Fatalf("%d probes 5 s after the first answer, want one", n)
	}
}

func TestAttemptsThatFoundAWikiReadOnlyAreNotCounted(t *testing.T) {
	p := pairOf("links", "aawiki")
	r := newRig(t, &policy{node: 2})
	r.open(false, "aawiki")
	r.push(p, 2)
	r.push(p, 1, func(n *jobqueue.New) { n.Key = "k" }) // passes the rules of the queue on its way back
	for range 6 {
		for _, id := range r.ids() {
			r.end(id, readOnly())
		}
		r.advance(70 * time.Second)
	}
	r.drainAll()
	for _, s := range r.started {
		for _, item := range s.Work.Jobs {
			if item.Attempt != 1 {
				t.Fatalf("job %s had attempt %d, want the first one always", item.Payload, item.Attempt)
			}
		}
	}
	r.wantEmpty(p)
}

func TestAProbeThatWasCutShortIsRepeated(t *testing.T) {
	r := heldRig(t, &policy{node: 4})
	r.drainOthers("abwiki")
	r.advance(6 * time.Second)
	id := r.ids()[0]
	r.ended(id, nil) // no result at all
	r.settle()
	r.advance(time.Second)
	if n := len(r.ids()); n != 1 {
		t.Fatalf("%d attempts after a probe without an answer, want one", n)
	}
	r.end(r.ids()[0], done())
	if r.counts["wiki aawiki"] != 4 {
		t.Fatalf("%d attempts after the hold was lifted, want 4", r.counts["wiki aawiki"])
	}
}

func strange(n *jobqueue.New) { n.Domain = "strange.example" }

func TestJobsOfAStrangeDomainArePutAsideAndOthersGoOn(t *testing.T) {
	for _, n := range []int{1, 3, 15, 16, 17, 40, 300} {
		p := pairOf("links", "aawiki")
		r := newRig(t, &policy{node: 1, strangers: true})
		r.open(false, "aawiki")
		r.push(p, 1)
		r.push(p, n, strange)
		r.push(p, 2)
		r.drainAll()
		if got := r.payloads(p); len(got) != 3 || got[1] != strconv.Itoa(n+1) {
			t.Fatalf("%d jobs were put aside; started are %v, want the 3 others", n, got)
		}
		if c := r.pairOf(p); c.Delayed != int64(n) || c.Ready+c.Running+c.Dead != 0 {
			t.Fatalf("%+v, want %d delayed", c, n)
		}
		if got := r.m.Held(r.clock, p); got != "" {
			t.Fatalf("Held() = %q of a queue that starts jobs", got)
		}
		r.push(p, 1, strange)
		r.drainAll()
		want := "the domain strange.example is not the wiki's"
		if got := r.m.Held(r.clock, p); got != want {
			t.Fatalf("Held() = %q of a queue whose jobs are all put aside, want %q", got, want)
		}
		r.push(p, 1)
		r.drainAll()
		if got := r.m.Held(r.clock, p); got != "" {
			t.Fatalf("Held() = %q after the queue has started a job", got)
		}
	}
}

func TestJobsThatWerePutAsideRunOnceTheirDomainIsLearned(t *testing.T) {
	p := pairOf("links", "aawiki")
	r := newRig(t, &policy{node: 4, strangers: true})
	r.open(false, "aawiki")
	r.push(p, 30, strange)
	r.advance(5 * time.Minute)
	if len(r.started) > 0 {
		t.Fatalf("%d jobs were started", len(r.started))
	}
	r.policy.strangers = false
	r.advance(61 * time.Second)
	r.drainAll()
	if got := r.payloads(p); len(got) != 30 {
		t.Fatalf("%d of 30 jobs ran after their domain was learned", len(got))
	}
	for _, s := range r.started {
		if s.Work.Jobs[0].Attempt != 1 {
			t.Fatalf("attempt %d of job %s: being put aside was counted", s.Work.Jobs[0].Attempt, s.Work.Jobs[0].Payload)
		}
	}
	r.advance(3 * time.Minute)
	if got := r.m.Held(r.clock, p); got != "" {
		t.Errorf("Held() = %q long after, want nothing", got)
	}
	r.wantEmpty(p)
}

func TestJobsBehindManyThatAreBeingCancelledGoOn(t *testing.T) {
	p := pairOf("links", "aawiki")
	r := newRig(t, &policy{node: 1})
	r.open(false, "aawiki")
	var ids []jobqueue.New
	r.push(p, 31, func(n *jobqueue.New) { ids = append(ids, *n) })
	r.slow = true
	for _, n := range ids[1:21] {
		r.command("aawiki", &jobqueue.Cancel{Wiki: "aawiki", ID: n.ID})
	}
	r.settle()
	r.end(r.ids()[0], done()) // the next ones have a change on its way
	r.slow = false
	r.land()
	r.settle()
	r.drainAll()
	if got := r.payloads(p); len(got) != 11 || got[1] != "21" {
		t.Fatalf("started were %v, want 0 and 21 to 30", got)
	}
	r.wantEmpty(p)
}

func TestHeldSaysWhyNothingStarts(t *testing.T) {
	p := pairOf("links", "aawiki")
	r := newRig(t, &policy{node: 4, held: map[string]string{"abwiki": "wiki abwiki is not configured"}})
	r.open(false, "aawiki", "abwiki")
	r.push(p, 1)
	r.push(pairOf("links", "abwiki"), 1)
	if r.startsOf("abwiki") != 0 {
		t.Error("a job of a wiki that is not configured was started")
	}
	want := map[string]string{"aawiki": "", "abwiki": "wiki abwiki is not configured", "unknown": ""}
	for w, text := range want {
		if got := r.m.Held(r.clock, pairOf("links", w)); got != text {
			t.Errorf("Held() of %s = %q, want %q", w, got, text)
		}
	}
	r.m.Drain(r.clock.Mono + time.Minute)
	if got := r.m.Held(r.clock, p); got != "the service is stopping" {
		t.Errorf("Held() = %q while draining", got)
	}
}

func TestHooksTellOfHolds(t *testing.T) {
	var told []string
	r := newRig(t, &policy{node: 2})
	r.cfg.Hooks = dispatch.Hooks{OnHold: func(wiki, reason string) { told = append(told, wiki+": "+reason) }}
	r.boot()
	r.open(false, "aawiki")
	r.push(pairOf("links", "aawiki"), 5)
	r.end(r.ids()[0], readOnly())
	r.end(r.ids()[0], readOnly())
	r.advance(6 * time.Second)
	r.end(r.ids()[0], readOnly())
	r.advance(11 * time.Second)
	r.end(r.ids()[0], done())
	if got := strings.Join(told, ", "); got != "aawiki: the wiki is read-only, aawiki: " {
		t.Fatalf("told were %q", got)
	}
}
