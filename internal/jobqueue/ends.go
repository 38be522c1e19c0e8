package jobqueue

import (
	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/kv"
	"auwai/internal/partition"
)

// A job that waits, or is about to, may have nothing left to wait for: it was purged with its pair, its
// root was cancelled or is out of date, or its time is over. The functions of this file say so.

// ends reports whether the job is not to be begun, and how it ends instead.
func (w *work) ends(j *Job) (closing, bool) {
	if w.purged(j) {
		return closing{state: Cancelled, reason: "its queue was purged"}, true
	}
	if j.Root.Signature != "" {
		rec := w.rootRecord(RootKey(w.p, j.Pair, j.Root.Signature))
		if c, ended := rec.ends(j); ended {
			return c, true
		}
	}
	if j.Expired(w.wall) {
		return expiredClosing(), true
	}
	return closing{}, false
}

func expiredClosing() closing {
	return closing{state: Expired, reason: "it was not begun before its time was over"}
}

// ends reports how a root ends a job; nil ends none.
func (r *RootRecord) ends(j *Job) (closing, bool) {
	switch {
	case r == nil:
		return closing{}, false
	case r.Cancels(j):
		return closing{state: Cancelled, reason: "its root was cancelled"}, true
	case r.Older(j):
		return closing{state: Superseded, generation: r.Timestamp}, true
	default:
		return closing{}, false
	}
}

// purged reports whether the job arrived before the last purge of its pair.
func (w *work) purged(j *Job) bool { return j.Enq < w.pair(j.Pair).PurgedBefore }

// drop ends a job that waits.
func (w *work) drop(j *Job, c closing) {
	w.unplace(j)
	if j.Key != "" {
		w.giveKeyBack(j, true) // a job that waits has its key
	}
	w.remove(j)
	if j.State == Ready {
		w.touch(j.ID)
		w.effect(Gone{ID: j.ID, Pair: j.Pair, Band: j.Band, Seq: j.Seq, Settles: true})
	}
	w.close(j, c)
}

// Drop ends jobs that are not to be begun any more, as a reader of windows met them: superseded or
// cancelled by their root, purged, or past their time. Each is looked at again; what is claimed, has
// moved, or has no reason to end, stays.
type Drop struct {
	Jobs []Place
	// Done is how many of Jobs were looked at, after success; the caller sends the rest again.
	Done int
}

// Place is where a waiting job was seen in the ready order.
type Place struct {
	Pair Pair
	ID   ident.Suffix
	Seq  uint64
}

// Reads names the records.
func (c *Drop) Reads(dst []kv.Key, p partition.ID) []kv.Key {
	for i := range c.Jobs {
		dst = append(dst, JobKey(p, c.Jobs[i].Pair.Wiki, c.Jobs[i].ID))
	}
	return dst
}

// Apply ends the jobs.
func (c *Drop) Apply(tx *partition.Tx) error {
	if len(c.Jobs) > MaxPage {
		return fault.Newf(fault.TooLarge, "jobqueue: %d jobs to be dropped at once, at most %d", len(c.Jobs), MaxPage)
	}
	w := begin(tx, 0)
	c.Done = len(c.Jobs)
	for i := range c.Jobs {
		if w.full(i) {
			c.Done = i
			break
		}
		at := &c.Jobs[i]
		if w.running(at.ID) != nil {
			continue
		}
		j := w.job(at.Pair, at.ID)
		if j == nil || j.State != Ready || j.Seq != at.Seq {
			continue
		}
		if end, ended := w.ends(j); ended {
			w.drop(j, end)
		}
	}
	return w.finish()
}
