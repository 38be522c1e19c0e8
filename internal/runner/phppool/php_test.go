package phppool_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"auwai/internal/runner"
	"auwai/internal/runner/phppool"
	"auwai/internal/testenv"
)

// The pool with real PHP, and a script that stands in for MediaWiki and its extension.
func TestPHPServesWorkByPipes(t *testing.T) {
	testenv.Need(t, testenv.NamePHP)
	dir := t.TempDir()
	script, err := os.ReadFile("testdata/worker.php")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "worker.php"), script, 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, phppool.Config{
		PHP: "php", Processes: 1, MaxMemory: 64 << 20, Env: os.Environ(),
		Wikis: func(name string) (phppool.Wiki, bool) {
			return phppool.Wiki{Path: dir, Script: "worker.php", Args: []string{"--wiki=" + name}}, true
		},
	})
	first := pid(t, p, "aawiki")
	if again := pid(t, p, "aawiki"); again != first {
		t.Errorf("process %s, then %s", first, again)
	}
	got := run(t, p, work("aawiki", params{}, params{"do": "fail", "print": "printed"}, params{"do": "exhaust memory"}, params{}))
	wantResult(t, got[0], done, "", "")
	wantResult(t, got[1], failed, "exception:RuntimeException", "it would not; it wrote: printed to stdout printed to stderr")
	wantResult(t, got[2], failed, runner.ClassCrash, "Allowed memory size of 67108864 bytes exhausted")
	if len(got) != 3 {
		t.Errorf("the job after the crash has a result: %+v", got[3])
	}
	if other := pid(t, p, "bbwiki"); other == first || strings.TrimSpace(other) == "" {
		t.Errorf("another wiki has process %s", other)
	}
}
