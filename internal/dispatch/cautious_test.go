package dispatch_test

import (
	"testing"
	"time"

	"auwai/internal/jobqueue"
	"auwai/internal/partition"
)

// storedClaims counts the claims of a wiki's partition in the store: those of an orderly stop, and others.
func (r *rig) storedClaims(wiki string) (orderly, plain int) {
	r.t.Helper()
	for _, e := range r.store.Scan(jobqueue.RunningRange(partition.Of(wiki)))[0].Entries {
		d, err := jobqueue.DecodeRunning(e)
		if err != nil {
			r.t.Fatal(err)
		}
		if d.Orderly {
			orderly++
		} else {
			plain++
		}
	}
	return orderly, plain
}

// crashed returns a rig whose service was killed while three jobs of aawiki ran, with more behind them,
// and jobs of abwiki.
func crashed(t *testing.T, p *policy) *rig {
	t.Helper()
	r := newRig(t, p)
	r.open(false, "aawiki", "abwiki")
	limit, batch := p.node, p.batch
	p.node, p.batch = 3, 1
	r.push(pairOf("links", "aawiki"), 10)
	r.advance(2 * time.Second) // their claims are stored
	p.node, p.batch = limit, batch
	r.boot()
	return r
}

func TestAClaimIsStoredAfterASecondAndNotBefore(t *testing.T) {
	r := newRig(t, &policy{node: 3, batch: 2})
	r.open(false, "aawiki")
	r.push(pairOf("links", "aawiki"), 7)
	r.advance(900 * time.Millisecond)
	if o, n := r.storedClaims("aawiki"); o+n != 0 {
		t.Fatalf("%d claims are stored after 0.9 s, want none", o+n)
	}
	before := len(r.running)
	r.advance(400 * time.Millisecond)
	jobs := 0
	for _, a := range r.running {
		jobs += len(a.Jobs)
	}
	if o, n := r.storedClaims("aawiki"); o != 0 || n != jobs || before != 3 {
		t.Fatalf("%d claims of %d jobs are stored after 1.3 s", n, jobs)
	}
	r.drainAll()
	if o, n := r.storedClaims("aawiki"); o+n != 0 {
		t.Fatalf("%d claims are left", o+n)
	}
	r.wantEmpty(pairOf("links", "aawiki"))
}

func TestAStoreOfClaimsThatIsRefusedIsRepeated(t *testing.T) {
	r := newRig(t, &policy{node: 2})
	r.open(false, "aawiki")
	n := 0
	r.refuse = func(c partition.Command) error {
		if _, ok := c.(*jobqueue.StoreClaims); ok && n < 3 {
			n++
			return errRefused
		}
		return nil
	}
	r.push(pairOf("links", "aawiki"), 2)
	r.advance(5 * time.Second)
	if _, stored := r.storedClaims("aawiki"); stored != 2 || n != 3 {
		t.Fatalf("%d of 2 claims are stored after %d refusals", stored, n)
	}
}

func TestAfterACrashClaimsAreStoredBeforeTheyStart(t *testing.T) {
	r := crashed(t, &policy{node: 4})
	r.open(true, "aawiki", "abwiki")
	r.push(pairOf("links", "abwiki"), 20)
	for range 5 {
		running := map[string]int{}
		for _, a := range r.running {
			running[a.Work.Wiki]++
		}
		for _, w := range []string{"aawiki", "abwiki"} {
			if _, stored := r.storedClaims(w); stored < running[w] {
				t.Fatalf("%d attempts of %s run and %d claims are stored", running[w], w, stored)
			}
		}
		r.endAll()
	}
	r.advance(time.Minute + tick) // quiet
	if _, stored := r.storedClaims("abwiki"); stored != 0 && len(r.running) == 0 {
		t.Fatalf("%d claims are stored and nothing runs", stored)
	}
	r.drainAll()
	r.slow = true
	r.push(pairOf("links", "abwiki"), 1)
	if len(r.running) != 0 {
		t.Fatal("a job was started whose push is not durable")
	}
	r.slow = false
	r.land()
	r.settle()
	if _, stored := r.storedClaims("abwiki"); stored != 0 || len(r.running) != 1 {
		t.Fatalf("%d claims are stored and %d attempts run a minute after the crash, want 0 and 1", stored, len(r.running))
	}
}

