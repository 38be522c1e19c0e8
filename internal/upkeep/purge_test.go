package upkeep_test

import (
	"testing"
	"time"

	"auwai/internal/jobqueue"
	"auwai/internal/partition"
	"auwai/internal/upkeep"
)

func links() jobqueue.Pair { return jobqueue.Pair{Wiki: "aawiki", Queue: "links"} }

// wait pushes n jobs that stay where they are: ready, delayed, and blocked by one another.
func (r *rig) wait(p partition.ID, pair jobqueue.Pair, n int) {
	r.t.Helper()
	push := &jobqueue.Push{}
	for i := range n {
		job := jobqueue.New{ID: r.minter.Next(r.clock.Wall), Pair: pair, Payload: []byte("{}")}
		switch i % 3 {
		case 1:
			job.RunAt = r.clock.Wall.Add(time.Hour)
		case 2:
			job.SerialKey = "s"
		}
		if push.Jobs = append(push.Jobs, job); len(push.Jobs) == 300 || i == n-1 {
			r.do(p, pair.Wiki, push)
			push = &jobqueue.Push{}
		}
	}
}

// counts returns what is counted in a pair.
func (r *rig) counts(p partition.ID, pair jobqueue.Pair) jobqueue.Counts {
	r.t.Helper()
	for _, e := range r.parts[p].Resident(jobqueue.PairRange(p).From) {
		info, err := jobqueue.DecodePair(e)
		if err != nil {
			r.t.Fatal(err)
		}
		if info.Pair == pair {
			return info.Counts
		}
	}
	return jobqueue.Counts{}
}

func TestWhatWasPurgedIsSweptAtOnceAndOtherQueuesAreNot(t *testing.T) {
	r := newRig(t, upkeep.Config{}, 3)
	other := jobqueue.Pair{Wiki: "aawiki", Queue: "other"}
	r.wait(3, links(), 1_800)
	r.wait(3, other, 9)
	kept := r.counts(3, other)
	r.do(3, "aawiki", &jobqueue.Purge{Pair: links()})
	if got := r.counts(3, links()); !got.IsZero() {
		t.Errorf("after the purge %+v are counted", got)
	}
	if got := r.counts(3, other); got != kept {
		t.Errorf("the other queue has %+v, had %+v", got, kept)
	}
	if len(r.errs) > 0 {
		t.Errorf("errors: %v", r.errs)
	}
}

func TestAPurgeGoesOnAfterAReopening(t *testing.T) {
	r := newRig(t, upkeep.Config{}, 3)
	r.wait(3, links(), 900)
	r.holdReads = true
	if err := r.parts[3].Submit(r.clock, &partition.Call{Wiki: "aawiki", Command: &jobqueue.Purge{Pair: links()}}, false); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		r.turn()
	}
	if got := r.counts(3, links()); got != (jobqueue.Counts{Sweeping: 900}) {
		t.Fatalf("after the purge %+v are counted", got)
	}
	r.close(3)
	r.holdReads = false
	r.settle()
	r.open(3)
	r.settle()
	if got := r.counts(3, links()); !got.IsZero() {
		t.Errorf("after the reopening %+v are counted", got)
	}
}

func TestAPurgeThatFailsIsTriedAgainInTheNextRound(t *testing.T) {
	r := newRig(t, upkeep.Config{}, 3)
	r.wait(3, links(), 600)
	refused := 0
	r.refuse = func(c partition.Command) error {
		if _, ok := c.(*jobqueue.PurgePage); ok && refused < 3 {
			refused++
			return errAsked
		}
		return nil
	}
	r.do(3, "aawiki", &jobqueue.Purge{Pair: links()})
	if refused != 1 || r.counts(3, links()).Sweeping != 600 {
		t.Fatalf("%d pages were refused, and %+v are counted", refused, r.counts(3, links()))
	}
	r.advance(5*time.Second, time.Second)
	if got := r.counts(3, links()); refused != 3 || len(r.errs) != 3 || !got.IsZero() {
		t.Errorf("after %d refusals and %d errors %+v are counted", refused, len(r.errs), got)
	}
}

func TestAPurgeDuringASweepOfTheSamePairSweepsBoth(t *testing.T) {
	r := newRig(t, upkeep.Config{}, 3)
	r.wait(3, links(), 600)
	r.holdAnswers = true
	for range 2 {
		if err := r.parts[3].Submit(r.clock, &partition.Call{Wiki: "aawiki", Command: &jobqueue.Purge{Pair: links()}}, false); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			r.turn()
		}
		r.pushOpen(3)
	}
	r.holdAnswers = false
	r.settle()
	r.do(3, "aawiki", &jobqueue.Purge{Pair: links()})
	if got := r.counts(3, links()); !got.IsZero() {
		t.Errorf("%+v are counted", got)
	}
}

// pushOpen pushes one job without waiting for the answer.
func (r *rig) pushOpen(p partition.ID) {
	r.t.Helper()
	c := &jobqueue.Push{Jobs: []jobqueue.New{{ID: r.minter.Next(r.clock.Wall), Pair: links()}}}
	if err := r.parts[p].Submit(r.clock, &partition.Call{Wiki: "aawiki", Command: c}, false); err != nil {
		r.t.Fatal(err)
	}
	r.turn()
}
