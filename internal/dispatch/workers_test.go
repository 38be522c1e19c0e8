package dispatch_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"auwai/internal/dispatch"
	"auwai/internal/ident"
	"auwai/internal/jobqueue"
)

// crew are workers: as many requests wait as are free, for a queue or a wiki.
type crew struct {
	newest   uint64
	free     int
	pull     string // the wiki that the requests name
	reserved int
	returned int
	looked   uint64
}

func (c *crew) ask(n int) { c.newest++; c.free += n }

func (c *crew) Waits() (newest uint64, waiting bool) { return c.newest, c.free > 0 }
func (c *crew) Pulls() []string {
	if c.pull == "" || c.free == 0 {
		return nil
	}
	return []string{c.pull}
}

func (c *crew) Ready(_ time.Time, d dispatch.Demand) (ok bool, reason string) {
	takes := d.Remote && c.pull == "" || c.pull == d.Pair.Wiki
	if c.free > 0 && takes && d.Needs.Cores <= 4 {
		return true, ""
	}
	return false, "no worker takes it"
}

func (c *crew) Reserve(now time.Time, d dispatch.Demand) (r dispatch.Reservation, ok bool) {
	if ok, _ := c.Ready(now, d); !ok {
		return r, false
	}
	c.free--
	c.reserved++
	return dispatch.Reservation{Holder: fmt.Sprintf("w%d", c.reserved), Period: 10 * time.Second}, true
}

func (c *crew) Return(string)        { c.free++; c.returned++ }
func (c *crew) Looked(newest uint64) { c.looked = newest }

// thrice is a policy of three attempts.
func thrice() jobqueue.Policy {
	return jobqueue.Policy{Attempts: 3, RetryDelay: time.Minute, RetryFactor: 2}
}

// remoteRig has a queue whose jobs are for workers.
func remoteRig(t *testing.T, p *policy) (*rig, *crew) {
	t.Helper()
	if p.queues == nil {
		p.queues = map[string]settings{}
	}
	if _, ok := p.queues["video"]; !ok {
		p.queues["video"] = settings{Timeout: time.Minute, Retry: thrice(), More: dispatch.QueuePolicy{Remote: true, OffWiki: true}}
	}
	r, c := newRig(t, p), &crew{}
	r.cfg.Workers = c
	r.uncounted = true // the slots of the node are not for workers
	r.boot()
	return r, c
}

func TestJobsForWorkersStartWhenOneComesAndTakeNoSlotOfTheNode(t *testing.T) {
	p := pairOf("video", "aawiki")
	r, c := remoteRig(t, &policy{node: 1})
	r.open(false, "aawiki")
	r.push(p, 5)
	r.push(pairOf("links", "aawiki"), 3)
	if n := len(r.payloads(p)); n != 0 || len(r.running) != 1 {
		t.Fatalf("%d jobs for workers began, and %d in all; nobody has asked", n, len(r.running))
	}
	c.ask(2)
	r.settle()
	if n := len(r.payloads(p)); n != 2 || c.looked != c.newest {
		t.Fatalf("%d jobs for two workers, looked %d of %d", n, c.looked, c.newest)
	}
	for _, s := range r.started {
		if w := s.Work; w.Queue == "video" && (!s.Remote || w.Holder == "" || len(s.Jobs) != 1 || w.Deadline != r.clock.Wall.Add(10*time.Second)) {
			t.Errorf("a worker's attempt is %+v", w)
		}
	}
	if _, stored := r.storedClaims("aawiki"); stored != 2 {
		t.Errorf("%d claims are stored before workers have the jobs, want 2", stored)
	}
	c.ask(10)
	r.settle()
	if n := len(r.payloads(p)); n != 5 || c.looked != c.newest {
		t.Fatalf("%d jobs for ten more workers, want the 3 that are left", n-2)
	}
	r.push(p, 1)
	if n := len(r.payloads(p)); n != 6 {
		t.Fatal("a worker waits and a new job does not start")
	}
	r.drainAll()
	r.wantInOrder(p, 6)
	r.wantEmpty(p)
}

func TestLimitsHoldForWorkersToo(t *testing.T) {
	p := pairOf("video", "aawiki")
	q := settings{Concurrency: 2, Timeout: time.Minute, More: dispatch.QueuePolicy{Remote: true}}
	r, c := remoteRig(t, &policy{node: 1, queues: map[string]settings{"video": q}})
	r.open(false, "aawiki")
	r.push(p, 5)
	c.ask(4)
	r.settle()
	if n := len(r.running); n != 2 {
		t.Fatalf("%d workers have jobs, at most 2 may", n)
	}
	r.end(r.ids()[0], done())
	if n := len(r.payloads(p)); n != 3 {
		t.Fatalf("%d jobs began after one of two has ended, want 3", n)
	}
	r.drainAll()
	if len(r.payloads(p)) != 4 || c.free != 0 {
		t.Fatalf("%d jobs for four workers", len(r.payloads(p)))
	}
}

