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
	modelLines
}

type modelJob struct {
	jobqueue.New
	state          jobqueue.State
	seq, enq       uint64
	due            time.Time
	tries, crashes int

	once    bool
	mode    jobqueue.Dedup
	pause   time.Duration // of a debounce, or the window
	first   time.Time     // of a debounce
	chained bool
	waited  bool
	missing int
}

type modelClaim struct {
	stored, orderly, keyTaken, cancelled, waited bool
	exclusive                                    bool
	deadline                                     time.Time
}

type modelRoot struct {
	timestamp string
	minEnq    uint64
	cancelled bool
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
		modelLines: newModelLines(),
	}
}

// clone is what a crash returns to.
func (m *model) clone() *model {
	c := *m
	c.jobs, c.claims, c.roots = maps.Clone(m.jobs), maps.Clone(m.claims), maps.Clone(m.roots)
	c.sources, c.ended = maps.Clone(m.sources), maps.Clone(m.ended)
	c.modelLines = m.modelLines.clone()
	return &c
}

func (m *model) number() uint64 {
	m.next++
	return m.next
}

func rootName(j *modelJob) string { return j.Wiki + "|" + j.Queue + "|" + j.Root.Signature }

func (m *model) root(j *modelJob) (modelRoot, bool) {
	r, ok := m.roots[rootName(j)]
	return r, ok && j.Root.Signature != ""
}

// ends tells how a job ends instead of being begun.
func (m *model) ends(j *modelJob) (jobqueue.State, bool) {
	if m.purged(j) {
		return jobqueue.Cancelled, true
	}
	if r, ok := m.root(j); ok {
		switch {
		case r.cancelled && j.Root.Timestamp <= r.timestamp:
			return jobqueue.Cancelled, true
		case j.Root.Timestamp < r.timestamp || j.Root.Timestamp == r.timestamp && j.enq < r.minEnq:
			return jobqueue.Superseded, true
		}
	}
	return jobqueue.Expired, m.expired(j)
}

func (m *model) expired(j *modelJob) bool { return !j.ExpireAt.IsZero() && !m.now.Before(j.ExpireAt) }

func (m *model) waits(id ident.Suffix) bool {
	j, ok := m.jobs[id]
	_, claimed := m.claims[id]
	return ok && !claimed && (j.state == jobqueue.Ready || j.state == jobqueue.Delayed || j.state == jobqueue.Blocked)
}

