package jobqueue

import (
	"time"

	"auwai/internal/ident"
	"auwai/internal/kv"
	"auwai/internal/partition"
	"auwai/internal/tuple"
)

// The twin rule: of several jobs with one key, one waits. A job that is waiting has its key, always; a
// job that runs has it until another one takes it; one that is done has it while its window lasts.

// takeKey gives a job that is about to wait its key, and returns nil; or it returns the twin that the
// job has to be merged into: one that waits or, with no more than an id, one that is done. key is the
// twin key of the job.
func (w *work) takeKey(j *Job, key kv.Key) (twin *Job) {
	holder, ok := w.holder(key)
	switch {
	case ok && holder.ID == j.ID:
		return nil
	case ok && !holder.Until.IsZero():
		if j.Twins.mode() == DedupWindow && w.now.Before(holder.Until) {
			return &Job{ID: holder.ID, Pair: j.Pair, State: Done}
		}
	case ok:
		if c := w.running(holder.ID); c != nil {
			w.loseKey(c)
			break
		}
		twin = w.job(j.Pair, holder.ID)
		if twin == nil || !twin.State.waits() {
			break // unknown yet, or a key that leads nowhere, which heals itself here
		}
		end, ended := w.ends(twin)
		if !ended {
			return twin
		}
		w.drop(twin, end)
	}
	w.tx.Set(key, append(w.grab(ident.SuffixLen), j.ID[:]...))
	return nil
}

func (w *work) holder(key kv.Key) (t TwinEntry, ok bool) {
	v := w.tx.Get(key)
	if v == nil {
		return t, false
	}
	t, err := DecodeTwin(v)
	partition.Invariant(err == nil, "%v", err)
	return t, true
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
		if holder, ok := w.holder(key); !ok || holder.ID != j.ID {
			return
		}
	}
	w.tx.Delete(key)
}

// keepWindow leaves the key with a job that is done, while its window lasts.
func (w *work) keepWindow(j *Job, held bool) {
	key := w.twinKey(j)
	if !held {
		if holder, ok := w.holder(key); !ok || holder.ID != j.ID {
			return
		}
	}
	until := ceilMilli(w.now.Add(j.Twins.For))
	w.tx.Set(key, encodeDoneTwin(j.ID, until))
	w.tx.Set(twinExpiryKey(w.p, until, j.Pair, tuple.Hash(j.Key)), []byte{})
}

// mergeInto has a job that comes back, and has no place and no record any more, merged into a twin.
// due is when it would be released, zero for at once.
func (w *work) mergeInto(twin, j *Job, due time.Time) {
	if twin.State == Done {
		w.removeBlob(j)
		w.letGo(j, Done)
		return
	}
	w.handOver(j, twin)
	if twin.Twins.mode() == DedupReplace || twin.Twins.mode() == DedupDebounce {
		due, j.RunAt = twin.Due, twin.RunAt // their release is the newest one's
	}
	w.merge(twin, j, due)
}

// arriveTwin applies the mode of an arriving job to the waiting twin, and reports whether the job was
// merged into it; else it waits by itself.
func (w *work) arriveTwin(twin, j *Job, key kv.Key) (merged bool) {
	switch {
	case twin.State == Done:
		w.removeBlob(j)
	case j.Twins.mode() == DedupReplace:
		w.handOver(twin, j)
		w.drop(twin, closing{state: Duplicate, twin: j.ID})
		w.tx.Set(key, append(w.grab(ident.SuffixLen), j.ID[:]...))
		return false
	case j.Twins.mode() == DedupDebounce:
		w.debounce(twin, j)
	default:
		// A twin in back-off is due at once: its own release has passed.
		w.merge(twin, j, earliest(twin.RunAt, j.RunAt))
	}
	return true
}

// debounceMost is how many times the pause a release may be put off in all.
const debounceMost = 10

// debounce merges an arriving job into its twin and puts the release off.
func (w *work) debounce(twin, j *Job) {
	first := twin.Created
	if twin.Twins != nil && !twin.Twins.First.IsZero() {
		first = twin.Twins.First
	}
	release := j.RunAt // the pause from now, or later where the job says so
	if most := first.Add(debounceMost * j.Twins.For); most.Before(release) {
		release = most
	}
	if twin.State == Ready && !release.After(w.wall) {
		w.merge(twin, j, time.Time{}) // put off for long enough: it keeps its place
		return
	}
	before := *twin
	twin.Root = mergeRoots(twin.Root, j.Root, true)
	w.takeBytes(twin, j)
	twin.Band, twin.RunAt = min(twin.Band, j.Band), release
	twin.Twins = &TwinRule{Mode: DedupDebounce, For: j.Twins.For, First: first}
	if twin.State == Blocked {
		w.save(twin)
		return
	}
	w.unplace(&before)
	if before.State == Ready {
		w.touch(twin.ID)
		w.effect(Gone{ID: twin.ID, Pair: twin.Pair, Band: before.Band, Seq: before.Seq, Settles: true})
	}
	w.stand(twin, release, 0, false)
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
	switch {
	case twin.State == Ready:
		if band != twin.Band {
			w.moveReady(twin, band)
		}
		w.touch(twin.ID)
		w.effect(Changed{Job: twin, OldBand: before.Band, OldSeq: before.Seq, Settles: true})
		w.save(twin)
		return
	case twin.State == Blocked:
		twin.Band = band
		w.save(twin)
		return
	}
	twin.Band = band
	if due = earliest(twin.Due, due); due.Equal(before.Due) {
		w.save(twin)
		return
	}
	w.unplace(&before)
	w.stand(twin, due, 0, false)
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
	twin.Cause, twin.NoRetry, twin.ExpireAt = j.Cause, j.NoRetry, latest(twin.ExpireAt, j.ExpireAt)
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

// latest returns the later moment; zero is "never".
func latest(a, b time.Time) time.Time {
	if a.IsZero() || b.IsZero() {
		return time.Time{}
	}
	if a.Before(b) {
		return b
	}
	return a
}
