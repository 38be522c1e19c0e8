package jobqueue

import (
	"time"

	"auwai/internal/ident"
)

// Mem is what the owner of a partition knows of its jobs beyond the store: claims, which for their
// first second are in memory only, and which jobs have changes on their way. It is used by the
// node's loop only: by commands in Apply, and by dispatch. It dies with the ownership, and the next
// opening makes it anew from the running keys.
//
// Commands change it in the order in which they are applied, so it is ahead of the store by the
// commits on their way. A job that such a commit touches cannot be claimed until it is durable.
type Mem struct {
	running map[ident.Suffix]*Claim
	ended   int // claims in running whose end is applied and not durable
	dirty   map[ident.Suffix]int
	perPair map[Pair]int64 // claims in memory only, those that ended left out
	claims  map[Pair]int64 // all in running
	// returned are jobs that went from a claim back to their old place: a cursor that was thought of
	// while they were claimed must not pass them.
	returned map[ident.Suffix]returnedTo
	purged   map[Pair]uint64 // places before which all that waits is being swept
	scans    scans
	work     work // reused by each Apply
}

type returnedTo struct {
	pair Pair
	band Band
	seq  uint64
}

// Claim is a node's hold on a job for one attempt.
type Claim struct {
	Job *Job // as it was when claimed; nothing changes a running job's record but its own outcome
	// Start, Deadline and Attempts are what a stored claim remembers: when the attempt began, when it
	// should have ended, and how many attempts the queue allows. Set by dispatch after Mem.Claim.
	Start    time.Time
	Deadline time.Time
	Attempts int
	// Exclusive, AtMostOnce and Holder are remembered too. An exclusive claim, and one of a remote
	// worker (Holder names it; "" is this node), outlives a crash until its deadline; see Recover. Set
	// by dispatch after Mem.Claim; they come from the job or from the configuration.
	Exclusive  bool
	AtMostOnce bool
	Holder     string
	// Progress is what the attempt said of itself last; see Mem.SetProgress.
	Progress Progress
	// Cancelled says that its job is to end as cancelled, unless it is done; see Cancel.
	Cancelled bool
	// Stored says that the claim has a running key, instead of the ready key.
	Stored bool
	// Storing says that a command is on its way that stores it. Set and cleared by dispatch; cleared
	// also when the claim is stored.
	Storing bool
	// KeyTaken says that a newer twin has the de-duplication key now.
	KeyTaken bool
	found    bool // read from the store at opening: who has the key is not known
	kept     bool // found, and it goes on: its Job is whole
	ended    bool // its end is applied and not durable
	waited   bool // others wait for its job since it was claimed
	orderly  bool // stored as cut short by an orderly stop

	storedDeadline int64         // as the running key has it, in milliseconds
	said           bool          // Progress was changed since it was stored
	saidAt         time.Duration // when Progress was stored last, on the monotonic clock
}

// Kept reports whether the claim was found at the opening and goes on: whoever carries its job out may
// still do so, until its deadline. Dispatch ends it then, as a crash.
func (c *Claim) Kept() bool { return c.kept }

// NewMem returns an empty memory.
func NewMem() *Mem {
	return &Mem{
		running: map[ident.Suffix]*Claim{},
		dirty:   map[ident.Suffix]int{},
		perPair: map[Pair]int64{},
		claims:  map[Pair]int64{},

		returned: map[ident.Suffix]returnedTo{},
		purged:   map[Pair]uint64{},
	}
}

// Claim takes a ready job for an attempt, in memory. It fails when the job is claimed already, was
// purged, or has a change on its way that is not durable yet: the caller waits for the effect of that
// change.
func (m *Mem) Claim(j *Job) (*Claim, bool) {
	if m.dirty[j.ID] > 0 || len(m.purged) > 0 && j.Enq < m.purged[j.Pair] {
		return nil, false
	}
	if _, ok := m.running[j.ID]; ok {
		return nil, false
	}
	c := &Claim{Job: j}
	m.hold(c)
	m.perPair[j.Pair]++
	return c, true
}

// Release gives a claim back that was never stored: the job is ready again at its old place. It
// reports false, and does nothing, for a claim that is stored or on its way to be, or whose job others
// wait for: that one ends by a Finish with OutcomeUncounted.
func (m *Mem) Release(id ident.Suffix) bool {
	c, ok := m.running[id]
	if !ok || c.Stored || c.Storing || c.ended || c.waited {
		return false
	}
	m.letGo(c)
	m.unmemory(c.Job.Pair)
	m.giveBack(c.Job)
	return true
}

