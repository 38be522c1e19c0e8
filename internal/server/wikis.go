package server

import (
	"maps"
	"slices"

	"auwai/internal/inspect"
)

// shownWikis returns the wikis of the active configuration, sorted by name.
func (s *service) shownWikis() []inspect.Wiki {
	cfg := s.live.config()
	out := make([]inspect.Wiki, 0, len(cfg.Wikis))
	for _, name := range slices.Sorted(maps.Keys(cfg.Wikis)) {
		w := cfg.Wikis[name]
		out = append(out, inspect.Wiki{Name: name, Runner: w.Runner, URL: w.URL, Domains: w.Domains, Tags: w.Tags})
	}
	return out
}
