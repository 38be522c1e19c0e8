package mysqlkv_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"auwai/internal/kv"
	"auwai/internal/kv/mysqlkv"
	"auwai/internal/kv/sqlkv"
	"auwai/internal/testenv"
)

// holder is a session of another program with an open transaction on an engine's table.
type holder struct {
	t     *testing.T
	db    *sql.DB
	conn  *sql.Conn
	table string
}

func hold(t *testing.T, cfg mysqlkv.Config, statements ...string) holder {
	t.Helper()
	db := query(t, cfg.DSN)
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	h := holder{t, db, conn, cfg.TablePrefix + "kv"}
	h.do(append([]string{"START TRANSACTION"}, statements...)...)
	return h
}

func (h holder) do(statements ...string) {
	h.t.Helper()
	for _, text := range statements {
		if _, err := h.conn.ExecContext(h.t.Context(), text); err != nil {
			h.t.Fatalf("%s: %v", text, err)
		}
	}
}

// waiting returns the other session that works on the table, as soon as one waits for a row lock.
// (innodb_trx would say it at once, but shows an old state to whoever asks again and again.)
func (h holder) waiting() int {
	h.t.Helper()
	for waits := "0"; waits == "0"; {
		var name string
		err := h.db.QueryRowContext(h.t.Context(), "SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'").Scan(&name, &waits)
		if err != nil {
			h.t.Fatal(err)
		}
	}
	var id int
	err := h.db.QueryRowContext(h.t.Context(), "SELECT id FROM information_schema.processlist"+
		" WHERE id <> CONNECTION_ID() AND info LIKE '%`"+h.table+"`%'").Scan(&id)
	if err != nil {
		h.t.Fatal(err)
	}
	return id
}

// commitAsync commits in a goroutine and returns where the answer comes.
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

// A killed statement does not end its transaction: were the connection used again, the next START
// TRANSACTION would commit what was done so far.
func TestAKilledCommitLeavesNothingHalfDone(t *testing.T) {
	server := servers.MariaDB(t)
	is := func(want error) func(error) bool { return func(err error) bool { return errors.Is(err, want) } }
	certain := func(err error) bool { return err != nil && !errors.Is(err, kv.ErrUnknown) }
	for _, test := range []struct {
		name string
		send mysqlkv.Send
		kill string
		want func(error) bool
		a    string // the value afterwards
	}{
		{"compound, statement: unknown", mysqlkv.SendCompound, "QUERY", is(kv.ErrUnknown), ""},
		{"compound, connection: unknown", mysqlkv.SendCompound, "CONNECTION", is(kv.ErrUnknown), ""},
		{"before COMMIT, statement: failed", mysqlkv.SendSeparate, "QUERY", certain, ""},
		{"before COMMIT, connection: repeated", mysqlkv.SendSeparate, "CONNECTION", is(nil), "1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := mysqlkv.Config{DSN: server.DSN(), Send: test.send, Options: sqlkv.Options{TablePrefix: prefixes.Next(), MaxConns: 1}}
			e := open(t, cfg)
			h := hold(t, cfg, "INSERT INTO "+cfg.TablePrefix+"kv VALUES ('b', '')")
			done := commitAsync(t, e, func(b *kv.Batch) {
				b.Require([]byte("a"), nil)
				b.Set([]byte("a"), []byte("1"))
				b.Set([]byte("b"), []byte("1"))
			})
			h.do(fmt.Sprintf("KILL %s %d", test.kill, h.waiting()))
			if test.a == "" {
				if err := <-done; !test.want(err) {
					t.Errorf("Commit = %v", err)
				}
			}
			h.do("ROLLBACK")
			if test.a != "" {
				if err := <-done; !test.want(err) {
					t.Errorf("Commit = %v", err)
				}
			}
			if err := e.Commit(t.Context(), batch(func(b *kv.Batch) { b.Set([]byte("c"), []byte("1")) })); err != nil {
				t.Fatalf("the next Commit = %v, want nil", err)
			}
			wantValue(t, e, "a", test.a)
			wantValue(t, e, "b", test.a)
			wantValue(t, e, "c", "1")
		})
	}
}

