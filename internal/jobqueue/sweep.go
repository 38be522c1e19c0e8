package jobqueue

import (
	"time"

	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/kv"
	"auwai/internal/partition"
	"auwai/internal/tuple"
)

// SweepRanges returns the ranges in which what has expired stands. now should be a clock that does not
// follow a jump at once, so that a clock set wrong by mistake expires nothing. The keys found go into
// Sweep commands, at most MaxPage each.
func SweepRanges(p partition.ID, now time.Time) []kv.Range {
	b := bucketOf(now)
	return []kv.Range{
		expired(p, FamSource, b-sourceBuckets+1),
		expired(p, FamRequest, b-requestBuckets+1),
		expired(p, FamRootExpiry, b),
		expired(p, FamDeadExpiry, b),
		expired(p, FamBlobExpiry, b),
		expired(p, FamTwinExpiry, b),
	}
}

// expired is the range of a family's buckets before a bucket.
func expired(p partition.ID, f partition.FamilyID, before int64) kv.Range {
	prefix := partition.Key(p, f)
	return kv.Range{From: prefix, To: tuple.Int64(appendKey(nil, p, f), before), Limit: MaxPage, KeysOnly: true}
}

// Sweep removes what has expired. Each key is looked at again by the partition's own stamp.
type Sweep struct {
	Keys []kv.Key
	// Done is how many of the keys were looked at, after success; the caller sends the rest again.
	Done int
}

// Reads names what the keys lead to.
func (c *Sweep) Reads(dst []kv.Key, p partition.ID) []kv.Key {
	for _, key := range c.Keys {
		_, _, f, rest, ok := partition.SplitKey(key)
		if !ok {
			continue
		}
		switch f {
		case FamRootExpiry:
			if root, ok := rootOfExpiry(p, rest); ok {
				dst = append(dst, root)
			}
		case FamDeadExpiry:
			if _, wiki, id, ok := takeExpiry(rest); ok {
				dst = append(dst, JobKey(p, wiki, id))
			}
		case FamBlobExpiry:
			dst = append(dst, key)
		case FamTwinExpiry:
			if twin, ok := twinOfExpiry(p, rest); ok {
				dst = append(dst, twin)
			}
		default:
		}
	}
	return dst
}

// Apply removes what has expired.
func (c *Sweep) Apply(tx *partition.Tx) error {
	if len(c.Keys) > MaxPage {
		return fault.Newf(fault.TooLarge, "jobqueue: %d keys in one sweep, at most %d", len(c.Keys), MaxPage)
	}
	w := begin(tx, 0)
	c.Done = len(c.Keys)
	for i, key := range c.Keys {
		if w.full(i) {
			c.Done = i
			break
		}
		p, wiki, f, rest, ok := partition.SplitKey(key)
		bucket, _, ok2 := tuple.TakeInt64(rest)
		if !ok || !ok2 || p != w.p || wiki != "" {
			return fault.Newf(fault.Invalid, "jobqueue: key %x expires never", key)
		}
		if err := w.sweep(f, bucket, rest, key); err != nil {
			return err
		}
	}
	return w.finish()
}

// sweep removes one key and what it stands for.
func (w *work) sweep(f partition.FamilyID, bucket int64, rest []byte, key kv.Key) error {
	now := bucketOf(w.now)
	switch f {
	case FamSource:
		if bucket <= now-sourceBuckets {
			w.tx.Delete(key)
		}
	case FamRequest:
		if bucket <= now-requestBuckets {
			w.tx.Delete(key)
		}
	case FamRootExpiry:
		if bucket < now {
			w.sweepRoot(bucket, rest, key)
		}
	case FamDeadExpiry:
		if bucket < now {
			w.sweepDead(rest, key)
		}
	case FamBlobExpiry:
		if bucket < now {
			w.sweepBlob(rest, key)
		}
	case FamTwinExpiry:
		if bucket < now {
			w.sweepTwin(bucket, rest, key)
		}
	default:
		return fault.Newf(fault.Invalid, "jobqueue: keys of family %#x expire never", f)
	}
	return nil
}

