package dispatch

import (
	"slices"
	"time"

	"auwai/internal/jobqueue"
	"auwai/internal/node"
	"auwai/internal/partition"
	"auwai/internal/runner"
)

// Result takes how one job of an attempt ended.
func (m *Machine) Result(now partition.Now, id uint64, i int, r runner.Result) {
	a := m.attempts[id]
	if a == nil || i < 0 || i >= len(a.claims) || a.reported[i] {
		return
	}
	a.reported[i] = true
	a.left--
	if m.parts[a.part.id] != a.part {
		return // the partition is another owner's, who finds the claim or the ready job
	}
	if a.cut && r.Outcome != jobqueue.OutcomeDone {
		r = runner.Result{Outcome: jobqueue.OutcomeUncounted}
	}
	if r.Outcome == jobqueue.OutcomeUncounted {
		if r.Hold != "" {
			m.holdWiki(now, a.pr.wiki, r.Hold, a.probe)
		}
		m.giveBack(now, a, a.claims[i], r)
		return
	}
	if a.pr.wiki.hold.active() {
		m.lift(a.pr.wiki)
	}
	m.end(now, a, a.claims[i], r)
}

// giveBack returns a job to its place, not counted. One that nothing can have happened to goes back
// in memory alone; the others pass the rules of the queue first: a newer root, a newer twin.
func (m *Machine) giveBack(now partition.Now, a *attempt, c *jobqueue.Claim, r runner.Result) {
	j := c.Job
	if r.RetryAfter == 0 && j.Key == "" && j.Root.Signature == "" && a.part.mem.Release(j.ID) {
		m.becameReady(a.part, j)
		return
	}
	m.end(now, a, c, r)
}

func (m *Machine) end(now partition.Now, a *attempt, c *jobqueue.Claim, r runner.Result) {
	a.part.ended = append(a.part.ended, jobqueue.Ended{
		Claim: c, Outcome: r.Outcome, Error: r.Error, Start: a.wall, End: now.Wall, RetryAfter: r.RetryAfter,
		Policy: a.pr.policy.Retry, Jitter: m.cfg.Random(),
	})
	if m.cfg.Hooks.OnEnd != nil {
		m.cfg.Hooks.OnEnd(a.pr.Pair, r.Outcome, now.Mono-a.from)
	}
}

// Ended takes the end of an attempt: its slots are free. Jobs without a result failed with err, or
// return to their place when err is nil.
func (m *Machine) Ended(now partition.Now, id uint64, err error) {
	a := m.attempts[id]
	if a == nil {
		return
	}
	for i := range a.claims {
		if a.reported[i] {
			continue
		}
		r := runner.Result{Outcome: jobqueue.OutcomeUncounted}
		if err != nil {
			r = runner.Result{Outcome: jobqueue.OutcomeFailed, Error: err.Error()}
		}
		m.Result(now, id, i, r)
	}
	delete(m.attempts, id)
	m.free(now, a)
}

func (m *Machine) free(now partition.Now, a *attempt) {
	m.running--
	pr := a.pr
	pr.running--
	pr.wiki.running--
	pr.queue.running--
	pr.done += len(a.claims)
	if m.alone == a {
		m.alone = nil
	}
	if a.probe && pr.wiki.hold.active() {
		pr.wiki.hold.probing = false
	}
	if a.started {
		used := float64(now.Mono - a.from)
		m.charge(pr.wiki, used-a.charged)
		pr.est += (used/float64(len(a.claims)) - pr.est) / 8
	}
	if m.parts[pr.part.id] != pr.part {
		m.release(pr) // the pair was forgotten with its partition
	}
	if len(pr.wiki.pairs) > 0 {
		m.activate(pr.wiki.pairs[0]) // the wiki has a free slot, whichever of its pairs had it
	}
	if len(pr.queue.waiters) > 0 && !pr.queue.freed {
		pr.queue.freed = true
		m.freed = append(m.freed, pr.queue)
	}
	m.rest(now, pr)
}

// flushCommands submits what results and reads have gathered.
func (m *Machine) flushCommands(now partition.Now, h node.Host) {
	m.startStored(now)
	m.advanceLoads(h)
	m.promote(now, h)
	for _, p := range m.parts {
		if p == nil {
			continue
		}
		for len(p.ended) > 0 {
			m.finish(now, h, p)
		}
		for len(p.places) > 0 {
			m.drop(now, h, p)
		}
	}
}

