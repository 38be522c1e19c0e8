package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// runLine runs a command line and returns what it wrote and its exit code.
func runLine(t *testing.T, in string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, complaints strings.Builder
	code = Run(t.Context(), args, strings.NewReader(in), &out, &complaints, Service())
	return out.String(), complaints.String(), code
}

func TestADryRunShowsWhatAnImportWouldDo(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "sqldump", "testdata", "sqlite.sql"))
	if err != nil {
		t.Fatal(err)
	}
	dump := filepath.Join(t.TempDir(), "aawiki.sql")
	if err := os.WriteFile(dump, text, 0o600); err != nil {
		t.Fatal(err)
	}
	out, complaints, code := runLine(t, "", "import", "jobs", "--wiki", "aawiki", "--dry-run", dump)
	const want = `WIKI    QUEUE              WAITING  DELAYED  CLAIMED  ABANDONED
aawiki  cdnPurge                          1
aawiki  htmlCacheUpdate          1
aawiki  null                                       1          1
aawiki  oldJob                   1
aawiki  refreshLinks             3
aawiki  userOptionsUpdate        2
all                              7        1        1          1

Nothing was pushed: this was a dry run.
A claimed job becomes ready: if a runner still has it, it runs twice. --skip-claimed leaves it out.
1 job was not imported:
`
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("output (-want +got):\n%s", diff)
	}
	if code != exitFailed || !strings.Contains(complaints, `job_id 10 (broken): serialised text of PHP: an object of class "Evil"`) {
		t.Errorf("code %d, complaints %q", code, complaints)
	}
	if _, err := os.Stat(dump + ".ledger"); err == nil {
		t.Error("a dry run made a ledger")
	}
}

func TestAnImportWithoutOneSourceIsAUsageError(t *testing.T) {
	for words, args := range map[string][]string{
		"a file is missing":                 {"import", "jobs"},
		"are two sources":                   {"import", "jobs", "--redis", "127.0.0.1:6379", "x"},
		`--state is "done"`:                 {"export", "jobs", "--state", "done"},
		`"y" is one argument too many`:      {"import", "jobs", "x", "y"},
		`--redis-db is "x"; a whole number`: {"import", "jobs", "--redis-db", "x"},
	} {
		if _, complaints, code := runLine(t, "", args...); code != exitUsage || !strings.Contains(complaints, words) {
			t.Errorf("%v: code %d, %q; want %q", args, code, complaints, words)
		}
	}
	if _, complaints, code := runLine(t, "INSERT INTO job VALUES (1);", "import", "jobs", "-"); code != exitFailed || !strings.Contains(complaints, "standard input: wiki: is missing") {
		t.Errorf("a dump without a wiki: code %d, %q", code, complaints)
	}
}