func TestSuspectsOfACrashRunAlone(t *testing.T) {
	r := crashed(t, &policy{node: 8, batch: 4})
	r.open(true, "aawiki", "abwiki")
	r.pushOpen(pairOf("links", "abwiki"), 6)
	r.settle()
	suspects := 0
	for range 40 {
		for _, a := range r.running {
			for _, j := range a.Jobs {
				if j.Crashes == 0 {
					continue
				}
				suspects++
				if len(r.running) > 1 || len(a.Jobs) > 1 {
					t.Fatalf("a suspect runs in an attempt of %d jobs beside %d others", len(a.Jobs), len(r.running)-1)
				}
			}
		}
		if len(r.running) == 0 {
			break
		}
		r.end(r.ids()[0], done())
	}
	if suspects != 3 {
		t.Fatalf("%d suspects ran, want 3", suspects)
	}
	r.wantEmpty(pairOf("links", "aawiki"), pairOf("links", "abwiki"))
}

func TestASuspectIsNotWaitedForLongerThanAMinute(t *testing.T) {
	r := crashed(t, &policy{node: 4})
	r.open(true, "aawiki", "abwiki")
	for r.running[r.ids()[0]].Jobs[0].Crashes == 0 {
		r.endAll()
	}
	r.push(pairOf("links", "abwiki"), 10)
	r.advance(59 * time.Second)
	if len(r.running) != 1 {
		t.Fatalf("%d attempts run beside a suspect", len(r.running)-1)
	}
	r.advance(2 * time.Second)
	if len(r.running) != 4 {
		t.Fatalf("%d attempts run a minute after a suspect's start, want 4", len(r.running))
	}
}

func TestAJobThatEndsTheServiceEachTimeDies(t *testing.T) {
	p := pairOf("links", "aawiki")
	r := newRig(t, &policy{node: 4})
	r.open(false, "aawiki")
	r.push(p, 1)
	for n := 1; ; n++ {
		r.advance(2 * time.Second)
		if len(r.running) == 0 {
			if n != 4 {
				t.Fatalf("the job ran %d times, want 3", n-1)
			}
			break
		}
		r.boot()
		r.open(true, "aawiki")
	}
	if c := r.pairOf(p); c.Dead != 1 || c.Ready+c.Running != 0 {
		t.Fatalf("%+v, want one dead", c)
	}
}

func TestAnAttemptWhoseClaimCannotBeStoredFirstDoesNotStart(t *testing.T) {
	p := pairOf("links", "abwiki")
	r := crashed(t, &policy{node: 4})
	refuse := true
	r.refuse = func(c partition.Command) error {
		if _, ok := c.(*jobqueue.StoreClaims); ok && refuse {
			refuse = false
			return errRefused
		}
		return nil
	}
	r.open(true, "abwiki")
	r.push(p, 1)
	r.advance(tick)
	if len(r.started) != 1 || refuse {
		t.Fatalf("%d attempts started after one refusal, want one", len(r.started))
	}
	if _, stored := r.storedClaims("abwiki"); stored != 1 {
		t.Fatalf("%d claims are stored, want 1", stored)
	}
	r.drainAll()
	r.wantInOrder(p, 1)
	r.wantEmpty(p)
}

func TestOutcomesThatWereRefusedAreSentAgain(t *testing.T) {
	p := pairOf("links", "aawiki")
	r := newRig(t, &policy{node: 8})
	r.open(false, "aawiki")
	r.push(p, 20)
	n := 0
	r.refuse = func(c partition.Command) error {
		if _, ok := c.(*jobqueue.Finish); ok && n%3 < 2 {
			n++
			return errRefused
		}
		n++
		return nil
	}
	for len(r.running) > 0 {
		r.endAll()
		r.advance(tick)
	}
	r.refuse = nil
	r.advance(tick)
	r.wantInOrder(p, 20)
	r.wantEmpty(p)
}

func TestAnAttemptThatFailsIsRetriedLater(t *testing.T) {
	p := pairOf("links", "aawiki")
	r := newRig(t, &policy{node: 1, queue: settings{Retry: jobqueue.Policy{Attempts: 2, RetryDelay: time.Minute, RetryFactor: 2}}})
	r.open(false, "aawiki")
	r.push(p, 1)
	r.ended(r.ids()[0], errRefused) // no result of its own
	r.settle()
	r.advance(59 * time.Second)
	if len(r.started) != 1 {
		t.Fatal("a job was retried before its time")
	}
	r.advance(2 * time.Second)
	if len(r.started) != 2 || r.started[1].Work.Jobs[0].Attempt != 2 {
		t.Fatalf("%d attempts, want a second one after a minute", len(r.started))
	}
	r.ended(r.ids()[0], errRefused)
	r.settle()
	if c := r.pairOf(p); c.Dead != 1 {
		t.Fatalf("%+v after all attempts failed, want one dead", c)
	}
}
