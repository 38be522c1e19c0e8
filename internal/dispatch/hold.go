package dispatch

import (
	"fmt"
	"time"

	"auwai/internal/jobqueue"
	"auwai/internal/partition"
)

// hold is a wiki's state of not taking work, as its answers showed it.
type hold struct {
	reason  string // "" when the wiki takes work
	until   time.Duration
	wait    time.Duration
	probing bool // one attempt is under way to see whether the wiki takes work again
}

func (h *hold) active() bool { return h.reason != "" }

// holdWiki starts or lengthens a hold. A wiki is probed with one job after probeFirst, and then after
// twice as long each time.
func (m *Machine) holdWiki(now partition.Now, w *wiki, reason string, probe bool) {
	h := &w.hold
	switch {
	case !h.active():
		h.wait = probeFirst
		m.reportHold(w.name, reason)
	case probe:
		h.wait = min(2*h.wait, probeMost)
	default:
		return // an attempt that began before the hold
	}
	h.reason = reason
	h.until = now.Mono + h.wait
	if probe {
		h.probing = false
	}
}

// lift ends a hold: any answer that is not about the wiki's state does.
func (m *Machine) lift(w *wiki) {
	if w.hold.active() {
		m.reportHold(w.name, "")
	}
	w.hold = hold{}
	for _, pr := range w.pairs {
		m.activate(pr)
	}
}

func (m *Machine) reportHold(wiki, reason string) {
	if m.cfg.Hooks.OnHold != nil {
		m.cfg.Hooks.OnHold(wiki, reason)
	}
}

// aside says why jobs of a queue were put aside, and until when that is worth showing.
type aside struct {
	reason string
	until  time.Duration
}

func (w *wiki) mismatch(queue, reason string, until time.Duration) {
	if w.aside == nil {
		w.aside = map[string]aside{}
	}
	w.aside[queue] = aside{reason, until}
}

// probeDue lets held wikis be probed whose time has come.
func (m *Machine) probeDue(now partition.Now) {
	for _, w := range m.wikis {
		if w.hold.active() && !w.hold.probing && now.Mono >= w.hold.until {
			for _, pr := range w.pairs {
				m.activate(pr)
			}
		}
	}
}

// mayStart reports whether a wiki's hold allows a start now, and whether that start is a probe.
func (w *wiki) mayStart(now partition.Now) (ok, probe bool) {
	if !w.hold.active() {
		return true, false
	}
	return !w.hold.probing && now.Mono >= w.hold.until, true
}

// Held returns why a pair starts nothing now, in words; "" when it does, or has nothing to start.
// For use in the node's loop.
func (m *Machine) Held(now partition.Now, key jobqueue.Pair) string {
	if reason := m.cfg.Policy.Held(key); reason != "" {
		return reason
	}
	if m.draining {
		return "the service is stopping"
	}
	if m.suspended {
		return "this node cannot commit; nothing is started until it can"
	}
	w := m.wikis[key.Wiki]
	if w == nil {
		return ""
	}
	if w.hold.active() {
		next := "being probed now"
		if !w.hold.probing {
			next = fmt.Sprintf("probed again in %s", max(w.hold.until-now.Mono, 0).Round(time.Second))
		}
		return w.hold.reason + "; " + next
	}
	if a := w.aside[key.Queue]; a.until > now.Mono {
		return a.reason
	}
	return ""
}

// Head returns when the job at the head of a pair was created, if one is in memory.
func (m *Machine) Head(key jobqueue.Pair) (time.Time, bool) {
	p := m.parts[partition.Of(key.Wiki)]
	if p == nil || p.pairs[key] == nil {
		return time.Time{}, false
	}
	var first int64
	found := false
	for b := range p.pairs[key].bands {
		if ms, ok := p.pairs[key].bands[b].oldest(); ok && (!found || ms < first) {
			first, found = ms, true
		}
	}
	return time.UnixMilli(first).UTC(), found
}
