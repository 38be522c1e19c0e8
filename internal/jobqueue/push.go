package jobqueue

import (
	"fmt"
	"time"

	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/kv"
	"auwai/internal/partition"
)

// Push takes new jobs, all or none. The jobs may be of several wikis of the partition. The payloads
// of one Push have at most 2 MiB in sum; larger ones go ahead by StoreBlob. Jobs is not changed after
// the command was submitted.
type Push struct {
	Jobs []New
	// Results has a place for each job, in their order, after success.
	Results []Pushed

	keys []ruleKeys // of each job, once they were made
}

// ruleKeys are the keys that the rules look at for one job; those that do not apply are nil.
type ruleKeys struct {
	source [sourceBuckets]kv.Key // of bucket, and before
	bucket int64
	root   kv.Key
	twin   kv.Key
}

func (n *New) ruleKeys(p partition.ID) (k ruleKeys) {
	if n.Source.Name != "" {
		// The current bucket is not known before Apply; the id's is most likely the same.
		k.makeSource(p, n, bucketOf(n.ID.Time()))
	}
	if n.Root.Signature != "" {
		k.root = RootKey(p, n.Pair, n.Root.Signature)
	}
	if n.Key != "" {
		k.twin = twinKey(p, n.Pair, n.Key)
	}
	return k
}

func (k *ruleKeys) makeSource(p partition.ID, n *New, bucket int64) {
	hash := sourceHash(n.Wiki, n.Source.Name)
	k.bucket = bucket
	for i := range k.source {
		k.source[i] = sourceKey(p, bucket-int64(i), hash)
	}
}

func (n *New) hasRules() bool {
	return n.Source.Name != "" || n.Root.Signature != "" || n.Key != "" || n.Blob.Size > 0
}

// prepare makes the keys that the rules look at, once.
func (c *Push) prepare(p partition.ID) {
	if len(c.keys) == len(c.Jobs) {
		return
	}
	for i := range c.Jobs {
		n := &c.Jobs[i]
		// Bad names are refused by Apply; no key is made of them.
		if !n.hasRules() || !validName(n.Wiki) || !validName(n.Queue) {
			continue
		}
		if c.keys == nil {
			c.keys = make([]ruleKeys, len(c.Jobs))
		}
		c.keys[i] = n.ruleKeys(p)
	}
}

// Reads names the keys that the rules will look at.
func (c *Push) Reads(dst []kv.Key, p partition.ID) []kv.Key {
	c.prepare(p)
	for i := range c.keys {
		k, n := &c.keys[i], &c.Jobs[i]
		if k.source[0] != nil {
			dst = append(dst, k.source[:]...)
		}
		if k.root != nil {
			dst = append(dst, k.root)
		}
		if k.twin != nil {
			dst = append(dst, k.twin)
		}
		if n.Blob.Size > 0 && validName(n.Wiki) {
			dst = append(dst, blobExpiryKey(p, n.Wiki, n.Blob.ID))
		}
	}
	return dst
}

// Apply pushes the jobs.
func (c *Push) Apply(tx *partition.Tx) error {
	if len(c.Jobs) > MaxPush {
		return fault.Newf(fault.TooLarge, "jobqueue: %d jobs in one push, at most %d", len(c.Jobs), MaxPush)
	}
	size := 0
	for i := range c.Jobs {
		if err := c.Jobs[i].check(i); err != nil {
			return err
		}
		size += jobKeySize(c.Jobs[i].Wiki) + readyKeySize(c.Jobs[i].Pair) + readyValueSize
	}
	if cap(c.Results) < len(c.Jobs) {
		c.Results = make([]Pushed, len(c.Jobs))
	}
	c.Results = c.Results[:len(c.Jobs)]
	c.prepare(tx.Partition())
	w := begin(tx, size)
	for i := range c.Jobs {
		var k *ruleKeys
		if len(c.keys) > 0 {
			k = &c.keys[i]
		}
		r, err := w.push(&c.Jobs[i], k)
		if err != nil {
			return fmt.Errorf("jobs[%d]: %w", i, err)
		}
		c.Results[i] = r
	}
	w.finish()
	return nil
}

