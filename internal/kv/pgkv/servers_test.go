package pgkv_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"auwai/internal/kv"
	"auwai/internal/kv/kvtest"
	"auwai/internal/kv/memkv"
	"auwai/internal/kv/pgkv"
	"auwai/internal/kv/sqlkv"
	"auwai/internal/kv/sqltest"
	"auwai/internal/testenv"
)

// stores returns empty stores on one server, with a proxy before it.
func stores(server *testenv.PostgreSQLServer) func(t testing.TB) sqltest.Store {
	return func(t testing.TB) sqltest.Store {
		prefix := prefixes.Next()
		proxy := testenv.NewProxy(t, server.Socket())
		opener := func(dsn string) func(context.Context) (kv.Engine, error) {
			cfg := pgkv.Config{DSN: dsn, Options: sqlkv.Options{TablePrefix: prefix}}
			return func(ctx context.Context) (kv.Engine, error) { return pgkv.Open(ctx, cfg) }
		}
		return sqltest.Store{Open: opener(server.DSN()), Link: opener(server.DSNThrough(proxy)), Proxy: proxy}
	}
}

func TestPostgreSQLBehindAFaultyNetwork(t *testing.T) {
	sqltest.Run(t, stores(servers.PostgreSQL(t)))
}

func TestATakeoverLosesNothingAndEndsTheWriter(t *testing.T) {
	cfg := pgkv.Config{DSN: servers.PostgreSQL(t).DSN(), Options: sqlkv.Options{TablePrefix: prefixes.Next()}}
	writer, taker := open(t, cfg), open(t, cfg)
	sqltest.Takeovers(t, writer, taker, 40, false)
	sqltest.Takeovers(t, writer, taker, 40, true)
}

func TestTheSameHistoryGivesTheSameAnswersAsInMemory(t *testing.T) {
	server := servers.PostgreSQL(t)
	for seed := range uint64(6) {
		h := kvtest.NewHistory(100+seed, 250)
		memory, err := kvtest.Replay(t.Context(), memkv.NewServer().Open(), h)
		if err != nil {
			t.Fatal(err)
		}
		e := open(t, pgkv.Config{DSN: server.DSN(), Options: sqlkv.Options{TablePrefix: prefixes.Next()}})
		got, err := kvtest.Replay(t.Context(), e, h)
		if err != nil {
			t.Fatal(err)
		}
		if diff := kvtest.FirstDifference(memory, got); diff != "" {
			t.Errorf("seed %d: memory (first) and PostgreSQL (second) differ:\n%s", seed, diff)
		}
	}
}

func TestWeakServersAreRefusedByName(t *testing.T) {
	server := testenv.PostgreSQL(t, "fsync=off", "full_page_writes=off")
	cfg := pgkv.Config{DSN: server.DSN() + " options='-c synchronous_commit=off'"}
	weak := []string{"fsync is off", "full_page_writes is off", "synchronous_commit is off", "set synchronous_commit = on"}
	_, err := pgkv.Open(t.Context(), cfg)
	for _, want := range weak {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Open = %v, want it to say %q", err, want)
		}
	}
	cfg.AllowWeak = true
	d := open(t, cfg).Durability()
	for _, want := range weak {
		if !strings.Contains(d.String(), want) {
			t.Errorf("Durability = %q, want it to say %q", d, want)
		}
	}
	if got := strings.Join(d.Settings, " "); !strings.Contains(got, "synchronous_standby_names=") {
		t.Errorf("Settings = %q, want the standbys among them", got)
	}
	if got := open(t, pgkv.Config{DSN: servers.PostgreSQL(t).DSN(), Options: sqlkv.Options{TablePrefix: prefixes.Next()}}).Durability().String(); got != "durable" {
		t.Errorf("Durability = %q, want durable", got)
	}
}

func TestAServerThatTakesNoWritesIsRefused(t *testing.T) {
	dsn := servers.PostgreSQL(t).DSN() + " options='-c default_transaction_read_only=on'"
	_, err := pgkv.Open(t.Context(), pgkv.Config{DSN: dsn})
	if err == nil || !strings.Contains(err.Error(), "transaction_read_only is on") {
		t.Errorf("Open = %v, want it to name transaction_read_only", err)
	}
}

