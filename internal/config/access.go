package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"auwai/internal/access"
	"auwai/internal/fault"
)

// Bounds of what is allowed to whom.
const (
	maxTokens     = 50_000 // as many as wikis fit into a file
	maxTokenWikis = 10_000
	maxNetworks   = 256 // every request without a token is compared with each
)

// Access is who may do what.
type Access struct {
	Tokens     []access.Token
	TokensFile string // absolute; "" for none
	Networks   []access.Network
	// Policy is made of them.
	Policy *access.Policy
}

// open is the access without tokens and networks.
func open() Access {
	p, err := access.New(nil, nil)
	if err != nil {
		panic("config: no tokens are refused: " + err.Error()) // there is nothing that could be wrong
	}
	return Access{Policy: p}
}

// accessReader reads who may do what, and remembers where it stands.
type accessReader struct {
	*reader

	to     *Access
	names  map[string]string // where a name stands
	hashes map[access.Hash]string
}

func (r *reader) accessReader(c *Config) *accessReader {
	return &accessReader{reader: r, to: &c.Access, names: map[string]string{}, hashes: map[access.Hash]string{}}
}

// fields are the keys of a file that say who may do what.
func (a *accessReader) fields() map[string]field {
	return map[string]field{
		"tokens":      func(n *yaml.Node, at string) { a.tokens(n, at) },
		"tokens_file": func(n *yaml.Node, at string) { a.file(n, at) },
		"allow_from":  func(n *yaml.Node, at string) { a.networks(n, at) },
	}
}

// finish makes the policy.
func (a *accessReader) finish() {
	p, err := access.New(a.to.Tokens, a.to.Networks)
	if err == nil { // what is refused was a fault of the file already
		a.to.Policy = p
	}
}

func (a *accessReader) tokens(n *yaml.Node, path string) {
	a.list(n, path, "tokens", func(n *yaml.Node, at string) {
		if len(a.to.Tokens) == maxTokens {
			a.fault(n, at, "is one token too many; at most %d are allowed", maxTokens)
		}
		if len(a.to.Tokens) < maxTokens {
			a.token(n, at)
		}
	})
}

// file reads a file that has a list of tokens, as they stand below tokens.
func (a *accessReader) file(n *yaml.Node, path string) {
	s, ok := a.text(n, path)
	if !ok {
		return
	}
	a.to.TokensFile = a.path(s)
	a.read = append(a.read, a.to.TokensFile)
	text, err := readFile(a.to.TokensFile, maxFileBytes)
	if err != nil {
		a.fault(n, path, "%v", err)
		return
	}
	r := &reader{file: a.to.TokensFile, dir: a.dir}
	inner := &accessReader{reader: r, to: a.to, names: a.names, hashes: a.hashes}
	var doc yaml.Node
	switch err := yaml.NewDecoder(bytes.NewReader(text)).Decode(&doc); {
	case errors.Is(err, io.EOF): // no tokens yet
	case err != nil:
		r.syntax(err, text)
	case doc.Kind == yaml.DocumentNode && len(doc.Content) == 1:
		inner.tokens(doc.Content[0], path)
	}
	a.faults = append(a.faults, r.faults...)
}

func (a *accessReader) token(n *yaml.Node, path string) {
	var t access.Token
	has := map[string]bool{}
	note := func(f field) field {
		return func(n *yaml.Node, at string) {
			has[at[strings.LastIndexByte(at, '.')+1:]] = true
			f(n, at)
		}
	}
	faults := len(a.faults)
	a.object(n, path, map[string]field{
		"name":    note(func(n *yaml.Node, at string) { a.tokenName(&t, n, at) }),
		"hash":    note(func(n *yaml.Node, at string) { a.hash(&t, n, at) }),
		"roles":   note(func(n *yaml.Node, at string) { a.roles(&t, n, at) }),
		"wikis":   note(func(n *yaml.Node, at string) { t.Wikis = a.wikiNames(n, at) }),
		"push_to": note(func(n *yaml.Node, at string) { a.pushTo(&t, n, at) }),
	})
	for _, key := range []struct{ name, words string }{
		{"name", "a word for it, which is shown in errors"},
		{"hash", `what "auwai tokens new" prints`},
		{"roles", "some of " + strings.Join(access.RoleNames(), ", ")},
		{"wikis", `the wikis that it reaches, or ["*"] for all`},
	} {
		if !has[key.name] && n.Kind == yaml.MappingNode {
			a.fault(n, path, "has no %s; write %s", key.name, key.words)
		}
	}
	if len(a.faults) == faults {
		a.to.Tokens = append(a.to.Tokens, t)
	}
}

func (a *accessReader) tokenName(t *access.Token, n *yaml.Node, path string) {
	s, ok := a.text(n, path)
	switch {
	case !ok:
	case len(s) > maxName:
		a.fault(n, path, "has %d bytes; at most %d are allowed", len(s), maxName)
	case access.Redact(s) != s:
		a.fault(n, path, "is a token, not a name for one; make a new token, since this one was written down")
	case a.names[s] != "":
		a.fault(n, path, "is %q, the name of %s too; each token needs its own", fault.Short(s), a.names[s])
	default:
		t.Name, a.names[s] = s, strings.TrimSuffix(path, ".name")
	}
}

