package dispatch

import (
	"slices"
	"time"

	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/limit"
	"auwai/internal/node"
	"auwai/internal/partition"
	"auwai/internal/runner"
)

// attempt is one execution, from its claim to its last result.
type attempt struct {
	id       uint64
	part     *part
	pr       *pair
	limits   []*limit.Limiter // whose slots it has
	reserved []*limit.Limiter // in which its items stay until it begins
	section  *section         // that it probes
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
	remote   bool // a worker carries it out
	found    bool // its claim was found at an opening
	holder   string
}

// candidate is a pair that can start something now.
type candidate struct {
	pr    *pair
	band  jobqueue.Band
	pass  float64
	items int // that its limits allow
}

// before reports whether a candidate goes before another one of its wiki: by band, then by rank, then
// by turns. guard turns bands and ranks round.
func (c *candidate) before(o *candidate, guard bool) bool {
	switch {
	case c.band != o.band:
		return (c.band < o.band) != guard
	case c.pr.policy.Rank != o.pr.policy.Rank:
		return (c.pr.policy.Rank < o.pr.policy.Rank) != guard
	case c.pass != o.pass:
		return c.pass < o.pass
	default:
		return c.pr.turn < o.pr.turn
	}
}

// stride is how far a start moves a pair on, by its weight.
func (pr *pair) stride() float64 { return 1 / float64(max(pr.policy.Weight, 1)) }

