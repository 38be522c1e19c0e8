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
// of one Push have at most 2 MiB in sum; larger ones go ahead by StoreBlob.
type Push struct {
	Jobs []New
	// Results has a place for each job, in their order, after success.
	Results []Pushed
}

// Reads names the keys that the rules will look at.
func (c *Push) Reads(dst []kv.Key, p partition.ID) []kv.Key {
	for i := range c.Jobs {
		n := &c.Jobs[i]
		if n.Source.Name != "" {
			hash := sourceHash(n.Wiki, n.Source.Name)
			// The current bucket is not known here; Apply asks for it when it is another one.
			now := bucketOf(n.ID.Time())
			for b := range int64(sourceBuckets) {
				dst = append(dst, sourceKey(p, now-b, hash))
			}
		}
		if n.Root.Signature != "" {
			dst = append(dst, RootKey(p, n.Pair, n.Root.Signature))
		}
		if n.Key != "" {
			dst = append(dst, twinKey(p, n.Pair, n.Key))
		}
		if n.Blob.Size > 0 {
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
	w := begin(tx, size)
	for i := range c.Jobs {
		r, err := w.push(&c.Jobs[i])
		if err != nil {
			return fmt.Errorf("jobs[%d]: %w", i, err)
		}
		c.Results[i] = r
	}
	w.finish()
	return nil
}

// push takes one job: the rule of sources, then that of roots, then that of twins.
func (w *work) push(n *New) (Pushed, error) {
	r := Pushed{ID: n.ID}
	if n.Source.Name != "" {
		first, repeated, flagged := w.source(n)
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
	if rec, superseded := w.arriveRoot(j); superseded {
		w.removeBlob(j)
		w.close(j, closing{state: Superseded, generation: rec.Timestamp})
		r.State = Superseded
		return r, nil
	}
	if j.Key != "" {
		if twin := w.takeKey(j); twin != nil {
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
func (w *work) source(n *New) (first ident.Suffix, repeated, flagged bool) {
	hash := sourceHash(n.Wiki, n.Source.Name)
	now := bucketOf(w.now)
	var current []SourceEntry
	for b := range int64(sourceBuckets) {
		entries, err := DecodeSource(w.tx.Get(sourceKey(w.p, now-b, hash)))
		partition.Invariant(err == nil, "%v", err)
		for _, e := range entries {
			if e.Hash == n.Source.Hash {
				return e.ID, true, false
			}
		}
		flagged = flagged || len(entries) > 0
		if b == 0 {
			current = entries
		}
	}
	current = append(current[max(0, len(current)-maxSources+1):], SourceEntry{Hash: n.Source.Hash, ID: n.ID})
	w.tx.Set(sourceKey(w.p, now, hash), encodeSource(current))
	return first, false, flagged
}
