package config

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"auwai/internal/access"
	"auwai/internal/fault"
)

// defaultPoll is how often a wiki is asked for jobs of its own table: what the feed of its edits does
// not tell of (a lost packet, a job that failed) waits no longer than cron's smallest step.
const defaultPoll = time.Minute

// runners are the kinds that the file may name.
func runners() []string {
	return []string{RunnerAuwai, RunnerEventBus, RunnerEventBusRPC, RunnerSpecialRunJobs, RunnerWorker}
}

// rcFeedListen reads the address of RCFeed packets. It is read after the networks that may send them.
func (r *reader) rcFeedListen(c *Config, n *yaml.Node, path string) {
	s, ok := r.text(n, path)
	if !ok {
		return
	}
	if err := c.checkRCFeedListen(s); err != nil {
		r.fault(n, path, "%s", strings.TrimPrefix(err.Error(), "rcfeed_listen: "))
		return
	}
	c.RCFeedListen = s
}

// checkRCFeedListen refuses an address that packets may not come to: one beyond loopback while no
// network may send, since a packet can carry no token.
func (c *Config) checkRCFeedListen(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fault.Field("rcfeed_listen", "%q is no address; write it as 127.0.0.1:8193", addr)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fault.Field("rcfeed_listen", "%q has the port %q; a number up to 65535 is expected", addr, port)
	}
	if host != "" && !isName(host) {
		return fault.Field("rcfeed_listen", "%q has the host %q, which is neither a name nor an address", addr, host)
	}
	if IsLoopback(addr) || c.packetsMayCome() {
		return nil
	}
	return fault.Field("rcfeed_listen", "%q can be reached from other machines, and nothing says which of them may send; "+
		"a packet can carry no token: name their networks in allow_from.produce, such as [10.0.0.0/8], or listen on 127.0.0.1", addr)
}

// packetsMayCome reports whether there are networks that may produce.
func (c *Config) packetsMayCome() bool {
	return slices.ContainsFunc(c.Access.Networks, func(n access.Network) bool { return n.Role == access.Produce })
}

// MaySendPackets reports whether RCFeed packets of an address are taken: of loopback, and of the
// networks that may produce.
func (c *Config) MaySendPackets(addr netip.Addr) bool {
	if addr.Unmap().IsLoopback() {
		return true
	}
	grant, err := c.Access.Policy.Of("", addr, false)
	return err == nil && grant.May(access.Produce)
}

// stockFields reads the keys of a wiki that only some runners have. They are checked against the
// runner when the whole wiki is read, since keys come in any order.
func (r *reader) stockFields(w *Wiki, fields map[string]field) (check func()) {
	var poll, rpc *yaml.Node
	var pollAt, rpcAt string
	fields["poll"] = func(n *yaml.Node, at string) {
		poll, pollAt = n, at
		set(&w.Poll)(r.duration(n, at, time.Second, day))
	}
	fields["rpc_path"] = func(n *yaml.Node, at string) {
		rpc, rpcAt = n, at
		r.rpcPath(w, n, at)
	}
	return func() {
		if w.Runner == "" {
			return // a fault already
		}
		if poll != nil && w.Runner != RunnerSpecialRunJobs {
			r.fault(poll, pollAt, "is for the runner special-runjobs, and this wiki has %s; remove it", w.Runner)
		}
		if rpc != nil && w.Runner != RunnerEventBusRPC {
			r.fault(rpc, rpcAt, "is for the runner eventbus-rpc, and this wiki has %s; remove it", w.Runner)
		}
		if w.Runner == RunnerSpecialRunJobs && w.Poll == 0 {
			w.Poll = defaultPoll
		}
	}
}

func (r *reader) rpcPath(w *Wiki, n *yaml.Node, path string) {
	s, ok := r.text(n, path)
	if !ok {
		return
	}
	if !strings.HasPrefix(s, "/") || s == "/" || strings.ContainsAny(s, "?# ") {
		r.fault(n, path, "is %q; a path such as /rpc/RunSingleJob.php is expected, from the server's root", fault.Short(s))
		return
	}
	w.RPCPath = s
}

// secretFault says what is missing when a runner has no secret.
func secretFault(runner string) string {
	switch runner {
	case RunnerAuwai:
		return "has no secret_file, which the runner auwai signs its requests with; the extension's maintenance/secret.php prints the secret"
	case RunnerSpecialRunJobs:
		return "has no secret_file, which the runner special-runjobs signs its requests with; write the wiki's $wgSecretKey into a file and name it"
	}
	return ""
}
