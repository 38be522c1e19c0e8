package mysqlkv

import (
	"database/sql"
	"strings"
	"testing"

	"auwai/internal/kv"
	"auwai/internal/kv/sqlkv"
	"auwai/internal/testenv"
)

// explain returns the access type of the store's table in the plan of a statement.
func explain(t *testing.T, db *sql.DB, text string) string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "EXPLAIN "+text)
	if err != nil {
		t.Fatalf("EXPLAIN %.120s: %v", text, err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err says all there is
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var access []string
	for rows.Next() {
		cells := make([]sql.NullString, len(columns))
		targets := make([]any, len(columns))
		for i := range cells {
			targets[i] = &cells[i]
		}
		if err := rows.Scan(targets...); err != nil {
			t.Fatal(err)
		}
		row := map[string]string{}
		for i, name := range columns {
			row[name] = cells[i].String
		}
		if row["table"] == "s" || strings.HasSuffix(row["table"], "kv") {
			access = append(access, row["type"])
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(access, ",")
}

// TestPlansDoNotDependOnStatistics: a scan of the whole table would lock the rows of everybody.
func TestPlansDoNotDependOnStatistics(t *testing.T) {
	e, err := Open(t.Context(), Config{DSN: testenv.MariaDB(t).DSN()})
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
	statements := e.names.statements(&b)
	if len(statements) != 4 {
		t.Fatalf("%d statements, want certificate, range, deletes, sets", len(statements))
	}
	keys := []kv.Key{[]byte("a"), []byte("b"), []byte("c")}
	ranges := []kv.Range{{From: []byte("a"), To: []byte("b")}, {From: []byte("c"), To: []byte("d"), Reverse: true}}
	bounded := []kv.Range{{From: []byte("a"), To: []byte("b"), MaxBytes: 10}}
	check := func(when string) {
		for _, c := range []struct{ name, text, want string }{
			{"certificate", string(statements[0].text), "range"},
			{"range delete", string(statements[1].text), "range"},
			{"deletes", string(statements[2].text), "eq_ref"},
			{"get", e.names.getText(keys), "eq_ref"},
			{"scan", e.names.scanText(ranges), "range,range"},
			{"bounded scan", e.names.scanText(bounded), "eq_ref,range"},
		} {
			if got := explain(t, e.commits, c.text); got != c.want {
				t.Errorf("%s: %s reads the table by %q, want %q", when, c.name, got, c.want)
			}
		}
	}
	check("empty")
	for _, text := range []string{
		"ANALYZE TABLE " + e.names.kv,
		"INSERT INTO " + e.names.kv + " SELECT CONCAT(CHAR(97 + seq MOD 26), seq), 'v' FROM seq_1_to_5000",
	} {
		if _, err := e.commits.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	check("filled after it was analyzed empty")
}

func TestAnErrorThatIsNotOnTheListIsAnUnknownOutcome(t *testing.T) {
	if got := classify(sql.ErrConnDone); got != sqlkv.Unknown {
		t.Errorf("classify(%v) = %v, want unknown", sql.ErrConnDone, got)
	}
}
