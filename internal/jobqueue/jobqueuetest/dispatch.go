package jobqueuetest

import (
	"auwai/internal/ident"
	"auwai/internal/jobqueue"
)

// What a dispatcher does, in its simplest form.

// Job reads a record from the store; nil when there is none.
func (r *Rig) Job(p jobqueue.Pair, id ident.Suffix) *jobqueue.Job {
	r.tb.Helper()
	v := r.Store.Get(jobqueue.JobKey(r.id, p.Wiki, id))[0]
	if v == nil {
		return nil
	}
	j, err := jobqueue.DecodeJob(p, id, v)
	if err != nil {
		r.tb.Fatal(err)
	}
	return j
}

// Pair reads a pair from the store; all is zero when it has no record.
func (r *Rig) Pair(p jobqueue.Pair) jobqueue.PairInfo {
	r.tb.Helper()
	for _, e := range r.Scan(jobqueue.PairRange(r.id)) {
		i, err := jobqueue.DecodePair(e)
		if err != nil {
			r.tb.Fatal(err)
		}
		if i.Pair == p {
			return i
		}
	}
	return jobqueue.PairInfo{Pair: p}
}

// Ready lists the ready jobs of a pair in their order, those claimed in memory included, as a scan
// from the cursors finds them.
func (r *Rig) Ready(p jobqueue.Pair) []jobqueue.ReadyEntry {
	r.tb.Helper()
	cursor := r.Pair(p).Cursor
	var out []jobqueue.ReadyEntry
	for band := range jobqueue.Band(jobqueue.Bands) {
		for _, e := range r.Scan(jobqueue.ReadyRange(r.id, p, band, cursor[band]-1)) {
			d, err := jobqueue.DecodeReady(e)
			if err != nil {
				r.tb.Fatal(err)
			}
			out = append(out, d)
		}
	}
	return out
}

// Claim claims the first ready job of a pair that can be claimed; nil when there is none.
func (r *Rig) Claim(p jobqueue.Pair) *jobqueue.Claim {
	r.tb.Helper()
	for _, e := range r.Ready(p) {
		j := r.Job(p, e.ID)
		if j == nil {
			r.tb.Fatalf("ready job %s has no record", e.ID)
		}
		if c, ok := r.Mem().Claim(j); ok {
			c.Start = r.Clock.Wall
			return c
		}
	}
	return nil
}

// Due lists the delayed jobs that are due now.
func (r *Rig) Due() []jobqueue.DueRef {
	r.tb.Helper()
	var out []jobqueue.DueRef
	for _, e := range r.Store.Scan(jobqueue.DueRange(r.id, r.Clock.Wall))[0].Entries {
		d, err := jobqueue.DecodeDue(e)
		if err != nil {
			r.tb.Fatal(err)
		}
		out = append(out, d)
	}
	return out
}

// Promote makes ready what is due.
func (r *Rig) Promote() {
	r.tb.Helper()
	for due := r.Due(); len(due) > 0; {
		c := &jobqueue.Promote{Due: due}
		r.Must(c)
		due = due[c.Done:]
	}
}

// Sweep removes what has expired.
func (r *Rig) Sweep() {
	r.tb.Helper()
	for _, rng := range jobqueue.SweepRanges(r.id, r.Clock.Wall) {
		for {
			page := r.Store.Scan(rng)[0]
			c := &jobqueue.Sweep{}
			for _, e := range page.Entries {
				c.Keys = append(c.Keys, e.Key)
			}
			if len(c.Keys) == 0 {
				break
			}
			r.Must(c)
			if !page.More && c.Done == len(c.Keys) {
				break
			}
		}
	}
}
