package dispatch_test

import (
	"testing"
	"time"
)

// idleFor lets time pass, from one moment at which dispatch wants to be asked to the next, and returns how
// often that was.
func (r *rig) idleFor(d time.Duration) (wakes int) {
	r.t.Helper()
	for end := r.clock.Mono + d; ; wakes++ {
		r.settle()
		wake := min(max(r.m.Step(r.clock, host{r}), r.clock.Mono+time.Millisecond), end)
		r.clock.Wall = r.clock.Wall.Add(wake - r.clock.Mono)
		r.clock.Mono = wake
		if wake >= end {
			r.settle()
			return wakes
		}
		for _, id := range r.ids() {
			if r.running[id].Work.Wiki == "romwiki" {
				r.end(id, readOnly())
			}
		}
	}
}

func TestSemanticsDelayPauseAndReadOnlyCostNothingOverDays(t *testing.T) {
	delayed, paused, closed := pairOf("links", "aawiki"), pairOf("stopped", "aawiki"), pairOf("links", "romwiki")
	p := &policy{node: 1, paused: map[string]string{"stopped": "paused by a test"}}
	r := newRig(t, p)
	r.open(false, "aawiki", "romwiki")
	r.push(delayed, 1, later(r, 48*time.Hour))
	r.push(paused, 1000)

	empty := newRig(t, &policy{node: 1})
	empty.open(false, "aawiki", "romwiki")
	commits, reads := len(r.commands), r.reads
	nothing, waiting := empty.idleFor(20*time.Hour), r.idleFor(20*time.Hour)
	if waiting > nothing {
		t.Errorf("dispatch was woken %d times in 20 hours for a delayed job and a paused queue, %d times for nothing", waiting, nothing)
	}
	if c, n := len(r.commands)-commits, r.reads-reads; c != 0 || n != 0 || len(r.started) != 0 {
		t.Errorf("%d commits, %d reads and %d attempts in 20 hours for a delayed job and a paused queue", c, n, len(r.started))
	}
	if n := testing.AllocsPerRun(1000, func() { r.clock.Mono += time.Millisecond; r.m.Step(r.clock, host{r}) }); n != 0 {
		t.Errorf("a step costs %.1f allocations while jobs wait", n)
	}

	// The wiki is probed with one job a minute, and that is all: a command for each probe's outcome.
	r.push(closed, 50)
	commits, reads = len(r.commands), r.reads
	const hours = 10
	r.idleFor(hours * time.Hour)
	probes := r.startsOf("romwiki")
	if most := hours*60 + 20; probes > most || r.reads-reads > 2*most || len(r.commands)-commits > 2*most {
		t.Errorf("in %d hours a read-only wiki has cost %d probes, %d reads and %d commits", hours, probes, r.reads-reads, len(r.commands)-commits)
	}

	// The only slot is free for others.
	r.push(pairOf("other", "aawiki"), 1)
	if r.startsOf("aawiki") != 1 {
		t.Error("a job of another queue does not start at once")
	}
	r.endAll()

	// Nothing is lost over restarts, orderly or not.
	for _, unclean := range []bool{false, true} {
		r.boot()
		r.open(unclean, "aawiki", "romwiki")
		r.idleFor(8 * time.Hour)
	}
	r.idleFor(2*time.Hour + time.Minute)
	started := len(r.payloads(delayed))
	if started != 1 {
		t.Errorf("the delayed job was started %d times after 48 hours, want once", started)
	}
	r.endAll()
	p.paused = nil
	r.changed()
	for range 3000 {
		r.endAll()
		r.idleFor(time.Second)
	}
	if n := len(r.payloads(paused)); n != 1000 {
		t.Errorf("%d of 1000 jobs of the paused queue ran once it went on", n)
	}
	if n := len(r.payloads(closed)); n < 50 {
		t.Errorf("%d of 50 jobs of the wiki ran", n)
	}
}
