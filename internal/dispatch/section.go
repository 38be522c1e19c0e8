package dispatch

import (
	"slices"
	"strings"
	"time"
)

// sectionPrefix begins the names of limiters that stand for database sections.
const sectionPrefix = "tag:" + SectionTag + "="

// section is a database section: many wikis whose databases are away or read-only together. It is held
// when several of its wikis say so within a short time, so that the others need not find out.
type section struct {
	name  string // of its limiter
	value string
	hold  hold
	hits  []hit
}

// hit is a wiki's word that its database takes no work.
type hit struct {
	wiki string
	at   time.Duration
}

func (m *Machine) section(name string) *section {
	s := m.sections[name]
	if s == nil {
		s = &section{name: name, value: strings.TrimPrefix(name, sectionPrefix)}
		m.sections[name] = s
	}
	return s
}

// hit takes a wiki's word, and holds the section when it is the third wiki to say so.
func (m *Machine) hit(s *section, wiki, reason string) {
	now := m.now.Mono
	s.hits = slices.DeleteFunc(s.hits, func(h hit) bool { return h.wiki == wiki || now-h.at > sectionWithin })
	s.hits = append(s.hits, hit{wiki, now})
	if len(s.hits) < sectionHits || s.hold.active() {
		return
	}
	s.hits = nil
	s.hold.begin(now, reason, false, 0)
	m.reportSection(s, reason)
}

// liftSection ends the hold of a section: a wiki of it has taken work since. The holds of its wikis
// become due, so that each is asked with one job at once.
func (m *Machine) liftSection(s *section) {
	s.hold, s.hits = hold{}, nil
	m.reportSection(s, "")
	for _, w := range m.wikis {
		if w.section != s {
			continue
		}
		w.hold.until = min(w.hold.until, m.now.Mono)
		for _, pr := range w.pairs {
			m.activate(pr)
		}
	}
}

func (m *Machine) reportSection(s *section, reason string) {
	if m.cfg.Hooks.OnSection != nil {
		m.cfg.Hooks.OnSection(s.value, reason)
	}
}
