package jobqueue

import (
	"time"

	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/kv"
	"auwai/internal/partition"
)

// Cancel ends a job that waits. A job that runs, or is dead, is a Conflict; an unknown one NotFound.
type Cancel struct {
	Wiki string
	ID   ident.Suffix
}

// Reads names the record.
func (c *Cancel) Reads(dst []kv.Key, p partition.ID) []kv.Key {
	return append(dst, JobKey(p, c.Wiki, c.ID))
}

// Apply cancels the job.
func (c *Cancel) Apply(tx *partition.Tx) error {
	w := begin(tx, 0)
	j := w.job(Pair{Wiki: c.Wiki}, c.ID)
	switch {
	case j == nil:
		return notFound(c.Wiki, c.ID)
	case w.running(c.ID) != nil:
		return fault.Newf(fault.Conflict, "job %s is running; only a waiting job can be cancelled", ident.ID{Wiki: c.Wiki, Suffix: c.ID})
	case j.State == Dead:
		return fault.Newf(fault.Conflict, "job %s is dead; only a waiting job can be cancelled", ident.ID{Wiki: c.Wiki, Suffix: c.ID})
	}
	w.unplace(j)
	if j.Key != "" {
		w.giveKeyBack(j, true)
	}
	w.remove(j)
	if j.State == Ready {
		w.touch(j.ID)
		w.effect(Gone{ID: j.ID, Pair: j.Pair, Band: j.Band, Seq: j.Seq, Settles: true})
	}
	w.close(j, closing{state: Cancelled})
	w.finish()
	return nil
}

func notFound(wiki string, id ident.Suffix) error {
	return fault.Newf(fault.NotFound, "there is no job %s that waits, runs or is dead", ident.ID{Wiki: wiki, Suffix: id})
}

// Retry makes a dead job ready, with all its attempts before it again and the log of the old ones
// kept, or a delayed one at once. A job that runs or is ready is a Conflict; an unknown one NotFound.
type Retry struct {
	Wiki string
	ID   ident.Suffix
	// Result says what became of the job, after success: it may be a duplicate of a waiting twin, or
	// superseded by its root.
	Result Pushed
}

// Reads names the record.
func (c *Retry) Reads(dst []kv.Key, p partition.ID) []kv.Key {
	return append(dst, JobKey(p, c.Wiki, c.ID))
}

// Apply retries the job.
func (c *Retry) Apply(tx *partition.Tx) error {
	w := begin(tx, 0)
	j := w.job(Pair{Wiki: c.Wiki}, c.ID)
	switch {
	case j == nil:
		return notFound(c.Wiki, c.ID)
	case w.running(c.ID) != nil:
		return fault.Newf(fault.Conflict, "job %s is running already", ident.ID{Wiki: c.Wiki, Suffix: c.ID})
	case j.State == Ready:
		return fault.Newf(fault.Conflict, "job %s is ready already", ident.ID{Wiki: c.Wiki, Suffix: c.ID})
	}
	wasDead := j.State == Dead
	w.unplace(j)
	if wasDead {
		j.Tries, j.Crashes = 0, 0
	}
	j.RunAt = time.Time{}
	c.Result = Pushed{ID: c.ID}
	if twin := w.rest(j, time.Time{}, !wasDead, false); twin != nil {
		c.Result.DuplicateOf = twin.ID
	}
	c.Result.State = j.State
	if j.State == Ready {
		w.indexWaiting(j)
	}
	w.finish()
	return nil
}

// Place is where a waiting job was seen in the ready order.
type Place struct {
	Pair Pair
	ID   ident.Suffix
	Seq  uint64
}

// Supersede ends ready jobs that their root has left behind, as a reader of windows met them. Each
// is looked at again; what is claimed, has moved, or is not older, stays.
type Supersede struct {
	Jobs []Place
	// Done is how many of Jobs were looked at, after success; the caller sends the rest again.
	Done int
}

// Reads names the records.
func (c *Supersede) Reads(dst []kv.Key, p partition.ID) []kv.Key {
	for i := range c.Jobs {
		dst = append(dst, JobKey(p, c.Jobs[i].Pair.Wiki, c.Jobs[i].ID))
	}
	return dst
}

// Apply ends the jobs.
func (c *Supersede) Apply(tx *partition.Tx) error {
	if len(c.Jobs) > MaxPage {
		return fault.Newf(fault.TooLarge, "jobqueue: %d jobs to be superseded at once, at most %d", len(c.Jobs), MaxPage)
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
		if rec, older := w.olderThanRoot(j); older {
			w.supersede(j, rec)
		}
	}
	w.finish()
	return nil
}
