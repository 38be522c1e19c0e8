package jobqueue

import (
	"cmp"

	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/kv"
	"auwai/internal/partition"
)

// Cancel ends a job that waits. A job that runs is a Conflict, unless Running asks for those too; one
// that is dead is a Conflict, an unknown one NotFound.
type Cancel struct {
	Wiki string
	ID   ident.Suffix
	// Running has a job that runs be stopped: it ends as cancelled when its attempt has ended, unless
	// it is done by then. That is kept over crashes.
	Running bool
	// Stopping says, after success, that the job runs and is being stopped.
	Stopping bool
}

// Reads names the record.
func (c *Cancel) Reads(dst []kv.Key, p partition.ID) []kv.Key {
	return append(dst, JobKey(p, c.Wiki, c.ID))
}

// Apply cancels the job.
func (c *Cancel) Apply(tx *partition.Tx) error {
	w := begin(tx, 0)
	c.Stopping = false
	j, claim := w.job(Pair{Wiki: c.Wiki}, c.ID), w.running(c.ID)
	switch {
	case j == nil:
		return notFound(c.Wiki, c.ID)
	case claim != nil && !c.Running:
		return fault.Newf(fault.Conflict, "job %s is running; only a waiting job can be cancelled", ident.ID{Wiki: c.Wiki, Suffix: c.ID})
	case claim != nil:
		c.Stopping = true
		w.stop(claim)
	case j.State == Dead:
		return fault.Newf(fault.Conflict, "job %s is dead; only a waiting job can be cancelled", ident.ID{Wiki: c.Wiki, Suffix: c.ID})
	default:
		w.drop(j, closing{state: Cancelled})
	}
	return w.finish()
}

// stop has a claim's job end as cancelled. The claim is stored with that, so that a crash does not
// have the job begin again.
func (w *work) stop(c *Claim) {
	if w.isCancelled(c) {
		return
	}
	w.stopped = append(w.stopped, c)
	w.storeClaim(c, false)
	w.effect(CancelRunning{ID: c.Job.ID, Pair: c.Job.Pair})
}

func notFound(wiki string, id ident.Suffix) error {
	return fault.Newf(fault.NotFound, "there is no job %s that waits, runs or is dead", ident.ID{Wiki: wiki, Suffix: id})
}

// Where says which jobs of a wiki are meant; "" and zero are any.
type Where struct {
	Queue     string
	State     State // Ready, Delayed, Blocked or Running; Accepted is any of them
	Root      string
	RequestID string
	// Before leaves out what arrived at this place or later, so that a pass ends; see CancelPage.At.
	Before uint64
}

// Matches reports whether the record is of a job that is meant. Whether it runs is for the caller to
// say.
func (q *Where) Matches(j *Job, runs bool) bool {
	state := j.State
	if runs {
		state = Running
	}
	return state != Dead && (q.State == Accepted || q.State == state) && (q.Queue == "" || q.Queue == j.Queue) &&
		(q.Root == "" || q.Root == j.Root.Signature) && (q.RequestID == "" || q.RequestID == j.RequestID) &&
		(q.Before == 0 || j.Enq < q.Before)
}

// CancelPage cancels those of a page of jobs that wait, or run, and that Where means. A pass over the
// records of a wiki (JobRange) sends page after page; it can be resumed from any of them.
type CancelPage struct {
	Wiki  string
	IDs   []ident.Suffix
	Where Where
	// Cancelled and Stopping are how many ended, and how many run and are being stopped; Done is how
	// many of IDs were looked at, after success. The caller sends the rest again.
	Cancelled, Stopping, Done int
	// At is a place in the order of arrival before which all of now arrived: the first page's is the
	// Where.Before of the next ones.
	At uint64
}

// Reads names the records.
func (c *CancelPage) Reads(dst []kv.Key, p partition.ID) []kv.Key {
	return readJobs(dst, p, c.Wiki, c.IDs)
}

// Apply cancels the jobs.
func (c *CancelPage) Apply(tx *partition.Tx) error {
	if len(c.IDs) > MaxPage {
		return fault.Newf(fault.TooLarge, "jobqueue: %d jobs to be cancelled at once, at most %d", len(c.IDs), MaxPage)
	}
	w := begin(tx, 0)
	c.Cancelled, c.Stopping, c.Done, c.At = 0, 0, len(c.IDs), cmp.Or(c.Where.Before, tx.Seq())
	for i, id := range c.IDs {
		if w.full(i) {
			c.Done = i
			break
		}
		j, claim := w.job(Pair{Wiki: c.Wiki}, id), w.running(id)
		if j == nil || !c.Where.Matches(j, claim != nil) {
			continue
		}
		if claim != nil {
			c.Stopping++
			w.stop(claim)
			continue
		}
		c.Cancelled++
		w.drop(j, closing{state: Cancelled})
	}
	return w.finish()
}

// CancelRoot cancels what follows from a root in a pair: all of its newest generation, or of the one
// that is given, and of older ones. What runs is stopped; what waits ends where it is met, and what
// arrives ends at once. A newer generation is not touched. An unknown root is NotFound, unless a
// generation is given.
type CancelRoot struct {
	Pair      Pair
	Signature string
	Timestamp string // of the generation, 14 digits; "" for the newest
	// Stopping is how many jobs run and are being stopped, after success.
	Stopping int
}

// Reads names the root.
func (c *CancelRoot) Reads(dst []kv.Key, p partition.ID) []kv.Key {
	return append(dst, RootKey(p, c.Pair, c.Signature))
}

// Apply cancels the root.
func (c *CancelRoot) Apply(tx *partition.Tx) error {
	if c.Signature == "" || !validName(c.Pair.Wiki) || !validName(c.Pair.Queue) || len(c.Signature) > MaxText || len(c.Timestamp) > MaxName {
		return fault.Field("root", "name a root by its queue, its wiki and its signature")
	}
	w := begin(tx, 0)
	c.Stopping = 0
	key := RootKey(w.p, c.Pair, c.Signature)
	rec := w.rootRecord(key)
	if rec == nil && c.Timestamp == "" {
		return fault.Newf(fault.NotFound, "queue %q of wiki %q has seen no job of root %q lately", c.Pair.Queue, c.Pair.Wiki, cutText(c.Signature, 80))
	}
	next := RootRecord{Timestamp: c.Timestamp, Cancelled: true}
	if rec != nil {
		switch {
		case c.Timestamp != "" && c.Timestamp < rec.Timestamp:
			return w.finish() // a newer generation has superseded it
		case c.Timestamp == "" || c.Timestamp == rec.Timestamp:
			next = *rec
			next.Cancelled = true
		}
	}
	w.moveRoot(c.Pair, c.Signature, key, rec, &next, RootAge)
	for _, claim := range w.claimsOf(c.Pair) {
		if claim.Job.Root.Signature == c.Signature && next.Cancels(claim.Job) {
			c.Stopping++
			w.stop(claim)
		}
	}
	return w.finish()
}
