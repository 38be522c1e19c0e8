package dispatch_test

import (
	"strings"
	"testing"
	"time"

	"auwai/internal/dispatch"
	"auwai/internal/jobqueue"
	"auwai/internal/runner"
)

func dbReadOnly() runner.Result {
	r := readOnly()
	r.Scope = runner.ScopeDB
	return r
}

// sectionRig has five wikis of section s1 and one of s2, each with jobs.
func sectionRig(t *testing.T, told *[]string) *rig {
	t.Helper()
	tags := map[string][]string{"bawiki": {"tag:db=s2"}}
	wikis := []string{"aawiki", "abwiki", "acwiki", "adwiki", "aewiki"}
	for _, w := range wikis {
		tags[w] = []string{"tag:db=s1"}
	}
	r := newRig(t, &policy{node: 100, tags: tags, queues: map[string]settings{"links": {PerWiki: 2}}})
	r.cfg.Hooks.OnSection = func(section, reason string) { *told = append(*told, section+": "+reason) }
	r.boot()
	r.open(false, append(wikis, "bawiki")...)
	for w := range tags {
		r.push(pairOf("links", w), 20)
	}
	return r
}

// endWiki ends what runs on a wiki now.
func (r *rig) endWiki(wiki string, res runner.Result) {
	r.t.Helper()
	for _, id := range r.ids() {
		if a := r.running[id]; a != nil && a.Work.Wiki == wiki {
			r.end(id, res)
		}
	}
}

func TestThreeWikisOfASectionHoldAllOfIt(t *testing.T) {
	var told []string
	r := sectionRig(t, &told)
	r.endWiki("aawiki", dbReadOnly())
	r.endWiki("abwiki", dbReadOnly())
	r.endWiki("bawiki", done())
	if len(told) != 0 {
		t.Fatalf("%q after two wikis, want no hold of the section", told)
	}
	r.endWiki("acwiki", dbReadOnly())
	if len(told) != 1 || told[0] != "s1: the wiki is read-only" {
		t.Fatalf("told were %q", told)
	}
	r.endWiki("bawiki", done())
	if r.counts["wiki bawiki"] == 0 {
		t.Error("a wiki of another section is held")
	}
	// Attempts from before say nothing new, and nothing starts.
	before := r.startsOf("adwiki")
	r.endWiki("adwiki", done())
	if n := r.startsOf("adwiki"); n != before {
		t.Errorf("%d attempts began in a section that is held", n-before)
	}
	got := r.m.Held(r.clock, pairOf("links", "adwiki"))
	if want := "database section s1: the wiki is read-only; probed again in 5s"; got != want {
		t.Errorf("Held() = %q, want %q", got, want)
	}
}

func TestAHeldSectionIsProbedByOneWikiForAll(t *testing.T) {
	var told []string
	r := sectionRig(t, &told)
	for _, w := range []string{"aawiki", "abwiki", "acwiki", "adwiki", "aewiki"} {
		r.endWiki(w, dbReadOnly())
	}
	for _, seconds := range []int{5, 10, 20} {
		before := len(r.started)
		r.advance(time.Duration(seconds)*time.Second - tick)
		if n := len(r.started) - before; n != 0 {
			t.Fatalf("%d attempts before %d s have passed", n, seconds)
		}
		r.advance(2 * tick)
		if n := len(r.started) - before; n != 1 {
			t.Fatalf("%d probes of a section after %d s, want one", n, seconds)
		}
		r.end(r.started[len(r.started)-1].Attempt, dbReadOnly())
	}
	r.advance(40*time.Second + tick)
	r.end(r.started[len(r.started)-1].Attempt, done())
	if told[len(told)-1] != "s1: " {
		t.Fatalf("told were %q, want the section lifted", told)
	}
	// Each wiki that was held is asked with one job at once; the others are free.
	r.advance(tick)
	for _, w := range []string{"aawiki", "abwiki", "acwiki", "adwiki", "aewiki"} {
		if n := r.counts["wiki "+w]; n < 1 {
			t.Errorf("%d attempts on %s after its section was lifted, want at least a probe", n, w)
		}
	}
}

func TestWikisThatSaySoOneAfterTheOtherHoldNoSection(t *testing.T) {
	var told []string
	r := sectionRig(t, &told)
	for _, w := range []string{"aawiki", "abwiki", "acwiki", "adwiki"} {
		r.endWiki(w, dbReadOnly())
		r.advance(6 * time.Second)
	}
	r.endWiki("aewiki", readOnly()) // of the wiki alone
	if len(told) != 0 {
		t.Fatalf("%q, want no hold: never three within 10 s", told)
	}
}

