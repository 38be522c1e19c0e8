package mysqlkv_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"strings"
	"testing"

	_ "github.com/go-sql-driver/mysql"

	"auwai/internal/kv"
	"auwai/internal/kv/kvtest"
	"auwai/internal/kv/mysqlkv"
	"auwai/internal/kv/sqlkv"
	"auwai/internal/kv/sqltest"
	"auwai/internal/testenv"
)

// servers are shared by the tests of this package; prefixes keeps their tables apart.
var (
	servers  testenv.Servers
	prefixes sqltest.Prefixes
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := servers.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// open opens an engine that ends with the test.
func open(t testing.TB, cfg mysqlkv.Config) *mysqlkv.Engine {
	t.Helper()
	return sqltest.Open(t, mysqlkv.Open, cfg)
}

func batch(fill func(b *kv.Batch)) *kv.Batch {
	var b kv.Batch
	fill(&b)
	return &b
}

// query opens a plain connection for what a test asks the server itself.
func query(t testing.TB, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// harness gives the suite stores on the servers, client i on server i mod n.
func harness(nodes []*testenv.MariaDBServer, cfg mysqlkv.Config, lacks map[kvtest.Ability]string) kvtest.Harness {
	return sqltest.Harness(nodes, &prefixes, func(ctx context.Context, dsn, prefix string) (kv.Engine, error) {
		cfg := cfg
		cfg.DSN, cfg.TablePrefix = dsn, prefix
		return mysqlkv.Open(ctx, cfg)
	}, lacks)
}

func TestMariaDBKeepsTheContract(t *testing.T) {
	server := testenv.MariaDB(t)
	kvtest.Run(t, harness([]*testenv.MariaDBServer{server}, mysqlkv.Config{}, nil))
}

func TestGaleraKeepsTheContract(t *testing.T) {
	nodes := servers.Galera(t)
	kvtest.Run(t, harness(nodes, mysqlkv.Config{}, map[kvtest.Ability]string{
		kvtest.Crash: "a whole cluster is started again by its operator; the crash of one node is a test of its own",
	}))
}

// The faults of a link meet one statement here, not a whole commit, so they are left to the tests of
// separate statements.
func TestSeparateStatementsKeepTheContract(t *testing.T) {
	server := servers.MariaDB(t)
	const reason = "one request is not a commit here: see the tests of separate statements"
	h := harness([]*testenv.MariaDBServer{server}, mysqlkv.Config{Send: mysqlkv.SendSeparate}, map[kvtest.Ability]string{
		kvtest.Crash:       "tested with compounds: nothing of it depends on the way of sending",
		kvtest.LoseReply:   reason,
		kvtest.DeliverLate: reason,
		kvtest.CutRequest:  reason,
		kvtest.Freeze:      reason,
	})
	withLinks := h.NewStore
	h.NewStore = func(t testing.TB) kvtest.Store {
		store := withLinks(t)
		store.Link = nil
		return store
	}
	kvtest.Run(t, h)
}

func TestOpenRefusesNonsense(t *testing.T) {
	_, err := mysqlkv.Open(t.Context(), mysqlkv.Config{DSN: "nonsense", Options: sqlkv.Options{MaxConns: -1, TablePrefix: "A;"}})
	if err == nil {
		t.Fatal("Open = nil, want an error")
	}
	for _, field := range []string{"dsn", "max_conns", "table_prefix"} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("Open = %v, want it to name %s", err, field)
		}
	}
}
