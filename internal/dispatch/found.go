package dispatch

import (
	"bytes"
	"slices"
	"time"

	"auwai/internal/jobqueue"
	"auwai/internal/partition"
	"auwai/internal/runner"
)

// adopt takes the claims that an opening has left standing: exclusive ones and those of workers, whose
// deadlines are still to come. They hold their slots, as an attempt that runs somewhere does.
func (m *Machine) adopt(p *part) {
	var claims []*jobqueue.Claim
	p.mem.Each(func(c *jobqueue.Claim) { claims = append(claims, c) })
	slices.SortFunc(claims, func(a, b *jobqueue.Claim) int { return bytes.Compare(a.Job.ID[:], b.Job.ID[:]) })
	for _, c := range claims {
		pr := m.pair(p, c.Job.Pair)
		a := &attempt{
			part: p, pr: pr, claims: []*jobqueue.Claim{c}, from: m.now.Mono, wall: c.Start, stored: true, started: true,
			found: true, remote: c.Holder != "", holder: c.Holder,
		}
		m.enroll(a)
		m.limits.Hold(a.limits)
		if a.remote && m.cfg.Workers != nil {
			m.handOut(m.now, a)
		}
	}
}

// endFound forgets the found claims of a partition that is closed: its next owner finds them.
func (m *Machine) endFound(p *part) {
	for _, a := range m.sorted() {
		if a.part == p && a.found && !a.driven(m) {
			delete(m.attempts, a.id)
			m.free(m.now, a)
		}
	}
}

// driven reports whether somebody outside ends the attempt.
func (a *attempt) driven(m *Machine) bool { return !a.found || a.remote && m.cfg.Workers != nil }

// endLate ends the attempts elsewhere whose claims' deadlines have passed.
func (m *Machine) endLate(now partition.Now) {
	if len(m.attempts) == m.running {
		return // nothing is elsewhere
	}
	for _, a := range m.sorted() {
		if a.local() || !a.started || a.left == 0 || m.parts[a.part.id] != a.part {
			continue
		}
		late := a.claims[0].Deadline
		if a.driven(m) {
			late = late.Add(lateAfter) // whoever keeps the lease knows the last moment better
		}
		if now.Wall.Before(late) {
			continue
		}
		r := runner.Result{
			Outcome: jobqueue.OutcomeCrash, Class: runner.ClassCrash,
			Error: "whoever ran the job has said nothing until the claim's deadline, " + a.claims[0].Deadline.UTC().Format(time.RFC3339),
		}
		m.Result(now, a.id, 0, r)
		if a.driven(m) {
			a.cut = true
			m.cancels = append(m.cancels, Cancel{Attempt: a.id})
			continue
		}
		m.Ended(now, a.id, nil)
	}
}
