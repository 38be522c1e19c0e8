package dispatch

import (
	"cmp"
	"container/heap"
	"slices"
	"time"

	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/node"
	"auwai/internal/partition"
)

// remoteList is where a pair stands whose jobs are for workers.
type remoteList uint8

const (
	notListed remoteList = iota
	offered              // in Machine.remotes
	wanted               // in Machine.wanting
	barred               // in Machine.barred
)

// offer notes that a pair may have something for a worker.
func (m *Machine) offer(pr *pair) {
	switch pr.away {
	case offered:
		return
	case wanted:
		m.wanting = slices.DeleteFunc(m.wanting, func(o *pair) bool { return o == pr })
	case barred:
		m.barred = slices.DeleteFunc(m.barred, func(o *pair) bool { return o == pr })
	case notListed:
	}
	pr.away, pr.awayAt = offered, pr.wiki.away
	heap.Push(&m.remotes, pr)
}

// remoteHeap has the pairs that may have something for a worker, those first whose wiki has used the
// workers least, as it was when they were offered.
type remoteHeap []*pair

func (h remoteHeap) Len() int { return len(h) }

func (h remoteHeap) Less(i, j int) bool {
	if h[i].awayAt != h[j].awayAt {
		return h[i].awayAt < h[j].awayAt
	}
	return h[i].turn < h[j].turn
}

func (h remoteHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *remoteHeap) Push(x any) {
	pr, ok := x.(*pair)
	partition.Invariant(ok, "dispatch: a %T is offered to workers", x)
	*h = append(*h, pr)
}

// Pop implements heap.Interface.
func (h *remoteHeap) Pop() any {
	last := len(*h) - 1
	pr := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return pr
}

// offerBarred has pairs looked at again that a limit has refused.
func (m *Machine) offerBarred() {
	m.barred = m.reoffer(m.barred)
}

// reoffer offers the pairs of a list again and returns it empty.
func (m *Machine) reoffer(list []*pair) []*pair {
	for _, pr := range list {
		pr.away = notListed
		if m.knows(pr) {
			m.offer(pr)
		}
	}
	clear(list)
	return list[:0]
}

// startRemote offers what is ready to the workers that wait: to those who came since the last look all
// of it, to the others what is new. Wikis share the workers by the time of their attempts.
func (m *Machine) startRemote(h node.Host) {
	if m.cfg.Workers == nil {
		m.offerNobody()
		return
	}
	if !m.live || m.suspended || m.draining || m.finishing >= finishingAtMost {
		return
	}
	newest, waiting := m.cfg.Workers.Waits()
	if newest != m.looked {
		m.wanting = m.reoffer(m.wanting)
		m.offerPulled(waiting)
	}
	if !waiting {
		m.looked = newest
		for _, pr := range m.remotes {
			m.want(pr)
		}
		clear(m.remotes)
		m.remotes = m.remotes[:0]
		return
	}
	unread := false
	for len(m.remotes) > 0 {
		pr := m.nextRemote()
		if !m.knows(pr) {
			continue
		}
		m.startAway(h, pr)
		unread = unread || pr.reading()
	}
	if !unread { // what is not in memory yet was not offered
		m.looked = newest
		m.cfg.Workers.Looked(newest)
	}
}

// offerNobody has all that was offered wait for a worker.
func (m *Machine) offerNobody() {
	for _, pr := range m.remotes {
		m.want(pr)
	}
	clear(m.remotes)
	m.remotes = m.remotes[:0]
}

// offerPulled offers all that is ready in the wikis that requests name, whatever its queue is; what
// becomes ready there later, activate does.
func (m *Machine) offerPulled(waiting bool) {
	clear(m.pulled)
	if !waiting {
		return
	}
	for _, name := range m.cfg.Workers.Pulls() {
		m.pulled[name] = struct{}{}
		if w := m.wikis[name]; w != nil {
			for _, pr := range w.pairs {
				m.offer(pr)
			}
		}
	}
}

// isPulled reports whether a request that waits names the wiki.
func (m *Machine) isPulled(wiki string) bool {
	if len(m.pulled) == 0 {
		return false
	}
	_, ok := m.pulled[wiki]
	return ok
}

// nextRemote takes the pair out whose wiki has used the workers least.
func (m *Machine) nextRemote() *pair {
	for {
		pr, ok := heap.Pop(&m.remotes).(*pair)
		partition.Invariant(ok, "dispatch: the heap of remote pairs has something else")
		if pr.awayAt < pr.wiki.away && len(m.remotes) > 0 { // another pair of its wiki was given a worker
			pr.awayAt = pr.wiki.away
			heap.Push(&m.remotes, pr)
			continue
		}
		pr.away = notListed
		return pr
	}
}

// want notes that a pair waits for a worker. One whose jobs this node runs by itself does not.
func (m *Machine) want(pr *pair) {
	if pr.away = notListed; pr.policy.Remote && !pr.empty() {
		m.mark(pr, CauseWorker)
		pr.away = wanted
		m.wanting = append(m.wanting, pr)
		return
	}
	m.rest(m.now, pr)
}