func TestTablesOfAnotherFormatAreRefused(t *testing.T) {
	server := servers.PostgreSQL(t)
	cfg := pgkv.Config{DSN: server.DSN(), Options: sqlkv.Options{TablePrefix: prefixes.Next()}}
	open(t, cfg)
	if _, err := query(t, server.DSN()).ExecContext(t.Context(), "UPDATE "+cfg.TablePrefix+"kv_meta SET value = '2'"); err != nil {
		t.Fatal(err)
	}
	if _, err := pgkv.Open(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), `format "2"`) {
		t.Errorf("Open = %v, want it to name the format", err)
	}
}

func TestAServerThatIsNotThereIsNoUnknownOutcome(t *testing.T) {
	server := testenv.PostgreSQL(t)
	e := open(t, pgkv.Config{DSN: server.DSN(), Options: sqlkv.Options{MaxConns: 1}})
	set := batch(func(b *kv.Batch) { b.Set([]byte("k"), nil) })
	server.Kill()
	// The idle connection's end may be noticed only when it is used: then nothing else is known.
	if err := e.Commit(t.Context(), set); err == nil {
		t.Error("Commit on a dead server = nil")
	}
	if err := e.Commit(t.Context(), set); err == nil || errors.Is(err, kv.ErrUnknown) {
		t.Errorf("Commit = %v, want a certain failure", err)
	}
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := e.Commit(t.Context(), set); err != nil {
		t.Errorf("Commit after the restart = %v, want nil", err)
	}
}

// holder is a session of another program with an open transaction on an engine's table.
type holder struct {
	t     *testing.T
	conn  *pgx.Conn
	other *pgx.Conn
	table string
}

func hold(t *testing.T, cfg pgkv.Config, text string) holder {
	t.Helper()
	h := holder{t: t, table: cfg.TablePrefix + "kv"}
	for _, conn := range []**pgx.Conn{&h.conn, &h.other} {
		c, err := pgx.Connect(t.Context(), cfg.DSN)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close(context.Background()) }) //nolint:usetesting // t.Context has ended
		*conn = c
	}
	h.do("BEGIN; " + text)
	return h
}

func (h holder) do(text string) {
	h.t.Helper()
	if _, err := h.conn.PgConn().Exec(h.t.Context(), text).ReadAll(); err != nil {
		h.t.Fatalf("%s: %v", text, err)
	}
}

// endWaiting calls a function of the server on the session that waits for a lock of the holder, as
// soon as there is one.
func (h holder) endWaiting(function string) {
	h.t.Helper()
	for {
		tag, err := h.other.Exec(h.t.Context(), "SELECT "+function+"(pid) FROM pg_stat_activity"+
			" WHERE wait_event_type = 'Lock' AND query LIKE '%EXECUTE%' AND $1 = ANY(pg_blocking_pids(pid))",
			int32(h.conn.PgConn().PID())) //nolint:gosec // process ids are small
		if err != nil {
			h.t.Fatal(err)
		}
		if tag.RowsAffected() > 0 {
			return
		}
	}
}

func commitAsync(t *testing.T, e kv.Engine, fill func(b *kv.Batch)) <-chan error {
	done := make(chan error, 1) // so that the commit can end when the test has failed
	go func() { done <- e.Commit(t.Context(), batch(fill)) }()
	return done
}

func wantValue(t *testing.T, e kv.Engine, key, want string) {
	t.Helper()
	values, err := e.Get(t.Context(), kv.Key(key))
	if err != nil || string(values[0]) != want {
		t.Errorf("Get(%q) = %q, %v, want %q", key, values[0], err, want)
	}
}