// startAll starts what limits and order allow.
func (m *Machine) startAll(now partition.Now, h node.Host) {
	if !m.live || m.suspended || m.draining || m.finishing >= finishingAtMost {
		return
	}
	most := m.cfg.Policy.Concurrency()
	for m.running < most && !m.waitsAlone(now) {
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
// those that wait for a limit that has room.
func (m *Machine) next() *wiki {
	var first *wiki
	if m.order.Len() > 0 {
		first = m.order.list[0]
	}
	waiter, l := m.limits.First(m.now.Mono)
	pr, ok := waiter.(*pair)
	if !ok || first != nil && max(pr.wiki.vtime, m.vnow) > first.vtime {
		return first
	}
	m.limits.Pop(l)
	pr.waits = nil
	m.activate(pr)
	return pr.wiki
}

type startResult uint8

const (
	startNothing startResult = iota // the wiki has nothing to start until something changes
	startDone
	startLater // nothing may start before something ends
)

func (m *Machine) startOne(now partition.Now, h node.Host, w *wiki) startResult {
	c, probe, of, found := m.chooseBy(w)
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
	if probe {
		a.section = of
		if of != nil {
			of.hold.probing = true
		} else {
			w.hold.probing = true
		}
	}
	m.vnow = max(m.vnow, w.vtime)
	cost := c.pr.est * float64(len(a.claims))
	a.charged = cost
	m.charge(w, cost)
	if m.cautious > now.Mono || a.storesFirst() {
		m.storeFirst(now, h, a)
		return startDone
	}
	m.handOut(now, a)
	return startDone
}

// storesFirst reports whether the claims of an attempt have to outlive a crash.
func (a *attempt) storesFirst() bool {
	for _, c := range a.claims {
		if c.Exclusive || c.AtMostOnce || c.Holder != "" || c.Job.SerialKey != "" {
			return true
		}
	}
	return false
}

func (m *Machine) head(c candidate) *jobqueue.Job {
	w := &c.pr.bands[c.band]
	return w.list[w.head].job
}

// chooseBy finds the pair of a wiki that goes next, as far as holds allow. While the wiki takes no work
// that is a probe, when one is due, or a pair whose jobs do not run on the wiki.
func (m *Machine) chooseBy(w *wiki) (c candidate, probe bool, of *section, found bool) {
	ok, probe, of := m.mayStart(w)
	if !probe {
		c, found = m.choose(w, func(*pair) bool { return true })
		return c, false, nil, found
	}
	if ok {
		if c, found = m.choose(w, (*pair).onWiki); found {
			return c, true, of, true
		}
	}
	for _, pr := range w.pairs {
		if pr.onWiki() && pr.cause != causeNone && pr.held == "" {
			m.mark(pr, CauseCircuit)
		}
	}
	c, found = m.choose(w, func(pr *pair) bool { return pr.policy.OffWiki })
	return c, false, nil, found
}

func (pr *pair) onWiki() bool { return !pr.policy.OffWiki }

// choose finds the pair of those that may that goes next. In every starvationGuard-th start the least urgent
// band and the last rank go first.
func (m *Machine) choose(w *wiki, may func(*pair) bool) (best candidate, found bool) {
	guard := w.starts%starvationGuard == starvationGuard-1
	for _, pr := range w.pairs {
		if pr.policy.Remote || !may(pr) {
			continue
		}
		c, ok := m.startable(pr, guard)
		if !ok || found && !c.before(&best, guard) {
			continue
		}
		if c.items = m.admitted(pr); c.items > 0 {
			best, found = c, true
		}
	}
	return best, found
}

// startable returns the band of a pair that has a job in memory; it asks for reading when the window
// runs low.
func (m *Machine) startable(pr *pair, guard bool) (c candidate, ok bool) {
	if pr.part.closing || pr.held != "" {
		if pr.cause != causeNone {
			m.mark(pr, pr.heldBy())
		}
		return c, false // and nothing of it is read: there may be thousands of such wikis
	}
	c.pr = pr
	for b := range pr.bands {
		w := &pr.bands[b]
		if full := m.full(); w.low(full) || w.unloaded(full) {
			m.ask(pr)
		}
		if w.head < len(w.list) && w.list[w.head].job != nil && (!ok || guard) {
			c.band, ok = jobqueue.Band(b), true
		}
	}
	if !ok {
		m.mark(pr, causeNone)
		m.rest(m.now, pr) // what it waited for may have been cancelled
		return c, false
	}
	c.pass = max(pr.pass, pr.wiki.pass[c.band]-pr.stride()) // it is not owed for what it did not ask for
	return c, true
}

func (pr *pair) heldBy() Cause {
	if pr.paused {
		return CausePause
	}
	return CauseConfig
}

// admitted returns how many jobs the gates and limits of a pair let one attempt take. A pair that is
// refused is noted where it will be asked again.
func (m *Machine) admitted(pr *pair) int {
	if m.closedGate(pr) != nil {
		m.gate(pr)
		return 0
	}
	most := max(1, min(pr.policy.Batch, int(float64(batchTime)/max(pr.est, 1))))
	n, by, again := m.limits.Room(m.now.Mono, pr.limits, most)
	if by != nil {
		m.mark(pr, CauseLimit)
		if pr.waits == nil {
			pr.waits = by
			m.limits.Wait(by, pr, again)
		}
		return 0
	}
	m.mark(pr, CauseWorker)
	return n
}

// lookPast is how many jobs with changes on their way are passed over to find one that can go.
const lookPast = 16

// claim takes the jobs of one attempt out of the window.
func (m *Machine) claim(now partition.Now, c candidate, probe, suspect bool) *attempt {
	pr, w := c.pr, &c.pr.bands[c.band]
	most := 1
	if !probe && !suspect {
		most = c.items
	}
	a := &attempt{part: pr.part, pr: pr, from: now.Mono, wall: now.Wall, probe: probe, alone: suspect}
	return m.fill(now, a, w, w.head, most)
}

// fill gives an attempt its jobs, up to most, from an entry of the window on; nil when there is none that
// can go.
func (m *Machine) fill(now partition.Now, a *attempt, w *window, from, most int) *attempt {
	pr := a.pr
	passed, aside := 0, 0
	for i := from; i < len(w.list) && len(a.claims) < most && passed < lookPast; {
		e := w.list[i]
		if e.job == nil || e.job.Crashes > 0 && len(a.claims)+passed+aside > 0 {
			break // a suspect goes by itself, and as such
		}
		if e.job.Expired(now.Wall) {
			pr.part.places = append(pr.part.places, jobqueue.Place{Pair: pr.Pair, ID: e.id, Seq: e.seq})
			i = m.takeOut(w, i)
			aside++
			continue
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
		cl.Exclusive = e.job.Exclusive || pr.policy.Exclusive
		cl.AtMostOnce = e.job.AtMostOnce || pr.policy.AtMostOnce
		a.claims = append(a.claims, cl)
		if e.job.Crashes > 0 {
			break
		}
	}
	if len(a.claims) == 0 {
		if passed > 0 && !a.remote {
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
	pr.wiki.mismatch(pr.Queue, reason, now.Mono+mismatchDelay)
	pr.part.ended = append(pr.part.ended, jobqueue.Ended{
		Claim: cl, Outcome: jobqueue.OutcomeUncounted, Error: reason, Start: now.Wall, End: now.Wall, RetryAfter: mismatchDelay,
	})
	return true
}

func (m *Machine) count(a *attempt) {
	delete(a.pr.wiki.aside, a.pr.Queue) // the queue starts jobs: what was put aside says so itself
	m.enroll(a)
	m.limits.Reserve(a.limits, len(a.claims))
	a.reserved = a.limits
	pr := a.pr
	band := a.claims[0].Job.Band
	w := pr.wiki
	now := max(pr.pass, w.pass[band]-pr.stride())
	w.pass[band] = max(w.pass[band], now)
	pr.pass = now + pr.stride()
	pr.turn = a.id
	if a.alone {
		m.alone = a
	}
	m.tell(pr)
	if pr.empty() {
		pr.cause = causeNone
	}
}

// enroll makes an attempt known. Its slots are taken by the caller.
func (m *Machine) enroll(a *attempt) {
	m.lastID++
	a.id = m.lastID
	a.left = len(a.claims)
	a.reported = make([]bool, len(a.claims))
	a.limits = a.pr.limits
	m.attempts[a.id] = a
	if a.local() {
		m.running++
	}
	a.pr.running++
	a.pr.wiki.running++
}

// local reports whether an attempt has a slot of this node.
func (a *attempt) local() bool { return !a.remote && !a.found }

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
	m.limits.Use(now.Mono, a.reserved, len(a.claims))
	a.reserved = nil
	work := runner.Work{
		Wiki: a.pr.Wiki, Queue: a.pr.Queue, Fence: a.part.machine.Epoch(), Timeout: a.pr.policy.Timeout,
		Holder: a.holder, Found: a.found, Deadline: a.claims[0].Deadline,
		Jobs: make([]runner.Item, len(a.claims)),
	}
	jobs := make([]*jobqueue.Job, len(a.claims))
	for i, c := range a.claims {
		j := c.Job
		jobs[i] = j
		work.Jobs[i] = runner.Item{
			ID: ident.ID{Wiki: j.Wiki, Suffix: j.ID}.String(), Attempt: j.Tries + 1, Payload: j.Payload,
			FromEvent: j.FromEvent, Domain: j.Domain, RequestID: j.RequestID, Needs: a.pr.needs(j), Cause: j.AsParent(),
		}
	}
	m.starts = append(m.starts, Start{Attempt: a.id, Partition: a.part.id, Remote: a.remote, Work: work, Jobs: jobs})
	if m.cfg.Hooks.OnStart != nil && !a.found {
		m.cfg.Hooks.OnStart(a.pr.Pair, len(jobs), now.Wall.Sub(jobs[0].Created))
	}
}
