package jobqueue

import (
	"time"

	"auwai/internal/fault"
	"auwai/internal/kv"
	"auwai/internal/partition"
)

// Promote makes delayed jobs ready whose moment has come, as DueRange found them, or blocked by those
// before them in their chain. What is not so any more is left out; what ends a job is looked at again.
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
		if end, ended := w.ends(j); ended {
			w.drop(j, end)
			continue
		}
		w.unplace(j)
		w.stand(j, time.Time{}, 0, false)
		if bucketOf(j.Created) != bucketOf(w.now) {
			w.indexWaiting(j)
		}
	}
	return w.finish()
}