// reading reports whether a pair has ready jobs that are not in memory yet.
func (pr *pair) reading() bool {
	if pr.asking {
		return true
	}
	for b := range pr.bands {
		if pr.bands[b].loading {
			return true
		}
	}
	return false
}

// startAway gives a worker one job of a pair, and offers the pair again.
func (m *Machine) startAway(h node.Host, pr *pair) {
	c, ok := m.startable(pr, false)
	if !ok {
		return // it is offered again when that changes
	}
	if m.closedGate(pr) != nil {
		m.gate(pr)
		return
	}
	if n, _, _ := m.limits.Room(m.now.Mono, pr.limits, 1); n == 0 {
		m.bar(pr)
		return
	}
	w := &pr.bands[c.band]
	at, d := m.wantedBy(pr, w)
	if at < 0 {
		m.want(pr)
		return
	}
	r, ok := m.cfg.Workers.Reserve(m.now.Wall, d)
	if !ok {
		m.want(pr)
		return
	}
	a := &attempt{part: pr.part, pr: pr, from: m.now.Mono, wall: m.now.Wall, remote: true, holder: r.Holder}
	m.mark(pr, CauseWorker)
	if a = m.fill(m.now, a, w, at, 1); a == nil {
		m.cfg.Workers.Return(r.Holder)
		return // effects of the jobs that are on the move offer the pair again
	}
	claim := a.claims[0]
	claim.Holder, claim.Deadline = r.Holder, m.now.Wall.Add(cmp.Or(r.Period, pr.policy.Timeout))
	m.vaway = max(m.vaway, pr.wiki.away)
	a.charged = pr.est
	pr.wiki.away = max(pr.wiki.away, m.vaway) + pr.est
	m.storeFirst(m.now, h, a)
	m.offer(pr)
}

// wantedBy returns the first job of a window that somebody takes who waits, -1 for none. A job that needs
// much lets smaller ones behind it go first; Workers see to it that it does not starve.
func (m *Machine) wantedBy(pr *pair, w *window) (at int, d Demand) {
	d = Demand{Pair: pr.Pair, Remote: pr.policy.Remote}
	var refused []jobqueue.Needs
	for i := w.head; i < len(w.list) && i < w.head+lookPast && w.list[i].job != nil; i++ {
		j := w.list[i].job
		if d.Needs = pr.needs(j); slices.Contains(refused, d.Needs) || pr.part.mem.Changing(j.ID) {
			continue
		}
		if ok, _ := m.cfg.Workers.Ready(m.now.Wall, d); ok {
			return i, d
		}
		refused = append(refused, d.Needs)
	}
	return -1, d
}

// bar notes that a limit refuses a pair's jobs for workers.
func (m *Machine) bar(pr *pair) {
	m.mark(pr, CauseLimit)
	pr.away = barred
	m.barred = append(m.barred, pr)
}

// needs returns what a job needs of a worker.
func (pr *pair) needs(j *jobqueue.Job) jobqueue.Needs {
	if j.Needs != (jobqueue.Needs{}) {
		return j.Needs
	}
	return pr.policy.Needs
}

// ErrNotHeld says that a job is not claimed by the holder that was named.
var ErrNotHeld = fault.New(fault.Conflict, "dispatch: the claim is not held any more")

// extension is a heartbeat that is to be stored.
type extension struct {
	part  *part
	claim *jobqueue.Claim
	done  func(error)
}

// Extend moves the deadline of a claim that a worker holds, and keeps what it says of its progress.
// done is called when that is durable, with ErrNotHeld when the holder has no claim of the job. For
// use in the node's loop.
func (m *Machine) Extend(id ident.ID, holder string, deadline time.Time, says jobqueue.Progress, done func(error)) {
	p := m.parts[partition.Of(id.Wiki)]
	if p == nil {
		done(node.ErrNotOwner)
		return
	}
	c := p.mem.Running(id.Suffix)
	if c == nil || holder == "" || c.Holder != holder || !c.Stored {
		done(ErrNotHeld)
		return
	}
	if deadline.After(c.Deadline) {
		c.Deadline = deadline
	}
	if !says.IsZero() {
		p.mem.SetProgress(id.Suffix, says)
	}
	m.extensions = append(m.extensions, extension{p, c, done})
}

// storeExtensions stores the heartbeats since the last step.
func (m *Machine) storeExtensions(now partition.Now, h node.Host) {
	list := m.extensions
	m.extensions = nil
	for _, e := range list {
		if m.parts[e.part.id] != e.part {
			e.done(node.ErrNotOwner)
			continue
		}
		m.commands++
		h.SubmitOwn(now, e.part.id, &partition.Call{
			Command: &jobqueue.StoreClaims{Claims: []*jobqueue.Claim{e.claim}},
			Done: func(err error) {
				m.commands--
				e.done(err)
			},
		})
	}
}