// Running returns the claim of a job, nil when it is not claimed.
func (m *Mem) Running(id ident.Suffix) *Claim {
	if c := m.running[id]; c != nil && !c.ended {
		return c
	}
	return nil
}

// Changing reports whether a job is claimed or has a change on its way: what the store says of it may
// be ahead of its effects.
func (m *Mem) Changing(id ident.Suffix) bool { return m.dirty[id] > 0 || m.running[id] != nil }

// Claims returns the number of claims.
func (m *Mem) Claims() int { return len(m.running) - m.ended }

// InMemory returns the number of a pair's claims that are in memory only: they are counted as ready
// in the store and run in truth.
func (m *Mem) InMemory(p Pair) int64 { return m.perPair[p] }

// Counts returns the counts of a pair as they are, given those of its durable record: what is claimed
// runs, whether its claim is stored, is being stored, or has ended by a commit on its way.
func (m *Mem) Counts(p Pair, stored Counts) Counts {
	both := stored.Ready + stored.Running
	stored.Running = min(m.claims[p], both)
	stored.Ready = both - stored.Running
	return stored
}

// hold and letGo add a claim and take it out.
func (m *Mem) hold(c *Claim) {
	m.running[c.Job.ID] = c
	m.claims[c.Job.Pair]++
}

func (m *Mem) letGo(c *Claim) {
	delete(m.running, c.Job.ID)
	if m.claims[c.Job.Pair]--; m.claims[c.Job.Pair] <= 0 {
		delete(m.claims, c.Job.Pair)
	}
}

// Each calls f for every claim, in no particular order.
func (m *Mem) Each(f func(*Claim)) {
	for _, c := range m.running {
		if !c.ended {
			f(c)
		}
	}
}

// Observe takes an effect of the partition. Dispatch calls it for each one, in their order, before
// it acts on it: a change that is durable now does not keep its job from being claimed any more.
func (m *Mem) Observe(effect any) {
	switch e := effect.(type) {
	case BecameReady:
		m.settle(e.Job.ID, e.Settles)
	case Changed:
		m.settle(e.Job.ID, e.Settles)
	case Gone:
		m.settle(e.ID, e.Settles)
	case BecameDelayed:
		m.settle(e.ID, e.Settles)
	case BecameBlocked:
		m.settle(e.ID, e.Settles)
	case Finished:
		m.settle(e.ID, e.Settles)
	}
}

func (m *Mem) settle(id ident.Suffix, settles bool) {
	if !settles {
		return
	}
	m.scans.settled(id)
	// A claim ends before anything else touches its job, so its end is settled first.
	if c := m.running[id]; c != nil && c.ended {
		m.letGo(c)
		m.ended--
		return
	}
	if m.dirty[id]--; m.dirty[id] <= 0 {
		delete(m.dirty, id)
	}
}

// touch marks a job as changed by a command that is not durable yet.
func (m *Mem) touch(id ident.Suffix) {
	m.dirty[id]++
	m.left(id)
}

// giveBack notes that a job is back at the place that its claim had left in the store.
func (m *Mem) giveBack(j *Job) { m.returned[j.ID] = returnedTo{j.Pair, j.Band, j.Seq} }

// left notes that a job may have left its place.
func (m *Mem) left(id ident.Suffix) {
	if len(m.returned) > 0 {
		delete(m.returned, id)
	}
}

// end marks a claim as ended by a command that is not durable yet.
func (m *Mem) end(c *Claim) {
	if !c.Stored {
		m.unmemory(c.Job.Pair)
	}
	c.ended = true
	m.ended++
	m.left(c.Job.ID)
}

func (m *Mem) stored(c *Claim) {
	c.Storing = false
	c.storedDeadline, c.said = orEpoch(c.Deadline).UnixMilli(), false
	if !c.Stored {
		c.Stored = true
		m.unmemory(c.Job.Pair)
		m.left(c.Job.ID)
	}
}

// PurgedBefore returns the place before which nothing of a pair is ready any more, 0 for none: entries
// of windows and scans before it are out of date.
func (m *Mem) PurgedBefore(p Pair) uint64 { return m.purged[p] }

func (m *Mem) purge(p Pair, before uint64) { m.purged[p] = before }

// unpurge forgets a purge, all of whose jobs are gone.
func (m *Mem) unpurge(p Pair, before uint64) {
	if m.purged[p] == before {
		delete(m.purged, p)
	}
}

func (m *Mem) unmemory(p Pair) {
	if m.perPair[p]--; m.perPair[p] <= 0 {
		delete(m.perPair, p)
	}
}
