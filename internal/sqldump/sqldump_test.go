package sqldump_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"auwai/internal/fault"
	"auwai/internal/sqldump"
)

// jobColumns are those of MediaWiki 1.39.
var jobColumns = []string{
	"job_id", "job_cmd", "job_namespace", "job_title", "job_timestamp", "job_params", "job_random", "job_attempts",
	"job_token", "job_token_timestamp", "job_sha1",
}

// stored returns the rows that were put into the databases of which the dumps in testdata were made; a
// NULL is nil.
func stored(t *testing.T) [][]*string {
	t.Helper()
	text, err := os.ReadFile("testdata/rows.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]*[]byte
	if err := json.Unmarshal(text, &rows); err != nil {
		t.Fatal(err)
	}
	out := make([][]*string, len(rows))
	for i, row := range rows {
		for _, v := range row {
			if v == nil {
				out[i] = append(out[i], nil)
				continue
			}
			s := string(*v)
			out[i] = append(out[i], &s)
		}
	}
	return out
}

// read returns all rows of a dump, and the row errors.
func read(in io.Reader, o sqldump.Options) (rows [][]*string, bad []*sqldump.RowError, err error) {
	r := sqldump.NewReader(in, o)
	for {
		row, err := r.Next()
		if errors.Is(err, io.EOF) {
			return rows, bad, nil
		}
		if e, ok := errors.AsType[*sqldump.RowError](err); ok {
			bad = append(bad, e)
			continue
		}
		if err != nil {
			return rows, bad, err
		}
		var values []*string
		for _, column := range jobColumns {
			v, ok := row.Get(column)
			if !ok || v.Null {
				values = append(values, nil)
				continue
			}
			s := string(v.Bytes)
			values = append(values, &s)
		}
		rows = append(rows, values)
	}
}

var jobs = sqldump.Options{Table: "job", Sign: "job_cmd"}

func TestRowsOfRealDumpsAreWhatTheDatabaseHad(t *testing.T) {
	want := stored(t)
	for name, o := range map[string]sqldump.Options{
		"mariadb": jobs, "mariadb-compact": jobs, "mariadb-two": {Table: "aawiki.job"}, "sqlite": jobs,
		"postgresql": jobs, "postgresql-inserts": {Table: "mediawiki.job"},
	} {
		text, err := os.ReadFile(filepath.Join("testdata", name+".sql"))
		if err != nil {
			t.Fatal(err)
		}
		want := want
		if strings.HasPrefix(name, "postgresql") {
			want = asPostgreSQL(want)
		}
		for how, in := range map[string]io.Reader{
			"whole": strings.NewReader(string(text)), "byte by byte": iotest.OneByteReader(strings.NewReader(string(text))),
		} {
			rows, bad, err := read(in, o)
			if err != nil || len(bad) > 0 {
				t.Errorf("%s, %s: %v, %v", name, how, err, bad)
			}
			if diff := cmp.Diff(want, rows); diff != "" {
				t.Errorf("%s, %s: rows (-stored +read):\n%s", name, how, diff)
			}
		}
	}
}

// asPostgreSQL returns the rows as PostgreSQL has them: without those that it cannot hold, and with
// its form of times.
func asPostgreSQL(rows [][]*string) (out [][]*string) {
	for _, row := range rows {
		if strings.Contains(*row[5], "\x00") {
			continue
		}
		row = append([]*string(nil), row...)
		for _, i := range []int{4, 9} {
			if s := row[i]; s != nil {
				v := *s
				v = fmt.Sprintf("%s-%s-%s %s:%s:%s+00", v[:4], v[4:6], v[6:8], v[8:10], v[10:12], v[12:14])
				row[i] = &v
			}
		}
		out = append(out, row)
	}
	return out
}

func TestADumpThatEndsEarlyIsNotTakenForTheWhole(t *testing.T) {
	for _, name := range []string{"mariadb", "sqlite", "postgresql", "postgresql-inserts"} {
		text, err := os.ReadFile(filepath.Join("testdata", name+".sql"))
		if err != nil {
			t.Fatal(err)
		}
		at := strings.LastIndex(string(text), "oldJob")
		if _, _, err := read(strings.NewReader(string(text[:at])), jobs); err == nil || !strings.Contains(err.Error(), "not whole") {
			t.Errorf("%s cut within a row: %v", name, err)
		}
		broken := io.MultiReader(strings.NewReader(string(text[:at])), iotest.ErrReader(io.ErrUnexpectedEOF))
		if _, _, err := read(broken, jobs); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s, whose reader fails: %v", name, err)
		}
	}
}

func TestTheTableIsNamedWhereThereAreSeveral(t *testing.T) {
	text, err := os.ReadFile("testdata/mariadb-two.sql")
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = read(strings.NewReader(string(text)), jobs)
	if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "aawiki.job and bbwiki.job") {
		t.Errorf("two tables: %v", err)
	}
	rows, _, err := read(strings.NewReader(string(text)), sqldump.Options{Table: "bbwiki.job"})
	if err != nil || len(rows) != 1 || *rows[0][1] != "null" || rows[0][2] != nil {
		t.Errorf("the second table: %v, %v", rows, err)
	}
	_, _, err = read(strings.NewReader(string(text)), sqldump.Options{Table: "mw_job", Sign: "job_cmd"})
	if !errors.Is(err, sqldump.ErrNoTable) || !strings.Contains(err.Error(), `"mw_job"; tables with a column job_cmd: aawiki.job, bbwiki.job`) {
		t.Errorf("no such table: %v", err)
	}
}

