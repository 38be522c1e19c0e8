package purgerunner

import (
	"encoding/json"
	"net/url"
	"strings"
)

// target is a URL as it goes into a request: two URLs that differ in scheme or fragment only are
// the same to a cache.
type target struct {
	authority string // host, with the port if the URL has one: the Host header
	path      string // path and query, from the first slash on
}

// readTarget returns the URL that a resource-purge event names, or why there is none.
func readTarget(payload []byte) (t target, why string) {
	var event map[string]json.RawMessage // a struct would match keys whatever their case
	var meta map[string]json.RawMessage
	var text *string
	if json.Unmarshal(payload, &event) != nil || json.Unmarshal(event["meta"], &meta) != nil ||
		json.Unmarshal(meta["uri"], &text) != nil || text == nil {
		return target{}, "the payload is no purge event: it has no text in meta.uri"
	}
	return parseTarget(*text)
}

// parseTarget takes a URL apart without changing its bytes: a cache compares them. What could not
// stand in a request line, or is no URL of a web page, is refused.
func parseTarget(text string) (t target, why string) {
	if len(text) > maxURL {
		return target{}, "the URL to purge is longer than any cache accepts"
	}
	for i := range len(text) {
		if text[i] <= ' ' || text[i] == 0x7f {
			return target{}, "the URL to purge has a space or control character in it: it has to be percent-encoded"
		}
	}
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok || !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
		return target{}, "the URL to purge does not begin with http:// or https://: " + quote(text)
	}
	rest, _, _ = strings.Cut(rest, "#")
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	t = target{authority: strings.ToLower(rest[:end]), path: rest[end:]}
	if !strings.HasPrefix(t.path, "/") {
		t.path = "/" + t.path
	}
	u, err := url.Parse("http://" + t.authority)
	if err != nil || u.Hostname() == "" || u.User != nil {
		return target{}, "the URL to purge names no host: " + quote(text)
	}
	for _, c := range []byte(t.authority) {
		if c >= 0x80 {
			return target{}, "the host of the URL to purge is not in ASCII: " + quote(text)
		}
	}
	return t, ""
}

// quote returns the beginning of a URL for an error's text.
func quote(text string) string {
	const most = 200
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}
