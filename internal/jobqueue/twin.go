package jobqueue

import (
	"time"

	"auwai/internal/ident"
	"auwai/internal/kv"
)

// The twin rule "keep": of several jobs with one key, one waits. A job that is waiting has its key,
// always; a job that runs has it until another one takes it.

// takeKey gives a job that is about to wait its key, and returns nil; or it returns the waiting twin
// that the job has to be merged into. key is the twin key of the job.
func (w *work) takeKey(j *Job, key kv.Key) (twin *Job) {
	holder, ok := w.holder(key)
	switch {
	case ok && holder == j.ID:
		return nil
	case ok:
		if c := w.running(holder); c != nil {
			w.loseKey(c)
			break
		}
		twin = w.job(j.Pair, holder)
		if twin == nil || twin.State != Ready && twin.State != Delayed {
			break // unknown yet, or a key that leads nowhere, which heals itself here
		}
		rec, older := w.olderThanRoot(twin)
		if !older {
			return twin
		}
		w.supersede(twin, rec)
	}
	w.tx.Set(key, append(w.grab(ident.SuffixLen), j.ID[:]...))
	return nil
}

func (w *work) holder(key kv.Key) (id ident.Suffix, ok bool) {
	v := w.tx.Get(key)
	return id, copy(id[:], v) == ident.SuffixLen
}

// loseKey takes the key from a claim. That it is claimed must then be in the store: were it found
// ready after a crash, it would be a second job waiting with this key.
func (w *work) loseKey(c *Claim) {
	if w.keyTaken(c) {
		return
	}
	if !w.isStored(c) {
		w.storeClaim(c, false)
	}
	w.taken = append(w.taken, c)
}

// giveKeyBack deletes the key of a job that ends or dies, when it has it. held says that it has.
func (w *work) giveKeyBack(j *Job, held bool) {
	key := w.twinKey(j)
	if !held {
		if holder, ok := w.holder(key); !ok || holder != j.ID {
			return
		}
	}
	w.tx.Delete(key)
}

// merge has the waiting twin stand for j too: it keeps its id and, in its band, its place; it takes
// the bytes of the newer event, the earliest release, the highest priority and the newer root. due
// is when j would be released, zero for at once. j has no place and no record.
func (w *work) merge(twin, j *Job, due time.Time) {
	before := *twin
	newer := j.Enq > twin.Enq
	twin.Root = mergeRoots(twin.Root, j.Root, newer)
	twin.RunAt = earliest(twin.RunAt, j.RunAt)
	if newer {
		w.takeBytes(twin, j)
	} else {
		w.removeBlob(j)
	}
	band := min(twin.Band, j.Band)
	if twin.State == Ready {
		if band != twin.Band {
			w.moveReady(twin, band)
		}
		w.touch(twin.ID)
		w.effect(Changed{Job: twin, OldBand: before.Band, OldSeq: before.Seq, Settles: true})
		w.save(twin)
		return
	}
	twin.Band = band
	if due = earliest(twin.Due, due); due.Equal(before.Due) {
		w.save(twin)
		return
	}
	w.unplace(&before)
	if due.After(w.wall) {
		w.placeDelayed(twin, due)
		w.effect(BecameDelayed{Pair: twin.Pair, Due: due, ID: twin.ID})
	} else {
		w.placeReady(twin, w.tx.Seq())
		w.effect(BecameReady{Job: twin})
	}
	w.save(twin)
}

// takeBytes moves what belongs to the newer event from j to the twin.
func (w *work) takeBytes(twin, j *Job) {
	if twin.Blob.ID != j.Blob.ID {
		w.removeBlob(twin)
	}
	if twin.RequestID != j.RequestID {
		w.indexMoved(twin, j.RequestID)
	}
	twin.Enq = j.Enq
	twin.Payload, twin.Blob = j.Payload, j.Blob
	twin.Domain, twin.FromEvent, twin.RequestID = j.Domain, j.FromEvent, j.RequestID
}

// mergeRoots returns the root of a job that stands for two. One without a root is never superseded,
// and so neither is what stands for it.
func mergeRoots(a, b Root, bIsNewer bool) Root {
	switch {
	case a.Signature == "" || b.Signature == "":
		return Root{}
	case b.Timestamp > a.Timestamp || b.Timestamp == a.Timestamp && bIsNewer:
		return b
	default:
		return a
	}
}

// earliest returns the earlier moment; zero is "at once".
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || b.IsZero() {
		return time.Time{}
	}
	if b.Before(a) {
		return b
	}
	return a
}
