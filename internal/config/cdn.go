package config

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"auwai/internal/fault"
)

// CDN is the caches that purges go to.
type CDN struct {
	// Layers of servers, each "host:port". A PURGE goes to all of the first, then to all of the next.
	Layers [][]string
	// HTCP are receivers, each "host:port", that are told after the layers. Without layers and
	// receivers no purge makes a job.
	HTCP []string
	// Rebound is when a purge is sent once more; 0: never.
	Rebound time.Duration
	// HTCPListen and PurgeListen are where wikis send purges to; "": nowhere.
	HTCPListen  string
	PurgeListen string
	// AllowFrom are the networks whose machines may send them, beside those that may; see MayPurge.
	AllowFrom []netip.Prefix
}

// Purges reports whether there is anything to purge.
func (c *CDN) Purges() bool { return len(c.Layers)+len(c.HTCP) > 0 }

// MayPurge reports whether purges of an address are taken: of loopback, of the networks that may
// produce, and of those that may purge only.
func (c *Config) MayPurge(addr netip.Addr) bool {
	addr = addr.Unmap()
	return c.MaySendPackets(addr) || slices.ContainsFunc(c.CDN.AllowFrom, func(n netip.Prefix) bool { return n.Contains(addr) })
}

const (
	maxLayers    = 10
	maxServers   = 1_000
	maxReceivers = 100
	maxPurgers   = 100
)

func (r *reader) cdn(c *Config, n *yaml.Node, path string) {
	listens := map[string]*yaml.Node{}
	listen := func(dst *string) field {
		return func(n *yaml.Node, at string) {
			if s, ok := r.server(n, at, "127.0.0.1:4827"); ok {
				*dst, listens[at] = s, n
			}
		}
	}
	r.object(n, path, map[string]field{
		"layers":       func(n *yaml.Node, at string) { r.layers(c, n, at) },
		"htcp":         func(n *yaml.Node, at string) { r.receivers(c, n, at) },
		"rebound":      func(n *yaml.Node, at string) { set(&c.CDN.Rebound)(r.duration(n, at, 0, time.Hour)) },
		"htcp_listen":  listen(&c.CDN.HTCPListen),
		"purge_listen": listen(&c.CDN.PurgeListen),
		"allow_from":   func(n *yaml.Node, at string) { r.networks(c, n, at) },
	})
	for _, x := range [...]struct{ key, address string }{
		{"htcp_listen", c.CDN.HTCPListen}, {"purge_listen", c.CDN.PurgeListen},
	} {
		at := under(path, x.key)
		if n := listens[at]; n != nil && !IsLoopback(x.address) && len(c.CDN.AllowFrom) == 0 && !c.packetsMayCome() {
			r.fault(n, at, "%s can be reached from other machines, and nothing says which of them may purge; name their networks "+
				"in cdn.allow_from or allow_from.produce, such as [10.0.0.0/8], or listen on 127.0.0.1", x.address)
		}
	}
	r.circle(c, path, listens)
}

// circle refuses targets that are the service itself: each of its purges would make another.
func (r *reader) circle(c *Config, path string, listens map[string]*yaml.Node) {
	at := under(path, "purge_listen")
	for _, layer := range c.CDN.Layers {
		for _, s := range layer {
			if n := listens[at]; n != nil && s == c.CDN.PurgeListen {
				r.fault(n, at, "%s stands in cdn.layers too: the service would purge itself without end", s)
			}
		}
	}
	at = under(path, "htcp_listen")
	for _, s := range c.CDN.HTCP {
		if n := listens[at]; n != nil && s == c.CDN.HTCPListen {
			r.fault(n, at, "%s stands in cdn.htcp too: the service would purge itself without end", s)
		}
	}
}

// server reads an address "host:port".
func (r *reader) server(n *yaml.Node, at, example string) (string, bool) {
	s, ok := r.text(n, at)
	if !ok {
		return "", false
	}
	if why := wrongServer(s); why != "" {
		r.fault(n, at, "is %q, %s; write it as %s", fault.Short(s), why, example)
		return "", false
	}
	return s, true
}

func (r *reader) receivers(c *Config, n *yaml.Node, path string) {
	seen := map[string]string{}
	r.list(n, path, "addresses", func(n *yaml.Node, at string) {
		s, ok := r.server(n, at, "127.0.0.1:4827")
		if !ok {
			return
		}
		if first, twice := seen[s]; twice {
			r.fault(n, at, "%s stands at %s already", s, first)
			return
		}
		seen[s] = at
		c.CDN.HTCP = append(c.CDN.HTCP, s)
	})
	if len(c.CDN.HTCP) > maxReceivers {
		r.fault(n, path, "%d receivers; at most %d are allowed, or one multicast group", len(c.CDN.HTCP), maxReceivers)
	}
}

func (r *reader) networks(c *Config, n *yaml.Node, path string) {
	r.list(n, path, "networks", func(n *yaml.Node, at string) {
		s, ok := r.text(n, at)
		if !ok {
			return
		}
		p, err := netip.ParsePrefix(s)
		if err != nil {
			if a, wrong := netip.ParseAddr(s); wrong == nil && a.Zone() == "" {
				p, err = netip.PrefixFrom(a, a.BitLen()), nil
			}
		}
		if err != nil {
			r.fault(n, at, "is %q, which is no network; write it as 10.0.0.0/8 or 192.0.2.7", fault.Short(s))
			return
		}
		if p != p.Masked() {
			r.fault(n, at, "is %s, which names a machine and a network; write %s, or %s for the machine alone", p, p.Masked(), p.Addr())
			return
		}
		c.CDN.AllowFrom = append(c.CDN.AllowFrom, p)
	})
	if len(c.CDN.AllowFrom) > maxPurgers {
		r.fault(n, path, "%d networks; at most %d are allowed", len(c.CDN.AllowFrom), maxPurgers)
	}
}

func (r *reader) layers(c *Config, n *yaml.Node, path string) {
	seen := map[string]string{}
	servers := 0
	r.list(n, path, "lists of addresses", func(n *yaml.Node, at string) {
		var layer []string
		r.list(n, at, "addresses", func(n *yaml.Node, at string) {
			s, ok := r.server(n, at, "127.0.0.1:6081")
			if !ok {
				return
			}
			if first, twice := seen[s]; twice {
				r.fault(n, at, "%s stands at %s already", s, first)
				return
			}
			seen[s] = at
			layer = append(layer, s)
			servers++
		})
		if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
			r.fault(n, at, "is a layer without servers; leave it out")
		}
		c.CDN.Layers = append(c.CDN.Layers, layer)
	})
	if len(c.CDN.Layers) > maxLayers || servers > maxServers {
		r.fault(n, path, "%d layers with %d servers; at most %d and %d are allowed", len(c.CDN.Layers), servers, maxLayers, maxServers)
	}
}

// wrongServer says why s is no server, "" when it is one.
func wrongServer(s string) string {
	if strings.Contains(s, "/") {
		return "which is more than an address and a port"
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return "which has no port"
	}
	if p, err := strconv.ParseUint(port, 10, 16); err != nil || p == 0 {
		return "whose port is no number from 1 to 65535"
	}
	if !isName(host) {
		return "whose host is neither a name nor an address"
	}
	return ""
}
