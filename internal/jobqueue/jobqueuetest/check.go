package jobqueuetest

import (
	"bytes"
	"fmt"

	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/kv"
	"auwai/internal/partition"
	"auwai/internal/tuple"
)

// Job's name in a check.
type jobName struct {
	wiki string
	id   ident.Suffix
}

// check gathers what a full scan finds.
type check struct {
	faults   []string
	describe func(kv.Key) string
	jobs     map[jobName]*jobqueue.Job
	places   map[jobName]string // kind of place and what it says
	seqs     map[uint64]jobName
	counts   map[jobqueue.Pair]*jobqueue.Counts
	pairs    map[jobqueue.Pair]jobqueue.PairInfo
	running  map[jobName]bool
	twins    []kv.Entry
	blobs    map[jobName]bool // names of payloads that have blocks
	marks    map[jobName]bool // payloads that wait for their job
	dead     map[jobName]bool // in FamDeadExpiry
	roots    map[string]bool
	rootDue  map[string]bool
	windows  map[string]bool // twin keys of done jobs that expire
	lines    lines
	mail     bool // there is mail
}

// Check compares all keys of the queue with its invariants, and returns what is wrong, in words.
func (r *Rig) Check() []string {
	c := &check{
		describe: r.Describe,
		jobs:     map[jobName]*jobqueue.Job{}, places: map[jobName]string{}, seqs: map[uint64]jobName{},
		counts: map[jobqueue.Pair]*jobqueue.Counts{}, pairs: map[jobqueue.Pair]jobqueue.PairInfo{},
		running: map[jobName]bool{}, blobs: map[jobName]bool{}, marks: map[jobName]bool{},
		dead: map[jobName]bool{}, roots: map[string]bool{}, rootDue: map[string]bool{}, windows: map[string]bool{}, lines: newLines(),
	}
	var later []kv.Entry
	for _, e := range r.Scan(kv.Range{}) {
		p, wiki, f, _, ok := partition.SplitKey(e.Key)
		if !ok || p != r.id {
			continue
		}
		if f == jobqueue.FamJob {
			j, err := jobqueue.DecodeJobEntry(wiki, e)
			if err != nil {
				c.fault("%v", err)
				continue
			}
			c.jobs[jobName{wiki, j.ID}] = j
			continue
		}
		c.mail = c.mail || f == partition.FamilyMail
		later = append(later, e)
	}
	for _, e := range later {
		c.entry(e)
	}
	c.checkJobs()
	c.checkTwins()
	c.checkPairs()
	c.checkRest()
	c.checkChains()
	c.checkWaits()
	return c.faults
}

// Verify fails the test when Check finds something.
func (r *Rig) Verify() {
	r.tb.Helper()
	for _, f := range r.Check() {
		r.tb.Error(f)
	}
	if r.tb.Failed() {
		r.tb.FailNow()
	}
}

func (c *check) fault(format string, args ...any) {
	c.faults = append(c.faults, fmt.Sprintf(format, args...))
}

