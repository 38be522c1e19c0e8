package server

import (
	"auwai/internal/access"
	"auwai/internal/config"
)

// access says who may do what, as the active configuration has it.
func (s *service) access() *access.Policy { return s.live.config().Access.Policy }

// secrets returns the secrets that events may be signed with: those of wikis whose runner sends signed
// events on. A wiki of the extension has a secret for requests, which signs no event.
func (s *service) secrets() map[string][]byte {
	out := map[string][]byte{}
	for name, w := range s.live.config().Wikis {
		if len(w.Secret) > 0 && w.Runner != config.RunnerAuwai {
			out[name] = w.Secret
		}
	}
	return out
}
