package jobqueue

import (
	"bytes"
	"slices"
	"time"

	"auwai/internal/ident"
)

// progressEvery is how often what an attempt says of itself is stored at most.
const progressEvery = 5 * time.Second

// SetProgress notes what a running job says of itself; what is "" or zero stays as it was. It is in
// memory, and is stored with the claim: see Unsaved. It reports false when the job does not run.
func (m *Mem) SetProgress(id ident.Suffix, p Progress) bool {
	c := m.Running(id)
	if c == nil {
		return false
	}
	next := c.Progress
	if p.Percent > 0 {
		next.Percent = min(p.Percent, 100)
	}
	if p.Message != "" {
		next.Message = cutText(p.Message, MaxMessage)
	}
	if p.ResultURL != "" {
		next.ResultURL = cutText(p.ResultURL, MaxURL)
	}
	c.said = c.said || next != c.Progress
	c.Progress = next
	return true
}

// Unsaved returns the stored claims whose progress, or whose deadline, is newer than what is stored,
// in the order of their ids; for progress alone at most every 5 seconds. The caller gives
// them to StoreClaims. now is the monotonic clock.
func (m *Mem) Unsaved(now time.Duration) []*Claim {
	var list []*Claim
	for _, c := range m.running {
		if c.ended || !c.Stored || c.Storing {
			continue
		}
		if c.moved() || c.said && now-c.saidAt >= progressEvery {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b *Claim) int { return bytes.Compare(a.Job.ID[:], b.Job.ID[:]) })
	for _, c := range list {
		c.saidAt = now
	}
	return list
}

// outdated reports whether what is stored of a claim is not what is known.
func (c *Claim) outdated() bool { return c.said || c.moved() }

// moved reports whether the deadline is another one than is stored.
func (c *Claim) moved() bool { return orEpoch(c.Deadline).UnixMilli() != c.storedDeadline }
