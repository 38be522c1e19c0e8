package jobqueue

import (
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

// olderThanRoot reports whether the job is superseded, and by what.
func (w *work) olderThanRoot(j *Job) (*RootRecord, bool) {
	if j.Root.Signature == "" {
		return nil, false
	}
	rec := w.rootRecord(RootKey(w.p, j.Pair, j.Root.Signature))
	return rec, rec != nil && rec.Older(j)
}

// arriveRoot applies the root rule to an arriving job: it is superseded, or it may move its root's
// record on. key is its root's.
func (w *work) arriveRoot(j *Job, key kv.Key) (rec *RootRecord, superseded bool) {
	rec = w.rootRecord(key)
	next := RootRecord{Timestamp: j.Root.Timestamp}
	switch {
	case rec == nil:
	case rec.Timestamp > j.Root.Timestamp:
		return rec, true
	case rec.Timestamp == j.Root.Timestamp:
		if !j.Root.IsRoot {
			return rec, false
		}
		next.MinEnq = j.Enq
	}
	next.bucket = bucketOf(w.now.Add(RootAge))
	w.tx.Set(key, encodeRoot(&next))
	if rec == nil || rec.bucket != next.bucket {
		if rec != nil {
			w.tx.Delete(rootExpiryKey(w.p, rec.bucket, j.Pair, j.Root.Signature))
		}
		w.tx.Set(rootExpiryKey(w.p, next.bucket, j.Pair, j.Root.Signature), []byte{})
	}
	if rec != nil {
		w.effect(RootMoved{Pair: j.Pair, Signature: j.Root.Signature, Root: next})
	}
	return &next, false
}
