package config

import (
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"auwai/internal/fault"
)

// Semantics is what a queue promises of its jobs beyond running them.
type Semantics struct {
	// Dedup is what becomes of a job whose key another one has: keep, replace, debounce, window or none.
	Dedup string
	// Debounce is how long a job waits for a newer twin, Window for how long a done one counts.
	Debounce, Window time.Duration
	// RootClaimTTL is how long the newest generation of a root is known.
	RootClaimTTL time.Duration
	// ExpireAfter is how old a job may become before it starts; 0: as old as it gets.
	ExpireAfter time.Duration
	// AtMostOnce never repeats an attempt; Exclusive never runs two at once, not even after a crash.
	AtMostOnce, Exclusive bool
	// SerializeBy names what only one job at a time runs for: key, root, page or params.<name>; "" for
	// nothing.
	SerializeBy string
	// Budget is the number of jobs that may follow from one root; 0: no bound. LoopLimit is how often a
	// job may be among its own causes; 0: no bound.
	Budget, LoopLimit int
}

// The words of Semantics.Dedup.
const (
	DedupKeep     = "keep"
	DedupReplace  = "replace"
	DedupDebounce = "debounce"
	DedupWindow   = "window"
	DedupNone     = "none"
)

const (
	year      = 366 * day
	maxBudget = 1_000_000_000
)

func defaultSemantics() Semantics {
	return Semantics{Dedup: DedupKeep, Debounce: 5 * time.Second, Window: time.Hour, RootClaimTTL: 28 * day, LoopLimit: 16}
}

func (r *reader) semantics(s *Semantics, fields map[string]field) {
	fields["dedup"] = func(n *yaml.Node, at string) {
		set(&s.Dedup)(r.word(n, at, DedupKeep, DedupReplace, DedupDebounce, DedupWindow, DedupNone))
	}
	fields["debounce"] = func(n *yaml.Node, at string) { set(&s.Debounce)(r.duration(n, at, time.Millisecond, day)) }
	fields["window"] = func(n *yaml.Node, at string) { set(&s.Window)(r.duration(n, at, time.Second, 30*day)) }
	fields["root_claim_ttl"] = func(n *yaml.Node, at string) { set(&s.RootClaimTTL)(r.duration(n, at, time.Minute, year)) }
	fields["expire_after"] = func(n *yaml.Node, at string) { set(&s.ExpireAfter)(r.duration(n, at, 0, year)) }
	fields["at_most_once"] = func(n *yaml.Node, at string) { set(&s.AtMostOnce)(r.flag(n, at)) }
	fields["exclusive"] = func(n *yaml.Node, at string) { set(&s.Exclusive)(r.flag(n, at)) }
	fields["serialize_by"] = func(n *yaml.Node, at string) { r.serializeBy(s, n, at) }
	fields["budget"] = func(n *yaml.Node, at string) { set(&s.Budget)(r.integer(n, at, 0, maxBudget)) }
	fields["loop_limit"] = func(n *yaml.Node, at string) { set(&s.LoopLimit)(r.integer(n, at, 0, 1_000)) }
}

func (r *reader) serializeBy(s *Semantics, n *yaml.Node, path string) {
	text, ok := r.text(n, path)
	if !ok {
		return
	}
	param, isParam := strings.CutPrefix(text, "params.")
	if text != "key" && text != "root" && text != "page" && (!isParam || param == "") {
		r.fault(n, path, "is %q; key, root, page or params.NAME is expected", fault.Short(text))
		return
	}
	s.SerializeBy = text
}
