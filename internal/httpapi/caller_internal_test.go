package httpapi

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"auwai/internal/access"
)

// Whatever stands around it, the token of a path is found, is not left in the request, and the rest is
// the path without it.
func FuzzTheTokenOfAPathIsTakenOut(f *testing.F) {
	f.Add("/", "/v1/events")
	f.Add("//", "")
	f.Add("/", "/v1/jobs/a%2Fb.1?x=/t/y")
	f.Add("/", "//t/x")
	f.Fuzz(func(t *testing.T, before, after string) {
		token := access.NewToken([access.SecretBytes]byte{1})
		if strings.Trim(before, "/") != "" || before == "" || after != "" && after[0] != '/' {
			return // no path with a token
		}
		u, err := url.ParseRequestURI("/t" + before + token + after)
		if err != nil || strings.Contains(after, token) {
			return // no URL that a server would get
		}
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		request.URL = u
		got, found := takeToken(request)
		if found != token {
			t.Fatalf("found %q in %q", found, u)
		}
		if text := got.URL.String() + got.RequestURI + got.URL.Path; strings.Contains(text, token) {
			t.Errorf("the token is left in %q", text)
		}
		plain, err := url.ParseRequestURI("/" + strings.TrimLeft(after, "/"))
		if err != nil {
			t.Fatalf("%q is no URL without its token: %v", u, err)
		}
		if got.URL.Path != plain.Path || got.URL.EscapedPath() != plain.EscapedPath() || got.URL.RawQuery != plain.RawQuery {
			t.Errorf("of %q is left %q, want %q", u, got.URL, plain)
		}
		if request.URL.EscapedPath() != u.EscapedPath() {
			t.Error("the request itself was changed")
		}
	})
}

func BenchmarkTakeToken(b *testing.B) {
	token := access.NewToken([access.SecretBytes]byte{1})
	p, err := access.New([]access.Token{{Name: "a", Hash: access.HashOf(token), Roles: access.AllRoles}}, nil)
	if err != nil {
		b.Fatal(err)
	}
	r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/t/"+token+"/v1/events", nil)
	for b.Loop() {
		_, found := takeToken(r)
		if _, err := p.Of(found, netip.Addr{}, false); err != nil {
			b.Fatal(err)
		}
	}
}
