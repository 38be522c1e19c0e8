package pgkv_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"auwai/internal/kv"
	"auwai/internal/kv/kvtest"
	"auwai/internal/kv/pgkv"
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
func open(t testing.TB, cfg pgkv.Config) *pgkv.Engine {
	t.Helper()
	return sqltest.Open(t, pgkv.Open, cfg)
}

func batch(fill func(b *kv.Batch)) *kv.Batch {
	var b kv.Batch
	fill(&b)
	return &b
}

// query opens a plain connection for what a test asks the server itself.
func query(t testing.TB, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// harness gives the suite stores on the servers, client i on server i mod n.
func harness(nodes []*testenv.PostgreSQLServer, cfg pgkv.Config, lacks map[kvtest.Ability]string) kvtest.Harness {
	return sqltest.Harness(nodes, &prefixes, func(ctx context.Context, dsn, prefix string) (kv.Engine, error) {
		cfg := cfg
		cfg.DSN, cfg.TablePrefix = dsn, prefix
		return pgkv.Open(ctx, cfg)
	}, lacks)
}

func TestPostgreSQLKeepsTheContract(t *testing.T) {
	server := testenv.PostgreSQL(t)
	kvtest.Run(t, harness([]*testenv.PostgreSQLServer{server}, pgkv.Config{}, nil))
}

func TestOpenRefusesNonsense(t *testing.T) {
	_, err := pgkv.Open(t.Context(), pgkv.Config{DSN: "nonsense", Options: sqlkv.Options{MaxConns: -1, TablePrefix: "A;"}})
	if err == nil {
		t.Fatal("Open = nil, want an error")
	}
	for _, field := range []string{"dsn", "max_conns", "table_prefix"} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("Open = %v, want it to name %s", err, field)
		}
	}
}