func (m *Machine) startStored(now partition.Now) {
	for _, a := range m.toStart {
		if m.parts[a.part.id] == a.part && !a.cut && !a.part.closing && !m.draining {
			m.handOut(now, a)
		} else {
			m.unstarted = append(m.unstarted, a.id)
		}
	}
	m.toStart = nil
	for _, id := range m.unstarted {
		m.Ended(now, id, nil)
	}
	m.unstarted = nil
}

// finishPage is the number of outcomes of one Finish.
const finishPage = 500

func (m *Machine) finish(now partition.Now, h node.Host, p *part) {
	n := min(len(p.ended), finishPage)
	c := &jobqueue.Finish{Outcomes: p.ended[:n:n]}
	for i := range c.Outcomes {
		c.Cursors = m.cursor(c.Cursors, p, c.Outcomes[i].Claim.Job)
	}
	if n == len(p.ended) {
		p.ended = nil
	} else {
		p.ended = p.ended[n:]
	}
	m.commands++
	m.finishing += n
	h.SubmitOwn(now, p.id, &partition.Call{Command: c, Done: func(err error) {
		m.commands--
		m.finishing -= n
		if m.parts[p.id] != p {
			return
		}
		if err != nil {
			p.ended = append(p.ended, c.Outcomes...)
			return
		}
		for i := range c.Outcomes[:c.Done] {
			m.leftPlace(p, &c.Outcomes[i])
		}
		p.ended = append(p.ended, c.Outcomes[c.Done:]...)
	}})
}

// leftPlace makes sure that a job whose attempt has ended is not in a window at the place it had. A
// read may see a job before the answer of the commit that made it ready; the effect of that commit,
// when it comes between the attempt's end and its durability, has put it there once more.
func (m *Machine) leftPlace(p *part, e *jobqueue.Ended) {
	if e.Outcome == jobqueue.OutcomeUncounted && e.RetryAfter == 0 {
		return // it may be back at its place
	}
	j := e.Claim.Job
	if pr := p.pairs[j.Pair]; pr != nil && m.remove(pr, j.Band, j.Seq, j.ID) {
		m.activate(pr)
	}
}

// cursor adds the cursors of a pair now and then: from where the next owner reads its windows.
func (m *Machine) cursor(list []jobqueue.Cursor, p *part, j *jobqueue.Job) []jobqueue.Cursor {
	pr := p.pairs[j.Pair]
	if pr == nil || pr.done < cursorEvery {
		return list
	}
	pr.done = 0
	for b := range pr.bands {
		w := &pr.bands[b]
		seq := w.last + 1
		if w.head < len(w.list) {
			seq = w.list[w.head].seq
		}
		for _, e := range w.arrived {
			seq = min(seq, e.seq)
		}
		list = append(list, jobqueue.Cursor{Pair: pr.Pair, Band: jobqueue.Band(b), Seq: seq})
	}
	return list
}

func (m *Machine) drop(now partition.Now, h node.Host, p *part) {
	n := min(len(p.places), jobqueue.MaxPage)
	c := &jobqueue.Drop{Jobs: slices.Clone(p.places[:n])}
	p.places = p.places[n:]
	m.commands++
	h.SubmitOwn(now, p.id, &partition.Call{Command: c, Done: func(err error) {
		m.commands--
		if m.parts[p.id] != p {
			return
		}
		if err != nil {
			p.places = append(p.places, c.Jobs...)
			return
		}
		p.places = append(p.places, c.Jobs[c.Done:]...)
	}})
}

// Running returns the number of attempts.
func (m *Machine) Running() int { return m.running }

// resting is a pair that has become idle; it is forgotten after a while, so that pairs that come
// and go need not be made anew each time.
type resting struct {
	pr    *pair
	since time.Duration
}

const restFor = 10 * time.Second

// rest notes that a pair may have become idle.
func (m *Machine) rest(now partition.Now, pr *pair) {
	if pr.idle() && !pr.resting {
		pr.resting = true
		m.idle = append(m.idle, resting{pr, now.Mono})
	}
}

func (pr *pair) idle() bool {
	if pr.running > 0 || pr.waits || pr.asking {
		return false
	}
	for b := range pr.bands {
		w := &pr.bands[b]
		if !w.complete || w.loading || w.head < len(w.list) {
			return false
		}
	}
	return true
}

func (m *Machine) forgetIdle(now partition.Now) {
	n := 0
	for _, r := range m.idle {
		if now.Mono-r.since < restFor {
			break
		}
		n++
		r.pr.resting = false
		if r.pr.idle() && m.parts[r.pr.part.id] == r.pr.part {
			m.forget(r.pr)
		}
	}
	m.idle = slices.Delete(m.idle, 0, n)
}
