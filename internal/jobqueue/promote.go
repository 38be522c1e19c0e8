package jobqueue

import (
	"auwai/internal/fault"
	"auwai/internal/kv"
	"auwai/internal/partition"
)

// Promote makes delayed jobs ready whose moment has come, as DueRange found them. What is not so any
// more is left out; the root rule is applied again.
type Promote struct {
	Due []DueRef
	// Done is how many of Due were looked at, after success; the caller sends the rest again.
	Done int
}

// page returns how many of the jobs are taken in one command: their records are read and written
// back whole.
func (c *Promote) page() int {
	size := 0
	for i := range c.Due {
		if size += c.Due[i].Size; i > 0 && size > pageBytes {
			return i
		}
	}
	return len(c.Due)
}

// Reads names the records.
func (c *Promote) Reads(dst []kv.Key, p partition.ID) []kv.Key {
	for i := range c.page() {
		dst = append(dst, JobKey(p, c.Due[i].Pair.Wiki, c.Due[i].ID))
	}
	return dst
}

// Apply promotes the jobs.
func (c *Promote) Apply(tx *partition.Tx) error {
	if len(c.Due) > MaxPage {
		return fault.Newf(fault.TooLarge, "jobqueue: %d jobs in one promotion, at most %d", len(c.Due), MaxPage)
	}
	w := begin(tx, 0)
	c.Done = c.page()
	for i := range c.Done {
		d := &c.Due[i]
		j := w.job(d.Pair, d.ID)
		if j == nil || j.State != Delayed || !j.Due.Equal(d.Due) || j.Due.After(w.wall) {
			continue
		}
		if rec, older := w.olderThanRoot(j); older {
			w.supersede(j, rec)
			continue
		}
		w.unplace(j)
		w.placeReady(j, tx.Seq())
		w.save(j)
		if bucketOf(j.Created) != bucketOf(w.now) {
			w.indexWaiting(j)
		}
		w.effect(BecameReady{Job: j})
	}
	w.finish()
	return nil
}
