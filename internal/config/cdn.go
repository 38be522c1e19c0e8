package config

import (
	"net"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// CDN is the caches that purges go to.
type CDN struct {
	// Layers of servers, each "host:port". A PURGE goes to all of the first, then to all of the next.
	// Without layers no purge makes a job.
	Layers [][]string
	// Rebound is when a purge is sent once more; 0: never.
	Rebound time.Duration
}

const (
	maxLayers  = 10
	maxServers = 1_000
)

func (r *reader) cdn(c *Config, n *yaml.Node, path string) {
	r.object(n, path, map[string]field{
		"layers":  func(n *yaml.Node, at string) { r.layers(c, n, at) },
		"rebound": func(n *yaml.Node, at string) { set(&c.CDN.Rebound)(r.duration(n, at, 0, time.Hour)) },
	})
}

func (r *reader) layers(c *Config, n *yaml.Node, path string) {
	seen := map[string]string{}
	servers := 0
	r.list(n, path, "lists of addresses", func(n *yaml.Node, at string) {
		var layer []string
		r.list(n, at, "addresses", func(n *yaml.Node, at string) {
			s, ok := r.text(n, at)
			if !ok {
				return
			}
			if why := wrongServer(s); why != "" {
				r.fault(n, at, "is %q, %s; write it as 127.0.0.1:6081", short(s), why)
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
