package dispatch

import (
	"fmt"
	"time"

	"auwai/internal/jobqueue"
	"auwai/internal/partition"
	"auwai/internal/runner"
)

// hold is a target's state of not taking work, as its answers showed it.
type hold struct {
	reason  string // "" when the target takes work
	since   time.Duration
	until   time.Duration
	wait    time.Duration
	probing bool // one attempt is under way to see whether it takes work again
}

func (h *hold) active() bool { return h.reason != "" }

// begin starts a hold, or lengthens it after a probe, and reports whether it is a new one. A target is
// probed with one job after probeFirst, and then after twice as long each time; where it asks for
// more time, it gets it, up to probeMost. An answer of an attempt that began before the hold says
// nothing new.
func (h *hold) begin(now time.Duration, reason string, probe bool, asked time.Duration) (fresh bool) {
	fresh = !h.active()
	switch {
	case fresh:
		h.wait, h.since = probeFirst, now
	case probe:
		h.wait = min(2*h.wait, probeMost)
	default:
		return false
	}
	h.reason = reason
	h.until = now + max(h.wait, min(asked, probeMost))
	if probe {
		h.probing = false
	}
	return fresh
}

// due reports whether a hold can be probed.
func (h *hold) due(now time.Duration) bool { return h.active() && !h.probing && now >= h.until }

// says returns the hold in words.
func (h *hold) says(now time.Duration) string {
	if h.probing {
		return h.reason + "; being probed now"
	}
	return fmt.Sprintf("%s; probed again in %s", h.reason, max(h.until-now, 0).Round(time.Second))
}

// holdBy takes an answer that a target takes no work: of the wiki, and perhaps of its section.
func (m *Machine) holdBy(a *attempt, r *runner.Result) {
	w := a.pr.wiki
	if s := a.section; s != nil {
		s.hold.begin(m.now.Mono, r.Hold, true, r.RetryAfter)
	}
	if w.hold.begin(m.now.Mono, r.Hold, a.probe && a.section == nil, r.RetryAfter) {
		m.reportHold(w.name, r.Hold)
	}
	if r.Scope == runner.ScopeDB && w.section != nil {
		m.hit(w.section, w.name, r.Hold)
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

// probeDue lets held wikis and sections be probed whose time has come. In a section that is held one
// of its wikis is asked for all of them.
func (m *Machine) probeDue() {
	for _, w := range m.wikis {
		h := &w.hold
		if s := w.section; s != nil && s.hold.active() {
			h = &s.hold
		}
		if h.due(m.now.Mono) {
			for _, pr := range w.pairs {
				m.activate(pr)
			}
		}
	}
}

// mayStart reports whether the holds of a wiki and of its section allow a start now, and whether that
// start would be a probe, and of what: of the section when that is not nil.
func (m *Machine) mayStart(w *wiki) (ok, probe bool, of *section) {
	if s := w.section; s != nil && s.hold.active() {
		return s.hold.due(m.now.Mono), true, s
	}
	if !w.hold.active() {
		return true, false, nil
	}
	return w.hold.due(m.now.Mono), true, nil
}

// Held returns why a pair starts nothing now, in words; "" when it does, or has nothing to start.
// For use in the node's loop.
func (m *Machine) Held(now partition.Now, key jobqueue.Pair) string {
	m.now = now
	if reason := m.cfg.Policy.Held(key); reason != "" {
		return reason
	}
	if reason := m.cfg.Policy.Paused(key); reason != "" {
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
	if reason := m.circuit(w); reason != "" {
		return reason
	}
	if a := w.aside[key.Queue]; a.until > now.Mono {
		return a.reason
	}
	return ""
}

// circuit returns why a wiki takes no work, in words.
func (m *Machine) circuit(w *wiki) string {
	switch {
	case w.section != nil && w.section.hold.active():
		return "database section " + w.section.value + ": " + w.section.hold.says(m.now.Mono)
	case w.hold.active():
		return w.hold.says(m.now.Mono)
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
