package jobqueue

import (
	"fmt"
	"slices"
	"time"

	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/kv"
	"auwai/internal/partition"
	"auwai/internal/tuple"
)

// Push takes new jobs, all or none. The jobs may be of several wikis of the partition. The payloads
// of one Push have at most 2 MiB in sum; larger ones go ahead by StoreBlob. Jobs is not changed after
// the command was submitted.
type Push struct {
	Jobs []New
	// Results has a place for each job, in their order, after success.
	Results []Pushed

	keys []ruleKeys // of each job, once they were made
	// accepted says that the jobs came by mail, and were acknowledged: the bound of those that wait for one
	// job does not refuse them any more.
	accepted bool
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
	for i := range c.Jobs {
		dst = c.Jobs[i].readWaits(dst, p)
	}
	return dst
}

// readWaits names what the chain and the waits of a job lead to.
func (n *New) readWaits(dst []kv.Key, p partition.ID) []kv.Key {
	if n.SerialKey == "" && len(n.WaitsFor) == 0 || !validName(n.Wiki) || !validName(n.Queue) {
		return dst
	}
	if n.SerialKey != "" {
		dst = append(dst, chainKey(p, n.Pair, tuple.Hash(n.SerialKey)))
	}
	for _, id := range n.WaitsFor {
		dst = append(dst, JobKey(p, n.Wiki, id), waitersKey(p, n.Wiki, id, 0))
	}
	return dst
}

// Check reports what is wrong with the jobs by themselves. Apply refuses that too; who mails a push, which
// answers before it is applied, asks first.
func (c *Push) Check() error {
	if len(c.Jobs) > MaxPush {
		return fault.Newf(fault.TooLarge, "jobqueue: %d jobs in one push, at most %d", len(c.Jobs), MaxPush)
	}
	waits := 0
	for i := range c.Jobs {
		if err := c.Jobs[i].check(i); err != nil {
			return err
		}
		if waits += len(c.Jobs[i].WaitsFor); waits > MaxWaits {
			return fault.Newf(fault.TooLarge, "jobs[%d].waits_for: the jobs of one push wait for %d ids or more, at most %d; have a job wait for some, and the next for that", i, waits, MaxWaits)
		}
	}
	return nil
}

// Apply pushes the jobs.
func (c *Push) Apply(tx *partition.Tx) error {
	if err := c.Check(); err != nil {
		return err
	}
	size := 0
	for i := range c.Jobs {
		size += jobKeySize(c.Jobs[i].Wiki) + readyKeySize(c.Jobs[i].Pair) + readyValueSize
	}
	if cap(c.Results) < len(c.Jobs) {
		c.Results = make([]Pushed, len(c.Jobs))
	}
	c.Results = c.Results[:len(c.Jobs)]
	c.prepare(tx.Partition())
	w := begin(tx, size)
	w.accepted = c.accepted
	for i := range c.Jobs {
		var k *ruleKeys
		if len(c.keys) > 0 {
			k = &c.keys[i]
		}
		r, err := w.push(&c.Jobs[i], k, c.same(i))
		if err != nil {
			return fmt.Errorf("jobs[%d]: %w", i, err)
		}
		c.Results[i] = r
	}
	return w.finish()
}

// same returns the ids that a job waits for, with those of jobs before it in the push replaced by
// what they turned out to be: a repeat by the first, a duplicate by its twin.
func (c *Push) same(i int) []ident.Suffix {
	ids := c.Jobs[i].WaitsFor
	for k := range ids {
		for before := range i {
			if c.Jobs[before].ID != ids[k] {
				continue
			}
			r := &c.Results[before]
			now := r.ID
			if !r.DuplicateOf.IsZero() {
				now = r.DuplicateOf
			}
			if now != ids[k] {
				ids = append(append(slices.Clone(ids[:k]), now), ids[k+1:]...)
			}
		}
	}
	return ids
}

// push takes one job: the rule of sources, then that of roots, then those of what must not go on, then
// that of twins. k is nil when the job is under none of them; waits is what it waits for.
func (w *work) push(n *New, k *ruleKeys, waits []ident.Suffix) (Pushed, error) {
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
	if n.Dead != "" {
		return w.deadOnArrival(j, r, cutText(n.Dead, MaxError), false), nil
	}
	var root *RootRecord
	if j.Root.Signature != "" {
		var end closing
		var ended bool
		if root, end, ended = w.arriveRoot(j, k.root, n.Rules.rootTTL()); ended {
			return w.turnAway(j, r, end), nil
		}
	}
	if j.Expired(w.wall) {
		return w.turnAway(j, r, expiredClosing()), nil
	}
	if text := n.loops(j); text != "" {
		return w.deadOnArrival(j, r, text, false), nil
	}
	if j.Key != "" {
		if twin := w.takeKey(j, k.twin); twin != nil && w.arriveTwin(twin, j, k.twin) {
			w.close(j, closing{state: Duplicate, twin: twin.ID})
			r.State, r.DuplicateOf = Duplicate, twin.ID
			return r, nil
		}
	}
	if text := w.overBudget(j, n, root, k); text != "" {
		return w.deadOnArrival(j, r, text, true), nil
	}
	if n.MaxPending > 0 {
		if err := w.roomFor(n); err != nil {
			return r, err
		}
	}
	blocked, err := w.await(j, waits)
	if err != nil {
		return r, err
	}
	if blocked {
		w.placeBlocked(j)
		w.effect(BecameBlocked{Pair: j.Pair, ID: j.ID})
		w.save(j)
	} else {
		w.stand(j, j.RunAt, j.Enq, false)
	}
	w.indexWaiting(j)
	r.State = j.State
	return r, nil
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
	case len(n.SerialKey) > MaxText:
		return fault.Field(field("serial"), "has %d bytes, at most %d", len(n.SerialKey), MaxText)
	case n.Cause != nil && (n.Cause.Parent == "" || len(n.Cause.Parent) > MaxCause || len(n.Cause.Chain) > MaxChain):
		return fault.Field(field("cause"), "has an id of %d bytes and %d links, at most %d and %d", len(n.Cause.Parent), len(n.Cause.Chain), MaxCause, MaxChain)
	case !(n.Needs.Cores >= 0 && n.Needs.Cores <= maxCores) || n.Needs.Memory < 0:
		return fault.Field(field("needs"), "%v cores and %d bytes are impossible", n.Needs.Cores, n.Needs.Memory)
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