func TestQueuesThatDoNotRunOnTheWikiAreNotHeldWithIt(t *testing.T) {
	r := newRig(t, &policy{node: 10, queues: map[string]settings{"purge": {More: dispatch.QueuePolicy{OffWiki: true}}}})
	r.open(false, "aawiki")
	r.push(pairOf("links", "aawiki"), 3)
	r.endWiki("aawiki", readOnly())
	before := len(r.started)
	r.push(pairOf("purge", "aawiki"), 4)
	if n := len(r.started) - before; n != 4 {
		t.Fatalf("%d purges began while the wiki is read-only, want 4", n)
	}
	r.endQueue("purge")
	if held := r.m.Held(r.clock, pairOf("links", "aawiki")); !strings.Contains(held, "read-only") {
		t.Errorf("Held() = %q: a purge says nothing of the wiki", held)
	}
	r.advance(5*time.Second + tick)
	if n := r.counts["queue links"]; n != 1 {
		t.Errorf("%d attempts on the wiki after 5 s, want one probe", n)
	}
}

func TestAHoldIsAsLongAsTheWikiAsks(t *testing.T) {
	r := newRig(t, &policy{node: 1})
	r.open(false, "aawiki")
	r.push(pairOf("links", "aawiki"), 3)
	res := readOnly()
	res.RetryAfter = 25 * time.Second
	r.end(r.ids()[0], res)
	r.advance(24 * time.Second)
	if len(r.running) != 0 {
		t.Fatal("a wiki was probed before the time that it asked for")
	}
	r.advance(time.Second + tick)
	if len(r.running) != 1 {
		t.Fatal("no probe at the time that the wiki asked for")
	}
}

func TestRetryClassesDecideWhatBecomesOfAFailure(t *testing.T) {
	fail := func(class string) runner.Result {
		return runner.Result{Outcome: jobqueue.OutcomeFailed, Error: "it broke", Class: class}
	}
	permanent := func(class string) runner.Result {
		return runner.Result{Outcome: jobqueue.OutcomePermanent, Error: "never", Class: class}
	}
	never := fail("error")
	never.NoRetry = true
	query := runner.ClassException + `Wikimedia\Rdbms\DBQueryError`
	for _, c := range []struct {
		name            string
		retryOn, ignore []string
		result          runner.Result
		want            jobqueue.Counts
	}{
		{"all are retried by default", nil, nil, fail("timeout"), jobqueue.Counts{Delayed: 1}},
		{"none is retried", []string{}, nil, fail("503"), jobqueue.Counts{Dead: 1}},
		{"a family", []string{"5xx"}, nil, fail("503"), jobqueue.Counts{Delayed: 1}},
		{"another family", []string{"5xx"}, nil, fail("404"), jobqueue.Counts{Dead: 1}},
		{"error is what the target reported", []string{"error"}, nil, fail("404"), jobqueue.Counts{Delayed: 1}},
		{"error is not a time-out", []string{"error"}, nil, fail("timeout"), jobqueue.Counts{Dead: 1}},
		{"no class is error", []string{"error"}, nil, fail(""), jobqueue.Counts{Delayed: 1}},
		{"an exception without its namespace", []string{"exception:DBQueryError"}, nil, fail(query), jobqueue.Counts{Delayed: 1}},
		{"an exception is a 500", []string{"5xx"}, nil, fail(query), jobqueue.Counts{Delayed: 1}},
		{"another exception", []string{"exception:QueryError"}, nil, fail(query), jobqueue.Counts{Dead: 1}},
		{"ignored is done", nil, []string{"404"}, permanent("404"), jobqueue.Counts{}},
		{"others are not ignored", nil, []string{"404"}, permanent("400"), jobqueue.Counts{Dead: 1}},
		{"a permanent error that is named is retried", []string{"404"}, nil, permanent("404"), jobqueue.Counts{Delayed: 1}},
		{"a permanent error is no error", []string{"error"}, nil, permanent("404"), jobqueue.Counts{Dead: 1}},
		{"the job forbids it", nil, nil, never, jobqueue.Counts{Dead: 1}},
	} {
		p := pairOf("links", "aawiki")
		r := newRig(t, &policy{node: 1, queue: settings{More: dispatch.QueuePolicy{RetryOn: c.retryOn, Ignore: c.ignore}}})
		r.open(false, "aawiki")
		r.push(p, 1)
		r.end(r.ids()[0], c.result)
		if got := r.pairOf(p); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestAFailureIsRetriedNotBeforeTheTimeThatTheTargetAsksFor(t *testing.T) {
	p := pairOf("links", "aawiki")
	r := newRig(t, &policy{node: 1, queue: settings{Retry: jobqueue.Policy{Attempts: 3, RetryDelay: time.Second, RetryFactor: 2}}})
	r.open(false, "aawiki")
	r.push(p, 1)
	r.end(r.ids()[0], runner.Result{Outcome: jobqueue.OutcomeFailed, Error: "429", Class: "429", RetryAfter: time.Minute})
	r.advance(59 * time.Second)
	if len(r.started) != 1 {
		t.Fatal("retried before the time that was asked for")
	}
	r.advance(time.Second + tick)
	if len(r.started) != 2 {
		t.Fatalf("%d attempts after that time, want 2", len(r.started))
	}
}
