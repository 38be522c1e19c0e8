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

func (w *work) placeDelayed(j *Job, due time.Time) {
	j.State, j.Seq, j.Due, j.Died = Delayed, 0, due, time.Time{}
	w.counts(j.Pair).Delayed++
	w.tx.Set(dueKey(w.p, due, j.Wiki, j.ID), encodeDue(j))
}

func (w *work) placeDead(j *Job) {
	j.State, j.Seq, j.Due, j.Died = Dead, w.tx.Seq(), time.Time{}, w.now
	w.counts(j.Pair).Dead++
	w.tx.Set(deadKey(w.p, j.Pair, j.Seq), j.ID[:])
	w.tx.Set(deadExpiryKey(w.p, j.Died, j.Wiki, j.ID), []byte{})
}

// unplace takes a job that waits or is dead from its place.
func (w *work) unplace(j *Job) {
	c := w.counts(j.Pair)
	switch j.State {
	case Ready:
		c.Ready--
		w.tx.Delete(w.readyKey(j))
	case Delayed:
		c.Delayed--
		w.tx.Delete(dueKey(w.p, j.Due, j.Wiki, j.ID))
	case Dead:
		c.Dead--
		w.tx.Delete(deadKey(w.p, j.Pair, j.Seq))
		w.tx.Delete(deadExpiryKey(w.p, j.Died, j.Wiki, j.ID))
	default:
		partition.Invariant(false, "jobqueue: job %s has no place when %s", j, j.State)
	}
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

// storeClaim puts the running key in the place of the ready key.
func (w *work) storeClaim(c *Claim, orderly bool) {
	if !w.isStored(c) {
		counts := w.counts(c.Job.Pair)
		counts.Ready--
		counts.Running++
		w.tx.Delete(w.readyKey(c.Job))
		w.storing = append(w.storing, c)
	}
	w.tx.Set(RunningKey(w.p, c.Job.Wiki, c.Job.ID), encodeRunning(c, orderly, c.Cancelled))
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

// supersede ends a waiting job whose generation is out of date. rec is its root's record.
func (w *work) supersede(j *Job, rec *RootRecord) {
	w.unplace(j)
	if j.Key != "" {
		w.tx.Delete(w.twinKey(j)) // a job that waits has its key
	}
	w.remove(j)
	if j.State == Ready {
		w.touch(j.ID)
		w.effect(Gone{ID: j.ID, Pair: j.Pair, Band: j.Band, Seq: j.Seq, Settles: true})
	}
	w.close(j, closing{state: Superseded, generation: rec.Timestamp})
}

// rest has a job wait again, at its due moment or at once (zero), after the root rule and the twin
// rule, and writes its record. keyHeld says that its key is its own for certain. settles says that
// the effect ends a claim. It returns the twin that the job was merged into, nil otherwise; the
// job's State tells where it stands.
func (w *work) rest(j *Job, due time.Time, keyHeld, settles bool) (twin *Job) {
	if rec, older := w.olderThanRoot(j); older {
		if j.Key != "" {
			w.giveKeyBack(j, keyHeld)
		}
		w.remove(j)
		w.close(j, closing{state: Superseded, generation: rec.Timestamp, settles: settles})
		j.State = Superseded
		return nil
	}
	if j.Key != "" && !keyHeld {
		if twin = w.takeKey(j, w.twinKey(j)); twin != nil {
			w.tx.Delete(w.jobKey(j))
			w.merge(twin, j, due)
			w.close(j, closing{state: Duplicate, twin: twin.ID, settles: settles})
			j.State = Duplicate
			return twin
		}
	}
	if due.After(w.wall) {
		w.placeDelayed(j, due)
		w.effect(BecameDelayed{Pair: j.Pair, Due: due, ID: j.ID, Settles: settles})
	} else {
		w.placeReady(j, w.tx.Seq())
		w.effect(BecameReady{Job: j, Settles: settles})
	}
	w.save(j)
	return nil
}
