package mysqlkv_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"auwai/internal/kv"
	"auwai/internal/kv/kvtest"
	"auwai/internal/kv/memkv"
	"auwai/internal/kv/mysqlkv"
	"auwai/internal/kv/sqlkv"
	"auwai/internal/kv/sqltest"
	"auwai/internal/testenv"
)

// stores returns empty stores on one server, with a proxy before it.
func stores(server *testenv.MariaDBServer, cfg mysqlkv.Config) func(t testing.TB) sqltest.Store {
	return func(t testing.TB) sqltest.Store {
		cfg := cfg
		cfg.TablePrefix = prefixes.Next()
		proxy := testenv.NewProxy(t, server.Socket())
		opener := func(dsn string) func(context.Context) (kv.Engine, error) {
			cfg := cfg
			cfg.DSN = dsn
			return func(ctx context.Context) (kv.Engine, error) { return mysqlkv.Open(ctx, cfg) }
		}
		return sqltest.Store{Open: opener(server.DSN()), Link: opener(server.DSNThrough(proxy)), Proxy: proxy}
	}
}

func TestMariaDBBehindAFaultyNetwork(t *testing.T) {
	sqltest.Run(t, stores(servers.MariaDB(t), mysqlkv.Config{}))
}

func TestGaleraBehindAFaultyNetwork(t *testing.T) {
	sqltest.Run(t, stores(servers.Galera(t)[0], mysqlkv.Config{}))
}

func TestATakeoverLosesNothingAndEndsTheWriter(t *testing.T) {
	server := servers.MariaDB(t)
	cfg := mysqlkv.Config{DSN: server.DSN(), Options: sqlkv.Options{TablePrefix: prefixes.Next()}}
	for _, send := range []mysqlkv.Send{mysqlkv.SendCompound, mysqlkv.SendSeparate} {
		cfg.Send = send
		writer, taker := open(t, cfg), open(t, cfg)
		for _, still := range []bool{false, true} {
			t.Run(fmt.Sprintf("send %d still %v", send, still), func(t *testing.T) {
				sqltest.Takeovers(t, writer, taker, 40, still)
			})
		}
		cfg.TablePrefix = prefixes.Next()
	}
}

func TestATakeoverOnAnotherGaleraNodeLosesNothingAndEndsTheWriter(t *testing.T) {
	nodes := servers.Galera(t)
	for _, send := range []mysqlkv.Send{mysqlkv.SendCompound, mysqlkv.SendSeparate} {
		prefix := prefixes.Next()
		writer := open(t, mysqlkv.Config{DSN: nodes[0].DSN(), Send: send, Options: sqlkv.Options{TablePrefix: prefix}})
		taker := open(t, mysqlkv.Config{DSN: nodes[1].DSN(), Send: send, Options: sqlkv.Options{TablePrefix: prefix}})
		// A fence that keeps its value is fought for much longer: fewer rounds.
		for still, rounds := range map[bool]int{false: 60, true: 15} {
			t.Run(fmt.Sprintf("send %d still %v", send, still), func(t *testing.T) {
				sqltest.Takeovers(t, writer, taker, rounds, still)
			})
		}
	}
}

