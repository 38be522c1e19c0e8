package access

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// AddressOf reads the remote address of a connection. One of a unix socket has none, and is local.
func AddressOf(remote string) (addr netip.Addr, local bool) {
	if remote == "" || strings.HasPrefix(remote, "@") || strings.HasPrefix(remote, "/") {
		return netip.Addr{}, true
	}
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}, false
	}
	return ap.Addr(), false
}

// FromBrowser reports whether a request carries what every browser adds by itself. Only there can a
// name that a web page's owner chose lead to a loopback address. Programs name us as they know us: a
// wiki behind a proxy that keeps the Host header must not lose its events to a refusal.
//
// Sec-Fetch-Site is not enough: a browser leaves it out where it does not trust the URL, and it does
// not trust plain HTTP to a rebound name (Fetch Metadata, section 2). Reading there has no Origin
// either. Accept-Language is always added (Fetch, HTTP-network-or-cache fetch), and a page can change
// it but not take it away.
func FromBrowser(r *http.Request) bool {
	for _, name := range []string{"Sec-Fetch-Site", "Origin", "Accept-Language"} {
		if _, ok := r.Header[name]; ok {
			return true
		}
	}
	return false
}

// KnownHost reports whether a Host header is a loopback name or address, or that of the address
// listened on, or, where that is beyond loopback, any address: a page whose name leads here has that
// name as its Host. HTTP/1.0 has none.
func KnownHost(header, listen string) bool {
	if header == "" {
		return true
	}
	host, own := hostOf(header), hostOf(listen)
	if host == own || host == "localhost" || strings.HasSuffix(host, ".localhost") || isLoopback(host) {
		return true
	}
	_, err := netip.ParseAddr(host)
	return err == nil && !isLoopback(own)
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
