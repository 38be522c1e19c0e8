package config_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"auwai/internal/config"
)

func TestWiresOfPurgesAreRead(t *testing.T) {
	c := load(t, `
cdn:
  htcp: ["239.128.0.112:4827", "cache.example:4827"]
  htcp_listen: 0.0.0.0:4827
  purge_listen: 10.0.0.2:6081
  allow_from: [10.0.0.0/8, 192.0.2.7, "2001:db8::/32"]
`, nil)
	want := config.CDN{
		HTCP: []string{"239.128.0.112:4827", "cache.example:4827"}, HTCPListen: "0.0.0.0:4827", PurgeListen: "10.0.0.2:6081",
		AllowFrom: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("2001:db8::/32")},
	}
	if diff := cmp.Diff(want, c.CDN, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Error(diff)
	}
	if !c.CDN.Purges() {
		t.Error("receivers of HTCP are nothing to purge")
	}
	for address, allowed := range map[string]bool{
		"127.0.0.1": true, "::1": true, "::ffff:127.0.0.1": true, "10.1.2.3": true, "::ffff:10.1.2.3": true, "192.0.2.7": true,
		"192.0.2.8": false, "11.0.0.1": false, "2001:db8::1": true, "2001:db9::1": false,
	} {
		if got := c.MayPurge(netip.MustParseAddr(address)); got != allowed {
			t.Errorf("MayPurge(%s) = %v", address, got)
		}
	}
	s := c.Summary()
	if s.Receivers != 2 || len(s.PurgeWires) != 2 {
		t.Errorf("the summary is %+v", s)
	}
}

func TestNetworksThatMayProduceMayPurge(t *testing.T) {
	c := load(t, "cdn: {htcp_listen: \"0.0.0.0:4827\"}\nallow_from: {produce: [10.0.0.0/8], read: [192.0.2.0/24]}\n", nil)
	for address, may := range map[string]bool{"10.1.2.3": true, "127.0.0.1": true, "192.0.2.1": false} {
		if got := c.MayPurge(netip.MustParseAddr(address)); got != may {
			t.Errorf("MayPurge(%s) = %v", address, got)
		}
	}
}

func TestPurgesThatGoNowhereAreWarnedOf(t *testing.T) {
	c := load(t, `cdn: {purge_listen: "127.0.0.1:6081", htcp_listen: "127.0.0.1:4827", rebound: 1s}`, nil)
	text := strings.Join(c.Summary().Warnings, "\n")
	for _, words := range []string{"cdn.purge_listen takes purges that go nowhere", "cdn.htcp_listen takes", "cdn.rebound has no effect"} {
		if !strings.Contains(text, words) {
			t.Errorf("no warning has %q: %s", words, text)
		}
	}
}
