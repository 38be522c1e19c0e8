package dispatch

import (
	"context"
	"errors"
	"slices"
	"time"

	"auwai/internal/jobqueue"
	"auwai/internal/node"
	"auwai/internal/partition"
	"auwai/internal/runner"
)

// Result takes how one job of an attempt ended.
func (m *Machine) Result(now partition.Now, id uint64, i int, r runner.Result) {
	m.now = now
	a := m.attempts[id]
	if a == nil || i < 0 || i >= len(a.claims) || a.reported[i] {
		settle(r.Waits, ErrNotHeld)
		return
	}
	a.reported[i] = true
	a.left--
	if m.parts[a.part.id] != a.part {
		settle(r.Waits, node.ErrNotOwner)
		return // the partition is another owner's, who finds the claim or the ready job
	}
	if r.Waits != nil {
		a.part.waits[a.claims[i]] = r.Waits
	}
	if a.cut && r.Outcome != jobqueue.OutcomeDone {
		r = a.unclear(i, "cut short by the service")
	}
	if r.Outcome == jobqueue.OutcomeUncounted {
		switch {
		case r.Hold == "":
		case a.remote || a.pr.policy.OffWiki: // it says nothing of the wiki, and the job waits for itself
			r.RetryAfter = max(r.RetryAfter, probeFirst)
		default:
			m.holdBy(a, &r)
			r.RetryAfter = 0 // the hold is as long
		}
		m.giveBack(now, a, a.claims[i], r)
		return
	}
	m.answered(a)
	m.end(now, a, a.claims[i], a.pr.policy.judge(r))
}

// unclear is the result of a job of which nobody says what became of it. It returns to its place, but
// one that runs at most once and may have begun does not run again.
func (a *attempt) unclear(i int, words string) runner.Result {
	if a.started && a.claims[i].AtMostOnce {
		return runner.Result{Outcome: jobqueue.OutcomeOrderly, Error: words}
	}
	return runner.Result{Outcome: jobqueue.OutcomeUncounted}
}

// answered lifts the holds of a target that has taken work. A section takes no word of an attempt that
// began before its hold.
func (m *Machine) answered(a *attempt) {
	w := a.pr.wiki
	if a.remote || a.found || a.pr.policy.OffWiki {
		return // it says nothing of the wiki
	}
	if s := w.section; s != nil && s.hold.active() && (a.section == s || a.from > s.hold.since) {
		m.liftSection(s)
	}
	if w.hold.active() {
		m.lift(w)
	}
}

// giveBack returns a job to its place, not counted. One that nothing can have happened to goes back
// in memory alone; the others pass the rules of the queue first: a newer root, a newer twin.
func (m *Machine) giveBack(now partition.Now, a *attempt, c *jobqueue.Claim, r runner.Result) {
	j := c.Job
	if r.RetryAfter == 0 && j.Key == "" && j.Root.Signature == "" && a.part.mem.Release(j.ID) {
		a.part.settle(c, nil)
		m.becameReady(a.part, j)
		return
	}
	m.end(now, a, c, r)
}

func (m *Machine) end(now partition.Now, a *attempt, c *jobqueue.Claim, r runner.Result) {
	a.part.ended = append(a.part.ended, jobqueue.Ended{
		Claim: c, Outcome: r.Outcome, Error: r.Error, Start: a.wall, End: now.Wall, RetryAfter: r.RetryAfter,
		Policy: a.pr.policy.Retry, Jitter: m.cfg.Random(), NoRetry: r.NoRetry, Holder: a.holder,
		Message: r.Message, ResultURL: r.ResultURL,
	})
	if m.cfg.Hooks.OnEnd != nil {
		m.cfg.Hooks.OnEnd(a.pr.Pair, r.Outcome, now.Mono-a.from)
	}
}

