package stock

import (
	"cmp"
	"container/heap"
	"slices"
	"time"
)

// Wiki is a stock wiki.
type Wiki struct {
	Name string
	Poll time.Duration // between two looks while nothing happens
}

// Reasons of wake-ups, as they stand in the payload.
const (
	ReasonHint = "rcfeed"
	ReasonLook = "poll"
	ReasonMore = "more"
)

// push is a wake-up to be made.
type push struct {
	wiki, reason string
	at           time.Time // not before; zero: at once
}

// machine decides when wikis are looked at and woken. It has no clock and does no I/O; it is used by
// one goroutine at a time.
type machine struct {
	wikis   map[string]*site
	order   sites // those that wait for their look
	pushes  []push
	looks   int // under way
	pushing int // under way
}

func newMachine() *machine { return &machine{wikis: map[string]*site{}} }

// set replaces the wikis. What is known of those that stay is kept; the first looks of new ones are
// spread over their poll.
func (m *machine) set(now time.Time, wikis []Wiki) {
	wikis = slices.Clone(wikis)
	slices.SortFunc(wikis, func(a, b Wiki) int { return cmp.Compare(a.Name, b.Name) })
	old := m.wikis
	m.wikis, m.order = make(map[string]*site, len(wikis)), nil
	for i, w := range wikis {
		s := old[w.Name]
		if s == nil {
			s = &site{name: w.Name, due: now.Add(w.Poll / time.Duration(len(wikis)) * time.Duration(i))}
		}
		s.poll = w.Poll
		s.due = earlier(s.due, now.Add(w.Poll))
		s.place = -1
		m.wikis[w.Name] = s
		if s.looking == nil {
			heap.Push(&m.order, s)
		}
	}
}

// hint wakes a wiki, unless a wake-up waits already. known is false for a wiki that is not there.
func (m *machine) hint(now time.Time, wiki string) (known bool) {
	s := m.wikis[wiki]
	if s == nil {
		return false
	}
	s.woken = now
	if !m.isAsked(now, s) {
		m.ask(now, s, push{wiki: wiki, reason: ReasonHint, at: now.Add(settle)})
	}
	return true
}

func (m *machine) isAsked(now time.Time, s *site) bool {
	return !s.asked.IsZero() && now.Before(s.asked.Add(trust))
}

// ask queues a push.
func (m *machine) ask(now time.Time, s *site, p push) {
	m.pushes = append(m.pushes, p)
	m.wait(now, s)
}

// wait notes that a wake-up waits, or is about to.
func (m *machine) wait(now time.Time, s *site) {
	s.asked = now
	m.lookAt(s, now.Add(trust))
}

// lookAt sets when the wiki is looked at next.
func (m *machine) lookAt(s *site, due time.Time) {
	s.due = due
	switch {
	case m.wikis[s.name] != s || s.looking != nil:
	case s.place < 0:
		heap.Push(&m.order, s)
	default:
		heap.Fix(&m.order, s.place)
	}
}

// rest sets the next look of a wiki of which nothing is waiting. again is when MediaWiki's throttle
// lets more run, zero when it holds nothing back.
func (m *machine) rest(now time.Time, s *site, again time.Time) {
	due := now.Add(s.poll)
	if late := s.woken.Add(recheck); late.After(now) {
		due = earlier(due, late)
	}
	if !again.IsZero() {
		due = earlier(due, later(again, now.Add(settle)))
	}
	m.lookAt(s, due)
}

// next returns the pushes and looks to be started, and how long there is nothing more to start unless
// something happens.
func (m *machine) next(now time.Time) (pushes []push, looks []string, wait time.Duration) {
	n := min(len(m.pushes), pushAtOnce-m.pushing)
	pushes = slices.Clone(m.pushes[:n])
	m.pushes = slices.Delete(m.pushes, 0, n)
	m.pushing += n
	for len(m.order) > 0 && m.looks < lookAtOnce && !m.order[0].due.After(now) {
		s := m.order[0]
		if s.running > 0 {
			m.lookAt(s, now.Add(s.poll)) // its end sets another
			continue
		}
		heap.Pop(&m.order)
		s.looking = make(chan struct{})
		m.looks++
		looks = append(looks, s.name)
	}
	if len(m.order) == 0 || m.looks >= lookAtOnce {
		return pushes, looks, time.Hour
	}
	return pushes, looks, max(m.order[0].due.Sub(now), 0)
}

// pushed notes the end of a push that next returned.
func (m *machine) pushed(now time.Time, wiki string, ok bool) {
	m.pushing--
	if s := m.wikis[wiki]; s != nil && !ok {
		s.asked = time.Time{}
		m.lookAt(s, now.Add(pushAgain))
	}
}

// seen is what a look found.
type seen struct {
	work    bool
	again   time.Time
	trouble string // why there was no answer; "" when there was one
	skipped bool   // the wiki is held or paused: it was not asked
}

// looked notes the end of a look. began and ended say that a trouble did.
func (m *machine) looked(now time.Time, wiki string, l seen) (began, ended bool) {
	m.looks--
	s := m.wikis[wiki]
	if s == nil || s.looking == nil {
		return false, false
	}
	close(s.looking)
	s.looking = nil
	if !l.skipped {
		began, ended = s.trouble == "" && l.trouble != "", s.trouble != "" && l.trouble == ""
		s.trouble = l.trouble
	}
	switch {
	case l.work && !m.isAsked(now, s):
		m.ask(now, s, push{wiki: wiki, reason: ReasonLook})
	case m.isAsked(now, s):
		m.lookAt(s, s.asked.Add(trust))
	default:
		m.rest(now, s, l.again)
	}
	return began, ended
}

// begun notes that an attempt begins. It has to wait until the channel is closed, when it is not nil.
func (m *machine) begun(wiki string) (look <-chan struct{}) {
	s := m.wikis[wiki]
	if s == nil {
		return nil
	}
	s.asked = time.Time{}
	s.running++
	return s.looking
}

// asksMore reports whether an attempt that left work has to push the next wake-up.
func (m *machine) asksMore(now time.Time, wiki string) bool {
	s := m.wikis[wiki]
	return s != nil && !m.isAsked(now, s)
}

// ended notes the end of an attempt. waits says that a wake-up waits after it: the next one, or this
// one, which was not taken.
func (m *machine) ended(now time.Time, wiki string, waits bool, again time.Time) {
	s := m.wikis[wiki]
	if s == nil || s.running == 0 { // the wiki was taken out meanwhile, and is back
		return
	}
	s.running--
	if waits {
		m.wait(now, s)
	}
	if !m.isAsked(now, s) {
		m.rest(now, s, again)
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
