package partition

import "slices"

// A group takes what is there, so a wiki that pushes as fast as it can would fill all of them, and
// others' commands would wait for two commits of its size: the one in flight and their own. While
// others are active too, a wiki that has wikiShare operations in the group being built and the commit
// in flight is put off: its next commands wait until a commit has begun without them, or none is
// needed. So a large commit and one that is small and quick follow each other.
const (
	// wikiShare is below what a push of a few hundred jobs writes and far above what a page view does.
	wikiShare = 1_000
	// crowdedFor is how many groups a wiki that came between others' is kept room for. It is
	// about a second of a burst; a wiki that is alone loses nothing.
	crowdedFor = 64
)

// shares is what the wikis have in one group.
type shares struct {
	ops  map[string]int // operations, by wiki
	last string         // the wiki that was added last
}

func (s *shares) add(wiki string, ops int) {
	if s.ops == nil {
		s.ops = make(map[string]int)
	}
	s.ops[wiki] += ops
	s.last = wiki
}

// counted notes what a command of a wiki has written.
func (v *View) counted(wiki string, ops int) { v.building.shares.add(wiki, ops) }

// crowd notes at a seal whether several wikis are active.
func (v *View) crowd() {
	s := &v.building.shares
	if len(s.ops) == 0 {
		return // only the node's own commands: they say nothing of wikis
	}
	if len(s.ops) > 1 || s.last != v.sole {
		v.crowded = crowdedFor
	} else {
		v.crowded = max(v.crowded-1, 0)
	}
	v.sole = s.last
}

// overShare reports whether a wiki has had its share of the groups on their way.
func (v *View) overShare(wiki string) bool {
	if v.crowded == 0 {
		return false
	}
	ops := v.building.shares.ops[wiki]
	if v.inflight != nil {
		ops += v.inflight.shares.ops[wiki]
	}
	return ops >= wikiShare
}

// putOff keeps a call back whose wiki has had its share, or has calls that are kept back.
func (m *Machine) putOff(c *Call) bool {
	if c.own {
		return false
	}
	if _, behind := m.behind[c.Wiki]; !behind {
		if !m.view.overShare(c.Wiki) {
			return false
		}
		m.behind[c.Wiki] = struct{}{}
	}
	m.later = append(m.later, c)
	return true
}

// Resume has the calls looked at again that were put off. The node calls it when a commit has begun
// without them, and when none is needed.
func (m *Machine) Resume() {
	if len(m.later) == 0 {
		return
	}
	// Calls whose hint was looked up stand before the others. Those of one wiki were put off in their
	// order, behind none that waits for a read, so they go before what came since.
	hinted := func(c *Call) bool { return c.hinted }
	known := firstNot(m.fresh, hinted)
	all := make([]*Call, 0, len(m.later)+len(m.fresh))
	for _, c := range m.later {
		if c.hinted {
			all = append(all, c)
		}
	}
	all = append(all, m.fresh[:known]...)
	for _, c := range m.later {
		if !c.hinted {
			all = append(all, c)
		}
	}
	m.fresh = append(all, m.fresh[known:]...)
	m.later = nil
	clear(m.behind)
}

func firstNot(calls []*Call, is func(*Call) bool) int {
	if i := slices.IndexFunc(calls, func(c *Call) bool { return !is(c) }); i >= 0 {
		return i
	}
	return len(calls)
}
