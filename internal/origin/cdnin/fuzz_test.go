package cdnin

import (
	"net/url"
	"strings"
	"testing"

	"auwai/internal/event"
)

// A URL that is taken is in the event as it came, with the host that net/url finds in it.
func FuzzHostOf(f *testing.F) {
	for _, s := range []string{
		"http://wiki.example/wiki/A", "HTTPS://Wiki.Example:8443?x=/y#z", "http://[::1]:80/", "http://a@b/", "http://é/", `http://a/"\<&>`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		host, err := hostOf(text)
		if err != nil {
			return
		}
		if u, err := url.Parse(text); err == nil && strings.ToLower(u.Hostname()) != host {
			t.Fatalf("hostOf(%q) = %q, net/url says %q", text, host, u.Hostname())
		}
		b, err := body([]*purge{{url: text, host: host, id: "i"}}, "http")
		if err != nil {
			t.Fatal(err)
		}
		items, err := event.Parse(b, 1)
		if err != nil || len(items) != 1 || items[0].Err != nil {
			t.Fatalf("the event of %q is not read: %v, %v", text, err, items)
		}
		if e := items[0].Event; e.URI != text || e.Domain != host || e.Stream != event.PurgeStream {
			t.Fatalf("the event of %q is %+v", text, e)
		}
	})
}
