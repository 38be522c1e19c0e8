package auwai_test

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// rows are the semantics of a job's queue, each of which has to have a test.
func rows() []string {
	return []string{
		"delivery", "de-duplication", "roots", "delay", "retry", "claims", "crash", "shutdown", "dead letters", "order",
		"priority", "fairness", "limits", "gates", "serialize", "push", "waits for", "needs", "progress", "cancel", "loops",
		"history", "counts",
	}
}

func TestEachSemanticAndEachDefectHasATest(t *testing.T) {
	semantics, defects, ok := strings.Cut(read(t, "docs/dev/semantics.md"), "\n## Defects")
	if !ok {
		t.Fatal("docs/dev/semantics.md has no table of defects")
	}
	exists := testNames(t)
	line := regexp.MustCompile(`(?m)^\| ([^|]+) \| ([^|]*) \|$`)
	named := regexp.MustCompile("`([A-Za-z0-9]+)`")
	var found []string
	for _, table := range []string{semantics, defects} {
		n := 0
		for _, m := range line.FindAllStringSubmatch(table, -1) {
			if m[1] == "row" || m[1] == "defect" || m[1] == "---" {
				continue
			}
			n++
			found = append(found, m[1])
			tests := named.FindAllStringSubmatch(m[2], -1)
			if len(tests) == 0 {
				t.Errorf("%q has no test", m[1])
			}
			for _, name := range tests {
				if !exists[name[1]] {
					t.Errorf("%q names the test %s, which does not exist", m[1], name[1])
				}
			}
		}
		if table == defects && n < 13 {
			t.Errorf("%d defects are listed, there are 13", n)
		}
	}
	for _, row := range rows() {
		if !slices.Contains(found, row) {
			t.Errorf("docs/dev/semantics.md has no row %q", row)
		}
	}
}

// testNames are the names of all tests, in Go and in PHP.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	function := regexp.MustCompile(`(?m)^(?:func|\tpublic function) ([Tt]est[A-Za-z0-9]+)\(`)
	for _, root := range []string{"internal", "test", "extension/Auwai/tests"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") && !strings.HasSuffix(path, "Test.php") {
				return err
			}
			for _, m := range function.FindAllStringSubmatch(read(t, path), -1) {
				names[m[1]] = true
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return names
}