// push takes one job: the rule of sources, then that of roots, then that of twins. k is nil when the
// job is under none of them.
func (w *work) push(n *New, k *ruleKeys) (Pushed, error) {
	r := Pushed{ID: n.ID}
	if n.Source.Name != "" {
		first, repeated, flagged := w.source(n, k)
		if repeated {
			return Pushed{ID: first, Repeated: true}, nil
		}
		r.Flagged = flagged
	}
	if n.Blob.Size > 0 {
		if err := w.adoptBlob(n); err != nil {
			return r, err
		}
	}
	j := w.newJob(n)
	if j.Root.Signature != "" {
		if rec, superseded := w.arriveRoot(j, k.root); superseded {
			w.removeBlob(j)
			w.close(j, closing{state: Superseded, generation: rec.Timestamp})
			r.State = Superseded
			return r, nil
		}
	}
	if j.Key != "" {
		if twin := w.takeKey(j, k.twin); twin != nil {
			// A twin in back-off is due at once: its own release has passed.
			w.merge(twin, j, earliest(twin.RunAt, j.RunAt))
			w.close(j, closing{state: Duplicate, twin: twin.ID})
			r.State, r.DuplicateOf = Duplicate, twin.ID
			return r, nil
		}
	}
	if j.RunAt.IsZero() {
		w.placeReady(j, j.Enq)
		w.effect(BecameReady{Job: j})
	} else {
		w.placeDelayed(j, j.RunAt)
		w.effect(BecameDelayed{Pair: j.Pair, Due: j.Due, ID: j.ID})
	}
	w.save(j)
	w.indexWaiting(j)
	r.State = j.State
	return r, nil
}

func (w *work) newJob(n *New) *Job {
	j := &Job{
		ID: n.ID, Pair: n.Pair, Band: n.Band, Enq: w.tx.Seq(), Key: n.Key, Root: n.Root,
		Domain: n.Domain, FromEvent: n.FromEvent, Created: w.now,
		RequestID: n.RequestID, ClientID: n.ClientID, Payload: n.Payload, Blob: n.Blob,
	}
	if n.RunAt.After(w.wall) {
		j.RunAt = ceilMilli(n.RunAt)
	}
	if !n.Cause.IsZero() {
		j.Cause = n.Cause
	}
	if n.Blob.Size > 0 {
		j.Payload = nil
	}
	return j
}

// ceilMilli rounds up to a millisecond, so that nothing is released early.
func ceilMilli(t time.Time) time.Time {
	ms := t.UnixMilli()
	if t.After(time.UnixMilli(ms)) {
		ms++
	}
	return time.UnixMilli(ms).UTC()
}

// check refuses what no key or record may hold. Intake checks more, with better words.
func (n *New) check(i int) error {
	field := func(name string) string { return fmt.Sprintf("jobs[%d].%s", i, name) }
	switch {
	case n.ID.IsZero():
		return fault.Field(field("id"), "is missing")
	case !validName(n.Wiki):
		return fault.Field(field("wiki"), "must have 1 to %d bytes and no control characters", MaxName)
	case !validName(n.Queue):
		return fault.Field(field("queue"), "must have 1 to %d bytes and no control characters", MaxName)
	case n.Band >= Bands:
		return fault.Field(field("priority"), "%d is no priority", n.Band)
	case len(n.ClientID) > MaxName:
		return fault.Field(field("client_id"), "has %d bytes, at most %d", len(n.ClientID), MaxName)
	case max(len(n.Key), len(n.Root.Signature), len(n.RequestID), len(n.Domain), len(n.Source.Name)) > MaxText:
		return fault.Field(field("key"), "key, root signature, request id, domain and source have at most %d bytes", MaxText)
	case len(n.Root.Timestamp) > MaxName:
		return fault.Field(field("root.timestamp"), "has %d bytes, at most %d", len(n.Root.Timestamp), MaxName)
	case len(n.Payload) > MaxInline && n.Blob.Size == 0:
		return fault.Newf(fault.TooLarge, "jobs[%d].payload: %d bytes, at most %d beside the record", i, len(n.Payload), MaxInline)
	case n.Blob.Size < 0 || n.Blob.Size > MaxChunks*ChunkSize:
		return fault.Field(field("payload"), "a size of %d bytes stored ahead is impossible", n.Blob.Size)
	}
	return nil
}

func validName(s string) bool {
	if s == "" || len(s) > MaxName {
		return false
	}
	for i := range len(s) {
		if s[i] < 0x20 || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// source applies the rule of sources: the same source again answers the first job's id; the same
// name with other bytes is flagged and taken.
func (w *work) source(n *New, k *ruleKeys) (first ident.Suffix, repeated, flagged bool) {
	if now := bucketOf(w.now); k.bucket != now {
		k.makeSource(w.p, n, now)
	}
	var current []SourceEntry
	for i, key := range k.source {
		v := w.tx.Get(key)
		if v == nil {
			continue
		}
		entries, err := DecodeSource(v)
		partition.Invariant(err == nil, "%v", err)
		for _, e := range entries {
			if e.Hash == n.Source.Hash {
				return e.ID, true, false
			}
		}
		flagged = flagged || len(entries) > 0
		if i == 0 {
			current = entries
		}
	}
	current = append(current[max(0, len(current)-maxSources+1):], SourceEntry{Hash: n.Source.Hash, ID: n.ID})
	w.tx.Set(k.source[0], encodeSource(current))
	return first, false, flagged
}
