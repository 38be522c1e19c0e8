package upkeep

import (
	"slices"

	"auwai/internal/jobqueue"
	"auwai/internal/kv"
	"auwai/internal/node"
	"auwai/internal/partition"
)

// purge is the sweep of a purged pair: its ranges one after the other, page by page, and again from
// the beginning while jobs are left.
type purge struct {
	pair   jobqueue.Pair
	before uint64
	stage  int    // which of the ranges
	from   kv.Key // where the next page begins; nil: at the beginning of the range
}

// openPurges finds the pairs of a partition that are being swept.
func (p *part) openPurges() {
	for _, e := range p.machine.Resident(jobqueue.PairRange(p.machine.ID()).From) {
		info, err := jobqueue.DecodePair(e)
		if err == nil && info.Counts.Sweeping > 0 { // a malformed record is reported where the jobs are opened
			p.addPurge(info.Pair, info.PurgedBefore)
		}
	}
}

// addPurge begins a sweep, or begins the one of the pair again.
func (p *part) addPurge(pair jobqueue.Pair, before uint64) {
	at := slices.IndexFunc(p.purges, func(s *purge) bool { return s.pair == pair })
	if at < 0 {
		p.purges = append(p.purges, &purge{pair: pair, before: before})
		return
	}
	// The page under way belongs to the old one.
	p.purges[at] = &purge{pair: pair, before: before}
}

// Effects implements node.Tenant: a purge has its pair swept.
func (m *Machine) Effects(_ partition.Now, pm *partition.Machine, effects []any) {
	p := m.parts[pm.ID()]
	if p == nil || p.machine != pm {
		return
	}
	for _, e := range effects {
		if e, ok := e.(jobqueue.Purged); ok {
			p.addPurge(e.Pair, e.Before)
		}
	}
}

// sweepPurged asks for the next page of the first purge of a partition, one at a time.
func (m *Machine) sweepPurged(h node.Host, id partition.ID, p *part) {
	if p.purging || len(p.purges) == 0 {
		return
	}
	p.purging = true
	s := p.purges[0]
	r := jobqueue.PurgeRanges(id, s.pair, s.before)[s.stage]
	if s.from != nil {
		r.From = s.from
	}
	t := &task{p: id, part: p, purge: s}
	t.build = func(pages []kv.Page) (partition.Command, error) {
		t.page = &pages[0]
		ids, err := jobqueue.PurgeIDs(s.pair, pages[0].Entries)
		if err != nil || len(ids) == 0 {
			return nil, err
		}
		return &jobqueue.PurgePage{Pair: s.pair, IDs: ids}, nil
	}
	m.start(h, t, r)
}

// purged takes the end of a page. left is how many jobs are still to be swept, -1 when nothing was
// swept; an error has the pair looked at again in the next round.
func (m *Machine) purged(t *task, left int64, err error) {
	p, s := t.part, t.purge
	p.purging = false
	if len(p.purges) == 0 || p.purges[0] != s {
		return // the pair was purged again
	}
	if err != nil {
		s.stage, s.from = 0, nil
		p.rest = true
		return
	}
	entries := t.page.Entries
	switch {
	case left == 0:
		p.purges = p.purges[1:]
	case t.page.More && len(entries) > 0:
		last := entries[len(entries)-1].Key
		s.from = append(slices.Clone(last), 0)
	case s.stage+1 < len(jobqueue.PurgeRanges(t.p, s.pair, s.before)):
		s.stage, s.from = s.stage+1, nil
	default:
		p.endOfPass(t.p, s)
	}
}

// endOfPass ends a purge when nothing is left of it. Else others come before it, and it waits for the
// next round: what was left over was on its way somewhere.
func (p *part) endOfPass(id partition.ID, s *purge) {
	p.purges = p.purges[1:]
	for _, e := range p.machine.Resident(jobqueue.PairKey(id, s.pair)) {
		if info, err := jobqueue.DecodePair(e); err == nil && info.Pair == s.pair && info.Counts.Sweeping > 0 {
			p.purges = append(p.purges, &purge{pair: s.pair, before: info.PurgedBefore})
			p.rest = true
		}
	}
}

// submitPurge sends a page; what was left out of it is sent again.
func (m *Machine) submitPurge(now partition.Now, h node.Host, t *task, c *jobqueue.PurgePage) {
	h.SubmitOwn(now, t.p, &partition.Call{Command: c, Done: func(err error) {
		if m.parts[t.p] != t.part {
			return
		}
		switch {
		case err != nil:
			m.settle(t, err)
		case c.Done < len(c.IDs):
			t.command = &jobqueue.PurgePage{Pair: c.Pair, IDs: c.IDs[c.Done:]}
			m.ready = append(m.ready, t)
		default:
			m.purged(t, c.Left, nil)
		}
	}})
}