func TestAPullTakesJobsOfItsWikiWhateverTheirQueue(t *testing.T) {
	r, c := remoteRig(t, &policy{node: 0})
	r.open(false, "aawiki", "abwiki")
	r.push(pairOf("links", "aawiki"), 2)
	r.push(pairOf("links", "abwiki"), 2)
	c.pull = "aawiki"
	c.ask(5)
	r.settle()
	if a, b := r.startsOf("aawiki"), r.startsOf("abwiki"); a != 2 || b != 0 {
		t.Fatalf("%d and %d jobs were pulled, want the 2 of aawiki", a, b)
	}
	if r.started[0].Work.Holder == "" || !r.started[0].Remote {
		t.Errorf("a pulled job is %+v", r.started[0].Work)
	}
	r.drainAll()
}

func TestAJobNeedsAWorkerThatIsLargeEnough(t *testing.T) {
	r, c := remoteRig(t, &policy{node: 1})
	r.open(false, "aawiki")
	p := pairOf("video", "aawiki")
	r.push(p, 1, func(n *jobqueue.New) { n.Needs = jobqueue.Needs{Cores: 8} })
	c.ask(1)
	r.settle()
	if len(r.started) != 0 {
		t.Fatal("a worker got a job that is too large")
	}
	e := r.m.Explain(r.clock, p, ident.Suffix{})
	if len(e.Reasons) != 1 || e.Reasons[0].Cause != dispatch.CauseWorker || e.Reasons[0].Text != "no worker takes it" {
		t.Errorf("Explain() = %+v", e)
	}
}

// idOf returns the id of the job that was started last.
func (r *rig) idOf(s *dispatch.Start) ident.ID {
	return ident.ID{Wiki: s.Work.Wiki, Suffix: s.Jobs[0].ID}
}

func TestAWorkerThatSaysNothingLosesItsJob(t *testing.T) {
	p := pairOf("video", "aawiki")
	r, c := remoteRig(t, &policy{node: 1})
	r.open(false, "aawiki")
	r.push(p, 1)
	c.ask(1)
	r.settle()
	s := r.started[0]
	var told []error
	r.advance(8 * time.Second)
	r.m.Extend(r.idOf(&s), s.Work.Holder, r.clock.Wall.Add(10*time.Second), jobqueue.Progress{Message: "half"}, func(err error) { told = append(told, err) })
	r.m.Extend(r.idOf(&s), "another", r.clock.Wall.Add(time.Hour), jobqueue.Progress{}, func(err error) { told = append(told, err) })
	r.settle()
	if len(told) != 2 || !errors.Is(errors.Join(told...), dispatch.ErrNotHeld) || !slices.Contains(told, nil) {
		t.Fatalf("heartbeats were answered %v, want the holder's taken and the other's not", told)
	}
	r.advance(9 * time.Second)
	if r.pairOf(p).Running != 1 {
		t.Fatal("a job was taken away before the deadline of its last heartbeat")
	}
	r.advance(7 * time.Second)
	if got := r.pairOf(p); got.Running != 0 || got.Delayed != 1 {
		t.Fatalf("%+v after the deadline, want the job to be tried again", got)
	}
	if !slices.Contains(r.cancelled, s.Attempt) {
		t.Error("who carries the attempt out was not told")
	}
}

func TestClaimsOfWorkersAreFoundAfterACrashAndKeepTheirSlots(t *testing.T) {
	p := pairOf("video", "aawiki")
	q := settings{Concurrency: 2, Timeout: time.Minute, More: dispatch.QueuePolicy{Remote: true}}
	r, c := remoteRig(t, &policy{node: 1, queues: map[string]settings{"video": q}})
	r.open(false, "aawiki")
	r.push(p, 4)
	c.ask(2)
	r.settle()
	holder := r.started[0].Work.Holder
	r.advance(time.Second)
	r.boot()
	r.open(true, "aawiki")
	if len(r.started) != 2 || !r.started[0].Work.Found || r.started[0].Work.Holder != holder {
		t.Fatalf("found were %+v, want both claims handed on", r.started)
	}
	c.ask(2)
	r.settle()
	if len(r.started) != 2 {
		t.Fatal("a job began beside two that workers still have")
	}
	r.end(r.started[0].Attempt, done())
	if len(r.started) != 3 || r.started[2].Work.Found {
		t.Fatalf("%d attempts after one of the workers was done, want a new one", len(r.started))
	}
	r.drainAll()
	if got := r.pairOf(p); got.Dead+got.Delayed != 0 {
		t.Errorf("%+v: a worker's job was counted as a crash", got)
	}
}

