package jobqueue

import (
	"time"

	"auwai/internal/partition"
)

// A job that waits or is dead has a place: a key in the order of its state, and a count. The
// functions of this file move jobs between places and keep keys, counts and record together.

// placeReady gives the job a fresh place at the end of its band.
func (w *work) placeReady(j *Job, seq uint64) {
	j.State, j.Seq, j.Due, j.Died = Ready, seq, time.Time{}, time.Time{}
	s := w.pair(j.Pair)
	if s.Counts.Ready == 0 {
		// No ready key is left: nothing before this one needs to be walked over again.
		s.Cursor = [Bands]uint64{seq, seq, seq}
	}
	s.Counts.Ready++
	s.dirty = true
	w.tx.Set(w.readyKey(j), appendReadyValue(w.grab(readyValueSize), j))
}

// placeDelayed has the job wait for its moment, or for the one at which it is not worth beginning any
// more.
func (w *work) placeDelayed(j *Job, due time.Time) {
	if !j.ExpireAt.IsZero() && j.ExpireAt.Before(due) {
		due = ceilMilli(j.ExpireAt)
	}
	j.State, j.Seq, j.Due, j.Died = Delayed, 0, due, time.Time{}
	w.counts(j.Pair).Delayed++
	w.tx.Set(dueKey(w.p, due, j.Wiki, j.ID), encodeDue(j))
}

func (w *work) placeBlocked(j *Job) {
	j.State, j.Seq, j.Due, j.Died = Blocked, w.tx.Seq(), time.Time{}, time.Time{}
	w.counts(j.Pair).Blocked++
	w.tx.Set(blockedKey(w.p, j.Pair, j.Seq), appendReadyValue(w.grab(readyValueSize), j))
}

func (w *work) placeDead(j *Job) {
	j.State, j.Seq, j.Due, j.Died = Dead, w.tx.Seq(), time.Time{}, w.now
	w.counts(j.Pair).Dead++
	w.tx.Set(deadKey(w.p, j.Pair, j.Seq), j.ID[:])
	w.tx.Set(deadExpiryKey(w.p, j.Died, j.Wiki, j.ID), []byte{})
}

// unplace takes a job that waits or is dead from its place.
func (w *work) unplace(j *Job) {
	s := w.pair(j.Pair)
	s.dirty = true
	var n *int64
	switch j.State {
	case Ready:
		n = &s.Counts.Ready
		w.tx.Delete(w.readyKey(j))
	case Delayed:
		n = &s.Counts.Delayed
		w.tx.Delete(dueKey(w.p, j.Due, j.Wiki, j.ID))
	case Blocked:
		n = &s.Counts.Blocked
		w.tx.Delete(blockedKey(w.p, j.Pair, j.Seq))
		if !j.Chained {
			w.tx.Delete(missingKey(w.p, j.Wiki, j.ID))
		}
	case Dead:
		n = &s.Counts.Dead
		w.tx.Delete(deadKey(w.p, j.Pair, j.Seq))
		w.tx.Delete(deadExpiryKey(w.p, j.Died, j.Wiki, j.ID))
	default:
		partition.Invariant(false, "jobqueue: job %s has no place when %s", j, j.State)
		return
	}
	if j.State != Dead && j.Enq < s.PurgedBefore {
		n = &s.Counts.Sweeping
	}
	*n--
}

// unclaim takes a claimed job from where its claim stands, and ends the claim.
func (w *work) unclaim(c *Claim) {
	j := c.Job
	counts := w.counts(j.Pair)
	if w.isStored(c) {
		counts.Running--
		w.tx.Delete(RunningKey(w.p, j.Wiki, j.ID))
	} else {
		counts.Ready--
		w.tx.Delete(w.readyKey(j))
	}
	w.ending = append(w.ending, c)
}

// storeClaim puts the running key in the place of the ready key, or writes it anew.
func (w *work) storeClaim(c *Claim, orderly bool) {
	if !w.isStored(c) {
		counts := w.counts(c.Job.Pair)
		counts.Ready--
		counts.Running++
		w.tx.Delete(w.readyKey(c.Job))
	}
	w.storing = append(w.storing, c)
	if orderly && !c.orderly {
		w.tx.After(func() { c.orderly = true })
	}
	w.tx.Set(RunningKey(w.p, c.Job.Wiki, c.Job.ID), encodeRunning(c, orderly || c.orderly, w.isCancelled(c)))
}

// save writes the job's record.
func (w *work) save(j *Job) {
	v := encodeJob(j)
	w.weight += len(v)
	w.tx.Set(w.jobKey(j), v)
}

// remove deletes the record and what belongs to it alone.
func (w *work) remove(j *Job) {
	w.tx.Delete(w.jobKey(j))
	w.removeBlob(j)
}

// moveReady gives a ready job that changed its band a place in the new one.
func (w *work) moveReady(j *Job, band Band) {
	w.unplace(j)
	j.Band = band
	w.placeReady(j, w.tx.Seq())
}

// stand gives a job that is to wait its place, and writes its record: delayed until due, blocked by
// those before it in its chain, or ready; at the place seq, 0 for a fresh one. settles says that the
// effect ends a claim.
func (w *work) stand(j *Job, due time.Time, seq uint64, settles bool) {
	switch {
	case due.After(w.wall):
		w.placeDelayed(j, due)
		w.effect(BecameDelayed{Pair: j.Pair, Due: j.Due, ID: j.ID, Settles: settles})
	case j.SerialKey != "" && !j.Chained && !w.join(j):
		w.placeBlocked(j)
		w.effect(BecameBlocked{Pair: j.Pair, ID: j.ID, Settles: settles})
	default:
		if seq == 0 {
			seq = w.tx.Seq()
		}
		w.placeReady(j, seq)
		w.effect(BecameReady{Job: j, Settles: settles})
	}
	w.save(j)
}

// rest has a job wait again, at its due moment or at once (zero), after the rules of what ends it and
// of twins. keyHeld says that its key is its own for certain. settles says that the effect ends a
// claim. It returns the twin that the job was merged into, nil otherwise; the job's State tells where
// it stands.
func (w *work) rest(j *Job, due time.Time, keyHeld, settles bool) (twin *Job) {
	if end, ended := w.ends(j); ended {
		if j.Key != "" {
			w.giveKeyBack(j, keyHeld)
		}
		w.remove(j)
		end.settles = settles
		w.close(j, end)
		j.State = end.state
		return nil
	}
	if j.Key != "" && !keyHeld {
		if twin = w.takeKey(j, w.twinKey(j)); twin != nil {
			w.tx.Delete(w.jobKey(j))
			w.mergeInto(twin, j, due)
			w.close(j, closing{state: Duplicate, twin: twin.ID, settles: settles})
			j.State = Duplicate
			return twin
		}
	}
	w.stand(j, due, 0, settles)
	return nil
}