// end ends a job's life, and lets go on what hangs on it.
func (m *model) end(id ident.Suffix, s jobqueue.State) {
	j := m.jobs[id]
	delete(m.jobs, id)
	delete(m.claims, id)
	m.ended[id] = s
	m.leave(&j)
	if j.waited && s != jobqueue.Duplicate {
		m.later(modelItem{id: id, how: s})
	}
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
			if !c.keyTaken {
				c.stored, c.keyTaken = true, true
				m.claims[id] = c
			}
			continue
		}
		if !m.waits(id) {
			continue
		}
		if state, ended := m.ends(&other); ended {
			m.end(id, state)
			continue
		}
		return id, true
	}
	w, ok := m.windows[keyName(j)]
	delete(m.windows, keyName(j))
	if ok && j.mode == jobqueue.DedupWindow && m.now.Before(w.until) {
		m.windows[keyName(j)] = w
		return w.id, true
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
	t.Root = newerRoot(t.Root, j.Root, newer)
	t.RunAt = firstOf(t.RunAt, j.RunAt)
	if newer {
		t.Payload, t.RequestID, t.enq, t.ExpireAt = j.Payload, j.RequestID, j.enq, lastOf(t.ExpireAt, j.ExpireAt)
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

// place has a job wait until due, or for its turn.
func (m *model) place(j modelJob, due time.Time) {
	if due.After(m.now) {
		if !j.ExpireAt.IsZero() && j.ExpireAt.Before(due) {
			due = j.ExpireAt
		}
		j.state, j.due, j.seq = jobqueue.Delayed, due, 0
	} else if j.SerialKey != "" && !j.chained && !m.join(&j) {
		j.state, j.due, j.seq = jobqueue.Blocked, time.Time{}, m.number()
	} else {
		j.state, j.due, j.seq = jobqueue.Ready, time.Time{}, m.number()
	}
	m.jobs[j.ID] = j
}

// rest has a job wait again, after all rules.
func (m *model) rest(j modelJob, due time.Time) {
	m.jobs[j.ID] = j
	if state, ended := m.ends(&j); ended {
		m.end(j.ID, state)
		return
	}
	delete(m.jobs, j.ID)
	twin, ok := m.twin(&j)
	m.jobs[j.ID] = j
	if !ok {
		m.place(j, due)
		return
	}
	if t, waits := m.jobs[twin]; waits {
		if j.waited {
			m.handOver(j.ID, &t)
			m.jobs[twin] = t
		}
		if t.mode == jobqueue.DedupReplace || t.mode == jobqueue.DedupDebounce {
			due, j.RunAt = t.due, t.RunAt
		}
		m.merge(twin, j, due)
	} else if j.waited {
		m.later(modelItem{id: j.ID, how: jobqueue.Done})
	}
	m.end(j.ID, jobqueue.Duplicate)
}

func (m *model) finish(id ident.Suffix, o jobqueue.Outcome) {
	j, c := m.jobs[id], m.claims[id]
	delete(m.claims, id)
	j.waited = j.waited || c.waited
	switch {
	case o == jobqueue.OutcomeDone:
		m.jobs[id] = j
		if j.mode == jobqueue.DedupWindow && !c.keyTaken {
			m.windows[keyName(&j)] = modelWindow{id, m.now.Add(j.pause)}
		}
		m.end(id, jobqueue.Done)
	case c.cancelled:
		m.jobs[id] = j
		m.end(id, jobqueue.Cancelled)
	case o == jobqueue.OutcomeUncounted && (!j.once || !c.orderly):
		if c.stored || c.waited {
			m.rest(j, time.Time{})
		} else if state, ended := m.ends(&j); ended {
			m.end(id, state)
		}
	default:
		if o == jobqueue.OutcomeCrash {
			j.crashes++
		}
		if j.tries++; j.once || o == jobqueue.OutcomePermanent || j.tries >= 3 {
			m.die(j)
			return
		}
		m.rest(j, m.now.Add(time.Minute*time.Duration([]int{1, 1, 6}[j.tries])))
	}
}

func (m *model) die(j modelJob) {
	m.leave(&j)
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
		j = m.jobs[j.ID]
		if state, ended := m.ends(&j); ended {
			m.end(j.ID, state)
		} else {
			m.place(j, time.Time{})
		}
	}
}

func (m *model) retry(id ident.Suffix) {
	j := m.jobs[id]
	if j.state == jobqueue.Dead {
		j.tries, j.crashes = 0, 0
		if m.expired(&j) {
			j.ExpireAt = time.Time{}
		}
		j.enq = max(j.enq, m.purges[j.Pair])
	}
	j.RunAt = time.Time{}
	m.rest(j, time.Time{})
}

// drop ends the ready jobs that are not to be begun.
func (m *model) drop(ids []ident.Suffix) {
	for _, id := range ids {
		j, ok := m.jobs[id]
		if _, claimed := m.claims[id]; !ok || claimed || j.state != jobqueue.Ready {
			continue
		}
		if state, ended := m.ends(&j); ended {
			m.end(id, state)
		}
	}
}

// reopen returns the claims that are in the store, in the order of their keys, and reports which stay.
func (m *model) reopen() (kept []ident.Suffix) {
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
		if !c.cancelled && c.exclusive && c.deadline.After(m.now) {
			c.waited = false
			m.claims[j.ID] = c
			kept = append(kept, j.ID)
			continue
		}
		delete(m.claims, j.ID)
		switch {
		case c.cancelled:
			m.end(j.ID, jobqueue.Cancelled)
			continue
		case !c.orderly:
			j.crashes++
			fallthrough
		case j.once:
			if j.tries++; j.once || j.tries >= 3 {
				m.die(j)
				continue
			}
		}
		m.rest(j, time.Time{})
	}
	return kept
}
