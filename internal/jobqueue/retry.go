package jobqueue

import (
	"time"

	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/kv"
	"auwai/internal/partition"
)

// Retry makes a dead job ready, with all its attempts before it again and the log of the old ones
// kept, or a delayed one at once. A job that runs, is ready or blocked is a Conflict; an unknown one
// NotFound.
type Retry struct {
	Wiki string
	ID   ident.Suffix
	// Result says what became of the job, after success: it may be a duplicate of a waiting twin, or
	// superseded by its root, or blocked by those before it in its chain.
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
	case j.State == Blocked:
		return fault.Newf(fault.Conflict, "job %s is blocked; it goes on when what it waits for has ended", ident.ID{Wiki: c.Wiki, Suffix: c.ID})
	}
	wasDead := j.State == Dead
	w.unplace(j)
	if wasDead {
		j.Tries, j.Crashes = 0, 0
		w.pardon(j)
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
	return w.finish()
}

// pardon has a dead job not end again by what has passed while it was dead: its time, and a purge of
// what waited. It then stands where the purge does in the order of arrival, before all that came later.
func (w *work) pardon(j *Job) {
	if j.Expired(w.wall) {
		j.ExpireAt = time.Time{}
	}
	j.Enq = max(j.Enq, w.pair(j.Pair).PurgedBefore)
}
