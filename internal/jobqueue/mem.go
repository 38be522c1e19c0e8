package jobqueue

import (
	"auwai/internal/ident"
)

// Mem is what the owner of a partition knows of its jobs beyond the store: claims, which for their
// first second are in memory only, and which jobs have changes on their way. It is used by the
// node's loop only: by commands in Apply, and by dispatch. It dies with the ownership, and the next
// opening makes it anew from the running keys.
type Mem struct {
	running map[ident.Suffix]*Claim
	dirty   map[ident.Suffix]int
	perPair map[Pair]int64 // claims in memory only
}

// Claim is a node's hold on a job for one attempt.
type Claim struct {
	Job *Job // as it was when claimed; nothing changes a running job's record but its own outcome
	// Stored says that the claim has a running key, instead of the ready key.
	Stored bool
	// Storing says that a command is on its way that stores it.
	Storing bool
	// KeyTaken says that a newer twin has the de-duplication key now.
	KeyTaken bool
}

// NewMem returns an empty memory.
func NewMem() *Mem {
	return &Mem{
		running: map[ident.Suffix]*Claim{},
		dirty:   map[ident.Suffix]int{},
		perPair: map[Pair]int64{},
	}
}

// Claim takes a ready job for an attempt, in memory. It fails when the job is claimed already, or
// has a change on its way that is not durable yet: the caller waits for the effect of that change.
func (m *Mem) Claim(j *Job) (*Claim, bool) {
	if m.dirty[j.ID] > 0 {
		return nil, false
	}
	if _, ok := m.running[j.ID]; ok {
		return nil, false
	}
	c := &Claim{Job: j}
	m.running[j.ID] = c
	m.perPair[j.Pair]++
	return c, true
}

// Release gives a claim back that was never stored: the job is ready again at its old place.
func (m *Mem) Release(id ident.Suffix) {
	if c, ok := m.running[id]; ok && !c.Stored && !c.Storing {
		m.drop(c)
	}
}

// Running returns the claim of a job, nil when it is not claimed.
func (m *Mem) Running(id ident.Suffix) *Claim { return m.running[id] }

// Claims returns the number of claims.
func (m *Mem) Claims() int { return len(m.running) }

// InMemory returns the number of a pair's claims that are in memory only: they are counted as ready
// in the store and run in truth.
func (m *Mem) InMemory(p Pair) int64 { return m.perPair[p] }

// Each calls f for every claim, in no particular order.
func (m *Mem) Each(f func(*Claim)) {
	for _, c := range m.running {
		f(c)
	}
}

func (m *Mem) drop(c *Claim) {
	delete(m.running, c.Job.ID)
	if !c.Stored {
		m.unmemory(c.Job.Pair)
	}
}

func (m *Mem) stored(c *Claim) {
	if !c.Stored {
		c.Stored = true
		m.unmemory(c.Job.Pair)
	}
}

func (m *Mem) unmemory(p Pair) {
	if m.perPair[p]--; m.perPair[p] <= 0 {
		delete(m.perPair, p)
	}
}

// touch marks a job as changed by a command that is not durable yet; Settled takes the mark back.
func (m *Mem) touch(id ident.Suffix) { m.dirty[id]++ }

// Settled says that one change of a job is durable. Dispatch calls it for each effect that has a
// Settles field.
func (m *Mem) Settled(id ident.Suffix) {
	if m.dirty[id]--; m.dirty[id] <= 0 {
		delete(m.dirty, id)
	}
}
