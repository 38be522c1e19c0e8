package testenv

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// socketName is the name that PostgreSQL gives its unix socket for the port below.
const (
	postgresPort = 5432
	socketName   = ".s.PGSQL.5432"
)

// PostgreSQLServer is one private PostgreSQL server. Its methods are for one goroutine at a time.
type PostgreSQLServer struct {
	programs postgresPaths
	folder   string
	settings []string
	cred     *syscall.Credential
	process  *process // nil while stopped
}

// PostgreSQL starts a server that ends with the test. The settings are given on the server's command
// line, for instance "fsync=off".
func PostgreSQL(tb testing.TB, settings ...string) *PostgreSQLServer {
	tb.Helper()
	Need(tb, NamePostgreSQL)
	s, err := StartPostgreSQL(tb.Context(), settings...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { cleanup(tb, s.Close) })
	return s
}

// StartPostgreSQL starts a server; the caller closes it.
func StartPostgreSQL(ctx context.Context, settings ...string) (*PostgreSQLServer, error) {
	s, err := newPostgreSQL(ctx, settings)
	if err != nil {
		return nil, err
	}
	if err := s.Start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Socket returns the path of the server's unix socket.
func (s *PostgreSQLServer) Socket() string { return filepath.Join(s.folder, socketName) }

// DSN returns a connection string for pgx, by the unix socket.
func (s *PostgreSQLServer) DSN() string {
	return fmt.Sprintf("host=%s port=%d user=auwai dbname=postgres", s.folder, postgresPort)
}

// DSNThrough returns a connection string that leads through a proxy in front of Socket.
func (s *PostgreSQLServer) DSNThrough(p *Proxy) string {
	host, port, err := net.SplitHostPort(p.Addr())
	if err != nil {
		panic("testenv: the proxy's own address is malformed: " + err.Error())
	}
	return fmt.Sprintf("host=%s port=%s user=auwai dbname=postgres sslmode=disable", host, port)
}

// Start starts the stopped server on the data it had and returns when it is ready.
//
// After Kill the old server's children end when they notice that it is gone. Until then the shared
// memory is in use and the new one refuses to start, so it is started again, for startLimit.
func (s *PostgreSQLServer) Start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	args := []string{
		"-D", s.dataFolder(), "-k", s.folder, "-p", fmt.Sprint(postgresPort),
		"-c", "listen_addresses=",
		"-c", "max_connections=100",
	}
	for _, setting := range s.settings {
		args = append(args, "-c", setting)
	}
	for {
		p, err := start(ctx, command{
			name: NamePostgreSQL, path: s.programs.server, args: args, cred: s.cred,
			env:   []string{"LC_ALL=C"},
			ready: []string{"database system is ready to accept connections"},
		})
		if err == nil {
			s.process = p
			return nil
		}
		if !strings.Contains(err.Error(), "pre-existing shared memory block") || ctx.Err() != nil {
			return err
		}
	}
}

// Kill ends the server at once, as a crash of its first process would.
func (s *PostgreSQLServer) Kill() {
	if s.process != nil {
		s.process.kill()
		s.process = nil
	}
}

// Stop ends the server in good order without waiting for its clients.
func (s *PostgreSQLServer) Stop() {
	if s.process != nil {
		s.process.stop(syscall.SIGINT)
		s.process = nil
	}
}

// Close ends the server and removes its data.
func (s *PostgreSQLServer) Close() error {
	s.Stop()
	if err := os.RemoveAll(s.folder); err != nil {
		return fmt.Errorf("remove the data of %s: %w", NamePostgreSQL, err)
	}
	return nil
}

func (s *PostgreSQLServer) dataFolder() string { return filepath.Join(s.folder, "data") }

func newPostgreSQL(ctx context.Context, settings []string) (*PostgreSQLServer, error) {
	programs, err := postgresPrograms()
	if err != nil {
		return nil, err
	}
	cred, err := credential("postgres")
	if err != nil {
		return nil, err
	}
	folder, err := makeFolder("pg", cred)
	if err != nil {
		return nil, err
	}
	s := &PostgreSQLServer{
		programs: programs, folder: folder, settings: slices.Clone(settings), cred: cred,
	}
	err = run(ctx, command{
		name: "initdb", path: programs.initdb, cred: cred, env: []string{"LC_ALL=C"},
		args: []string{
			"-D", s.dataFolder(), "-A", "trust", "-U", "auwai", "-E", "UTF8", "--no-sync",
		},
	})
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// postgresPaths are the programs of a PostgreSQL server.
type postgresPaths struct{ server, initdb string }

func postgresPrograms() (postgresPaths, error) {
	const folder, pkg = "/usr/lib/postgresql/*/bin", "postgresql"
	server, serverErr := find("postgres", pkg, folder)
	initdb, initErr := find("initdb", pkg, folder)
	return postgresPaths{server, initdb}, errors.Join(serverErr, initErr)
}