func (c *check) entry(e kv.Entry) {
	_, wiki, f, rest, _ := partition.SplitKey(e.Key)
	var err error
	switch f {
	case jobqueue.FamPair:
		var i jobqueue.PairInfo
		i, err = jobqueue.DecodePair(e)
		c.pairs[i.Pair] = i
	case jobqueue.FamReady:
		var d jobqueue.ReadyEntry
		if d, err = jobqueue.DecodeReady(e); err == nil {
			c.place(wiki, d.ID, fmt.Sprintf("ready %d %d", d.Band, d.Seq), jobqueue.Ready, d.Seq)
		}
	case jobqueue.FamDue:
		var d jobqueue.DueRef
		if d, err = jobqueue.DecodeDue(e); err == nil {
			c.place(d.Pair.Wiki, d.ID, fmt.Sprintf("delayed %d", d.Due.UnixMilli()), jobqueue.Delayed, 0)
		}
	case jobqueue.FamDead:
		id, seq, derr := jobqueue.DecodeDead(e)
		err = derr
		c.place(wiki, id, fmt.Sprintf("dead %d", seq), jobqueue.Dead, seq)
	case jobqueue.FamRunning:
		var d jobqueue.RunningEntry
		if d, err = jobqueue.DecodeRunning(e); err == nil {
			c.running[jobName{d.Pair.Wiki, d.ID}] = true
			c.place(d.Pair.Wiki, d.ID, fmt.Sprintf("ready %d %d", d.Band, d.Seq), jobqueue.Running, d.Seq)
		}
	case jobqueue.FamTwin:
		c.twins = append(c.twins, e)
	case jobqueue.FamBlob:
		c.blobs[jobName{wiki, ident.Suffix(rest[:16])}] = true
	case jobqueue.FamBlobExpiry, jobqueue.FamDeadExpiry:
		_, rest, _ = tuple.TakeInt64(rest)
		name, rest, _ := tuple.TakeString(rest)
		if n := (jobName{name, ident.Suffix(rest)}); f == jobqueue.FamBlobExpiry {
			c.marks[n] = true
		} else {
			c.dead[n] = true
		}
	case jobqueue.FamRoot:
		c.roots[wiki+"\x00"+string(rest)] = true
	case jobqueue.FamRootExpiry:
		_, rest, _ = tuple.TakeInt64(rest)
		name, rest, _ := tuple.TakeString(rest)
		c.rootDue[name+"\x00"+string(rest)] = true
	case jobqueue.FamBlocked:
		var d jobqueue.BlockedEntry
		if d, err = jobqueue.DecodeBlocked(e); err == nil {
			c.place(wiki, d.ID, fmt.Sprintf("blocked %d", d.Seq), jobqueue.Blocked, d.Seq)
		}
	case jobqueue.FamTwinExpiry:
		_, rest, _ = tuple.TakeInt64(rest)
		name, rest, _ := tuple.TakeString(rest)
		c.windows[name+"\x00"+string(rest)] = true
	case jobqueue.FamChain, jobqueue.FamLink, jobqueue.FamWaiters, jobqueue.FamMissing:
		err = c.lines.entry(wiki, f, rest, e)
	case jobqueue.FamRequest:
		_, err = jobqueue.DecodeRequest(e.Value)
	case jobqueue.FamSource:
		_, err = jobqueue.DecodeSource(e.Value)
	default:
	}
	if err != nil {
		c.fault("%v", err)
	}
}

// place notes where a job stands, and counts it.
func (c *check) place(wiki string, id ident.Suffix, place string, state jobqueue.State, seq uint64) {
	n := jobName{wiki, id}
	j := c.jobs[n]
	if j == nil {
		c.fault("%s of job %s of %s: no record", place, id, wiki)
		return
	}
	if other, ok := c.places[n]; ok {
		c.fault("job %s is at %q and at %q", id, other, place)
	}
	c.places[n] = place
	if other, ok := c.seqs[seq]; ok && seq != 0 {
		c.fault("jobs %s and %s are both at place %d", other.id, id, seq)
	}
	c.seqs[seq] = n
	counts := c.counts[j.Pair]
	if counts == nil {
		counts = &jobqueue.Counts{}
		c.counts[j.Pair] = counts
	}
	switch {
	case state != jobqueue.Running && state != jobqueue.Dead && j.Enq < c.purgedBefore(j.Pair):
		counts.Sweeping++
	case state == jobqueue.Ready:
		counts.Ready++
	case state == jobqueue.Delayed:
		counts.Delayed++
	case state == jobqueue.Blocked:
		counts.Blocked++
	case state == jobqueue.Running:
		counts.Running++
	default:
		counts.Dead++
	}
}

func (c *check) purgedBefore(p jobqueue.Pair) uint64 { return c.pairs[p].PurgedBefore }

