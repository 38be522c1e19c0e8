package farm

import (
	"strings"

	"auwai/internal/fault"
)

// ScopeKind is what a Scope is of.
type ScopeKind uint8

// The kinds of scopes.
const (
	ScopeAll         ScopeKind = iota // everything
	ScopeMaintenance                  // everything, kept apart so that resuming all does not end a maintenance
	ScopeQueue                        // a queue of all wikis
	ScopeWiki                         // all queues of a wiki
	ScopePair                         // a queue of a wiki
	ScopeTag                          // the wikis with a tag
)

// Scope is what a Control holds for.
type Scope struct {
	Kind  ScopeKind
	Queue string // of ScopeQueue and ScopePair
	Wiki  string // of ScopeWiki and ScopePair
	Tag   string // "name=value", of ScopeTag
}

// String returns the scope's text, which ParseScope reads: "all", "maintenance", "queue:Q", "wiki:W",
// "pair:Q@W" or "tag:name=value".
func (s Scope) String() string {
	switch s.Kind {
	case ScopeMaintenance:
		return "maintenance"
	case ScopeQueue:
		return "queue:" + s.Queue
	case ScopeWiki:
		return "wiki:" + s.Wiki
	case ScopePair:
		return "pair:" + s.Queue + "@" + s.Wiki
	case ScopeTag:
		return "tag:" + s.Tag
	default:
		return "all"
	}
}

// maxScope bounds a scope's text, since it stands in a key.
const maxScope = 400

// ParseScope reads a scope's text. Its error names the field "scope".
func ParseScope(text string) (Scope, error) {
	kind, rest, _ := strings.Cut(text, ":")
	s := Scope{}
	ok := false
	switch kind {
	case "all":
		ok = text == "all"
	case "maintenance":
		s.Kind, ok = ScopeMaintenance, text == "maintenance"
	case "queue":
		s, ok = Scope{Kind: ScopeQueue, Queue: rest}, validName(rest)
	case "wiki":
		s, ok = Scope{Kind: ScopeWiki, Wiki: rest}, validName(rest)
	case "pair":
		at := strings.LastIndexByte(rest, '@') // no wiki has an @ in its name, a queue may
		if at > 0 {
			s = Scope{Kind: ScopePair, Queue: rest[:at], Wiki: rest[at+1:]}
			ok = validName(s.Queue) && validName(s.Wiki)
		}
	case "tag":
		name, value, both := strings.Cut(rest, "=")
		s, ok = Scope{Kind: ScopeTag, Tag: rest}, both && validName(name) && validName(value)
	}
	if ok && len(text) > maxScope {
		return Scope{}, fault.Field("scope", "has %d bytes; at most %d", len(text), maxScope)
	}
	if !ok {
		return Scope{}, fault.Field("scope", "%q is none; write all, maintenance, queue:NAME, wiki:NAME, pair:QUEUE@WIKI or tag:NAME=VALUE", fault.Short(text))
	}
	return s, nil
}

// validName reports whether a name has 1 to maxName bytes and no control characters.
func validName(s string) bool {
	return s != "" && len(s) <= maxName && !strings.ContainsFunc(s, func(c rune) bool { return c < 0x20 || c == 0x7f || c == '\uFFFD' })
}
