package jobqueue_test

import (
	"maps"
	"slices"
	"time"

	"auwai/internal/ident"
	"auwai/internal/jobqueue"
)

// modelLines is the part of the model about jobs that hang on each other: chains, waits, windows, and
// what is let go on.
type modelLines struct {
	chains  map[string]modelChain     // by pair and serial key
	waiters map[ident.Suffix][]waiter // by what they wait for
	windows map[string]modelWindow    // by pair and key
	purges  map[jobqueue.Pair]uint64
	created map[ident.Suffix]time.Time
	todo    []modelItem   // what the command has let go on
	mail    [][]modelItem // what is left for later
}

type modelChain struct {
	ids []ident.Suffix
	up  bool
}

type waiter struct {
	also bool
	id   ident.Suffix
}

type modelWindow struct {
	id    ident.Suffix
	until time.Time
}

// modelItem is a chain that goes on, or those that wait for a job that has ended.
type modelItem struct {
	chain string
	id    ident.Suffix
	how   jobqueue.State
}

func newModelLines() modelLines {
	return modelLines{
		chains: map[string]modelChain{}, waiters: map[ident.Suffix][]waiter{}, windows: map[string]modelWindow{},
		purges: map[jobqueue.Pair]uint64{}, created: map[ident.Suffix]time.Time{},
	}
}

func (l *modelLines) clone() modelLines {
	c := *l
	c.chains, c.waiters, c.windows = maps.Clone(l.chains), maps.Clone(l.waiters), maps.Clone(l.windows)
	c.purges, c.created, c.mail = maps.Clone(l.purges), maps.Clone(l.created), slices.Clone(l.mail)
	return c
}

func chainName(j *modelJob) string { return j.Wiki + "|" + j.Queue + "|" + j.SerialKey }
func keyName(j *modelJob) string   { return j.Wiki + "|" + j.Queue + "|" + j.Key }

func (m *model) purged(j *modelJob) bool { return j.enq < m.purges[j.Pair] }

func (m *model) join(j *modelJob) (first bool) {
	c := m.chains[chainName(j)]
	j.chained = true
	first = len(c.ids) == 0
	m.chains[chainName(j)] = modelChain{append(slices.Clone(c.ids), j.ID), c.up || first}
	return first
}

func (m *model) leave(j *modelJob) {
	if !j.chained {
		return
	}
	j.chained = false
	c := m.chains[chainName(j)]
	next := c.up && c.ids[0] == j.ID
	c.up = c.up && !next
	c.ids = slices.DeleteFunc(slices.Clone(c.ids), func(id ident.Suffix) bool { return id == j.ID })
	if m.chains[chainName(j)] = c; len(c.ids) == 0 {
		delete(m.chains, chainName(j))
	} else if next {
		m.later(modelItem{chain: chainName(j)})
	}
}

func (m *model) await(j *modelJob) bool {
	seen := map[ident.Suffix]bool{j.ID: true}
	for _, id := range j.WaitsFor {
		x, ok := m.jobs[id]
		if seen[id] || !ok {
			continue
		}
		seen[id] = true
		m.waiters[id] = append(slices.Clone(m.waiters[id]), waiter{id: j.ID})
		if c, claimed := m.claims[id]; claimed {
			c.waited = true
			m.claims[id] = c
		}
		x.waited = true
		m.jobs[id] = x
		j.missing++
	}
	return j.missing > 0
}

// handOver has those that wait for one job wait for another.
func (m *model) handOver(from ident.Suffix, to *modelJob) {
	j := m.jobs[from]
	if !j.waited {
		return
	}
	j.waited = false
	m.jobs[from] = j
	m.waiters[to.ID] = append(slices.Clone(m.waiters[to.ID]), waiter{also: true, id: from})
	to.waited = true
}

func (m *model) later(i modelItem) { m.todo = append(m.todo, i) }

// settle does what the command has let go on, once; what follows from that comes by mail.
func (m *model) settle() {
	list := m.todo
	m.todo = nil
	for _, i := range list {
		if i.chain != "" {
			m.advance(i)
		} else {
			m.release(i)
		}
	}
	if len(m.todo) > 0 {
		m.mail = append(m.mail, m.todo)
		m.todo = nil
	}
}

// deliver does what was left for later.
func (m *model) deliver() {
	for len(m.mail) > 0 {
		mail := m.mail
		m.mail = nil
		for _, list := range mail {
			m.todo = list
			m.settle()
		}
	}
}

func (m *model) advance(i modelItem) {
	c := m.chains[i.chain]
	if len(c.ids) == 0 || c.up {
		return
	}
	j := m.jobs[c.ids[0]]
	if state, ended := m.ends(&j); ended {
		m.end(j.ID, state)
		m.later(i)
		return
	}
	m.chains[i.chain] = modelChain{c.ids, true}
	m.place(j, j.RunAt)
}

func (m *model) release(i modelItem) {
	list := m.waiters[i.id]
	delete(m.waiters, i.id)
	for _, w := range list {
		if w.also {
			m.later(modelItem{id: w.id, how: i.how})
			continue
		}
		j, ok := m.jobs[w.id]
		if !ok || j.missing == 0 {
			continue
		}
		if i.how != jobqueue.Done && i.how != jobqueue.Superseded {
			m.end(j.ID, jobqueue.Cancelled)
			continue
		}
		if j.missing--; j.missing > 0 {
			m.jobs[j.ID] = j
			continue
		}
		m.jobs[j.ID] = j
		if state, ended := m.ends(&j); ended {
			m.end(j.ID, state)
		} else {
			m.place(j, j.RunAt)
		}
	}
}

// purge ends what waits in a pair.
func (m *model) purge(p jobqueue.Pair) {
	has := false
	for id, j := range m.jobs {
		if j.Pair != p {
			continue
		}
		has = true
		if c, claimed := m.claims[id]; claimed {
			c.stored = true
			m.claims[id] = c
		}
	}
	if has {
		m.purges[p] = m.number()
	}
}

// sweep ends those jobs that were purged.
func (m *model) sweep(ids []ident.Suffix) {
	for _, id := range ids {
		if j := m.jobs[id]; m.waits(id) && m.purged(&j) {
			m.end(id, jobqueue.Cancelled)
		}
	}
}

// stop has a running job end as cancelled.
func (m *model) stop(id ident.Suffix) {
	c := m.claims[id]
	c.stored, c.cancelled = true, true
	m.claims[id] = c
}

// cancelRoot cancels the newest generation of a root; false when it is not known.
func (m *model) cancelRoot(p jobqueue.Pair, signature string) bool {
	name := p.Wiki + "|" + p.Queue + "|" + signature
	r, ok := m.roots[name]
	if !ok {
		return false
	}
	r.cancelled = true
	m.roots[name] = r
	for id := range m.claims {
		if j := m.jobs[id]; j.Pair == p && j.Root.Signature == signature && j.Root.Timestamp <= r.timestamp {
			m.stop(id)
		}
	}
	return true
}
