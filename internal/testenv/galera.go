package testenv

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
)

// portTries is how often a cluster is started with new ports: a port that was free when it was
// chosen can be taken by another program before the node listens on it.
const portTries = 3

// Galera starts a cluster of n MariaDB servers that ends with the test.
func Galera(tb testing.TB, n int) []*MariaDBServer {
	tb.Helper()
	Need(tb, NameGalera)
	nodes, err := StartGalera(tb.Context(), n)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { cleanup(tb, func() error { return closeNodes(nodes) }) })
	return nodes
}

// StartGalera starts a cluster of n servers, all of them synchronized; the caller closes each.
func StartGalera(ctx context.Context, n int) ([]*MariaDBServer, error) {
	var failures []error
	for range portTries {
		nodes, err := startGalera(ctx, n)
		if err == nil {
			return nodes, nil
		}
		failures = append(failures, err, closeNodes(nodes))
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(failures...)
}

func startGalera(ctx context.Context, n int) ([]*MariaDBServer, error) {
	provider, err := galeraProvider()
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(3 * n)
	if err != nil {
		return nil, err
	}
	members := make([]string, n)
	for i := range n {
		members[i] = fmt.Sprintf("127.0.0.1:%d", ports[3*i])
	}
	var nodes []*MariaDBServer
	for i := range n {
		node, err := newMariaDB(ctx, galeraArgs(provider, members, ports[3*i:3*i+3]))
		if err != nil {
			return nodes, err
		}
		nodes = append(nodes, node)
		node.ready = append(node.ready, "Synchronized with group")
		if err := node.join(ctx, i == 0); err != nil {
			return nodes, err
		}
	}
	return nodes, nil
}

// join starts the node. The first one makes the cluster, but only at its first start.
func (s *MariaDBServer) join(ctx context.Context, first bool) error {
	if !first {
		return s.Start(ctx)
	}
	args := s.args
	s.args = append([]string{"--wsrep-new-cluster"}, args...)
	err := s.Start(ctx)
	s.args = args
	if err != nil {
		return err
	}
	return s.createDatabase(ctx)
}

// galeraArgs returns the options of one node; its ports are for the group, incremental transfer and
// full transfer.
func galeraArgs(provider string, members []string, ports []int) []string {
	options := strings.Join([]string{
		"base_host=127.0.0.1",
		fmt.Sprintf("base_port=%d", ports[0]),
		fmt.Sprintf("gmcast.listen_addr=tcp://127.0.0.1:%d", ports[0]),
		fmt.Sprintf("ist.recv_addr=127.0.0.1:%d", ports[1]),
		"gcache.size=32M",
	}, ";")
	return []string{
		"--wsrep-on=ON",
		"--wsrep-provider=" + provider,
		"--wsrep-cluster-name=auwai",
		"--wsrep-cluster-address=gcomm://" + strings.Join(members, ","),
		"--wsrep-node-address=127.0.0.1",
		"--wsrep-node-incoming-address=127.0.0.1",
		fmt.Sprintf("--wsrep-sst-receive-address=127.0.0.1:%d", ports[2]),
		"--wsrep-sst-method=rsync",
		"--wsrep-provider-options=" + options,
		"--binlog-format=ROW",
		"--innodb-autoinc-lock-mode=2",
	}
}

// freePorts returns n ports of the loopback address that are free now.
func freePorts(n int) ([]int, error) {
	// All stay open until the last is chosen, so that no port is given twice.
	listeners := make([]net.Listener, 0, n)
	defer func() {
		for _, l := range listeners {
			_ = l.Close() // it never accepted, so there is nothing to lose
		}
	}()
	ports := make([]int, 0, n)
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("look for a free port: %w", err)
		}
		listeners = append(listeners, l)
		address, err := net.ResolveTCPAddr("tcp", l.Addr().String())
		if err != nil {
			return nil, fmt.Errorf("read a listener's port: %w", err)
		}
		ports = append(ports, address.Port)
	}
	return ports, nil
}

func closeNodes(nodes []*MariaDBServer) error {
	var errs []error
	for _, node := range nodes {
		errs = append(errs, node.Close())
	}
	return errors.Join(errs...)
}

func galeraProvider() (string, error) {
	return find("libgalera_smm.so", "galera-4", "/usr/lib/galera", "/usr/lib64/galera-4")
}
