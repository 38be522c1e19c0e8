package access_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"auwai/internal/access"
	"auwai/internal/fault"
)

func tokenOf(b byte) string {
	return access.NewToken([access.SecretBytes]byte{b, 0xff, 0x3e})
}

func policy(t *testing.T, tokens []access.Token, networks ...access.Network) *access.Policy {
	t.Helper()
	p, err := access.New(tokens, networks)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func network(prefix string, role access.Role) access.Network {
	return access.Network{Prefix: netip.MustParsePrefix(prefix), Role: role}
}

// rolesOf names what a caller without a token may do.
func rolesOf(t *testing.T, p *access.Policy, addr string) []string {
	t.Helper()
	g, err := p.Of("", netip.MustParseAddr(addr), false)
	if err != nil || g.Token() != "" || !g.AllWikis() {
		t.Fatalf("Of(%s) = %+v, %v", addr, g, err)
	}
	may := []string{}
	for _, name := range access.RoleNames() {
		if r, ok := access.ParseRole(name); ok && g.May(r) {
			may = append(may, name)
		}
	}
	return may
}

func TestLoopbackHasEveryRoleUntilThereAreTokensOrItIsNamed(t *testing.T) {
	a := []access.Token{{Name: "a", Hash: access.HashOf(tokenOf(1)), Roles: access.SetOf(access.Read)}}
	all := access.RoleNames()
	for name, c := range map[string]struct {
		p                           *access.Policy
		loopback, mapped, near, far []string
	}{
		"nothing":        {policy(t, nil), all, all, nil, nil},
		"tokens":         {policy(t, a), nil, nil, nil, nil},
		"a network":      {policy(t, nil, network("10.0.0.0/8", access.Run)), all, all, []string{"run"}, nil},
		"loopback named": {policy(t, nil, network("127.0.0.0/8", access.Read)), []string{"read"}, []string{"read"}, nil, nil},
		"tokens, and loopback named": {
			policy(t, a, network("127.0.0.0/8", access.Admin), network("10.0.0.0/8", access.Run), network("10.1.0.0/16", access.Produce)),
			all, all,
			[]string{"produce", "run"},
			nil,
		},
		"everybody": {policy(t, a, network("0.0.0.0/0", access.Produce)), []string{"produce"}, []string{"produce"}, []string{"produce"}, []string{"produce"}},
	} {
		for addr, want := range map[string][]string{"127.0.0.1": c.loopback, "::ffff:127.0.0.1": c.mapped, "10.1.2.3": c.near, "192.0.2.1": c.far} {
			if diff := cmp.Diff(append([]string{}, want...), rolesOf(t, c.p, addr)); diff != "" {
				t.Errorf("%s: %s (-want +got):\n%s", name, addr, diff)
			}
		}
	}
	if g, err := policy(t, nil).Of("", netip.Addr{}, true); err != nil || !g.May(access.Admin) {
		t.Errorf("a process of this machine may %+v, %v", g, err)
	}
	if g, err := policy(t, a).Of("", netip.Addr{}, true); err != nil || g.May(access.Read) || !g.May(access.Anyone) {
		t.Errorf("a process of this machine without its token may %+v, %v", g, err)
	}
}

func TestATokenDecidesWhateverTheAddress(t *testing.T) {
	p := policy(t, []access.Token{
		{Name: "a", Hash: access.HashOf(tokenOf(1)), Roles: access.SetOf(access.Produce), Wikis: []string{"bwiki", "awiki"}, PushTo: []string{"commons"}},
		{Name: "all", Hash: access.HashOf(tokenOf(2)), Roles: access.SetOf(access.Admin)},
		{Name: "hub", Hash: access.HashOf(tokenOf(3)), Roles: access.SetOf(access.Produce), Wikis: []string{"hub"}, PushAll: true},
		{Name: "short", Hash: access.HashOf("password"), Roles: access.AllRoles},
	}, network("127.0.0.0/8", access.Admin))
	home := netip.MustParseAddr("127.0.0.1")
	g, err := p.Of(tokenOf(1), home, true)
	if err != nil || g.Token() != "a" || g.May(access.Read) || g.May(access.Admin) || !g.May(access.Produce) {
		t.Fatalf("a may %+v, %v", g, err)
	}
	if diff := cmp.Diff([]string{"awiki", "bwiki"}, g.Wikis()); diff != "" {
		t.Error(diff)
	}
	for wiki, want := range map[string][2]bool{"awiki": {true, true}, "commons": {false, true}, "hub": {false, false}, "": {false, false}} {
		if got := [2]bool{g.Reaches(wiki), g.PushesTo(wiki)}; got != want {
			t.Errorf("a reaches and pushes to %q: %v, want %v", wiki, got, want)
		}
	}
	if text := g.RefusePush("hub"); !strings.Contains(text, `"hub"`) || !strings.Contains(text, `"a"`) || !strings.Contains(text, "awiki, bwiki, commons") {
		t.Errorf("refused with %q", text)
	}
	if g, err = p.Of(tokenOf(3), home, true); err != nil || !g.PushesTo("x") || g.Reaches("x") {
		t.Errorf("hub may %+v, %v", g, err)
	}
	if g, err = p.Of(tokenOf(2), home, true); err != nil || !g.AllWikis() || g.Wikis() != nil || !g.May(access.Run) {
		t.Errorf("all may %+v, %v", g, err)
	}
	// One that is wrong, one that is cut, and one whose hash is known but that is no token.
	for _, wrong := range []string{tokenOf(9), tokenOf(1)[:40], "password", access.Prefix} {
		if g, err := p.Of(wrong, home, true); g != nil || !errors.Is(err, access.ErrUnknown) {
			t.Errorf("Of(%q) = %+v, %v", wrong, g, err)
		}
	}
}

func TestWithoutTokensNoneIsLookedAt(t *testing.T) {
	g, err := policy(t, nil).Of(tokenOf(1), netip.MustParseAddr("127.0.0.1"), false)
	if err != nil || !g.May(access.Admin) {
		t.Errorf("a wiki that has its token before the service knows it: %+v, %v", g, err)
	}
}

func TestTheServiceItselfMayDoEverything(t *testing.T) {
	var g *access.Grant
	if !g.May(access.Admin) || !g.AllWikis() || !g.Reaches("x") || !g.PushesTo("x") || g.Token() != "" || g.Wikis() != nil {
		t.Error("nil is refused something")
	}
}

func TestTwoTokensHaveNoNameAndNoHashInCommon(t *testing.T) {
	one := access.Token{Name: "a", Hash: access.HashOf(tokenOf(1))}
	for _, second := range []access.Token{{Name: "a", Hash: access.HashOf(tokenOf(2))}, {Name: "b", Hash: one.Hash}} {
		if _, err := access.New([]access.Token{one, second}, nil); fault.KindOf(err) != fault.Invalid {
			t.Errorf("New with %q = %v", second.Name, err)
		}
	}
}

func TestATokenHasItsShape(t *testing.T) {
	token := tokenOf(7)
	if !access.IsToken(token) || access.IsToken(token+"a") || access.IsToken(token[1:]) || access.IsToken(strings.Replace(token, "_", "+", 1)) {
		t.Errorf("%q", token)
	}
	h, err := access.ParseHash(access.HashOf(token).String())
	if err != nil || h != access.HashOf(token) {
		t.Errorf("ParseHash = %v, %v", h, err)
	}
	for _, wrong := range []string{"", "sha256:", "sha256:zz", h.String()[7:], "md5:" + h.String()[7:], h.String() + "00", token} {
		_, err := access.ParseHash(wrong)
		if fault.FieldOf(err) != "hash" || strings.Contains(err.Error(), token) {
			t.Errorf("ParseHash(%q) = %v", wrong, err)
		}
	}
}

func TestRolesHaveTheirNames(t *testing.T) {
	for _, name := range access.RoleNames() {
		r, ok := access.ParseRole(name)
		if !ok || r.String() != name || !access.SetOf(r).Has(r) || !access.AllRoles.Has(r) || !access.SetOf(access.Admin).Has(r) {
			t.Errorf("role %q", name)
		}
		if diff := cmp.Diff([]string{name}, access.SetOf(r).Names()); diff != "" {
			t.Error(diff)
		}
	}
	if _, ok := access.ParseRole("anyone"); ok {
		t.Error("anyone can be given")
	}
	if access.SetOf(access.Read).Has(access.Admin) || access.SetOf(access.Read).Has(access.Produce) || !access.Roles(0).Has(access.Anyone) {
		t.Error("a role has others in it")
	}
}

func TestTokensAreTakenOutOfTexts(t *testing.T) {
	token := tokenOf(5)
	for in, want := range map[string]string{
		"":                     "",
		"auwai_jobs_total":     "auwai_jobs_total",
		"auwt_short and auwt_": "auwt_short and auwt_",
		`Post "http://h/t/` + token + `/v1/events": refused`: `Post "http://h/t/auwt_…/v1/events": refused`,
		token + " " + token: "auwt_… auwt_…",
		"x" + token + "yyy": "xauwt_…",
	} {
		if got := access.Redact(in); got != want {
			t.Errorf("Redact(%q) = %q, want %q", in, got, want)
		}
		var b strings.Builder
		if n, err := access.RedactWriter(&b).Write([]byte(in)); n != len(in) || err != nil || b.String() != want {
			t.Errorf("written %q, %d, %v", b.String(), n, err)
		}
	}
}

func FuzzNoTokenIsLeftInAText(f *testing.F) {
	f.Add("a ", " b")
	f.Add("auwt_", "auwt_")
	f.Fuzz(func(t *testing.T, before, after string) {
		token := tokenOf(1)
		got := access.Redact(before + token + after)
		if strings.Contains(got, token) {
			t.Errorf("%q is left", got)
		}
		if access.Redact(got) != got {
			t.Errorf("redacted again, %q changes", got)
		}
	})
}
