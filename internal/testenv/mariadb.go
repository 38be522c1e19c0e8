package testenv

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// database is the name of the database that every server is given.
const database = "auwai"

// MariaDBServer is one private MariaDB server, alone or a node of a cluster. Its methods are for one
// goroutine at a time.
type MariaDBServer struct {
	programs mariadbPaths
	folder   string
	args     []string // what differs from server to server
	cred     *syscall.Credential
	ready    []string
	process  *process // nil while stopped
}

// MariaDB starts a server that ends with the test. The arguments are added to the server's command
// line, for instance "--innodb-flush-log-at-trx-commit=2".
func MariaDB(tb testing.TB, args ...string) *MariaDBServer {
	tb.Helper()
	Need(tb, NameMariaDB)
	s, err := StartMariaDB(tb.Context(), args...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { cleanup(tb, s.Close) })
	return s
}

// StartMariaDB starts a server; the caller closes it.
func StartMariaDB(ctx context.Context, args ...string) (*MariaDBServer, error) {
	s, err := newMariaDB(ctx, args)
	if err != nil {
		return nil, err
	}
	if err := s.Start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.createDatabase(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Socket returns the path of the server's unix socket.
func (s *MariaDBServer) Socket() string { return filepath.Join(s.folder, "s") }

// DSN returns a data source name for go-sql-driver/mysql, by the unix socket.
func (s *MariaDBServer) DSN() string { return mariadbDSN("unix", s.Socket(), database) }

// DSNThrough returns a data source name that leads through a proxy in front of Socket.
func (s *MariaDBServer) DSNThrough(p *Proxy) string { return mariadbDSN("tcp", p.Addr(), database) }

func mariadbDSN(network, address, name string) string {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Net, cfg.Addr, cfg.DBName = "root", network, address, name
	return cfg.FormatDSN()
}

// Start starts the stopped server on the data it had and returns when it is ready.
func (s *MariaDBServer) Start(ctx context.Context) error {
	args := append([]string{
		"--no-defaults",
		"--datadir=" + s.dataFolder(),
		s.tmpdir(),
		"--socket=" + s.Socket(),
		"--pid-file=" + filepath.Join(s.folder, "pid"),
		"--skip-networking",
		"--innodb-buffer-pool-size=128M",
		"--innodb-log-file-size=96M",
		"--performance-schema=OFF",
		"--max-connections=200",
	}, s.args...)
	p, err := start(ctx, command{
		name: NameMariaDB, path: s.programs.server, args: args, cred: s.cred, ready: s.ready,
	})
	if err != nil {
		return err
	}
	s.process = p
	return nil
}

// Kill ends the server at once, as a crash of the process would.
func (s *MariaDBServer) Kill() {
	if s.process != nil {
		s.process.kill()
		s.process = nil
	}
}

// Stop ends the server in good order.
func (s *MariaDBServer) Stop() {
	if s.process != nil {
		s.process.stop(syscall.SIGTERM)
		s.process = nil
	}
}

// Close ends the server and removes its data.
func (s *MariaDBServer) Close() error {
	s.Kill()
	if err := os.RemoveAll(s.folder); err != nil {
		return fmt.Errorf("remove the data of %s: %w", NameMariaDB, err)
	}
	return nil
}

// Log returns the last lines of the running server's log.
func (s *MariaDBServer) Log() string {
	if s.process == nil {
		return ""
	}
	return s.process.log.String()
}

func (s *MariaDBServer) dataFolder() string { return filepath.Join(s.folder, "data") }

// tmpdir is an option of its own for each server: at its start one removes what it finds of temporary
// tables, and in a shared folder these are those of another server that is being installed.
func (s *MariaDBServer) tmpdir() string { return "--tmpdir=" + s.folder }

func newMariaDB(ctx context.Context, args []string) (*MariaDBServer, error) {
	programs, err := mariadbPrograms()
	if err != nil {
		return nil, err
	}
	cred, err := credential("mysql")
	if err != nil {
		return nil, err
	}
	folder, err := makeFolder(NameMariaDB, cred)
	if err != nil {
		return nil, err
	}
	s := &MariaDBServer{
		programs: programs, folder: folder, args: slices.Clone(args), cred: cred,
		ready: []string{"ready for connections."},
	}
	err = run(ctx, command{
		name: "mariadb-install-db", path: programs.install, cred: cred,
		args: []string{
			"--no-defaults", "--datadir=" + s.dataFolder(), s.tmpdir(), "--skip-test-db", "--skip-name-resolve",
			"--auth-root-authentication-method=normal",
		},
	})
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *MariaDBServer) createDatabase(ctx context.Context) error {
	db, err := sql.Open("mysql", mariadbDSN("unix", s.Socket(), ""))
	if err != nil {
		return fmt.Errorf("open %s: %w", NameMariaDB, err)
	}
	_, err = db.ExecContext(ctx, "CREATE DATABASE IF NOT EXISTS "+database)
	return errors.Join(err, db.Close())
}

// mariadbPaths are the programs of a MariaDB server.
type mariadbPaths struct{ server, install string }

func mariadbPrograms() (mariadbPaths, error) {
	server, serverErr := find("mariadbd", "mariadb-server", "/usr/sbin")
	install, installErr := find("mariadb-install-db", "mariadb-server", "/usr/bin")
	return mariadbPaths{server, install}, errors.Join(serverErr, installErr)
}

// cleanup reports an error of a server's end; the test is over, but a left-over is worth knowing.
func cleanup(tb testing.TB, end func() error) {
	tb.Helper()
	if err := end(); err != nil {
		tb.Error(err)
	}
}