// rootOfExpiry returns the key of the root that a key of FamRootExpiry stands for.
func rootOfExpiry(p partition.ID, rest []byte) (root kv.Key, ok bool) {
	_, rest, ok = tuple.TakeInt64(rest)
	wiki, rest, ok2 := tuple.TakeString(rest)
	if !ok || !ok2 {
		return nil, false
	}
	// The names are shortened already, which shortening leaves as they are.
	return append(appendWikiKey(nil, p, wiki, FamRoot), rest...), true
}

func (w *work) sweepRoot(bucket int64, rest []byte, key kv.Key) {
	w.tx.Delete(key)
	root, ok := rootOfExpiry(w.p, rest)
	if !ok {
		return
	}
	if v := w.tx.Get(root); v != nil {
		if rec, err := DecodeRoot(v); err != nil || rec.bucket == bucket {
			w.tx.Delete(root)
		}
	}
}

// twinOfExpiry returns the twin key that a key of FamTwinExpiry stands for.
func twinOfExpiry(p partition.ID, rest []byte) (twin kv.Key, ok bool) {
	_, rest, ok = tuple.TakeInt64(rest)
	wiki, rest, ok2 := tuple.TakeString(rest)
	if !ok || !ok2 {
		return nil, false
	}
	// The names are shortened already, which shortening leaves as they are.
	return append(appendWikiKey(nil, p, wiki, FamTwin), rest...), true
}

// sweepTwin forgets a job that was done, unless another has its key since, or a later window.
func (w *work) sweepTwin(bucket int64, rest []byte, key kv.Key) {
	w.tx.Delete(key)
	twin, ok := twinOfExpiry(w.p, rest)
	if !ok {
		return
	}
	if t, ok := w.holder(twin); ok && !t.Until.IsZero() && bucketOf(t.Until) == bucket {
		w.tx.Delete(twin)
	}
}

func (w *work) sweepDead(rest []byte, key kv.Key) {
	_, wiki, id, ok := takeExpiry(rest)
	if ok {
		if j := w.job(Pair{Wiki: wiki}, id); j != nil && j.State == Dead {
			w.expire(j)
			return
		}
	}
	w.tx.Delete(key)
}

// expire ends a dead job that was kept long enough.
func (w *work) expire(j *Job) {
	w.unplace(j)
	w.remove(j)
	w.close(j, closing{state: Expired})
}

func (w *work) sweepBlob(rest []byte, key kv.Key) {
	_, wiki, id, ok := takeExpiry(rest)
	if !ok || w.tx.Get(key) == nil {
		return
	}
	w.tx.Delete(key)
	w.tx.DeleteRange(blobKey(w.p, wiki, id, 0), blobKey(w.p, wiki, id, MaxChunks))
}

// ExpireDead ends dead jobs before their time: dead letters that somebody drops. Jobs that are not
// dead are left as they are.
type ExpireDead struct {
	Wiki string
	IDs  []ident.Suffix
	// Expired is how many were ended, after success; Done how many were looked at. The caller sends
	// the rest again.
	Expired, Done int
}

// Reads names the records.
func (c *ExpireDead) Reads(dst []kv.Key, p partition.ID) []kv.Key {
	for _, id := range c.IDs {
		dst = append(dst, JobKey(p, c.Wiki, id))
	}
	return dst
}

// Apply ends the jobs.
func (c *ExpireDead) Apply(tx *partition.Tx) error {
	if len(c.IDs) > MaxPage {
		return fault.Newf(fault.TooLarge, "jobqueue: %d dead jobs to be dropped at once, at most %d", len(c.IDs), MaxPage)
	}
	w := begin(tx, 0)
	c.Expired, c.Done = 0, len(c.IDs)
	for i, id := range c.IDs {
		if w.full(i) {
			c.Done = i
			break
		}
		if j := w.job(Pair{Wiki: c.Wiki}, id); j != nil && j.State == Dead {
			w.expire(j)
			c.Expired++
		}
	}
	return w.finish()
}
