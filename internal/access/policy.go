package access

import (
	"crypto/subtle"
	"net/netip"

	"auwai/internal/fault"
)

// ErrUnknown answers a caller without a token that has to have one, and one whose token is not known.
// It is one error for both, so that an answer tells nothing of the tokens that there are.
var ErrUnknown = fault.New(fault.Forbidden, "a token is needed here, and the request has none that is known; "+
	"send it as Authorization: Bearer TOKEN, as X-Auwai-Token, or in the path as /t/TOKEN/v1/…")

// Token is a token of the configuration.
type Token struct {
	Name    string
	Hash    Hash
	Roles   Roles
	Wikis   []string // nil: all
	PushTo  []string // further wikis that work may be sent of
	PushAll bool     // work of all wikis may be sent
}

// Network is a range of addresses that have a role without a token.
type Network struct {
	Prefix netip.Prefix
	Role   Role
}

// Policy is all tokens and networks.
type Policy struct {
	tokens   map[Hash]*known
	networks []Network
	loopback bool      // has every role by itself
	byRoles  [16]Grant // of callers without a token
}

type known struct {
	hash  Hash
	grant Grant
}

// New returns the policy of a configuration. Without tokens, loopback has every role, unless a network
// names it.
func New(tokens []Token, networks []Network) (*Policy, error) {
	p := &Policy{tokens: make(map[Hash]*known, len(tokens)), networks: networks, loopback: len(tokens) == 0}
	names := make(map[string]struct{}, len(tokens))
	for i := range tokens {
		t := &tokens[i]
		if _, twice := names[t.Name]; twice {
			return nil, fault.Field("name", "%q is the name of two tokens; each needs its own", fault.Short(t.Name))
		}
		if other, twice := p.tokens[t.Hash]; twice {
			return nil, fault.Field("hash", "is that of the token %q too; make a token for each", other.grant.token)
		}
		names[t.Name] = struct{}{}
		p.tokens[t.Hash] = &known{hash: t.Hash, grant: Grant{
			token: t.Name, roles: t.Roles, wikis: set(t.Wikis), push: set(t.PushTo), pushAll: t.PushAll,
		}}
	}
	for i := range networks {
		if NamesLoopback(networks[i].Prefix) {
			p.loopback = false
		}
	}
	for i := range p.byRoles {
		p.byRoles[i].roles = Roles(i)
	}
	return p, nil
}

func set(names []string) map[string]struct{} {
	if names == nil {
		return nil
	}
	m := make(map[string]struct{}, len(names))
	for _, n := range names {
		m[n] = struct{}{}
	}
	return m
}

// NamesLoopback reports whether a network has loopback addresses in it.
func NamesLoopback(p netip.Prefix) bool {
	return p.Overlaps(netip.PrefixFrom(netip.AddrFrom4([4]byte{127}), 8)) || p.Contains(netip.IPv6Loopback())
}

// LoopbackHasAll reports whether loopback has every role without a token.
func (p *Policy) LoopbackHasAll() bool { return p.loopback }

// Of returns what a caller may do. token is "" when it sent none; addr is where it comes from, local
// says that it is a process of this machine whatever the address. The error is ErrUnknown for a token
// that is not known. A caller without roles gets a grant of none.
func (p *Policy) Of(token string, addr netip.Addr, local bool) (*Grant, error) {
	if token == "" || len(p.tokens) == 0 {
		return p.ofAddress(addr.Unmap().WithZone(""), local), nil
	}
	hash := HashOf(token)
	found, ok := p.tokens[hash]
	if !ok {
		found = &known{}
	}
	// The lookup has compared already, in a time that tells of a hash at most. This is for whoever
	// changes it.
	if subtle.ConstantTimeCompare(hash[:], found.hash[:]) != 1 || !IsToken(token) {
		return nil, ErrUnknown
	}
	return &found.grant, nil
}

func (p *Policy) ofAddress(addr netip.Addr, local bool) *Grant {
	if p.loopback && (local || addr.IsLoopback()) {
		return &p.byRoles[AllRoles]
	}
	if local {
		addr = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	var roles Roles
	for i := range p.networks {
		if n := &p.networks[i]; n.Prefix.Contains(addr) {
			roles |= SetOf(n.Role)
		}
	}
	return &p.byRoles[roles]
}
