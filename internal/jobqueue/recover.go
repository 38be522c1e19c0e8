package jobqueue

import (
	"fmt"
	"time"

	"auwai/internal/kv"
	"auwai/internal/partition"
)

// Domain is the job queue as package node opens it.
type Domain struct{}

// Families declares the keys of the queue.
func (Domain) Families() []partition.Family { return Families() }

// Slot is where a partition's Mem is kept.
func (Domain) Slot() partition.Slot { return partition.SlotJobs }

// Open makes the memory of a partition from its running keys, and the commands that return the
// claims found.
func (Domain) Open(o partition.Opening) (mem any, first []partition.Command) {
	m := NewMem()
	var page []RunningEntry
	size := 0
	flush := func() {
		if len(page) > 0 {
			first = append(first, &Recover{Found: page})
		}
		page, size = nil, 0
	}
	for _, e := range o.Resident(partition.Key(o.Partition, FamRunning)) {
		r, err := DecodeRunning(e)
		partition.Invariant(err == nil, "%v", err)
		m.hold(&Claim{
			Job:   &Job{ID: r.ID, Pair: r.Pair, State: Ready, Band: r.Band, Seq: r.Seq},
			Start: r.Start, Deadline: r.Deadline, Attempts: r.Attempts, Stored: true, found: true,
		})
		// A page is read and written back whole.
		if len(page) >= MaxPage || size+r.Size > pageBytes {
			flush()
		}
		page, size = append(page, r), size+r.Size
	}
	flush()
	return m, first
}

// Decode knows the message that holds a Push.
func (Domain) Decode(kind byte, body []byte) (c partition.Command, ok bool, err error) {
	if kind != MailPush {
		return nil, false, nil
	}
	push, err := DecodePush(body)
	return push, true, err
}

// Recover returns claims that were found at an opening: whoever held them is gone. Those that an
// orderly stop had marked are not counted, the others are, as crashes; a job whose attempts are used
// up is dead, so that one that kills the service does not do so for ever.
type Recover struct{ Found []RunningEntry }

// Reads names the records.
func (c *Recover) Reads(dst []kv.Key, p partition.ID) []kv.Key {
	for i := range c.Found {
		dst = append(dst, JobKey(p, c.Found[i].Pair.Wiki, c.Found[i].ID))
	}
	return dst
}

// Apply returns the claims.
func (c *Recover) Apply(tx *partition.Tx) error {
	w := begin(tx, 0)
	var report Recovered
	for i := range c.Found {
		r := &c.Found[i]
		claim := w.running(r.ID)
		if claim == nil || !claim.found {
			continue
		}
		j := w.job(r.Pair, r.ID)
		w.unclaim(claim)
		if j == nil {
			w.effect(Repaired{Text: fmt.Sprintf("job %s of queue %s of wiki %s was marked as running and has no record", r.ID, r.Pair.Queue, r.Pair.Wiki)})
			continue
		}
		if r.Orderly {
			report.Orderly++
		} else {
			report.Crashed++
		}
		w.recoverJob(j, r)
	}
	w.effect(report)
	w.finish()
	return nil
}

func (w *work) recoverJob(j *Job, r *RunningEntry) {
	if r.Orderly {
		j.addAttempt(Attempt{Start: r.Start, End: w.now, Outcome: OutcomeOrderly, Error: "cut short by an orderly stop of the service"})
		w.rest(j, time.Time{}, false, true)
		return
	}
	limit := r.Attempts
	if limit <= 0 {
		limit = defaultAttempts
	}
	j.Tries++
	j.Crashes++
	j.LastError = "the service ended while the job was running"
	j.addAttempt(Attempt{Start: r.Start, End: w.now, Outcome: OutcomeCrash, Error: j.LastError})
	if j.Tries < limit {
		w.rest(j, time.Time{}, false, true)
		return
	}
	j.LastError = fmt.Sprintf("attempts are used up: %d of %d, and %d of them ended with the service itself; the job may be what ends it", j.Tries, limit, j.Crashes)
	w.die(j, false, true)
}