func TestARowThatCannotBeReadDoesNotHideThoseAfterIt(t *testing.T) {
	const dump = "INSERT INTO `job` (`job_id`,`job_cmd`) VALUES (1,'a'),\n(2,'b',3),\n(now(),'c)('),(4,0x6),\n(5,\"e\\\"'\"),(CAST('6' AS int),'f')," +
		"(7,_binary 'g\\0\\'\\\\'),(8,_utf8mb4'h'),(9,0x69),(10,X''),(-11,NULL) ON DUPLICATE KEY UPDATE job_id=1;"
	rows, bad, err := read(strings.NewReader(dump), jobs)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, row := range rows {
		s := *row[0] + "="
		if row[1] != nil {
			s += *row[1]
		}
		got = append(got, s)
	}
	if diff := cmp.Diff([]string{"1=a", "5=e\"'", "7=g\x00'\\", "8=h", "9=i", "10=", "-11="}, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	var errs []string
	for _, e := range bad {
		errs = append(errs, e.Error())
	}
	want := []string{
		"line 2: the row has 3 values, the table has 2 columns",
		`line 3: ')' begins no value`,
		`line 3: 0x6 is no hexadecimal string`,
		`line 4: the arguments of "CAST" cannot be read`,
	}
	if diff := cmp.Diff(want, errs); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

func TestFunctionsThatSQLiteWritesAreEvaluated(t *testing.T) {
	const dump = `BEGIN TRANSACTION; CREATE TABLE IF NOT EXISTS "job" (job_id INTEGER, "key" TEXT, job_cmd TEXT, PRIMARY KEY(job_id, job_cmd));
INSERT INTO "job" VALUES(1,'k',replace(replace('a\012b\015''','\012',char(10)),'\015',char(13)));
INSERT INTO job VALUES(2,'k',unistr('a\u000ab\\c\+01F600'));
INSERT INTO job VALUES(3,'k',X'6100');
COMMIT;`
	rows, bad, err := read(strings.NewReader(dump), jobs)
	if err != nil || len(bad) > 0 || len(rows) != 3 {
		t.Fatal(rows, bad, err)
	}
	for i, want := range []string{"a\nb\r'", "a\nb\\c\U0001F600", "a\x00"} {
		if *rows[i][1] != want {
			t.Errorf("row %d is %q, want %q", i+1, *rows[i][1], want)
		}
	}
}

func TestStringsOfPostgreSQLWithEscapesAreRead(t *testing.T) {
	const dump = `SET x = 'it''s';
CREATE FUNCTION f() AS $$ INSERT INTO job VALUES ('no;') $$;
INSERT INTO job (job_id, job_cmd) VALUES (1, E'a\\b\n''\x41\101'), (2, 'a\b');`
	rows, bad, err := read(strings.NewReader(dump), jobs)
	if err != nil || len(bad) > 0 || len(rows) != 2 || *rows[0][1] != "a\\b\n'AA" || *rows[1][1] != `a\b` {
		t.Errorf("rows %v, %v, %v", rows, bad, err)
	}
}

func TestRowsWithoutColumnsAreRefusedWithTheRemedy(t *testing.T) {
	_, _, err := read(strings.NewReader("INSERT INTO job VALUES (1);"), jobs)
	if err == nil || !strings.Contains(err.Error(), "--complete-insert") {
		t.Errorf("got %v", err)
	}
}

func TestAValueThatIsTooLongIsOfItsRowOnly(t *testing.T) {
	long := strings.NewReader("INSERT INTO job (job_id,job_cmd) VALUES (1,'" + strings.Repeat("x", sqldump.MaxValue+1) + "'),(2,'b');")
	rows, bad, err := read(long, jobs)
	if err != nil || len(bad) != 1 || len(rows) != 1 || *rows[0][0] != "2" {
		t.Errorf("%d rows, %v, %v", len(rows), bad, err)
	}
}

// quote writes a string as each kind of database does.
func quote(kind byte, s string) string {
	switch kind % 3 {
	case 0:
		return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`, "\x00", `\0`, "\x1a", `\Z`).Replace(s) + "'"
	case 1:
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	default:
		return fmt.Sprintf("X'%x'", s)
	}
}

func FuzzValuesComeBack(f *testing.F) {
	f.Add(byte(0), "it's", "b;-- ")
	f.Add(byte(1), `\`, "''")
	f.Add(byte(2), "\x00\xff", "")
	f.Fuzz(func(t *testing.T, kind byte, a, b string) {
		name := `"job"`
		if kind%3 == 0 {
			name = "`job`"
		}
		dump := fmt.Sprintf("INSERT INTO %s (job_cmd,job_title) VALUES (%s,%s),(%s,NULL);", name, quote(kind, a), quote(kind, b), quote(kind, b))
		rows, bad, err := read(strings.NewReader(dump), jobs)
		if err != nil || len(bad) > 0 || len(rows) != 2 || *rows[0][1] != a || *rows[0][3] != b || *rows[1][1] != b || rows[1][3] != nil {
			t.Errorf("%q: %v, %v, %v", dump, rows, bad, err)
		}
	})
}

func FuzzADumpOfAnyKindEnds(f *testing.F) {
	for _, name := range []string{"mariadb", "sqlite", "postgresql"} {
		text, err := os.ReadFile(filepath.Join("testdata", name+".sql"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, dump string) {
		whole, _, errWhole := read(strings.NewReader(dump), jobs)
		slow, _, errSlow := read(iotest.OneByteReader(strings.NewReader(dump)), jobs)
		if len(whole) != len(slow) || (errWhole == nil) != (errSlow == nil) {
			t.Errorf("read at once: %d rows, %v; byte by byte: %d rows, %v", len(whole), errWhole, len(slow), errSlow)
		}
	})
}
