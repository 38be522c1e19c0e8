package jobqueue

import (
	"time"

	"auwai/internal/kv"
	"auwai/internal/partition"
)

// The root rule: of the jobs that follow from one change, those of an older generation than the
// newest one seen are superseded. MediaWiki's stamps are of one second, so at equal stamps only an
// arriving root job, which stands for all that follows, supersedes what already waits.

// rootRecord returns the newest generation of a root, nil when there is none.
func (w *work) rootRecord(key kv.Key) *RootRecord {
	v := w.tx.Get(key)
	if v == nil {
		return nil
	}
	rec, err := DecodeRoot(v)
	partition.Invariant(err == nil, "%v", err)
	return &rec
}

// arriveRoot applies the root rule to an arriving job: it ends, or it may move its root's record on. key
// is its root's, ttl how long the root is remembered. rec is the record as it is after.
func (w *work) arriveRoot(j *Job, key kv.Key, ttl time.Duration) (rec *RootRecord, end closing, ended bool) {
	rec = w.rootRecord(key)
	if end, ended = rec.ends(j); ended {
		return rec, end, true
	}
	next := RootRecord{Timestamp: j.Root.Timestamp}
	if rec != nil && rec.Timestamp == j.Root.Timestamp {
		if !j.Root.IsRoot {
			return rec, closing{}, false
		}
		next.MinEnq = j.Enq
	}
	w.moveRoot(j.Pair, j.Root.Signature, key, rec, &next, ttl)
	return &next, closing{}, false
}

// moveRoot gives a root a newer record, and another time to be forgotten.
func (w *work) moveRoot(p Pair, signature string, key kv.Key, rec, next *RootRecord, ttl time.Duration) {
	next.bucket = bucketOf(w.now.Add(ttl))
	w.tx.Set(key, encodeRoot(next))
	if rec == nil || rec.bucket != next.bucket {
		if rec != nil {
			w.tx.Delete(rootExpiryKey(w.p, rec.bucket, p, signature))
		}
		w.tx.Set(rootExpiryKey(w.p, next.bucket, p, signature), []byte{})
	}
	if rec != nil {
		w.effect(RootMoved{Pair: p, Signature: signature, Root: *next})
	}
}
