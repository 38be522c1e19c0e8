package dispatch

import (
	"slices"
	"time"

	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/node"
	"auwai/internal/partition"
	"auwai/internal/runner"
)

// attempt is one execution, from its claim to its last result.
type attempt struct {
	id       uint64
	part     *part
	pr       *pair
	claims   []*jobqueue.Claim
	reported []bool
	left     int
	from     time.Duration
	wall     time.Time
	charged  float64 // nanoseconds charged to the wiki so far
	probe    bool
	alone    bool
	started  bool // handed out; false while its claim is being stored first
	stored   bool // all claims are, before it started
	cut      bool // cancelled by the node: what it did is not counted
}

// candidate is a pair that can start something now.
type candidate struct {
	pr   *pair
	band jobqueue.Band
}

// startAll starts what limits and order allow.
func (m *Machine) startAll(now partition.Now, h node.Host) {
	if !m.live || m.suspended || m.draining || m.finishing >= finishingAtMost {
		return
	}
	limit := m.cfg.Policy.Concurrency()
	for m.running < limit && !m.waitsAlone(now) {
		w := m.next()
		if w == nil {
			return
		}
		switch m.startOne(now, h, w) {
		case startNothing:
			m.order.drop(w)
		case startLater:
			return
		case startDone:
		}
	}
}

// waitsAlone reports whether a suspect runs that others must wait for.
func (m *Machine) waitsAlone(now partition.Now) bool {
	return m.alone != nil && now.Mono-m.alone.from < aloneAtMost
}

// next returns the wiki whose turn it is: the one with the least virtual time of those in order and of
// those that wait for a slot of a queue that has one.
func (m *Machine) next() *wiki {
	var first *wiki
	if m.order.Len() > 0 {
		first = m.order.list[0]
	}
	for i, q := range slices.Backward(m.freed) {
		limit := m.cfg.Policy.Queue(q.name).Concurrency
		if len(q.waiters) == 0 || limit > 0 && q.running >= limit {
			q.freed = false
			m.freed = slices.Delete(m.freed, i, i+1)
			continue
		}
		least := 0
		for i, pr := range q.waiters {
			if pr.wiki.vtime < q.waiters[least].wiki.vtime {
				least = i
			}
		}
		pr := q.waiters[least]
		if first != nil && max(pr.wiki.vtime, m.vnow) > first.vtime {
			continue
		}
		q.waiters = slices.Delete(q.waiters, least, least+1)
		pr.waits = false
		m.activate(pr)
		return pr.wiki
	}
	return first
}

type startResult uint8

const (
	startNothing startResult = iota // the wiki has nothing to start until something changes
	startDone
	startLater // nothing may start before something ends
)

func (m *Machine) startOne(now partition.Now, h node.Host, w *wiki) startResult {
	ok, probe := w.mayStart(now)
	if limit := m.cfg.Policy.WikiConcurrency(w.name); !ok || limit > 0 && w.running >= limit {
		return startNothing
	}
	c, found := m.choose(w)
	if !found {
		return startNothing
	}
	suspect := m.cautious > now.Mono && m.head(c).Crashes > 0
	if suspect && m.running > 0 {
		return startLater
	}
	a := m.claim(now, c, probe, suspect)
	if a == nil {
		return startDone // the jobs that were looked at went another way
	}
	w.starts++
	w.hold.probing = w.hold.probing || probe
	m.vnow = max(m.vnow, w.vtime)
	cost := c.pr.est * float64(len(a.claims))
	a.charged = cost
	m.charge(w, cost)
	if m.cautious > now.Mono {
		m.storeFirst(now, h, a)
		return startDone
	}
	m.handOut(now, a)
	return startDone
}

func (m *Machine) head(c candidate) *jobqueue.Job {
	w := &c.pr.bands[c.band]
	return w.list[w.head].job
}

// choose finds the pair of a wiki that goes next: by band, then by turn. In every
// starvationGuard-th start the least urgent band goes first.
func (m *Machine) choose(w *wiki) (best candidate, found bool) {
	guard := w.starts%starvationGuard == starvationGuard-1
	for _, pr := range w.pairs {
		band, ok := m.startable(pr, guard)
		if !ok || !m.slotFree(pr) {
			continue
		}
		better := !found || band != best.band && (band < best.band) != guard ||
			band == best.band && pr.turn < best.pr.turn
		if better {
			best, found = candidate{pr, band}, true
		}
	}
	return best, found
}

// startable returns the band of a pair that has a job in memory; it asks for reading when the window
// runs low.
func (m *Machine) startable(pr *pair, guard bool) (band jobqueue.Band, ok bool) {
	if pr.part.closing || m.cfg.Policy.Held(pr.Pair) != "" {
		return 0, false // and nothing of it is read: there may be thousands of such wikis
	}
	for b := range pr.bands {
		w := &pr.bands[b]
		if full := m.full(); w.low(full) || w.unloaded(full) {
			m.ask(pr)
		}
		if w.head < len(w.list) && w.list[w.head].job != nil && (!ok || guard) {
			band, ok = jobqueue.Band(b), true
		}
	}
	return band, ok
}

