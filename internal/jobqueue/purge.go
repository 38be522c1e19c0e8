package jobqueue

import (
	"bytes"
	"slices"

	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/kv"
	"auwai/internal/partition"
)

// Purge ends all that waits in a pair, at once for whoever counts or starts jobs: it is counted as
// Sweeping from then on, and PurgePage ends it page by page. Jobs that run go on; one that would wait
// again is ended instead. Dead jobs stay.
type Purge struct {
	Pair Pair
	// Sweeping is how many jobs are being swept in the pair, after success.
	Sweeping int64
}

// Apply purges the pair.
func (c *Purge) Apply(tx *partition.Tx) error {
	if !validName(c.Pair.Wiki) || !validName(c.Pair.Queue) {
		return fault.Field("queue", "the names of queue and wiki must have 1 to %d bytes and no control characters", MaxName)
	}
	w := begin(tx, 0)
	c.Sweeping = 0
	if w.pair(c.Pair).stored || w.pair(c.Pair).dirty {
		// A claim in memory is counted as ready: stored, it is counted as what it is.
		for _, claim := range w.claimsOf(c.Pair) {
			if !w.isStored(claim) {
				w.storeClaim(claim, false)
			}
		}
		s := w.pair(c.Pair)
		n := &s.Counts
		n.Sweeping += n.Ready + n.Delayed + n.Blocked
		n.Ready, n.Delayed, n.Blocked = 0, 0, 0
		s.PurgedBefore, s.dirty = tx.Seq(), true
		for b := range s.Cursor {
			s.Cursor[b] = max(s.Cursor[b], s.PurgedBefore)
		}
		c.Sweeping = n.Sweeping
		mem, pair, before := w.mem, c.Pair, s.PurgedBefore
		tx.After(func() { mem.purge(pair, before) })
		w.effect(Purged{Pair: pair, Before: before})
	}
	return w.finish()
}

// claimsOf returns the claims of a pair as this command sees them, in the order of their ids.
func (w *work) claimsOf(p Pair) []*Claim {
	if w.mem.claims[p] == 0 {
		return nil
	}
	var list []*Claim
	for id, c := range w.mem.running {
		if c.Job.Pair == p && w.running(id) != nil {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b *Claim) int { return bytes.Compare(a.Job.ID[:], b.Job.ID[:]) })
	return list
}

// PurgeRanges are where the purged jobs of a pair stand, PurgeIDs reads their entries. Delayed jobs
// stand among those of other pairs.
func PurgeRanges(p partition.ID, pair Pair, before uint64) []kv.Range {
	var out []kv.Range
	for band := range Band(Bands) {
		r := ReadyRange(p, pair, band, 0)
		r.To = ReadyKey(p, pair, band, before)
		out = append(out, r)
	}
	blocked := BlockedRange(p, pair, 0)
	blocked.To = blockedKey(p, pair, before)
	out = append(out, blocked, kv.Prefix(partition.Key(p, FamDue)))
	for i := range out {
		out[i].Limit = MaxPage
	}
	return out
}

// PurgeIDs returns which jobs of a page of PurgeRanges may be purged ones of the pair.
func PurgeIDs(pair Pair, entries []kv.Entry) ([]ident.Suffix, error) {
	var ids []ident.Suffix
	for _, e := range entries {
		_, _, f, _, _ := partition.SplitKey(e.Key)
		if f == FamDue {
			d, err := DecodeDue(e)
			if err != nil {
				return nil, err
			}
			if d.Pair == pair {
				ids = append(ids, d.ID)
			}
			continue
		}
		r := reader{b: e.Value}
		id := r.suffix()
		if r.time(); !r.end() {
			return nil, malformedValue(e.Key, "place")
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// PurgePage ends jobs that were purged with their pair. Each is looked at again; what is claimed, or
// arrived after the purge, stays.
type PurgePage struct {
	Pair Pair
	IDs  []ident.Suffix
	// Done is how many of IDs were looked at, after success; the caller sends the rest again.
	Done int
	// Left is how many jobs are still being swept in the pair.
	Left int64
}

// Reads names the records.
func (c *PurgePage) Reads(dst []kv.Key, p partition.ID) []kv.Key {
	return readJobs(dst, p, c.Pair.Wiki, c.IDs)
}

func readJobs(dst []kv.Key, p partition.ID, wiki string, ids []ident.Suffix) []kv.Key {
	for _, id := range ids {
		dst = append(dst, JobKey(p, wiki, id))
	}
	return dst
}

// Apply ends the jobs.
func (c *PurgePage) Apply(tx *partition.Tx) error {
	if len(c.IDs) > MaxPage {
		return fault.Newf(fault.TooLarge, "jobqueue: %d jobs to be purged at once, at most %d", len(c.IDs), MaxPage)
	}
	w := begin(tx, 0)
	c.Done = len(c.IDs)
	for i, id := range c.IDs {
		if w.full(i) {
			c.Done = i
			break
		}
		if w.running(id) != nil {
			continue
		}
		if j := w.job(c.Pair, id); j != nil && j.Pair == c.Pair && j.State.waits() && w.purged(j) {
			end, _ := w.ends(j)
			w.drop(j, end)
		}
	}
	c.Left = w.pair(c.Pair).Counts.Sweeping
	return w.finish()
}
