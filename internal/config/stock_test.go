package config_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"auwai/internal/config"
)

func TestWikisWithoutAnExtensionOfOursAreRead(t *testing.T) {
	c := load(t, `
rcfeed_listen: 127.0.0.1:8193
wikis:
  stock: {url: "http://127.0.0.1:8080", host: stock.localhost, runner: special-runjobs, secret_file: key}
  often: {url: "http://127.0.0.1:8080", host: often.localhost, poll: 5s, runner: special-runjobs, secret_file: key}
  rpc: {url: "http://127.0.0.1:8080", host: rpc.localhost, runner: eventbus-rpc, rpc_path: /internal/run.php}
`, map[string]string{"key": "the key\n"})
	if c.RCFeedListen != "127.0.0.1:8193" {
		t.Errorf("rcfeed_listen = %q", c.RCFeedListen)
	}
	stock, often, rpc := c.Wikis["stock"], c.Wikis["often"], c.Wikis["rpc"]
	if stock.Runner != config.RunnerSpecialRunJobs || stock.Poll != time.Minute || string(stock.Secret) != "the key" {
		t.Errorf("%+v", stock)
	}
	if often.Poll != 5*time.Second {
		t.Errorf("%+v", often)
	}
	if rpc.Runner != config.RunnerEventBusRPC || rpc.RPCPath != "/internal/run.php" || rpc.Poll != 0 {
		t.Errorf("%+v", rpc)
	}
	s := c.Summary()
	if s.RCFeed != c.RCFeedListen || s.Runners["special-runjobs"] != 2 || s.Runners["eventbus-rpc"] != 1 {
		t.Errorf("%+v", s)
	}
}

func TestAFeedThatWakesNobodyIsWorthAWarning(t *testing.T) {
	c := load(t, "rcfeed_listen: 127.0.0.1:8193\n", nil)
	if w := strings.Join(c.Summary().Warnings, "\n"); !strings.Contains(w, "rcfeed_listen has no effect") {
		t.Errorf("warnings: %s", w)
	}
}

func TestPacketsAreTakenOfThisMachineAndOfNetworksThatMayProduce(t *testing.T) {
	for text, wrong := range map[string]bool{
		"rcfeed_listen: 127.0.0.1:8193":                                    false,
		"rcfeed_listen: localhost:1":                                       false,
		"rcfeed_listen: \"[::1]:0\"":                                       false,
		"rcfeed_listen: 0.0.0.0:8193":                                      true,
		"rcfeed_listen: 0.0.0.0:8193\nallow_from: {read: [10.0.0.0/8]}":    true,
		"rcfeed_listen: 0.0.0.0:8193\nallow_from: {produce: [10.0.0.0/8]}": false,
		"allow_from: {produce: [10.0.0.0/8]}\nrcfeed_listen: \":8193\"":    false,
		"rcfeed_listen: 127.0.0.1":                                         true,
		"rcfeed_listen: 127.0.0.1:many":                                    true,
		"rcfeed_listen: \"a b:1\"\nallow_from: {produce: [10.0.0.0/8]}":    true,
	} {
		_, err := config.Load(write(t, text, nil))
		if (err != nil) != wrong || err != nil && !strings.Contains(err.Error(), "rcfeed_listen") {
			t.Errorf("%q: %v", text, err)
		}
	}
	c := load(t, "allow_from: {produce: [10.0.0.0/8], read: [192.0.2.0/24]}", nil)
	for addr, may := range map[string]bool{
		"127.0.0.1": true, "::1": true, "::ffff:127.0.0.1": true, "10.1.2.3": true, "::ffff:10.1.2.3": true,
		"192.0.2.1": false, "11.0.0.1": false,
	} {
		if got := c.MaySendPackets(netip.MustParseAddr(addr)); got != may {
			t.Errorf("MaySendPackets(%s) = %v", addr, got)
		}
	}
}