// slotFree checks the limits of the pair and its queue; a pair that waits for its queue is noted.
func (m *Machine) slotFree(pr *pair) bool {
	if pr.policy.PerWiki > 0 && pr.running >= pr.policy.PerWiki {
		return false
	}
	if pr.policy.Concurrency > 0 && pr.queue.running >= pr.policy.Concurrency {
		if !pr.waits {
			pr.waits = true
			pr.queue.waiters = append(pr.queue.waiters, pr)
		}
		return false
	}
	return true
}

// lookPast is how many jobs with changes on their way are passed over to find one that can go.
const lookPast = 16

// claim takes the jobs of one attempt out of the window.
func (m *Machine) claim(now partition.Now, c candidate, probe, suspect bool) *attempt {
	pr, w := c.pr, &c.pr.bands[c.band]
	most := 1
	if !probe && !suspect {
		most = max(1, min(m.cfg.Policy.Batch(pr.Pair), int(float64(batchTime)/max(pr.est, 1))))
	}
	a := &attempt{part: pr.part, pr: pr, from: now.Mono, wall: now.Wall, probe: probe, alone: suspect}
	passed, aside := 0, 0
	for i := w.head; i < len(w.list) && len(a.claims) < most && passed < lookPast; {
		e := w.list[i]
		if e.job == nil || e.job.Crashes > 0 && len(a.claims)+passed+aside > 0 {
			break // a suspect goes by itself, and as such
		}
		cl, ok := pr.part.mem.Claim(e.job)
		if !ok {
			passed++
			i++
			continue
		}
		i = m.takeOut(w, i)
		if m.mismatched(now, pr, cl) {
			aside++
			continue
		}
		cl.Start, cl.Deadline, cl.Attempts = now.Wall, now.Wall.Add(pr.policy.Timeout), pr.policy.Retry.Attempts
		a.claims = append(a.claims, cl)
		if e.job.Crashes > 0 {
			break
		}
	}
	if len(a.claims) == 0 {
		if passed > 0 {
			m.order.drop(pr.wiki) // their effects activate the pair again
		}
		return nil
	}
	m.count(a)
	return a
}

// takeOut removes the entry at i and returns the index of the next one.
func (m *Machine) takeOut(w *window, i int) int {
	m.loaded -= w.list[i].size()
	if i == w.head {
		w.pop()
		return w.head
	}
	w.list = slices.Delete(w.list, i, i+1)
	return i
}

// mismatched puts a job aside whose domain is not its wiki's: it waits, uncounted, and is looked at
// again, since the configuration may learn the domain.
func (m *Machine) mismatched(now partition.Now, pr *pair, cl *jobqueue.Claim) bool {
	reason := m.cfg.Policy.Mismatch(pr.Pair, cl.Job.Domain)
	if reason == "" {
		return false
	}
	pr.wiki.mismatch(pr.Queue, reason, now.Mono+2*mismatchDelay)
	pr.part.ended = append(pr.part.ended, jobqueue.Ended{
		Claim: cl, Outcome: jobqueue.OutcomeUncounted, Error: reason, Start: now.Wall, End: now.Wall, RetryAfter: mismatchDelay,
	})
	return true
}

func (m *Machine) count(a *attempt) {
	m.lastID++
	a.id = m.lastID
	a.left = len(a.claims)
	a.reported = make([]bool, len(a.claims))
	m.attempts[a.id] = a
	m.running++
	a.pr.running++
	a.pr.turn = a.id
	a.pr.wiki.running++
	a.pr.queue.running++
	if a.alone {
		m.alone = a
	}
}

// storeFirst writes the claims before the attempt starts, so that a job that takes the service down
// is found.
func (m *Machine) storeFirst(now partition.Now, h node.Host, a *attempt) {
	for _, c := range a.claims {
		c.Storing = true
	}
	m.commands++
	h.SubmitOwn(now, a.part.id, &partition.Call{
		Command: &jobqueue.StoreClaims{Claims: slices.Clone(a.claims)},
		Done: func(err error) {
			m.commands--
			if err != nil {
				for _, c := range a.claims {
					c.Storing = false
				}
				a.cut = true
				m.unstarted = append(m.unstarted, a.id)
				return
			}
			a.stored = true
			m.toStart = append(m.toStart, a)
		},
	})
}

// handOut gives an attempt to the driver.
func (m *Machine) handOut(now partition.Now, a *attempt) {
	a.started, a.from, a.wall = true, now.Mono, now.Wall
	work := runner.Work{
		Wiki: a.pr.Wiki, Queue: a.pr.Queue, Fence: a.part.machine.Epoch(), Timeout: a.pr.policy.Timeout,
		Jobs: make([]runner.Item, len(a.claims)),
	}
	jobs := make([]*jobqueue.Job, len(a.claims))
	for i, c := range a.claims {
		j := c.Job
		jobs[i] = j
		work.Jobs[i] = runner.Item{
			ID: ident.ID{Wiki: j.Wiki, Suffix: j.ID}.String(), Attempt: j.Tries + 1, Payload: j.Payload,
			FromEvent: j.FromEvent, Domain: j.Domain, RequestID: j.RequestID,
		}
	}
	m.starts = append(m.starts, Start{Attempt: a.id, Partition: a.part.id, Work: work, Jobs: jobs})
	if m.cfg.Hooks.OnStart != nil {
		m.cfg.Hooks.OnStart(a.pr.Pair, len(jobs), now.Wall.Sub(jobs[0].Created))
	}
}
