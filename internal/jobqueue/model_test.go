package jobqueue_test

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"auwai/internal/ident"
	"auwai/internal/jobqueue"
)

// model is the state diagram written down once more, in the plainest way: all jobs in one map, every
// rule a search through it.
type model struct {
	now     time.Time
	next    uint64
	jobs    map[ident.Suffix]modelJob
	claims  map[ident.Suffix]modelClaim
	roots   map[string]modelRoot // by pair and signature
	sources map[string][]modelSource
	ended   map[ident.Suffix]jobqueue.State
}

type modelJob struct {
	jobqueue.New
	state          jobqueue.State
	seq, enq       uint64
	due            time.Time
	tries, crashes int
}

type modelClaim struct{ stored, orderly, keyTaken bool }

type modelRoot struct {
	timestamp string
	minEnq    uint64
}

type modelSource struct {
	hash   [8]byte
	id     ident.Suffix
	bucket int64
}

func newModel(now time.Time) *model {
	return &model{
		now: now, jobs: map[ident.Suffix]modelJob{}, claims: map[ident.Suffix]modelClaim{},
		roots: map[string]modelRoot{}, sources: map[string][]modelSource{}, ended: map[ident.Suffix]jobqueue.State{},
	}
}

// clone is what a crash returns to.
func (m *model) clone() *model {
	c := *m
	c.jobs, c.claims, c.roots = maps.Clone(m.jobs), maps.Clone(m.claims), maps.Clone(m.roots)
	c.sources, c.ended = maps.Clone(m.sources), maps.Clone(m.ended)
	return &c
}

func (m *model) number() uint64 {
	m.next++
	return m.next
}

func rootName(j *modelJob) string { return j.Wiki + "|" + j.Queue + "|" + j.Root.Signature }

func (m *model) older(j *modelJob) bool {
	if j.Root.Signature == "" {
		return false
	}
	r, ok := m.roots[rootName(j)]
	return ok && (j.Root.Timestamp < r.timestamp || j.Root.Timestamp == r.timestamp && j.enq < r.minEnq)
}

func (m *model) waits(id ident.Suffix) bool {
	j, ok := m.jobs[id]
	_, claimed := m.claims[id]
	return ok && !claimed && (j.state == jobqueue.Ready || j.state == jobqueue.Delayed)
}

func (m *model) end(id ident.Suffix, s jobqueue.State) {
	delete(m.jobs, id)
	delete(m.claims, id)
	m.ended[id] = s
}

func (m *model) push(n jobqueue.New) jobqueue.Pushed {
	if n.Source.Name != "" {
		name, bucket := n.Wiki+"|"+n.Source.Name, m.now.UnixMilli()/(12*time.Hour).Milliseconds()
		for _, s := range m.sources[name] {
			if s.hash == n.Source.Hash && bucket-s.bucket < 3 {
				return jobqueue.Pushed{ID: s.id, Repeated: true}
			}
		}
		m.sources[name] = append(slices.Clone(m.sources[name]), modelSource{n.Source.Hash, n.ID, bucket})
	}
	if !n.RunAt.After(m.now) {
		n.RunAt = time.Time{}
	}
	j := modelJob{New: n, enq: m.number()}
	if n.Root.Signature != "" {
		r, ok := m.roots[rootName(&j)]
		switch {
		case ok && r.timestamp > n.Root.Timestamp:
			m.ended[n.ID] = jobqueue.Superseded
			return jobqueue.Pushed{ID: n.ID, State: jobqueue.Superseded}
		case !ok || r.timestamp < n.Root.Timestamp:
			m.roots[rootName(&j)] = modelRoot{timestamp: n.Root.Timestamp}
		case n.Root.IsRoot:
			m.roots[rootName(&j)] = modelRoot{n.Root.Timestamp, j.enq}
		}
	}
	if twin, ok := m.twin(&j); ok {
		m.merge(twin, j, firstOf(m.jobs[twin].RunAt, n.RunAt))
		m.ended[n.ID] = jobqueue.Duplicate
		return jobqueue.Pushed{ID: n.ID, State: jobqueue.Duplicate, DuplicateOf: twin}
	}
	m.place(j, n.RunAt)
	return jobqueue.Pushed{ID: n.ID, State: m.jobs[n.ID].state}
}

// twin finds the waiting job with the key of j, and settles who has the key otherwise.
func (m *model) twin(j *modelJob) (ident.Suffix, bool) {
	if j.Key == "" {
		return ident.Suffix{}, false
	}
	for id, other := range m.jobs {
		if id == j.ID || other.Pair != j.Pair || other.Key != j.Key {
			continue
		}
		if c, claimed := m.claims[id]; claimed {
			m.claims[id] = modelClaim{stored: c.stored || !c.keyTaken, orderly: c.orderly, keyTaken: true}
			if c.keyTaken {
				m.claims[id] = c
			}
			continue
		}
		if !m.waits(id) {
			continue
		}
		if m.older(&other) {
			m.end(id, jobqueue.Superseded)
			continue
		}
		return id, true
	}
	return ident.Suffix{}, false
}