// Ended takes the end of an attempt: its slots are free. Jobs without a result failed with err, or
// return to their place when err is nil.
func (m *Machine) Ended(now partition.Now, id uint64, err error) {
	a := m.attempts[id]
	m.now = now
	if a == nil {
		return
	}
	for i := range a.claims {
		if a.reported[i] {
			continue
		}
		r := a.unclear(i, "the runner ended and said nothing of the job")
		if err != nil {
			r = runner.Result{Outcome: jobqueue.OutcomeFailed, Error: err.Error()}
			if errors.Is(err, context.DeadlineExceeded) {
				r.Class = runner.ClassTimeout
			}
		}
		m.Result(now, id, i, r)
	}
	delete(m.attempts, id)
	m.free(now, a)
}

func (m *Machine) free(now partition.Now, a *attempt) {
	if a.local() {
		m.running--
	}
	pr := a.pr
	pr.running--
	pr.wiki.running--
	m.limits.Release(a.limits)
	m.limits.Return(now.Mono, a.reserved, len(a.claims))
	pr.done += len(a.claims)
	if m.alone == a {
		m.alone = nil
	}
	switch {
	case a.section != nil:
		a.section.hold.probing = false
	case a.probe:
		pr.wiki.hold.probing = false
	}
	if a.started && !a.found {
		m.settleCharge(now, a)
	}
	if m.parts[pr.part.id] != pr.part {
		m.release(pr) // the pair was forgotten with its partition
	}
	m.offerBarred()
	// The wiki has a free slot, whichever of its pairs had it; and so has the pair.
	m.activate(pr)
	if len(pr.wiki.pairs) > 0 {
		m.activate(pr.wiki.pairs[0])
	}
	m.rest(now, pr)
}

// settleCharge charges a wiki for what an attempt has used, and learns from it.
func (m *Machine) settleCharge(now partition.Now, a *attempt) {
	pr := a.pr
	used := float64(now.Mono - a.from)
	if a.remote {
		pr.wiki.away += used - a.charged
	} else {
		m.charge(pr.wiki, used-a.charged)
	}
	pr.est += (used/float64(len(a.claims)) - pr.est) / 8
}

// flushCommands submits what results and reads have gathered.
func (m *Machine) flushCommands(now partition.Now, h node.Host) {
	m.startStored(now)
	m.advanceLoads(h)
	m.promote(now, h)
	m.storeExtensions(now, h)
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
	whole := n == len(p.ended)
	if whole {
		p.ended = m.emptyResults()
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
			if len(p.waits) > 0 {
				p.settle(c.Outcomes[i].Claim, lost(c, i))
			}
		}
		p.ended = append(p.ended, c.Outcomes[c.Done:]...)
		if whole && len(m.spare) < spareResults {
			clear(c.Outcomes)
			m.spare = append(m.spare, c.Outcomes[:0])
		}
	}})
}

// spareResults is how many empty lists of results are kept: an outcome is large, and a list that
// grows anew for each command costs more than the command. One is of finishPage outcomes at most, or not
// much more.
const spareResults = 8

func (m *Machine) emptyResults() (list []jobqueue.Ended) {
	if n := len(m.spare); n > 0 {
		list, m.spare = m.spare[n-1], m.spare[:n-1]
	}
	return list
}

// lost returns ErrNotHeld for an outcome whose claim was lost.
func lost(c *jobqueue.Finish, i int) error {
	if slices.Contains(c.Lost, i) {
		return ErrNotHeld
	}
	return nil
}

// settle tells whoever waits for an outcome that it is durable, or why it never will be.
func (p *part) settle(c *jobqueue.Claim, err error) {
	settle(p.waits[c], err)
	delete(p.waits, c)
}

// settleAll tells all who wait.
func (p *part) settleAll(err error) {
	for _, w := range p.waits { // each hears for itself, so the order is nobody's
		settle(w, err)
	}
	clear(p.waits)
}

func settle(w runner.Waiter, err error) {
	if w != nil {
		w.Settled(err)
	}
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

// Running returns the number of attempts of this node.
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
	if pr.running > 0 || pr.waits != nil || pr.asking || pr.away != notListed {
		return false
	}
	return pr.empty()
}

// empty reports whether a pair has no ready job.
func (pr *pair) empty() bool {
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
