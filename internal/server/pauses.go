package server

import (
	"time"

	"auwai/internal/farm"
	"auwai/internal/jobqueue"
)

// pauses are the scopes in which nothing starts, with the reason in words.
type pauses struct {
	all         string
	maintenance string
	queues      map[string]string
	wikis       map[string]string
	pairs       map[jobqueue.Pair]string
	tags        map[string]string
}

// pausesOf returns the pauses that hold at a moment.
func pausesOf(controls []farm.Control, now time.Time) *pauses {
	p := &pauses{
		queues: map[string]string{}, wikis: map[string]string{}, tags: map[string]string{}, pairs: map[jobqueue.Pair]string{},
	}
	for i := range controls {
		c := &controls[i]
		if !c.PausedAt(now) {
			continue
		}
		switch s := c.Scope; s.Kind {
		case farm.ScopeAll:
			p.all = pauseWords("everything is paused", c)
		case farm.ScopeMaintenance:
			p.maintenance = pauseWords("maintenance: work is taken and none is run", c)
		case farm.ScopeQueue:
			p.queues[s.Queue] = pauseWords("the queue is paused", c)
		case farm.ScopeWiki:
			p.wikis[s.Wiki] = pauseWords("the wiki is paused", c)
		case farm.ScopePair:
			p.pairs[jobqueue.Pair{Queue: s.Queue, Wiki: s.Wiki}] = pauseWords("the queue is paused for this wiki", c)
		case farm.ScopeTag:
			p.tags[s.Tag] = pauseWords("all wikis with the tag "+s.Tag+" are paused", c)
		}
	}
	return p
}

func pauseWords(what string, c *farm.Control) string {
	if c.By != "" {
		what += " by " + c.By
	}
	if c.Reason != "" {
		what += ": " + c.Reason
	}
	if !c.Until.IsZero() {
		what += "; until " + c.Until.Format(time.RFC3339)
	}
	return what
}

// reason returns why nothing of the pair starts; "" when no pause holds. tags are the wiki's.
func (p *pauses) reason(pair jobqueue.Pair, tags map[string]string) string {
	switch {
	case p.maintenance != "":
		return p.maintenance
	case p.all != "":
		return p.all
	}
	if len(p.queues) > 0 && p.queues[pair.Queue] != "" {
		return p.queues[pair.Queue]
	}
	if len(p.wikis) > 0 && p.wikis[pair.Wiki] != "" {
		return p.wikis[pair.Wiki]
	}
	if len(p.pairs) > 0 && p.pairs[pair] != "" {
		return p.pairs[pair]
	}
	if len(p.tags) > 0 {
		for name, value := range tags { // a wiki has few; which of two pauses is told does not matter
			if r := p.tags[name+"="+value]; r != "" {
				return r
			}
		}
	}
	return ""
}

// nextEnd returns when the first pause ends by itself after now; zero: none does.
func nextEnd(controls []farm.Control, now time.Time) time.Time {
	var next time.Time
	for i := range controls {
		c := &controls[i]
		if c.Paused && c.Until.After(now) && (next.IsZero() || c.Until.Before(next)) {
			next = c.Until
		}
	}
	return next
}
