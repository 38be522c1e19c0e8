package pgkv_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"auwai/internal/kv"
	"auwai/internal/kv/kvtest"
	"auwai/internal/kv/pgkv"
	"auwai/internal/testenv"
)

// servers are shared by the tests of this package; prefixes keeps their tables apart.
var (
	servers  testenv.Servers
	prefixes atomic.Int64
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := servers.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func newPrefix() string { return fmt.Sprintf("t%d_", prefixes.Add(1)) }

// open opens an engine that ends with the test.
func open(t testing.TB, cfg pgkv.Config) *pgkv.Engine {
	t.Helper()
	e, err := pgkv.Open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return e
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
	return kvtest.Harness{
		Lacks: lacks,
		NewStore: func(t testing.TB) kvtest.Store {
			cfg := cfg
			cfg.TablePrefix = newPrefix()
			proxy := testenv.NewProxy(t, nodes[0].Socket())
			store := kvtest.Store{
				Several: true,
				Open: func(ctx context.Context, client int) (kv.Engine, error) {
					cfg := cfg
					cfg.DSN = nodes[client%len(nodes)].DSN()
					return pgkv.Open(ctx, cfg)
				},
				Link: func(ctx context.Context) (kvtest.Link, error) {
					cfg := cfg
					cfg.DSN = nodes[0].DSNThrough(proxy)
					return newLink(ctx, t, cfg, proxy)
				},
			}
			if lacks[kvtest.Crash] == "" {
				store.Crash = func(t testing.TB) {
					nodes[0].Kill()
					if err := nodes[0].Start(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			}
			return store
		},
	}
}

func newLink(ctx context.Context, t testing.TB, cfg pgkv.Config, proxy *testenv.Proxy) (kvtest.Link, error) {
	engine, err := pgkv.Open(ctx, cfg)
	if err != nil {
		return kvtest.Link{}, err
	}
	// A read leaves a connection in the pool, so that the next bytes are the commit's.
	arm := func(fault testenv.Fault, bytes int) *testenv.Caught {
		if _, err := engine.Get(ctx, kv.Key("warm")); err != nil {
			t.Fatalf("Get: %v", err)
		}
		return proxy.Arm(fault, bytes)
	}
	return kvtest.Link{
		Engine:     engine,
		LoseReply:  func() { arm(testenv.LoseReply, 0) },
		CutRequest: func() { arm(testenv.CutRequest, 60) },
		DeliverLate: func() func() error {
			caught := arm(testenv.HoldRequest, 0)
			return func() error {
				caught.Release()
				<-caught.Over()
				return nil
			}
		},
		Freeze: func() (<-chan struct{}, func()) {
			caught := arm(testenv.Freeze, 60)
			return caught.Caught(), caught.Release
		},
	}, nil
}

func TestPostgreSQLKeepsTheContract(t *testing.T) {
	server := testenv.PostgreSQL(t)
	kvtest.Run(t, harness([]*testenv.PostgreSQLServer{server}, pgkv.Config{}, nil))
}

func TestOpenRefusesNonsense(t *testing.T) {
	_, err := pgkv.Open(t.Context(), pgkv.Config{DSN: "nonsense", MaxConns: -1, TablePrefix: "A;"})
	if err == nil {
		t.Fatal("Open = nil, want an error")
	}
	for _, field := range []string{"dsn", "max_conns", "table_prefix"} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("Open = %v, want it to name %s", err, field)
		}
	}
}