// hash reads a hash. What is none is not shown: it may be a token.
func (a *accessReader) hash(t *access.Token, n *yaml.Node, path string) {
	h, err := access.ParseHash(n.Value)
	switch {
	case n.Kind != yaml.ScalarNode:
		a.fault(n, path, "is %s; a hash is expected, as \"auwai tokens new\" prints it", describe(n))
	case err != nil:
		a.fault(n, path, "%s", strings.TrimPrefix(err.Error(), "hash: "))
	case a.hashes[h] != "":
		a.fault(n, path, "is the hash of %s too; make a token for each", a.hashes[h])
	default:
		t.Hash, a.hashes[h] = h, strings.TrimSuffix(path, ".hash")
	}
}

func (a *accessReader) roles(t *access.Token, n *yaml.Node, path string) {
	count := 0
	a.list(n, path, "roles", func(n *yaml.Node, at string) {
		count++
		if s, ok := a.word(n, at, access.RoleNames()...); ok {
			role, _ := access.ParseRole(s)
			t.Roles |= access.SetOf(role)
		}
	})
	if count == 0 && (n.Kind == yaml.SequenceNode || isNull(n)) {
		a.fault(n, path, "is empty; write some of %s", strings.Join(access.RoleNames(), ", "))
	}
}

// wikiNames reads names of wikis; nil is all.
func (a *accessReader) wikiNames(n *yaml.Node, path string) []string {
	names, all := a.wikiList(n, path)
	switch {
	case all:
		return nil
	case len(n.Content) == 0 && (n.Kind == yaml.SequenceNode || isNull(n)):
		a.fault(n, path, `is empty; name the wikis, or write ["*"] for all`)
	}
	return append([]string{}, names...)
}

func (a *accessReader) pushTo(t *access.Token, n *yaml.Node, path string) {
	t.PushTo, t.PushAll = a.wikiList(n, path)
}

func (a *accessReader) wikiList(n *yaml.Node, path string) (names []string, all bool) {
	a.list(n, path, "names of wikis", func(n *yaml.Node, at string) {
		s, ok := a.text(n, at)
		switch {
		case !ok:
		case s == "*":
			all = true
		case len(names) == maxTokenWikis:
			a.fault(n, at, `is one wiki too many; at most %d are allowed, or write ["*"] for all`, maxTokenWikis)
		case a.name(n, at, "wiki"):
			names = append(names, s)
		}
	})
	if all && len(names) > 0 {
		a.fault(n, path, `has * beside names; write ["*"] for all, or the names`)
	}
	return names, all
}

func (a *accessReader) networks(n *yaml.Node, path string) {
	a.each(n, path, func(key, value *yaml.Node, at string) {
		role, ok := access.ParseRole(key.Value)
		if !ok {
			a.fault(key, at, "is no role; %s", suggest(key.Value, access.RoleNames()))
			return
		}
		a.list(value, at, "networks", func(n *yaml.Node, at string) {
			s, ok := a.text(n, at)
			if !ok {
				return
			}
			prefix, err := network(s)
			switch {
			case err != nil:
				a.fault(n, at, "is %q; a network such as 10.0.0.0/8, fd00::/8 or 192.0.2.7 is expected", fault.Short(s))
			case prefix.Addr().Is4In6():
				a.fault(n, at, "is %q, an IPv4 network in the form of IPv6; write it as 10.0.0.0/8", fault.Short(s))
			case prefix != prefix.Masked():
				a.fault(n, at, "is %q, which has bits set behind its length; %s is the network", fault.Short(s), prefix.Masked())
			case len(a.to.Networks) == maxNetworks:
				a.fault(n, at, "is one network too many; at most %d are allowed", maxNetworks)
			default:
				a.to.Networks = append(a.to.Networks, access.Network{Prefix: prefix, Role: role})
			}
		})
	})
}

// network reads a network, or an address, which is a network of one.
func network(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	return netip.ParsePrefix(s)
}

// guarded reports whether something keeps strangers out, so that an address beyond loopback is safe.
func (a *Access) guarded() bool { return len(a.Tokens)+len(a.Networks) > 0 }

// Words says who may do what, for a summary.
func (a *Access) Words() string {
	var parts []string
	switch n := len(a.Tokens); n {
	case 0:
		parts = append(parts, "no tokens")
	case 1:
		parts = append(parts, "1 token")
	default:
		parts = append(parts, fmt.Sprintf("%d tokens", n))
	}
	byRole := map[access.Role][]string{}
	named := false
	for _, n := range a.Networks {
		byRole[n.Role] = append(byRole[n.Role], n.Prefix.String())
		named = named || access.NamesLoopback(n.Prefix)
	}
	for _, name := range access.RoleNames() {
		if role, _ := access.ParseRole(name); len(byRole[role]) > 0 {
			slices.Sort(byRole[role])
			parts = append(parts, name+" from "+strings.Join(byRole[role], ", "))
		}
	}
	switch {
	case a.Policy.LoopbackHasAll():
		parts = append(parts, "loopback has every role")
	case !named:
		parts = append(parts, "loopback needs a token too")
	}
	return strings.Join(parts, "; ")
}

// accessWarnings are tokens that work and are worth a look.
func (c *Config) accessWarnings() []string {
	var out []string
	for i := range c.Access.Tokens {
		t := &c.Access.Tokens[i]
		for _, wiki := range slices.Concat(t.Wikis, t.PushTo) {
			if c.Wikis[wiki] == nil && len(c.Wikis) > 0 {
				out = append(out, fmt.Sprintf("the token %q names the wiki %q, which is not configured", t.Name, wiki))
			}
		}
	}
	for _, n := range c.Access.Networks {
		if n.Prefix.Bits() == 0 {
			out = append(out, fmt.Sprintf("allow_from.%s names %s: every address has that role", n.Role, n.Prefix))
		}
	}
	return out
}
