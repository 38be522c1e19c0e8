package dispatch

import (
	"slices"

	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/partition"
	"auwai/internal/runner"
)

// Effects implements node.Tenant.
func (m *Machine) Effects(now partition.Now, pm *partition.Machine, effects []any) {
	m.now = now
	p := m.parts[pm.ID()]
	if p == nil || p.machine != pm {
		m.observeOnly(pm, effects)
		return
	}
	for _, e := range effects {
		p.mem.Observe(e)
		m.effect(now, p, e)
	}
}

// observeOnly keeps the marks of a partition that is not open to dispatch yet: what its first
// commands made ready is read from the store at its opening.
func (m *Machine) observeOnly(pm *partition.Machine, effects []any) {
	mem, ok := pm.Mem(partition.SlotJobs).(*jobqueue.Mem)
	if !ok {
		return
	}
	for _, e := range effects {
		mem.Observe(e)
	}
}

func (m *Machine) effect(now partition.Now, p *part, e any) {
	switch e := e.(type) {
	case jobqueue.BecameReady:
		if p.mem.Running(e.Job.ID) == nil { // else it was read and started before this commit's answer came
			m.becameReady(p, e.Job)
		}
	case jobqueue.Changed:
		m.changed(p, e)
	case jobqueue.Gone:
		if pr := p.pairs[e.Pair]; pr != nil {
			m.remove(pr, e.Band, e.Seq, e.ID)
			m.activate(pr) // it may have been waited for
			m.rest(now, pr)
		}
	case jobqueue.BecameDelayed:
		p.due.notice(e.Due)
	case jobqueue.RootMoved:
		m.rootMoved(p, e)
	case jobqueue.Purged:
		m.purged(now, p, e)
	case jobqueue.CancelRunning:
		m.cancelRunning(p, e)
	case jobqueue.Finished:
		if m.cfg.Hooks.OnFinished != nil {
			m.cfg.Hooks.OnFinished(e)
		}
	case jobqueue.Retried:
		if m.cfg.Hooks.OnRetried != nil {
			m.cfg.Hooks.OnRetried(e)
		}
	case jobqueue.Repaired:
		m.repaired(e.Text)
	}
}

func (m *Machine) repaired(text string) {
	if m.cfg.Hooks.OnRepaired != nil {
		m.cfg.Hooks.OnRepaired(text)
	}
}

func (m *Machine) becameReady(p *part, j *jobqueue.Job) {
	pr := m.pair(p, j.Pair)
	pr.sized(jobBytes + len(j.Payload))
	e := entry{seq: j.Seq, id: j.ID, created: j.Created.UnixMilli(), job: j}
	m.admit(&pr.bands[j.Band], e)
	if pr.cause == causeNone {
		m.mark(pr, CauseWorker) // until it is looked at, or starts
	}
	m.activate(pr)
}

// admit puts an entry into a window, as far as memory allows and order asks.
func (m *Machine) admit(w *window, e entry) {
	if w.loading {
		w.arrived = append(w.arrived, e)
		return
	}
	n := len(w.list) - w.head
	switch {
	case e.seq <= w.last: // a place inside the known part: it cannot be found by reading on
	case !w.complete:
		return
	case m.loaded+e.size() > windowBytes && n > 4, n >= windowEntries:
		w.complete = false
		return
	}
	if m.loaded+e.size() > windowBytes && n > 0 {
		e.job = nil
	}
	m.loaded += w.insert(e)
}

func (m *Machine) changed(p *part, e jobqueue.Changed) {
	pr := m.pair(p, e.Job.Pair)
	moved := e.OldBand != e.Job.Band || e.OldSeq != e.Job.Seq
	if moved {
		m.remove(pr, e.OldBand, e.OldSeq, e.Job.ID)
		m.becameReady(p, e.Job)
		return
	}
	w := &pr.bands[e.Job.Band]
	ent := entry{seq: e.Job.Seq, id: e.Job.ID, created: e.Job.Created.UnixMilli(), job: e.Job}
	if w.loading {
		w.arrived = slices.DeleteFunc(w.arrived, func(o entry) bool { return o.id == ent.id })
		w.arrived = append(w.arrived, ent)
	}
	if _, found := w.find(e.Job.Seq); found {
		m.loaded += w.insert(ent)
	}
	m.activate(pr)
}

// remove takes a job out of a window, and reports whether it was there.
func (m *Machine) remove(pr *pair, band jobqueue.Band, seq uint64, id ident.Suffix) bool {
	w := &pr.bands[band]
	freed := w.remove(seq)
	m.loaded -= freed
	if len(w.arrived) == 0 {
		return freed > 0
	}
	w.arrived = slices.DeleteFunc(w.arrived, func(e entry) bool { return e.id == id && e.seq == seq })
	return true
}

// rootMoved drops the jobs that a root has left behind from the window of its pair.
func (m *Machine) rootMoved(p *part, moved jobqueue.RootMoved) {
	for _, l := range p.loads {
		l.roots = append(l.roots, moved)
	}
	pr := p.pairs[moved.Pair]
	if pr == nil {
		return
	}
	first := len(p.places)
	for b := range pr.bands {
		w := &pr.bands[b]
		for _, list := range [][]entry{w.waiting(), w.arrived} {
			for _, e := range list {
				if j := e.job; j != nil && j.Root.Signature == moved.Signature && moved.Root.Ends(j) {
					p.places = append(p.places, jobqueue.Place{Pair: pr.Pair, ID: j.ID, Seq: j.Seq})
				}
			}
		}
	}
	// Removing moves the entries behind, so it waits until all have been looked at.
	for _, at := range p.places[first:] {
		for b := range pr.bands {
			m.remove(pr, jobqueue.Band(b), at.Seq, at.ID)
		}
	}
}

// purged drops what was purged from the windows of its pair; a sweep ends it.
func (m *Machine) purged(now partition.Now, p *part, e jobqueue.Purged) {
	pr := p.pairs[e.Pair]
	if pr == nil {
		return
	}
	for b := range pr.bands {
		w := &pr.bands[b]
		for w.head < len(w.list) && w.list[w.head].seq < e.Before {
			m.loaded -= w.list[w.head].size()
			w.pop()
		}
		w.last = max(w.last, e.Before-1) // nothing before it is worth reading
		w.arrived = slices.DeleteFunc(w.arrived, func(a entry) bool { return a.seq < e.Before })
	}
	m.activate(pr)
	m.rest(now, pr)
}

// cancelRunning cancels the attempt of a job, once all jobs that it still has are cancelled.
func (m *Machine) cancelRunning(p *part, e jobqueue.CancelRunning) {
	m.cancel(runner.ErrCancelled, func(a *attempt) bool {
		if a.part != p || a.pr.Pair != e.Pair {
			return false
		}
		others, has := false, false
		for i, c := range a.claims {
			has = has || c.Job.ID == e.ID
			others = others || !a.reported[i] && !c.Cancelled
		}
		return has && !others
	})
}
