package dispatch

import (
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
}

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
		if p == nil || p.due.asking || p.closing || m.draining {
			continue
		}
		due := &p.due
		if due.known && (due.next.IsZero() || now.Wall.Before(due.next)) {
			continue
		}
		due.asking = true
		l := &load{part: p, due: true}
		h.Scan(m.token(l), []kv.Range{jobqueue.DueRange(p.id, now.Wall), jobqueue.NextDueRange(p.id)})
	}
}

// dueRead takes the answer: due jobs are promoted, a page at a time.
func (m *Machine) dueRead(_ partition.Now, l *load, pages []kv.Page, err error) {
	p := l.part
	if err != nil {
		p.due.asking = false
		return
	}
	var refs []jobqueue.DueRef
	for _, e := range pages[0].Entries {
		d, err := jobqueue.DecodeDue(e)
		if err != nil {
			m.repaired(err.Error())
			continue
		}
		refs = append(refs, d)
	}
	if len(refs) == 0 {
		next := time.Time{}
		if entries := pages[1].Entries; len(entries) > 0 {
			if d, err := jobqueue.DecodeDue(entries[0]); err == nil {
				next = d.Due
			}
		}
		p.due.settled(next)
		return
	}
	m.promotions = append(m.promotions, promotion{p, refs})
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
