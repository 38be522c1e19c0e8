package config_test

import (
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"auwai/internal/access"
	"auwai/internal/config"
)

const (
	aToken = access.Prefix + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	bToken = access.Prefix + "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"
)

func TestTokensAndNetworksAreRead(t *testing.T) {
	c := load(t, `
listen: 0.0.0.0:8192
tokens:
  - {name: a, hash: "`+access.HashOf(aToken).String()+`", roles: [produce, read], wikis: [aawiki], push_to: [bbwiki]}
tokens_file: tokens.yaml
allow_from:
  read: [10.0.0.0/8, "::1"]
wikis: {aawiki: {url: "http://127.0.0.1", runner: eventbus}}
`, map[string]string{"tokens.yaml": "# all wikis\n- {name: b, hash: " + access.HashOf(bToken).String() + `, roles: [admin], wikis: ["*"]}` + "\n"})
	p := c.Access.Policy
	g, err := p.Of(aToken, netip.MustParseAddr("192.0.2.1"), false)
	if err != nil || g.Token() != "a" || !g.May(access.Produce) || g.May(access.Run) || g.AllWikis() || !g.PushesTo("bbwiki") || g.Reaches("bbwiki") {
		t.Errorf("a may %+v, %v", g, err)
	}
	if g, err = p.Of(bToken, netip.Addr{}, false); err != nil || !g.May(access.Run) || !g.AllWikis() {
		t.Errorf("b may %+v, %v", g, err)
	}
	if g, err = p.Of("", netip.MustParseAddr("10.9.8.7"), false); err != nil || !g.May(access.Read) || g.May(access.Produce) {
		t.Errorf("10.9.8.7 may %+v, %v", g, err)
	}
	s := c.Summary()
	if want := "2 tokens; read from 10.0.0.0/8, ::1/128"; s.Access != want {
		t.Errorf("access: %q, want %q", s.Access, want)
	}
	if len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], `the token "a" names the wiki "bbwiki"`) {
		t.Errorf("warnings %q", s.Warnings)
	}
	if len(c.Files) != 2 || c.Files[1] != c.Access.TokensFile {
		t.Errorf("watched are %q", c.Files)
	}
	if c.Access.TokensFile != filepath.Join(filepath.Dir(c.File), "tokens.yaml") {
		t.Errorf("the file is %s", c.Access.TokensFile)
	}
}

func TestWhatLoopbackMayDoIsSaid(t *testing.T) {
	token := `tokens: [{name: a, hash: "` + access.HashOf(aToken).String() + `", roles: [run], wikis: ["*"]}]`
	for text, want := range map[string]string{
		"":    "no tokens; loopback has every role",
		token: "1 token; loopback needs a token too",
		token + "\nallow_from: {read: [127.0.0.1]}": "1 token; read from 127.0.0.1/32",
		"allow_from: {produce: [192.168.0.0/16]}":   "no tokens; produce from 192.168.0.0/16; loopback has every role",
		"tokens_file: t": "no tokens; loopback has every role",
	} {
		if got := load(t, text, map[string]string{"t": ""}).Summary().Access; got != want {
			t.Errorf("%s\nis %q, want %q", text, got, want)
		}
	}
	w := load(t, "allow_from: {read: [0.0.0.0/0]}", nil).Summary().Warnings
	if !strings.Contains(strings.Join(w, ";"), "every address has that role") {
		t.Errorf("warnings %q", w)
	}
}

func TestAnAddressBeyondLoopbackNeedsTokensOrNetworks(t *testing.T) {
	for text, ok := range map[string]bool{
		"": false, "tokens: []": false, "allow_from: {read: []}": false, "allow_from: {read: [10.0.0.0/8]}": true,
	} {
		c := load(t, text, nil)
		for addr, valid := range map[string]bool{"0.0.0.0:8192": true, ":8192": true, "bus.example.org:8192": true, "a b:1": false, "1.2.3.4": false} {
			if err := c.CheckListen(addr); (err == nil) != (ok && valid) {
				t.Errorf("%q: CheckListen(%q) = %v", text, addr, err)
			}
		}
	}
	for addr, want := range map[string]bool{"127.0.0.1:1": true, "localhost:1": true, "[::1]:1": true, "0.0.0.0:1": false, ":1": false, "1": false} {
		if got := config.IsLoopback(addr); got != want {
			t.Errorf("IsLoopback(%q) = %v", addr, got)
		}
	}
}
