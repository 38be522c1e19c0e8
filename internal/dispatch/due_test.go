package dispatch_test

import (
	"strings"
	"testing"
	"time"

	"auwai/internal/jobqueue"
	"auwai/internal/kv"
	"auwai/internal/partition"
	"auwai/internal/tuple"
)

func later(r *rig, d time.Duration) func(*jobqueue.New) {
	return func(n *jobqueue.New) { n.RunAt = r.clock.Wall.Add(d) }
}

func TestADelayedJobStartsAtItsTime(t *testing.T) {
	p := pairOf("links", "aawiki")
	r := newRig(t, &policy{node: 4})
	r.open(false, "aawiki")
	r.push(p, 1, later(r, time.Hour))
	r.push(p, 1, later(r, 10*time.Second))
	r.push(p, 1, later(r, 5*time.Second))
	for _, c := range []struct {
		pause time.Duration
		want  string
	}{{4900 * time.Millisecond, ""}, {500 * time.Millisecond, "2"}, {4500 * time.Millisecond, "2"}, {500 * time.Millisecond, "2 1"}} {
		r.advance(c.pause)
		if got := strings.Join(r.payloads(p), " "); got != c.want {
			t.Fatalf("started were %q at %s, want %q", got, r.clock.Wall.Format(time.TimeOnly), c.want)
		}
	}
	r.advance(time.Hour)
	if got := strings.Join(r.payloads(p), " "); got != "2 1 0" {
		t.Fatalf("started were %q", got)
	}
}

func TestDelayedJobsAreFoundAfterARestart(t *testing.T) {
	p := pairOf("links", "aawiki")
	r := newRig(t, &policy{node: 4})
	r.open(false, "aawiki")
	r.push(p, 1, later(r, 10*time.Second))
	r.push(p, 1, later(r, 20*time.Second))
	r.boot()
	r.clock.Wall = r.clock.Wall.Add(12 * time.Second)
	r.open(false, "aawiki")
	if got := len(r.started); got != 1 {
		t.Fatalf("%d jobs were started at once, want the one that was due", got)
	}
	r.advance(9 * time.Second)
	if got := len(r.started); got != 2 {
		t.Fatalf("%d jobs were started, want 2", got)
	}
}

func TestManyJobsThatAreDueAtOnceAllStart(t *testing.T) {
	p := pairOf("links", "aawiki")
	r := newRig(t, &policy{node: 4, batch: 50})
	r.open(false, "aawiki")
	r.push(p, 1700, later(r, time.Second))
	n := 0
	r.refuse = func(c partition.Command) error {
		if _, ok := c.(*jobqueue.Promote); ok && n < 2 {
			n++
			return errRefused
		}
		return nil
	}
	r.readFails = func() error {
		if n++; n%5 == 0 {
			return errRefused
		}
		return nil
	}
	r.advance(3 * time.Second)
	r.drainAll()
	if got := len(r.payloads(p)); got != 1700 {
		t.Fatalf("%d jobs were started, want 1700", got)
	}
	r.wantEmpty(p)
}

func TestAClockThatJumpsForwardReleasesJobsAndNoneTwice(t *testing.T) {
	p := pairOf("links", "aawiki")
	r := newRig(t, &policy{node: 4})
	r.open(false, "aawiki")
	r.push(p, 2, later(r, time.Hour))
	r.clock.Wall = r.clock.Wall.Add(2 * time.Hour)
	r.advance(time.Second)
	if got := len(r.started); got != 2 {
		t.Fatalf("%d jobs were started after the wall clock passed their time, want 2", got)
	}
	r.clock.Wall = r.clock.Wall.Add(-2 * time.Hour)
	r.drainAll()
	r.advance(2 * time.Hour)
	r.wantInOrder(p, 2)
	r.wantEmpty(p)
}

func TestAClockThatJumpsBackReleasesNothingEarlyAndLosesNothing(t *testing.T) {
	p := pairOf("links", "aawiki")
	r := newRig(t, &policy{node: 4})
	r.open(false, "aawiki")
	r.push(p, 1, later(r, 10*time.Second))
	r.clock.Wall = r.clock.Wall.Add(-time.Minute)
	due := r.clock.Wall.Add(70 * time.Second)
	r.push(p, 1, later(r, 5*time.Second)) // by the new clock
	r.advance(6 * time.Second)
	if got := strings.Join(r.payloads(p), " "); got != "1" {
		t.Fatalf("started were %q, want the job of the new clock", got)
	}
	r.advance(due.Sub(r.clock.Wall) - time.Second)
	if got := len(r.started); got != 1 {
		t.Fatal("a job was started before its time")
	}
	r.advance(2 * time.Second)
	if got := strings.Join(r.payloads(p), " "); got != "1 0" {
		t.Fatalf("started were %q", got)
	}
}

func TestAJobThatIsDueSoonerIsNoticedWhileTheTimerIsRead(t *testing.T) {
	p := pairOf("links", "aawiki")
	r := newRig(t, &policy{node: 4})
	r.open(false, "aawiki")
	r.push(p, 1, later(r, time.Minute))
	r.boot()
	r.holdReads = true
	r.open(false, "aawiki") // the timer is being read
	r.push(p, 1, later(r, 2*time.Second))
	r.holdReads = false
	r.settle()
	r.advance(3 * time.Second)
	if got := strings.Join(r.payloads(p), " "); got != "1" {
		t.Fatalf("started were %q, want the job that came during the read", got)
	}
}

func TestAJobThatIsCancelledBeforeItIsDueDoesNotStart(t *testing.T) {
	p := pairOf("links", "aawiki")
	r := newRig(t, &policy{node: 4})
	r.open(false, "aawiki")
	var job jobqueue.New
	r.push(p, 1, later(r, 2*time.Second), func(n *jobqueue.New) { job = *n })
	r.push(p, 1, later(r, 3*time.Second))
	r.command("aawiki", &jobqueue.Cancel{Wiki: "aawiki", ID: job.ID})
	r.advance(5 * time.Second)
	if got := strings.Join(r.payloads(p), " "); got != "1" {
		t.Fatalf("started were %q, want the other job", got)
	}
}

func TestKeysThatCannotBeReadDoNotStopThoseBehindThem(t *testing.T) {
	p := pairOf("links", "aawiki")
	r := newRig(t, &policy{node: 4})
	var batch kv.Batch
	for n := range jobqueue.MaxPage + 1 { // more than a read returns, and due before all others
		key := tuple.Int64(partition.Key(partition.Of("aawiki"), jobqueue.FamDue), int64(n))
		batch.Set(append(key, 'x'), []byte("no job"))
	}
	soon := tuple.Int64(partition.Key(partition.Of("aawiki"), jobqueue.FamDue), r.clock.Wall.Add(time.Second).UnixMilli())
	batch.Set(append(soon, 'x'), []byte("no job"))
	if err := r.store.Apply(&batch); err != nil {
		t.Fatal(err)
	}
	r.open(false, "aawiki")
	r.push(p, 1, later(r, 10*time.Second))
	r.push(p, 1, later(r, time.Hour))
	r.boot()
	r.open(false, "aawiki")
	r.advance(11 * time.Second)
	if got := strings.Join(r.payloads(p), " "); got != "0" {
		t.Fatalf("started were %q, want the job that is due", got)
	}
	r.advance(time.Hour)
	if got := strings.Join(r.payloads(p), " "); got != "0 1" {
		t.Fatalf("started were %q, want both jobs", got)
	}
}
