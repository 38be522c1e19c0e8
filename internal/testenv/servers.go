package testenv

import (
	"context"
	"errors"
	"sync"
	"testing"
)

// Servers are the servers that the tests of one binary share: each is started by the first test that
// asks for it and ends in Close, which TestMain calls after the tests. A shared server is never
// killed, stopped or configured by a test. The zero value has none. It is safe for concurrent use.
type Servers struct {
	mu       sync.Mutex
	mariadb  *MariaDBServer    // Guarded by mu, as all below.
	galera   []*MariaDBServer  //
	postgres *PostgreSQLServer //
}

// MariaDB returns the shared MariaDB server.
func (s *Servers) MariaDB(tb testing.TB) *MariaDBServer {
	tb.Helper()
	Need(tb, NameMariaDB)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mariadb == nil {
		server, err := StartMariaDB(context.WithoutCancel(tb.Context()))
		if err != nil {
			tb.Fatal(err)
		}
		s.mariadb = server
	}
	return s.mariadb
}

// Galera returns the nodes of the shared cluster of three.
func (s *Servers) Galera(tb testing.TB) []*MariaDBServer {
	tb.Helper()
	Need(tb, NameGalera)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.galera == nil {
		nodes, err := StartGalera(context.WithoutCancel(tb.Context()), 3)
		if err != nil {
			tb.Fatal(err)
		}
		s.galera = nodes
	}
	return s.galera
}

// PostgreSQL returns the shared PostgreSQL server.
func (s *Servers) PostgreSQL(tb testing.TB) *PostgreSQLServer {
	tb.Helper()
	Need(tb, NamePostgreSQL)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.postgres == nil {
		server, err := StartPostgreSQL(context.WithoutCancel(tb.Context()))
		if err != nil {
			tb.Fatal(err)
		}
		s.postgres = server
	}
	return s.postgres
}

// Close ends the servers.
func (s *Servers) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	errs := []error{closeNodes(s.galera)}
	if s.mariadb != nil {
		errs = append(errs, s.mariadb.Close())
	}
	if s.postgres != nil {
		errs = append(errs, s.postgres.Close())
	}
	s.mariadb, s.galera, s.postgres = nil, nil, nil
	return errors.Join(errs...)
}