func firstOf(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && a.Before(b) {
		return a
	}
	return b
}

func (m *model) merge(twin ident.Suffix, j modelJob, due time.Time) {
	t := m.jobs[twin]
	newer := j.enq > t.enq
	switch {
	case t.Root.Signature == "" || j.Root.Signature == "":
		t.Root = jobqueue.Root{}
	case j.Root.Timestamp > t.Root.Timestamp || j.Root.Timestamp == t.Root.Timestamp && newer:
		t.Root = j.Root
	}
	t.RunAt = firstOf(t.RunAt, j.RunAt)
	if newer {
		t.Payload, t.RequestID, t.enq = j.Payload, j.RequestID, j.enq
	}
	if j.Band < t.Band {
		t.Band = j.Band
		if t.state == jobqueue.Ready {
			t.seq = m.number()
		}
	}
	if t.state == jobqueue.Delayed {
		if due = firstOf(t.due, due); !due.Equal(t.due) {
			m.place(t, due)
			return
		}
	}
	m.jobs[twin] = t
}

// place has a job wait until due.
func (m *model) place(j modelJob, due time.Time) {
	if due.After(m.now) {
		j.state, j.due, j.seq = jobqueue.Delayed, due, 0
	} else {
		j.state, j.due, j.seq = jobqueue.Ready, time.Time{}, m.number()
	}
	m.jobs[j.ID] = j
}

// rest has a job wait again, after all rules.
func (m *model) rest(j modelJob, due time.Time) {
	if m.older(&j) {
		m.end(j.ID, jobqueue.Superseded)
		return
	}
	if twin, ok := m.twin(&j); ok {
		m.merge(twin, j, due)
		m.end(j.ID, jobqueue.Duplicate)
		return
	}
	m.place(j, due)
}

func (m *model) finish(id ident.Suffix, o jobqueue.Outcome) {
	j, c := m.jobs[id], m.claims[id]
	delete(m.claims, id)
	switch o {
	case jobqueue.OutcomeDone:
		m.end(id, jobqueue.Done)
	case jobqueue.OutcomeUncounted:
		if c.stored {
			m.rest(j, time.Time{})
		} else if m.older(&j) {
			m.end(id, jobqueue.Superseded)
		}
	default:
		if j.tries++; o == jobqueue.OutcomePermanent || j.tries >= 3 {
			m.die(j)
			return
		}
		m.rest(j, m.now.Add(time.Minute*time.Duration([]int{1, 1, 6}[j.tries])))
	}
}

func (m *model) die(j modelJob) {
	j.state, j.seq, j.due = jobqueue.Dead, m.number(), time.Time{}
	m.jobs[j.ID] = j
}

func (m *model) promote() {
	var due []modelJob
	for _, j := range m.jobs {
		if j.state == jobqueue.Delayed && !j.due.After(m.now) {
			due = append(due, j)
		}
	}
	slices.SortFunc(due, func(a, b modelJob) int {
		return cmp.Or(a.due.Compare(b.due), cmp.Compare(a.Wiki, b.Wiki), cmp.Compare(string(a.ID[:]), string(b.ID[:])))
	})
	for _, j := range due {
		if m.older(&j) {
			m.end(j.ID, jobqueue.Superseded)
		} else {
			m.place(j, time.Time{})
		}
	}
}

func (m *model) retry(id ident.Suffix) {
	j := m.jobs[id]
	if j.state == jobqueue.Dead {
		j.tries, j.crashes = 0, 0
	}
	j.RunAt = time.Time{}
	delete(m.jobs, id) // a dead job is nobody's twin
	m.rest(j, time.Time{})
}

func (m *model) supersede() {
	for id, j := range m.jobs {
		if _, claimed := m.claims[id]; !claimed && j.state == jobqueue.Ready && m.older(&j) {
			m.end(id, jobqueue.Superseded)
		}
	}
}

// reopen returns the claims that are in the store, in the order of their keys.
func (m *model) reopen() {
	var found []modelJob
	for id, c := range m.claims {
		if !c.stored {
			delete(m.claims, id)
			continue
		}
		found = append(found, m.jobs[id])
	}
	slices.SortFunc(found, func(a, b modelJob) int {
		return cmp.Or(cmp.Compare(a.Wiki, b.Wiki), cmp.Compare(string(a.ID[:]), string(b.ID[:])))
	})
	for _, j := range found {
		c := m.claims[j.ID]
		delete(m.claims, j.ID)
		if !c.orderly {
			j.tries++
			j.crashes++
			if j.tries >= 3 {
				m.die(j)
				continue
			}
		}
		m.rest(j, time.Time{})
	}
}
