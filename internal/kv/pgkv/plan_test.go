package pgkv

import (
	"bytes"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"auwai/internal/kv"
	"auwai/internal/kv/sqlkv"
	"auwai/internal/testenv"
)

// explain returns the plan of a statement.
func explain(t *testing.T, conn *pgx.Conn, text string) string {
	t.Helper()
	results, err := conn.PgConn().Exec(t.Context(), "EXPLAIN "+text).ReadAll()
	if err != nil {
		t.Fatalf("EXPLAIN %.120s: %v", text, err)
	}
	var plan []string
	for _, row := range results[0].Rows {
		plan = append(plan, string(row[0]))
	}
	return strings.Join(plan, "\n")
}

// TestPlansDoNotDependOnStatistics: a queue's table looks empty most of the time.
func TestPlansDoNotDependOnStatistics(t *testing.T) {
	e, err := Open(t.Context(), Config{DSN: testenv.PostgreSQL(t).DSN(), Options: sqlkv.Options{MaxConns: 1}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}()
	var b kv.Batch
	for i := range byte(200) {
		b.Delete([]byte{'d', i})
	}
	b.DeleteRange([]byte("r"), []byte("s"))
	b.Require([]byte("x"), []byte("1"))
	b.Set([]byte("x"), []byte("2"))
	b.Require([]byte("y"), []byte("1"))
	b.Delete([]byte("y"))
	statements := strings.Split(strings.TrimSuffix(message(&b), ";"), ";")
	get := "SELECT k,v FROM " + e.names.kv + ` WHERE k = ANY('{\\x61,\\x62}'::bytea[])`
	scan, _ := e.names.scanText(kv.Range{From: []byte("a"), To: []byte("b"), Reverse: true, MaxBytes: 100})
	scan = strings.NewReplacer("$1", `'\x61'`, "$2", `'\x62'`, "$3", "10", "$4", "100").Replace(scan)
	err = e.pool.AcquireFunc(t.Context(), func(conn *pgxpool.Conn) error {
		check := func(when string) {
			for _, text := range append(statements, get, scan) {
				if strings.Contains(text, stmtPut) { // a plain insert
					continue
				}
				if plan := explain(t, conn.Conn(), text); !strings.Contains(plan, "Index Cond") || strings.Contains(plan, "Seq Scan") {
					t.Errorf("%s: %.60s has the plan\n%s", when, text, plan)
				}
			}
		}
		check("empty")
		for _, text := range []string{
			"VACUUM ANALYZE " + e.names.kv,
			"INSERT INTO " + e.names.kv + " SELECT convert_to(chr(97 + i % 26) || i, 'UTF8'), 'v' FROM generate_series(1, 5000) i",
		} {
			if _, err := conn.Exec(t.Context(), text); err != nil {
				return err
			}
		}
		check("filled after it was analyzed empty")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAMessageHoldsNoByteThatSQLWouldRead(t *testing.T) {
	var b kv.Batch
	for i := range 256 {
		b.Set(bytes.Repeat([]byte{byte(i)}, 3), []byte{byte(i), '\'', '\\', '}', ','})
	}
	text := message(&b)
	if strings.Count(text, "'") != 4 || strings.Count(text, ";") != 1 {
		t.Errorf("a value leaks into the text: %.200s", text)
	}
}