func TestACancelledCommitIsUnknownAndLeavesNothing(t *testing.T) {
	server := servers.PostgreSQL(t)
	for _, function := range []string{"pg_cancel_backend", "pg_terminate_backend"} {
		cfg := pgkv.Config{DSN: server.DSN(), Options: sqlkv.Options{TablePrefix: prefixes.Next(), MaxConns: 1}}
		e := open(t, cfg)
		h := hold(t, cfg, "INSERT INTO "+cfg.TablePrefix+"kv VALUES ('b', '')")
		done := commitAsync(t, e, func(b *kv.Batch) {
			b.Require([]byte("a"), nil)
			b.Set([]byte("a"), []byte("1"))
			b.Set([]byte("b"), []byte("1"))
		})
		h.endWaiting(function)
		if err := <-done; !errors.Is(err, kv.ErrUnknown) {
			t.Errorf("%s: Commit = %v, want ErrUnknown", function, err)
		}
		h.do("ROLLBACK")
		if err := e.Commit(t.Context(), batch(func(b *kv.Batch) { b.Set([]byte("c"), []byte("1")) })); err != nil {
			t.Fatalf("%s: the next Commit = %v, want nil", function, err)
		}
		wantValue(t, e, "a", "")
		wantValue(t, e, "b", "")
		wantValue(t, e, "c", "1")
	}
}

// The session that has waited for deadlock_timeout (1 s) is the one that is rolled back; the engine's
// waits first.
func TestADeadlockIsRepeated(t *testing.T) {
	var repeats []error
	cfg := pgkv.Config{DSN: servers.PostgreSQL(t).DSN(), Options: sqlkv.Options{TablePrefix: prefixes.Next(), OnRepeat: func(err error) { repeats = append(repeats, err) }}}
	e := open(t, cfg)
	if err := e.Commit(t.Context(), batch(func(b *kv.Batch) {
		b.Set([]byte("a"), []byte("1"))
		b.Set([]byte("b"), []byte("1"))
	})); err != nil {
		t.Fatal(err)
	}
	table := cfg.TablePrefix + "kv"
	h := hold(t, cfg, "UPDATE "+table+" SET v = '2' WHERE k = 'b'")
	done := commitAsync(t, e, func(b *kv.Batch) {
		b.Require([]byte("a"), []byte("1"))
		b.Set([]byte("a"), []byte("3"))
		b.Set([]byte("b"), []byte("3"))
	})
	h.endWaiting("pg_blocking_pids") // only looks
	h.do("SELECT v FROM " + table + " WHERE k = 'a' FOR UPDATE; COMMIT")
	if err := <-done; err != nil {
		t.Fatalf("Commit = %v, want nil", err)
	}
	if len(repeats) == 0 {
		t.Error("the batch was never sent again: there was no deadlock")
	}
	wantValue(t, e, "a", "3")
	wantValue(t, e, "b", "3")
}

// A constraint that is checked at the end of the transaction makes COMMIT itself fail.
func TestAnErrorOfTheCommitItselfIsNoSuccess(t *testing.T) {
	cfg := pgkv.Config{DSN: servers.PostgreSQL(t).DSN(), Options: sqlkv.Options{TablePrefix: prefixes.Next()}}
	e := open(t, cfg)
	table := cfg.TablePrefix + "kv"
	for _, text := range []string{
		"CREATE FUNCTION " + table + "_no() RETURNS trigger LANGUAGE plpgsql AS" +
			" $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'XX000'; END $$",
		"CREATE CONSTRAINT TRIGGER no AFTER INSERT ON " + table + " DEFERRABLE INITIALLY DEFERRED" +
			" FOR EACH ROW WHEN (NEW.k = 'no') EXECUTE FUNCTION " + table + "_no()",
	} {
		if _, err := query(t, cfg.DSN).ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	err := e.Commit(t.Context(), batch(func(b *kv.Batch) {
		b.Set([]byte("no"), []byte("1"))
		b.Set([]byte("row"), []byte("1"))
	}))
	if !errors.Is(err, kv.ErrUnknown) {
		t.Errorf("Commit = %v, want ErrUnknown", err)
	}
	wantValue(t, e, "row", "")
}

func BenchmarkPostgreSQL(b *testing.B) {
	server := servers.PostgreSQL(b)
	kvtest.Bench(b, func(b *testing.B) kv.Engine {
		return open(b, pgkv.Config{DSN: server.DSN(), Options: sqlkv.Options{TablePrefix: prefixes.Next()}})
	})
}