// checkJobs holds each record against its place.
func (c *check) checkJobs() {
	for n, j := range c.jobs {
		var want string
		switch j.State {
		case jobqueue.Ready:
			want = fmt.Sprintf("ready %d %d", j.Band, j.Seq)
		case jobqueue.Delayed:
			want = fmt.Sprintf("delayed %d", j.Due.UnixMilli())
		case jobqueue.Blocked:
			want = fmt.Sprintf("blocked %d", j.Seq)
		default:
			want = fmt.Sprintf("dead %d", j.Seq)
		}
		if got := c.places[n]; got != want {
			c.fault("job %s says %q and is at %q", n.id, want, got)
		}
		if j.Seq == 0 != (j.State == jobqueue.Delayed) {
			c.fault("job %s is %s with place %d", n.id, j.State, j.Seq)
		}
		if c.dead[n] != (j.State == jobqueue.Dead) {
			c.fault("job %s is %s and expires: %t", n.id, j.State, c.dead[n])
		}
		if j.Blob.Size > 0 && !c.blobs[jobName{n.wiki, j.Blob.ID}] {
			c.fault("job %s has lost its payload %s", n.id, j.Blob.ID)
		}
	}
	for n := range c.dead {
		if c.jobs[n] == nil {
			c.fault("job %s expires and has no record", n.id)
		}
	}
}

// checkTwins holds the keys of waiting jobs against the twin keys.
func (c *check) checkTwins() {
	type key struct {
		jobqueue.Pair
		hash [16]byte
	}
	holders := map[key]jobName{}
	for _, e := range c.twins {
		_, wiki, _, rest, _ := partition.SplitKey(e.Key)
		t, err := jobqueue.DecodeTwin(e.Value)
		if err != nil {
			c.fault("%v", err)
			continue
		}
		n := jobName{wiki, t.ID}
		if !t.Until.IsZero() {
			if c.jobs[n] != nil || !c.windows[wiki+"\x00"+string(rest)] {
				c.fault("%s names job %s as done: it has a record: %t, and expires: %t", c.describe(e.Key), n.id, c.jobs[n] != nil, c.windows[wiki+"\x00"+string(rest)])
			}
			continue
		}
		queue, rest, _ := tuple.TakeString(rest)
		k := key{jobqueue.Pair{Wiki: wiki, Queue: queue}, [16]byte(rest)}
		holders[k] = n
		j := c.jobs[n]
		h := [16]byte{}
		if j != nil {
			h = tuple.Hash(j.Key)
		}
		if j == nil || j.Key == "" || j.State == jobqueue.Dead || !bytes.Equal(h[:], rest) {
			c.fault("%s names job %s, which does not have it", c.describe(e.Key), n.id)
		}
	}
	for n, j := range c.jobs {
		if j.Key == "" || j.State == jobqueue.Dead || c.running[n] {
			continue
		}
		if holder := holders[key{j.Pair, tuple.Hash(j.Key)}]; holder != n {
			c.fault("job %s waits with key %q, which job %s has", n.id, j.Key, holder.id)
		}
	}
}

func (c *check) checkPairs() {
	for p, i := range c.pairs {
		want := jobqueue.Counts{}
		if got := c.counts[p]; got != nil {
			want = *got
		}
		if i.Counts != want || want.IsZero() {
			c.fault("pair %v counts %+v, a scan finds %+v", p, i.Counts, want)
		}
	}
	for p := range c.counts {
		if _, ok := c.pairs[p]; !ok {
			c.fault("pair %v has jobs and no record", p)
		}
	}
	for n, j := range c.jobs {
		if i := c.pairs[j.Pair]; j.State == jobqueue.Ready && !c.running[n] && j.Enq >= i.PurgedBefore && j.Seq < i.Cursor[j.Band] {
			c.fault("job %s at %d is before the cursor %d", n.id, j.Seq, i.Cursor[j.Band])
		}
	}
}

func (c *check) checkRest() {
	owned := map[jobName]bool{}
	for n, j := range c.jobs {
		if j.Blob.Size > 0 {
			owned[jobName{n.wiki, j.Blob.ID}] = true
		}
	}
	for n := range c.blobs {
		if owned[n] == c.marks[n] {
			c.fault("payload %s has a job: %t, and expires: %t", n.id, owned[n], c.marks[n])
		}
	}
	for k := range c.roots {
		if !c.rootDue[k] {
			c.fault("root %q never expires", k)
		}
	}
	for k := range c.rootDue {
		if !c.roots[k] {
			c.fault("root %q expires and is not there", k)
		}
	}
}