func TestAReadOnOneGaleraNodeSeesACommitOnAnother(t *testing.T) {
	nodes := servers.Galera(t)
	prefix := prefixes.Next()
	one := open(t, mysqlkv.Config{DSN: nodes[0].DSN(), Options: sqlkv.Options{TablePrefix: prefix}})
	two := open(t, mysqlkv.Config{DSN: nodes[1].DSN(), Options: sqlkv.Options{TablePrefix: prefix}})
	for i := range 200 {
		want := fmt.Sprint(i)
		if err := one.Commit(t.Context(), batch(func(b *kv.Batch) { b.Set([]byte("k"), []byte(want)) })); err != nil {
			t.Fatalf("Commit: %v", err)
		}
		values, err := two.Get(t.Context(), kv.Key("k"))
		if err != nil || string(values[0]) != want {
			t.Fatalf("Get after commit %d = %q, %v", i, values[0], err)
		}
		snap, err := two.Snapshot(t.Context())
		if err != nil {
			t.Fatalf("Snapshot: %v", err)
		}
		values, err = snap.Get(t.Context(), kv.Key("k"))
		if err != nil || string(values[0]) != want {
			t.Fatalf("Get of a snapshot after commit %d = %q, %v", i, values[0], err)
		}
		if err := snap.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAGaleraNodeThatDiesTakesNothingAcknowledgedAlong(t *testing.T) {
	nodes := servers.Galera(t)
	last := nodes[len(nodes)-1]
	prefix := prefixes.Next()
	dying, err := mysqlkv.Open(t.Context(), mysqlkv.Config{DSN: last.DSN(), Options: sqlkv.Options{TablePrefix: prefix}})
	if err != nil {
		t.Fatal(err)
	}
	const commits = 50
	for i := range commits {
		b := batch(func(b *kv.Batch) { b.Set(fmt.Appendf(nil, "k%02d", i), nil) })
		if err := dying.Commit(t.Context(), b); err != nil {
			t.Fatalf("Commit: %v", err)
		}
	}
	last.Kill()
	left := open(t, mysqlkv.Config{DSN: nodes[0].DSN(), Options: sqlkv.Options{TablePrefix: prefix}})
	count := func(e *mysqlkv.Engine) int {
		pages, err := e.Scan(t.Context(), kv.Range{})
		if err != nil {
			t.Fatalf("Scan: %v", err)
		}
		return len(pages[0].Entries)
	}
	if n := count(left); n != commits {
		t.Errorf("%d rows on the others, want %d", n, commits)
	}
	if err := dying.Commit(t.Context(), batch(func(b *kv.Batch) { b.Set([]byte("x"), nil) })); err == nil {
		t.Error("Commit on a dead node = nil")
	}
	if err := dying.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if err := last.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	back := open(t, mysqlkv.Config{DSN: last.DSN(), Options: sqlkv.Options{TablePrefix: prefix}})
	if n := count(back); n != commits {
		t.Errorf("%d rows on the node that came back, want %d", n, commits)
	}
}

func TestTheSameHistoryGivesTheSameAnswersAsInMemory(t *testing.T) {
	server := servers.MariaDB(t)
	for seed := range uint64(6) {
		h := kvtest.NewHistory(100+seed, 250)
		memory, err := kvtest.Replay(t.Context(), memkv.NewServer().Open(), h)
		if err != nil {
			t.Fatal(err)
		}
		for _, send := range []mysqlkv.Send{mysqlkv.SendCompound, mysqlkv.SendSeparate} {
			e := open(t, mysqlkv.Config{DSN: server.DSN(), Send: send, Options: sqlkv.Options{TablePrefix: prefixes.Next()}})
			got, err := kvtest.Replay(t.Context(), e, h)
			if err != nil {
				t.Fatal(err)
			}
			if diff := kvtest.FirstDifference(memory, got); diff != "" {
				t.Errorf("seed %d: memory (first) and MariaDB (second) differ:\n%s", seed, diff)
			}
		}
	}
}

func TestWeakServersAreRefusedByName(t *testing.T) {
	server := testenv.MariaDB(t, "--log-bin=binlog", "--sync-binlog=1", "--server-id=1")
	db := query(t, server.DSN())
	for _, test := range []struct{ set, reset, name string }{
		{"innodb_flush_log_at_trx_commit = 2", "innodb_flush_log_at_trx_commit = 1", "innodb_flush_log_at_trx_commit is 2"},
		{"sync_binlog = 0", "sync_binlog = 1", "sync_binlog is 0"},
	} {
		if _, err := db.ExecContext(t.Context(), "SET GLOBAL "+test.set); err != nil {
			t.Fatal(err)
		}
		cfg := mysqlkv.Config{DSN: server.DSN()}
		if _, err := mysqlkv.Open(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), test.name) ||
			!strings.Contains(err.Error(), test.reset) {
			t.Errorf("Open = %v, want it to say %q and %q", err, test.name, test.reset)
		}
		cfg.AllowWeak = true
		if got := open(t, cfg).Durability().String(); !strings.HasPrefix(got, "weak: "+test.name) {
			t.Errorf("Durability = %q, want weak with %q", got, test.name)
		}
		if _, err := db.ExecContext(t.Context(), "SET GLOBAL "+test.reset); err != nil {
			t.Fatal(err)
		}
	}
	if got := open(t, mysqlkv.Config{DSN: server.DSN()}).Durability().String(); got != "durable" {
		t.Errorf("Durability = %q, want durable", got)
	}
	if _, err := db.ExecContext(t.Context(), "SET GLOBAL max_allowed_packet = 8388608"); err != nil {
		t.Fatal(err)
	}
	_, err := mysqlkv.Open(t.Context(), mysqlkv.Config{DSN: server.DSN(), Options: sqlkv.Options{AllowWeak: true}})
	if err == nil || !strings.Contains(err.Error(), "max_allowed_packet is 8388608") {
		t.Errorf("Open = %v, want it to name max_allowed_packet", err)
	}
}

func TestTablesOfAnotherFormatAreRefused(t *testing.T) {
	server := servers.MariaDB(t)
	cfg := mysqlkv.Config{DSN: server.DSN(), Options: sqlkv.Options{TablePrefix: prefixes.Next()}}
	open(t, cfg)
	db := query(t, server.DSN())
	if _, err := db.ExecContext(t.Context(), "UPDATE "+cfg.TablePrefix+"kv_meta SET value = '2'"); err != nil {
		t.Fatal(err)
	}
	if _, err := mysqlkv.Open(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), `format "2"`) {
		t.Errorf("Open = %v, want it to name the format", err)
	}
}

func TestAServerThatIsNotThereIsNoUnknownOutcome(t *testing.T) {
	server := testenv.MariaDB(t)
	e := open(t, mysqlkv.Config{DSN: server.DSN()})
	server.Kill()
	err := e.Commit(t.Context(), batch(func(b *kv.Batch) { b.Set([]byte("k"), nil) }))
	if err == nil || errors.Is(err, kv.ErrUnknown) {
		t.Errorf("Commit = %v, want a certain failure", err)
	}
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := e.Commit(t.Context(), batch(func(b *kv.Batch) { b.Set([]byte("k"), nil) })); err != nil {
		t.Errorf("Commit after the restart = %v, want nil", err)
	}
}

func BenchmarkMariaDB(b *testing.B) {
	server := servers.MariaDB(b)
	for name, send := range map[string]mysqlkv.Send{"compound": mysqlkv.SendCompound, "separate": mysqlkv.SendSeparate} {
		b.Run(name, func(b *testing.B) {
			kvtest.Bench(b, func(b *testing.B) kv.Engine {
				return open(b, mysqlkv.Config{DSN: server.DSN(), Send: send, Options: sqlkv.Options{TablePrefix: prefixes.Next()}})
			})
		})
	}
}

func BenchmarkGalera(b *testing.B) {
	nodes := servers.Galera(b)
	kvtest.Bench(b, func(b *testing.B) kv.Engine {
		return open(b, mysqlkv.Config{DSN: nodes[0].DSN(), Options: sqlkv.Options{TablePrefix: prefixes.Next()}})
	})
}