func TestADeadlockIsRepeated(t *testing.T) {
	server := servers.MariaDB(t)
	for _, send := range []mysqlkv.Send{mysqlkv.SendCompound, mysqlkv.SendSeparate} {
		t.Run(fmt.Sprintf("send %d", send), func(t *testing.T) {
			var repeats []error
			cfg := mysqlkv.Config{DSN: server.DSN(), Send: send, Options: sqlkv.Options{TablePrefix: prefixes.Next(), OnRepeat: func(err error) { repeats = append(repeats, err) }}}
			e := open(t, cfg)
			table := cfg.TablePrefix + "kv"
			if err := e.Commit(t.Context(), batch(func(b *kv.Batch) {
				b.Set([]byte("a"), []byte("1"))
				b.Set([]byte("b"), []byte("1"))
			})); err != nil {
				t.Fatal(err)
			}
			// The transaction with fewer changes is the one that is rolled back.
			h := hold(t, cfg, "INSERT INTO "+table+" SELECT CONCAT('z', seq), '' FROM seq_1_to_100",
				"UPDATE "+table+" SET v = '2' WHERE k = 'b'")
			done := commitAsync(t, e, func(b *kv.Batch) {
				b.Require([]byte("a"), []byte("1"))
				b.Set([]byte("a"), []byte("3"))
				b.Set([]byte("b"), []byte("3"))
			})
			h.waiting()
			h.do("SELECT v FROM "+table+" WHERE k = 'a' FOR UPDATE", "COMMIT")
			if err := <-done; err != nil {
				t.Fatalf("Commit = %v, want nil", err)
			}
			if len(repeats) == 0 {
				t.Error("the batch was never sent again: there was no deadlock")
			}
			wantValue(t, e, "a", "3")
			wantValue(t, e, "b", "3")
		})
	}
}

// separate returns an engine that sends statement by statement through a proxy, its warmed-up fence at
// "0", and another engine that reaches the server directly.
func separate(t *testing.T) (through, direct *mysqlkv.Engine, proxy *testenv.Proxy) {
	t.Helper()
	server := servers.MariaDB(t)
	proxy = testenv.NewProxy(t, server.Socket())
	cfg := mysqlkv.Config{DSN: server.DSN(), Send: mysqlkv.SendSeparate, Options: sqlkv.Options{TablePrefix: prefixes.Next()}}
	direct = open(t, cfg)
	cfg.DSN = server.DSNThrough(proxy)
	through = open(t, cfg)
	if err := through.Commit(t.Context(), batch(func(b *kv.Batch) { b.Set([]byte("fence"), []byte("0")) })); err != nil {
		t.Fatal(err)
	}
	return through, direct, proxy
}

// move requires the fence at from. Sent separately it is START TRANSACTION, UPDATE, INSERT, COMMIT.
func move(from, to string) func(b *kv.Batch) {
	return func(b *kv.Batch) {
		b.Require([]byte("fence"), []byte(from))
		b.Set([]byte("fence"), []byte(to))
		b.Set([]byte("row"), []byte(to))
	}
}

func TestAClientStoppedBetweenStatementsDelaysOthersTwoSeconds(t *testing.T) {
	t.Parallel()
	const statements, patience = 4, 3 * time.Second
	for at := range statements {
		t.Run(fmt.Sprintf("before statement %d", at), func(t *testing.T) {
			t.Parallel()
			through, direct, proxy := separate(t)
			caught := proxy.ArmAfter(at, testenv.Freeze, 0)
			done := commitAsync(t, through, move("0", "stopped"))
			<-caught.Caught()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if err := direct.Commit(ctx, batch(move("0", "taken"))); err != nil {
				t.Fatalf("Commit beside a stopped client = %v, want nil", err)
			}
			caught.Release()
			if err := <-done; err == nil {
				t.Error("the stopped client got nil too")
			}
			wantValue(t, direct, "row", "taken")
		})
	}
}

func TestOnlyCommitItselfHasAnUnknownOutcome(t *testing.T) {
	const statements = 4
	for at := range statements {
		through, _, proxy := separate(t)
		proxy.ArmAfter(at, testenv.LoseReply, 0)
		err := through.Commit(t.Context(), batch(move("0", "1")))
		if at < statements-1 {
			if err != nil {
				t.Errorf("reply to statement %d lost: Commit = %v, want nil by repetition", at, err)
			}
			continue
		}
		if !errors.Is(err, kv.ErrUnknown) {
			t.Errorf("reply to COMMIT lost: Commit = %v, want ErrUnknown", err)
		}
		if err := through.Commit(t.Context(), batch(move("0", "1"))); !errors.Is(err, kv.ErrConflict) {
			t.Errorf("the repetition = %v, want ErrConflict", err)
		}
		wantValue(t, through, "row", "1")
	}
}
