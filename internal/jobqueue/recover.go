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
	for _, e := range o.Resident(partition.Key(o.Partition, FamPair)) {
		info, err := DecodePair(e)
		partition.Invariant(err == nil, "%v", err)
		if info.PurgedBefore > 0 {
			m.purge(info.Pair, info.PurgedBefore)
		}
	}
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
			Exclusive: r.Exclusive, AtMostOnce: r.AtMostOnce, Holder: r.Holder, Progress: r.Progress, Cancelled: r.Cancelled,
			orderly: r.Orderly, storedDeadline: orEpoch(r.Deadline).UnixMilli(),
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

// Decode knows the messages of this package.
func (Domain) Decode(kind byte, body []byte) (c partition.Command, ok bool, err error) {
	switch kind {
	case MailPush:
		c, err = DecodePush(body)
	case MailUnblock:
		c, err = DecodeUnblock(body)
	default:
		return nil, false, nil
	}
	if err != nil {
		return nil, true, err
	}
	return c, true, nil
}

// Recover looks at the claims that were found at an opening: whoever of this node held them is gone.
//
//	cancelled          ends as cancelled
//	exclusive, or held by a remote worker, before its deadline
//	                   stays a claim: what carries the job out may still do so
//	orderly            returns, not counted
//	otherwise          returns, counted as a crash; dead when its attempts are used up, so that a job
//	                   that kills the service does not do so for ever
//
// One that runs at most once is dead instead of returning: it may have run.
type Recover struct{ Found []RunningEntry }

// Reads names the records.
func (c *Recover) Reads(dst []kv.Key, p partition.ID) []kv.Key {
	for i := range c.Found {
		dst = append(dst, JobKey(p, c.Found[i].Pair.Wiki, c.Found[i].ID))
	}
	return dst
}

// Apply looks at the claims.
func (c *Recover) Apply(tx *partition.Tx) error {
	w := begin(tx, 0)
	var report Recovered
	for i := range c.Found {
		r := &c.Found[i]
		claim := w.running(r.ID)
		if claim == nil || !claim.found || claim.kept {
			continue
		}
		j := w.job(r.Pair, r.ID)
		if j != nil && !r.Cancelled && (r.Exclusive || r.Holder != "") && r.Deadline.After(w.wall) {
			report.Kept++
			tx.After(func() { claim.Job, claim.kept = j, true })
			continue
		}
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
	return w.finish()
}

func (w *work) recoverJob(j *Job, r *RunningEntry) {
	a := Attempt{Start: r.Start, End: w.now, Outcome: OutcomeCrash, Error: "the service ended while the job was running"}
	if r.Orderly {
		a.Outcome, a.Error = OutcomeOrderly, "cut short by an orderly stop of the service"
	}
	once := r.AtMostOnce || j.AtMostOnce
	switch {
	case r.Cancelled:
		a.Outcome = OutcomeCancelled
		if j.Key != "" {
			w.giveKeyBack(j, false)
		}
		w.remove(j)
		w.close(j, closing{state: Cancelled, attempt: &a, settles: true, holder: r.Holder, reason: "it was cancelled while it ran"})
		return
	case r.Orderly && !once:
		j.addAttempt(a)
		w.rest(j, time.Time{}, false, true)
		return
	}
	limit := r.Attempts
	if limit <= 0 {
		limit = defaultAttempts
	}
	j.Tries++
	if !r.Orderly {
		j.Crashes++
	}
	j.LastError = a.Error
	j.addAttempt(a)
	switch {
	case once:
		j.LastError += onceText
	case j.NoRetry, j.Tries >= limit:
		j.LastError = fmt.Sprintf("attempts are used up: %d of %d, and %d of them ended with the service itself; the job may be what ends it", j.Tries, limit, j.Crashes)
	default:
		w.rest(j, time.Time{}, false, true)
		return
	}
	w.die(j, false, true)
}
