package dispatch

import (
	"slices"
	"time"

	"auwai/internal/jobqueue"
	"auwai/internal/kv"
	"auwai/internal/node"
	"auwai/internal/partition"
)

// dueTimer knows when the next delayed job of a partition is due, or that it has to look.
type dueTimer struct {
	known  bool      // next is right: nothing is due before it
	next   time.Time // zero: nothing is delayed
	asking bool      // a read or a Promote is under way
	early  time.Time // the earliest notice during asking
	from   kv.Key    // asking goes on behind it: of the page before it no key could be read
}

// dueAgain is how soon the timer looks again when it cannot tell what is due next.
const dueAgain = time.Minute

// notice says that a job is due at a moment.
func (d *dueTimer) notice(due time.Time) {
	if d.asking {
		if d.early.IsZero() || due.Before(d.early) {
			d.early = due
		}
		return
	}
	if d.next.IsZero() || due.Before(d.next) {
		d.next = due
	}
}

func (d *dueTimer) settled(next time.Time) {
	d.known, d.asking, d.next = true, false, next
	if !d.early.IsZero() && (next.IsZero() || d.early.Before(next)) {
		d.next = d.early
	}
	d.early = time.Time{}
}

// askDue reads what is due, and when the next job is.
func (m *Machine) askDue(now partition.Now, h node.Host) {
	for _, p := range m.parts {
		if p == nil || p.due.asking && p.due.from == nil || p.closing || m.draining {
			continue
		}
		due := &p.due
		if !due.asking && due.known && (due.next.IsZero() || now.Wall.Before(due.next)) {
			continue
		}
		due.asking = true
		l := &load{part: p, due: true}
		ranges := []kv.Range{jobqueue.DueRange(p.id, now.Wall), jobqueue.NextDueRange(p.id, now.Wall)}
		if due.from != nil {
			ranges[0].From, due.from = due.from, nil
		}
		h.Scan(m.token(l), ranges)
	}
}

// dueRead takes the answer: due jobs are promoted, a page at a time. A key that cannot be read is
// reported and passed over; it stays, since it may be the only place that a job has.
func (m *Machine) dueRead(now partition.Now, l *load, pages []kv.Page, err error) {
	p := l.part
	if err != nil {
		p.due.asking = false
		return
	}
	due, ahead := pages[0], pages[1]
	if refs := m.readDue(due); len(refs) > 0 {
		m.promotions = append(m.promotions, promotion{p, refs})
		return
	}
	if due.More && len(due.Entries) > 0 {
		last := due.Entries[len(due.Entries)-1].Key
		p.due.from = append(slices.Clone(last), 0)
		return
	}
	next := time.Time{}
	if refs := m.readDue(ahead); len(refs) > 0 {
		next = refs[0].Due
	} else if len(ahead.Entries) > 0 {
		next = now.Wall.Add(dueAgain)
	}
	p.due.settled(next)
}

func (m *Machine) readDue(page kv.Page) (refs []jobqueue.DueRef) {
	for _, e := range page.Entries {
		d, err := jobqueue.DecodeDue(e)
		if err != nil {
			m.repaired(err.Error())
			continue
		}
		refs = append(refs, d)
	}
	return refs
}

type promotion struct {
	p    *part
	refs []jobqueue.DueRef
}

func (m *Machine) promote(now partition.Now, h node.Host) {
	list := m.promotions
	m.promotions = nil
	for _, pr := range list {
		p := pr.p
		h.SubmitOwn(now, p.id, &partition.Call{
			Command: &jobqueue.Promote{Due: pr.refs},
			Done: func(error) {
				// More may be due, or the command was refused: look again.
				p.due.asking, p.due.known = false, false
			},
		})
	}
}
