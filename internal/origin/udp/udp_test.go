package udp_test

import (
	"context"
	"encoding/json"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"auwai/internal/fault"
	"auwai/internal/origin/udp"
)

// The packets are those of a MediaWiki 1.39.
const (
	editJSON = `{"id":7,"type":"edit","namespace":0,"title":"Page 1","comment":"","timestamp":1760000000,"user":"RigBot","bot":false,` +
		`"minor":false,"length":{"old":10,"new":12},"revision":{"old":6,"new":8},"server_url":"http://aawiki.localhost:8080",` +
		`"server_name":"aawiki.localhost","server_script_path":"/w","wiki":"aawiki"}`
	editIRC = "\x0314[[\x0307Page 1\x0314]]\x034 M\x0310 \x0302http://AAwiki.localhost:8080/w/index.php?diff=8&oldid=6\x03 " +
		"\x035*\x03 \x0303RigBot\x03 \x035*\x03 (+2) \x0310the comment\x03\n"
	logIRC = "\x0314[[\x0307Special:Log/move\x0314]]\x034 move\x0310 \x0302\x03 \x035*\x03 \x0303RigBot\x03 \x035*\x03  " +
		"\x0310moved [[\x0302Page 1\x0310]] to [[Page 2]]\x03\n"
)

func TestBothFormatsOfMediaWikiNameTheWiki(t *testing.T) {
	for packet, want := range map[string]udp.Name{
		editJSON:                          {Wiki: "aawiki", Domain: "aawiki.localhost"},
		"aawiki " + editJSON + "\n":       {Prefix: "aawiki", Wiki: "aawiki", Domain: "aawiki.localhost"},
		editIRC:                           {Domain: "aawiki.localhost"},
		"bbwiki " + editIRC:               {Prefix: "bbwiki", Domain: "aawiki.localhost"},
		logIRC:                            {},
		"aawiki " + logIRC:                {Prefix: "aawiki"},
		"aawiki " + editJSON[:200] + "\n": {Prefix: "aawiki"}, // cut off, as MediaWiki does at 64 KiB
		editJSON[:200]:                    {},
		`{"server_url":"//b.example.org","wiki":7}`: {Domain: "b.example.org"},
		`{"Wiki":"x","wiki":""}`:                    {},
		"":                                          {},
		"hello":                                     {},
		"hello there":                               {},
		"\x0302":                                    {},
	} {
		if diff := cmp.Diff(want, udp.Parse([]byte(packet))); diff != "" {
			t.Errorf("Parse(%q): %s", packet, diff)
		}
	}
}

// FuzzParse: a name can be logged and compared, and what a wiki says in JSON is found with any prefix.
func FuzzParse(f *testing.F) {
	f.Add([]byte(editJSON), "")
	f.Add([]byte(editIRC), "aawiki")
	f.Add([]byte(logIRC), "a.example.org")
	f.Fuzz(func(t *testing.T, packet []byte, wiki string) {
		n := udp.Parse(packet)
		for _, s := range []string{n.Prefix, n.Wiki, n.Domain} {
			if len(s) > 255 || strings.ContainsAny(s, "\x00\x03\n\r") || strings.TrimSpace(s) != s {
				t.Fatalf("Parse(%q) = %+v", packet, n)
			}
		}
		if n.Domain != strings.ToLower(n.Domain) {
			t.Fatalf("Parse(%q) = %+v", packet, n)
		}
		text, err := json.Marshal(map[string]string{"wiki": wiki})
		if err != nil {
			t.Fatal(err)
		}
		alone := udp.Parse(text)
		if alone.Wiki != "" && alone.Wiki != wiki && utf8.ValidString(wiki) {
			t.Fatalf("Parse(%s) = %+v", text, alone)
		}
		if behind := udp.Parse(append([]byte("pre "), text...)); behind.Prefix != "pre" || behind.Wiki != alone.Wiki {
			t.Fatalf("Parse(pre %s) = %+v", text, behind)
		}
	})
}

func TestPacketsReachTheHintInTheirOrderAndAreCounted(t *testing.T) {
	var allowed atomic.Bool
	allowed.Store(true)
	hints, counted := make(chan udp.Name, 10), make(chan udp.Outcome, 10)
	r, err := udp.Listen(t.Context(), "127.0.0.1:0", udp.Config{
		Hint: func(n udp.Name) udp.Outcome {
			hints <- n
			if n.Wiki == "" {
				return udp.Unknown
			}
			return udp.Woke
		},
		OnPacket: func(o udp.Outcome) { counted <- o },
		Allowed:  func(a netip.Addr) bool { return a.IsLoopback() && allowed.Load() },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	wiki, err := new(net.Dialer).DialContext(t.Context(), "udp", r.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer wiki.Close()
	for _, packet := range []string{editJSON, "noise", editIRC} {
		if _, err := wiki.Write([]byte(packet)); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []udp.Outcome{udp.Woke, udp.Unreadable, udp.Unknown} {
		if got := <-counted; got != want {
			t.Errorf("outcome = %s, want %s", got, want)
		}
	}
	if n := <-hints; n.Wiki != "aawiki" {
		t.Errorf("hint = %+v", n)
	}
	if n := <-hints; n.Domain != "aawiki.localhost" {
		t.Errorf("hint = %+v", n)
	}
	allowed.Store(false)
	if _, err := wiki.Write([]byte(editJSON)); err != nil {
		t.Fatal(err)
	}
	if got := <-counted; got != udp.Refused || len(hints) != 0 {
		t.Errorf("outcome = %s, want refused", got)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run = %v", err)
	}
	if err := r.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
}

func TestAnAddressThatIsTakenIsSaid(t *testing.T) {
	first, err := udp.Listen(t.Context(), "127.0.0.1:0", udp.Config{Hint: func(udp.Name) udp.Outcome { return udp.Woke }})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close() //nolint:errcheck // nothing was read
	_, err = udp.Listen(t.Context(), first.Addr().String(), udp.Config{})
	if fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "rcfeed_listen") {
		t.Errorf("Listen = %v", err)
	}
}