func TestAnExclusiveJobOfACrashKeepsItsSlotUntilItsDeadline(t *testing.T) {
	p := pairOf("links", "aawiki")
	q := settings{Concurrency: 1, Timeout: 30 * time.Second, Retry: thrice(), More: dispatch.QueuePolicy{Exclusive: true}}
	r := newRig(t, &policy{node: 4, queues: map[string]settings{"links": q}})
	r.open(false, "aawiki")
	r.push(p, 2)
	if _, stored := r.storedClaims("aawiki"); stored != 1 {
		t.Fatalf("%d claims are stored at the start of an exclusive job, want 1", stored)
	}
	r.boot()
	r.open(true, "aawiki")
	r.advance(29 * time.Second)
	if len(r.started) != 0 {
		t.Fatal("an exclusive queue runs a job while one of before the crash may still run")
	}
	r.advance(2 * time.Second)
	if len(r.running) != 1 {
		t.Fatalf("%d attempts after the deadline, want 1", len(r.running))
	}
	r.drainAll()
	r.advance(2 * time.Minute) // the back-off of the one that was lost
	r.drainAll()
	r.wantEmpty(p)
}

// settled notes that an outcome is durable.
type settled struct{ told *[]error }

func (s settled) Settled(err error) { *s.told = append(*s.told, err) }

func TestWhoWaitsForAnOutcomeHearsWhenItIsDurable(t *testing.T) {
	r, c := remoteRig(t, &policy{node: 1})
	r.open(false, "aawiki")
	r.push(pairOf("video", "aawiki"), 2)
	c.ask(2)
	r.settle()
	var told []error
	res := done()
	res.Waits = settled{&told}
	id := r.started[0].Attempt
	r.slow = true
	r.m.Result(r.clock, id, 0, res)
	r.settle()
	if len(told) != 0 {
		t.Fatal("an outcome was told to be durable that is not")
	}
	r.m.Result(r.clock, id, 0, res) // said again
	if len(told) != 1 || !errors.Is(told[0], dispatch.ErrNotHeld) {
		t.Fatalf("a second outcome was answered %v", told)
	}
	r.slow = false
	r.land()
	r.settle()
	if len(told) != 2 || told[1] != nil {
		t.Fatalf("told were %v, want nil when it is durable", told)
	}
	r.m.Result(r.clock, r.started[1].Attempt, 0, res)
	r.close("aawiki")
	r.settle()
	if len(told) != 3 || told[2] == nil {
		t.Fatalf("told were %v, want an error when the partition is lost", told)
	}
}

func TestAJobThatHasExpiredIsDroppedAndNotStarted(t *testing.T) {
	p := pairOf("links", "aawiki")
	r := newRig(t, &policy{node: 0})
	r.open(false, "aawiki")
	r.push(p, 3, func(n *jobqueue.New) { n.ExpireAt = r.clock.Wall.Add(time.Minute) })
	r.push(p, 2)
	r.advance(2 * time.Minute)
	r.policy.node = 4
	r.advance(tick)
	r.drainAll()
	if got := r.payloads(p); !slices.Equal(got, []string{"3", "4"}) {
		t.Fatalf("started were %v, want the two that do not expire", got)
	}
	r.wantEmpty(p)
}

func TestACancelledJobHasItsAttemptCancelled(t *testing.T) {
	p := pairOf("links", "aawiki")
	r := newRig(t, &policy{node: 2})
	r.open(false, "aawiki")
	var ids []ident.Suffix
	r.push(p, 2, func(n *jobqueue.New) { ids = append(ids, n.ID) })
	r.command("aawiki", &jobqueue.Cancel{Wiki: "aawiki", ID: ids[0], Running: true})
	r.settle()
	if !slices.Equal(r.cancelled, []uint64{1}) {
		t.Fatalf("cancelled were %v, want the first attempt", r.cancelled)
	}
	r.ended(1, errors.New("context cancelled"))
	r.settle()
	if got := r.pairOf(p); got != (jobqueue.Counts{Running: 1}) {
		t.Fatalf("%+v, want the other one running and nothing else", got)
	}
}

func TestAQueueForWorkersThatIsEmptyIsForgotten(t *testing.T) {
	p := pairOf("video", "aawiki")
	for _, crewed := range []bool{true, false} {
		r, c := remoteRig(t, &policy{node: 1})
		if !crewed {
			r.cfg.Workers = nil
			r.boot()
		}
		r.open(false, "aawiki")
		var id ident.Suffix
		r.push(p, 1, func(n *jobqueue.New) { id = n.ID })
		r.advance(time.Second)
		r.command("aawiki", &jobqueue.Cancel{Wiki: "aawiki", ID: id})
		r.settle()
		c.ask(1)
		r.advance(time.Minute)
		if pairs, _, _ := r.m.Known(); pairs != 0 {
			t.Errorf("%d pairs are in memory a minute after the last job went (workers: %t), want none", pairs, crewed)
		}
	}
}
