package config

import (
	"net"
	"net/netip"
	"strconv"
	"strings"

	"auwai/internal/fault"
)

// CheckListen refuses an address that the HTTP interface may not be on: one beyond loopback while
// there are neither tokens nor networks, since whoever reaches the interface could do everything.
func (c *Config) CheckListen(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fault.Field("listen", "%q is no address; write it as 127.0.0.1:8192", addr)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fault.Field("listen", "%q has the port %q; a number up to 65535 is expected (found %d)", addr, port, n)
	}
	if IsLoopback(addr) {
		return nil
	}
	if host != "" && !isName(host) {
		return fault.Field("listen", "%q has the host %q, which is neither a name nor an address", addr, host)
	}
	if c.Access.guarded() {
		return nil
	}
	if host == "" {
		host = "every address of the machine"
	}
	return fault.Field("listen", "%q is refused: %s is not loopback, and without tokens and allow_from whoever reaches "+
		"the interface may do everything; make a token with \"auwai tokens new\", or use 127.0.0.1 or [::1]", addr, host)
}

// IsLoopback reports whether only this machine reaches an address of the HTTP interface.
func IsLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// isHost reports whether s may be a host name or address, with or without a port.
func isHost(s string) bool {
	host := s
	if h, port, err := net.SplitHostPort(s); err == nil {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return false
		}
		host = h
	} else if ip, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return ip.Is4() || strings.HasPrefix(s, "[")
	}
	return isName(host)
}

// isName reports whether s may be a host name or an address. Underscores are allowed: containers have
// them.
func isName(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	if s == "" || len(s) > 253 || strings.Contains(s, "..") || strings.HasPrefix(s, ".") {
		return false
	}
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && c != '-' && c != '.' && c != '_' {
			return false
		}
	}
	return true
}

// hostOnly returns a host without its port, in lower case, as domains are compared.
func hostOnly(s string) string {
	if h, _, err := net.SplitHostPort(s); err == nil {
		s = h
	}
	return strings.ToLower(strings.Trim(s, "[]"))
}
