package config

import (
	"go.yaml.in/yaml/v3"
)

// Gates is what has to hold of other queues for a queue to start anything.
type Gates struct {
	// StartIf opens while every queue has fewer pending jobs than Jobs.
	StartIf []Gate
	// HoldIf closes while some queue has more pending jobs than Jobs.
	HoldIf []Gate
	// MaxPending is how many pending jobs of one wiki the queue takes; 0: any number. A push over it is
	// refused, and queues that fill this one wait.
	MaxPending int
	// Fills names the queues that jobs of this queue push to.
	Fills []string
}

// Gate compares the pending jobs of a queue, ready, delayed and blocked ones, with a number.
type Gate struct {
	Queue   string
	AnyWiki bool // of all wikis together; else of the job's own
	Jobs    int
}

const (
	maxGates   = 100
	maxPending = 1_000_000_000
)

func (r *reader) gates(g *Gates, fields map[string]field) {
	fields["start_if"] = func(n *yaml.Node, at string) { g.StartIf = r.gateList(n, at, "below", 1) }
	fields["hold_if"] = func(n *yaml.Node, at string) { g.HoldIf = r.gateList(n, at, "above", 0) }
	fields["max_pending"] = func(n *yaml.Node, at string) { set(&g.MaxPending)(r.integer(n, at, 0, maxPending)) }
	fields["fills"] = func(n *yaml.Node, at string) {
		g.Fills = nil
		r.list(n, at, "names of queues", func(n *yaml.Node, at string) {
			if s, ok := r.text(n, at); ok {
				g.Fills = append(g.Fills, s)
			}
		})
	}
}

// gateList reads the conditions of start_if or hold_if; bound is the key of their number.
func (r *reader) gateList(n *yaml.Node, path, bound string, least int) []Gate {
	var out []Gate
	r.list(n, path, "conditions", func(n *yaml.Node, at string) {
		g, bounded := Gate{}, false
		r.object(n, at, map[string]field{
			"queue": func(n *yaml.Node, at string) { set(&g.Queue)(r.text(n, at)) },
			"wiki": func(n *yaml.Node, at string) {
				if s, ok := r.word(n, at, "same", "any"); ok {
					g.AnyWiki = s == "any"
				}
			},
			bound: func(n *yaml.Node, at string) {
				bounded = true
				set(&g.Jobs)(r.integer(n, at, least, maxPending))
			},
		})
		if g.Queue == "" || !bounded {
			r.fault(n, at, "needs queue and %s, as in {queue: refreshLinks, %s: 1000}", bound, bound)
			return
		}
		out = append(out, g)
	})
	if len(out) > maxGates {
		r.fault(n, path, "has %d conditions; at most %d are allowed", len(out), maxGates)
	}
	return out
}
