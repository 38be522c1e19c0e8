package httpapi

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"auwai/internal/fault"
)

// guarded refuses what a browser should not send; see the package comment.
func (s *server) guarded(next http.Handler) http.Handler {
	var origins http.CrossOriginProtection
	own := ""
	if s.Listen != "" {
		own = hostOf(s.Listen)
	}
	near := isLoopback(own)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if callerOf(r).token { // it is not trusted for where it comes from, and no page of another knows it
			next.ServeHTTP(w, r)
			return
		}
		if s.Listen != "" && fromBrowser(r) && !knownHost(r.Host, own, near) {
			s.problem(w, r, http.StatusMisdirectedRequest, "forbidden", "Host",
				"the request names the host "+fault.Short(r.Host)+"; use an address, such as "+s.Listen+", or send a token")
			return
		}
		if err := origins.Check(r); err != nil {
			s.problem(w, r, http.StatusForbidden, "forbidden", "Origin", "a web page of another origin may not do this")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// fromBrowser reports whether a request carries what every browser adds by itself. Only there can a
// name that a web page's owner chose lead to a loopback address. Programs name us as they know us: a
// wiki behind a proxy that keeps the Host header must not lose its events to a refusal.
//
// Sec-Fetch-Site is not enough: a browser leaves it out where it does not trust the URL, and it does
// not trust plain HTTP to a rebound name (Fetch Metadata, section 2). Reading there has no Origin
// either. Accept-Language is always added (Fetch, HTTP-network-or-cache fetch), and a page can change
// it but not take it away.
func fromBrowser(r *http.Request) bool {
	for _, name := range []string{"Sec-Fetch-Site", "Origin", "Accept-Language"} {
		if _, ok := r.Header[name]; ok {
			return true
		}
	}
	return false
}

// knownHost reports whether a Host header is a loopback name or address, or own, or, unless the
// interface is near, any address: a page whose name leads here has that name as its Host. HTTP/1.0 has
// none.
func knownHost(header, own string, near bool) bool {
	if header == "" {
		return true
	}
	host := hostOf(header)
	if host == own || host == "localhost" || strings.HasSuffix(host, ".localhost") || isLoopback(host) {
		return true
	}
	_, err := netip.ParseAddr(host)
	return err == nil && !near
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// hostOf returns a host without port and brackets, in lower case.
func hostOf(s string) string {
	if host, _, err := net.SplitHostPort(s); err == nil {
		s = host
	}
	return strings.TrimSuffix(strings.ToLower(strings.Trim(s, "[]")), ".")
}
