package web

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"auwai/api"
	"auwai/internal/access"
	"auwai/internal/farm"
)

// reason is why pairs start nothing.
type reason struct {
	Words   string
	Pairs   int
	Waiting int64
	Example api.Queue
}

// mostReasons bounds the list of the overview.
const mostReasons = 12

type overview struct {
	Ready       bool
	Trouble     string
	Figures     *figures
	Queues      []queueFigures
	Reasons     []reason
	More        int // reasons that are not shown
	Pauses      []farm.Control
	Maintenance *farm.Control
	Partial     bool
	Stale       bool
	Now         time.Time
}

func (w *Web) getOverview(v *visit) error {
	o := overview{Now: v.now}
	o.Ready, o.Trouble = w.cfg.Ready()
	f, err := v.shared()
	if err != nil {
		// The page has to say that something is wrong while it is.
		o.Stale, f = true, &figures{}
		o.Trouble = cmp.Or(o.Trouble, err.Error())
	}
	o.Figures = f
	o.Queues = slices.Clone(f.Queues)
	slices.SortStableFunc(o.Queues, func(a, b queueFigures) int {
		return cmp.Or(cmp.Compare(b.Pending()+b.Running, a.Pending()+a.Running), strings.Compare(a.Queue, b.Queue))
	})
	if f.Held > 0 {
		s, err := v.pairsOf("", "")
		if err != nil {
			return err
		}
		o.Reasons, o.More = reasonsOf(s.pairs)
		o.Partial, o.Stale = s.partial, o.Stale || s.stale
	}
	if o.Pauses, err = v.controls(); err != nil {
		return err
	}
	for i := range o.Pauses {
		if c := &o.Pauses[i]; c.Scope.Kind == farm.ScopeMaintenance && c.PausedAt(v.now) {
			on := *c // the list is cut below
			o.Maintenance = &on
		}
	}
	o.Pauses = slices.DeleteFunc(o.Pauses, func(c farm.Control) bool { return !c.PausedAt(v.now) || c.Scope.Kind == farm.ScopeMaintenance })
	return v.render(http.StatusOK, "overview", "Overview", "overview", o)
}

// reasonsOf groups what starts nothing by why, those with the most waiting jobs first.
func reasonsOf(pairs []api.Queue) (out []reason, more int) {
	byWords := map[string]*reason{}
	for i := range pairs {
		p := &pairs[i]
		if p.Held == "" {
			continue
		}
		r := byWords[p.Held]
		if r == nil {
			r = &reason{Words: p.Held, Example: *p}
			byWords[p.Held] = r
		}
		r.Pairs++
		r.Waiting += pending(p)
	}
	for _, r := range byWords {
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b reason) int {
		return cmp.Or(cmp.Compare(b.Waiting, a.Waiting), strings.Compare(a.Words, b.Words))
	})
	if len(out) > mostReasons {
		out, more = out[:mostReasons], len(out)-mostReasons
	}
	return out, more
}

// controls returns what is controlled at run time, as far as the visitor reaches.
func (v *visit) controls() ([]farm.Control, error) {
	all, err := v.cfg.Control.Controls(v.r.Context())
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(all), func(c farm.Control) bool { return !shows(v.grant, c.Scope) }), nil
}

// shows reports whether a control says something to a visitor: it holds for wikis that it reaches.
func shows(g *access.Grant, s farm.Scope) bool {
	switch s.Kind {
	case farm.ScopeAll, farm.ScopeMaintenance, farm.ScopeQueue:
		return true
	case farm.ScopeWiki, farm.ScopePair:
		return g.Reaches(s.Wiki)
	case farm.ScopeTag:
		return g.AllWikis()
	}
	return false
}
