package remote_test

import (
	"strings"
	"testing"
	"time"

	"auwai/internal/dispatch"
	"auwai/internal/runner/remote"
)

func TestAJobGoesToAWorkerThatHasRoomForIt(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		small := r.ask(remote.Request{Wait: time.Minute, Worker: "small", Capacity: has(1), Limit: 10})
		large := r.ask(remote.Request{Wait: time.Minute, Worker: "large", Capacity: has(4), Limit: 10})
		d := needing(demand("encode", "aawiki"), 3)
		first, ok := r.reserve(d)
		if !ok {
			t.Fatal("the large worker has room")
		}
		if ok, why := r.Ready(time.Now(), d); ok || why != "no worker that waits has 3 cores and 3 GiB free" {
			t.Errorf("Ready = %v, %q", ok, why)
		}
		second, ok := r.reserve(needing(demand("encode", "aawiki"), 1))
		if !ok {
			t.Fatal("both have room for a small job")
		}
		r.run(t.Context(), first.work)
		r.run(t.Context(), second.work)
		if large.list() != first.id || small.list() != second.id {
			t.Errorf("large got %q, small got %q", large.list(), small.list())
		}
	})
}

func TestAWorkerThatStatesNoCapacityTakesAnyJob(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		r.ask(remote.Request{Wait: time.Minute, Worker: "w"})
		if ok, why := r.Ready(time.Now(), needing(demand("encode", "aawiki"), 1000)); !ok {
			t.Error(why)
		}
	})
}

func TestWhatAWorkersJobsFreeIsAddedToItsRequest(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		a := r.ask(remote.Request{Wait: time.Minute, Worker: "w", Capacity: has(4)})
		job := r.start(needing(demand("encode", "aawiki"), 3))
		token := r.one(a).Token
		r.ask(remote.Request{Wait: time.Minute, Worker: "w", Capacity: has(1)})
		d := needing(demand("encode", "aawiki"), 2)
		if ok, _ := r.Ready(time.Now(), d); ok {
			t.Error("1 of 4 cores is free, and a job that needs 2 is ready")
		}
		said := saying(func() error { return r.Finish(t.Context(), job, token, "", "") })
		r.settle(job, nil)
		if err := <-said; err != nil {
			t.Fatal(err)
		}
		if ok, why := r.Ready(time.Now(), d); !ok {
			t.Errorf("4 cores are free: %s", why)
		}
	})
}

// busy is a worker with four cores that runs small jobs, and asks for more with what it has free.
type busy struct {
	r    *rig
	jobs []string
	by   map[string]string // tokens
}

func (b *busy) ask(free float64) *asked {
	return b.r.ask(remote.Request{Wait: time.Minute, Worker: "w", Capacity: has(free), Limit: 1})
}

// round offers the jobs as dispatch does, the large one first, and says which went.
func (b *busy) round(large, small dispatch.Demand) string {
	if ok, _ := b.r.Ready(time.Now(), large); ok {
		return "large"
	}
	if ok, _ := b.r.Ready(time.Now(), small); ok {
		return "small"
	}
	return ""
}

func TestAfterHalfAMinuteALargeJobHasAWorkerKeptForIt(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		b := &busy{r: r, by: map[string]string{}}
		large, small := needing(demand("encode", "aawiki"), 4), needing(demand("thumbs", "bbwiki"), 1)
		for free := 4.0; free > 0; free-- { // four small jobs run
			a := b.ask(free)
			job := r.start(small)
			b.jobs, b.by[job] = append(b.jobs, job), r.one(a).Token
		}
		finish := func() {
			job := b.jobs[0]
			b.jobs = b.jobs[1:]
			said := saying(func() error { return r.Finish(t.Context(), job, b.by[job], "", "") })
			r.settle(job, nil)
			if err := <-said; err != nil {
				t.Fatal(err)
			}
		}
		// For less than half a minute what is free goes to the next small job.
		for range 5 {
			finish()
			a := b.ask(1)
			if got := b.round(large, small); got != "small" {
				t.Fatalf("%q goes, want the small one", got)
			}
			job := r.start(small)
			b.jobs, b.by[job] = append(b.jobs, job), r.one(a).Token
			pass(5 * time.Second)
		}
		pass(5 * time.Second)
		finish()
		b.ask(1)
		for range 3 {
			if got := b.round(large, small); got != "" {
				t.Fatalf("%q goes, want nothing until the worker is empty", got)
			}
			pass(time.Second)
			finish()
		}
		if got := b.round(large, small); got != "large" {
			t.Errorf("%q goes, want the large one", got)
		}
		r.start(large)
		b.ask(1)
		if got := b.round(large, small); got != "small" {
			t.Errorf("%q goes, want small ones again", got)
		}
	})
}

func TestAWorkerIsNotKeptForAJobThatHasGone(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		large, small := needing(demand("encode", "aawiki"), 4), needing(demand("thumbs", "bbwiki"), 1)
		b := &busy{r: r, by: map[string]string{}}
		a := b.ask(4)
		r.start(small)
		<-a.done
		b.ask(3)
		r.Ready(time.Now(), large)
		pass(30 * time.Second)
		if got := b.round(large, small); got != "" {
			t.Fatalf("%q goes, want the worker kept", got)
		}
		if _, why := r.Ready(time.Now(), large); !strings.HasSuffix(why, "; worker w is kept for it") {
			t.Errorf("why = %q", why)
		}
		if _, why := r.Ready(time.Now(), demand("thumbs", "bbwiki")); why != "the workers that wait are kept for larger jobs" {
			t.Errorf("why = %q", why)
		}
		pass(11 * time.Second) // and nobody asks for the large one
		if ok, why := r.Ready(time.Now(), small); !ok {
			t.Errorf("the worker is still kept: %s", why)
		}
	})
}

func TestAnotherWorkerIsKeptWhenTheFirstHasGone(t *testing.T) {
	in(t, func(t *testing.T, r *rig) {
		large := needing(demand("encode", "aawiki"), 4)
		hold := func(name string) *asked {
			a := r.ask(remote.Request{Wait: time.Minute, Worker: name, Capacity: has(4)})
			r.start(needing(demand("thumbs", "bbwiki"), 1))
			r.one(a)
			return r.ask(remote.Request{Wait: time.Minute, Worker: name, Capacity: has(3)})
		}
		first := hold("first")
		r.Ready(time.Now(), large)
		pass(30 * time.Second)
		if _, why := r.Ready(time.Now(), large); !strings.HasSuffix(why, "worker first is kept for it") {
			t.Fatalf("why = %q", why)
		}
		first.cancel()
		pass(timeout) // its lease ends
		hold("second")
		if _, why := r.Ready(time.Now(), large); !strings.HasSuffix(why, "worker second is kept for it") {
			t.Errorf("why = %q", why)
		}
	})
}
