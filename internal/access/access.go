package access

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"auwai/internal/fault"
)

// Role is a kind of request.
type Role uint8

// The roles. Admin is the zero value, so that what declares none is closed.
const (
	Admin   Role = iota // changes of jobs, queues and settings; includes the other roles
	Produce             // send events and jobs
	Run                 // claim jobs and finish them
	Read                // lists, counts, single jobs, metrics
	Anyone              // no role at all: whether the process answers
)

// String returns the role's name as the configuration has it.
func (r Role) String() string {
	switch r {
	case Produce:
		return "produce"
	case Run:
		return "run"
	case Read:
		return "read"
	case Anyone:
		return "anyone"
	case Admin:
		return "admin"
	default:
		return "admin"
	}
}

// RoleNames are the roles that can be given.
func RoleNames() []string { return []string{"produce", "run", "read", "admin"} }

// ParseRole reads a role that can be given.
func ParseRole(name string) (Role, bool) {
	for _, r := range []Role{Produce, Run, Read, Admin} {
		if r.String() == name {
			return r, true
		}
	}
	return Admin, false
}

// Roles is a set of roles.
type Roles uint8

// AllRoles has every role.
const AllRoles = Roles(1<<Admin | 1<<Produce | 1<<Run | 1<<Read)

// SetOf returns the set of some roles.
func SetOf(roles ...Role) Roles {
	var s Roles
	for _, r := range roles {
		s |= 1 << r
	}
	return s
}

// Has reports whether the set allows what needs the role.
func (s Roles) Has(r Role) bool {
	return r == Anyone || s&(1<<Admin) != 0 || s&(1<<r) != 0
}

// Names returns the names of the set, in the order of RoleNames.
func (s Roles) Names() []string {
	names := []string{}
	for _, name := range RoleNames() {
		if r, _ := ParseRole(name); s&(1<<r) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// Grant is what one caller may do. nil may do everything: it stands for the service itself.
type Grant struct {
	token string // the token's name; "" for an address
	roles Roles
	wikis map[string]struct{} // nil: all
	push  map[string]struct{} // written to beside wikis

	pushAll bool // all wikis are written to
}

// Everything returns the grant of a caller that may do everything.
func Everything() *Grant { return &Grant{roles: AllRoles} }

// Token returns the name of the caller's token, "" when it has none.
func (g *Grant) Token() string {
	if g == nil {
		return ""
	}
	return g.token
}

// May reports whether the caller has a role.
func (g *Grant) May(r Role) bool { return g == nil || g.roles.Has(r) }

// AllWikis reports whether the caller reaches every wiki.
func (g *Grant) AllWikis() bool { return g == nil || g.wikis == nil }

// Wikis returns the wikis that the caller reaches, sorted; nil when it reaches all.
func (g *Grant) Wikis() []string {
	if g.AllWikis() {
		return nil
	}
	return slices.Sorted(maps.Keys(g.wikis))
}

// Reaches reports whether the caller may look at a wiki's work, and act on it as its roles allow.
func (g *Grant) Reaches(wiki string) bool {
	if g.AllWikis() {
		return true
	}
	_, ok := g.wikis[wiki]
	return ok
}

// PushesTo reports whether the caller may send events and jobs of a wiki.
func (g *Grant) PushesTo(wiki string) bool {
	if g.Reaches(wiki) || g.pushAll {
		return true
	}
	_, ok := g.push[wiki]
	return ok
}

// RefusePush says why the caller may not send work of a wiki, and what would help.
func (g *Grant) RefusePush(wiki string) string {
	const most = 5
	names := g.Wikis()
	names = append(names, slices.Sorted(maps.Keys(g.push))...)
	list := strings.Join(names[:min(len(names), most)], ", ")
	if len(names) > most {
		list += " and " + strconv.Itoa(len(names)-most) + " more"
	}
	return "the wiki " + strconv.Quote(fault.Short(wiki)) + " is not one that the token " + strconv.Quote(g.token) + " may send work of (" + list +
		"); add it to the token's push_to, or use a token of that wiki"
}
