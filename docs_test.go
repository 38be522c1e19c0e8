package auwai_test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestLinksInDocumentsLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#\s]+)(#[^)]*)?\)`)
	for _, name := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(read(t, name), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			target := path.Join(path.Dir(name), m[1])
			if _, err := os.Stat(filepath.FromSlash(target)); err != nil {
				complain(t, "%s links to %s, which does not exist", name, target)
			}
		}
	}
}

func TestDocumentsNameMakeTargetsThatExist(t *testing.T) {
	targets := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^([a-z0-9]+):`).FindAllStringSubmatch(read(t, "Makefile"), -1) {
		targets[m[1]] = true
	}
	named := regexp.MustCompile("(?m)(?:^|`)make ([a-z0-9]+)")
	for _, name := range documents(t) {
		for _, m := range named.FindAllStringSubmatch(read(t, name), -1) {
			if !targets[m[1]] {
				t.Errorf("%s names make %s, which the Makefile does not have", name, m[1])
			}
		}
	}
}

// Every target of the Makefile that runs a script runs one that exists.
func TestTheMakefileRunsFilesThatExist(t *testing.T) {
	script := regexp.MustCompile(`(?m)^\t(?:\S+=\S+ )*((?:tools|extension|test)/\S+)`)
	for _, m := range script.FindAllStringSubmatch(read(t, "Makefile"), -1) {
		if info, err := os.Stat(filepath.FromSlash(m[1])); err != nil || info.Mode()&0o111 == 0 {
			complain(t, "the Makefile runs %s, which does not exist or may not be executed", m[1])
		}
	}
}

func TestEachDirectDependencyIsDecidedOn(t *testing.T) {
	const decision = "docs/adr/0005-dependencies.md"
	var required, decided []string
	for _, m := range regexp.MustCompile(`(?m)^(?:\t|require )(\S+) v\S+$`).FindAllStringSubmatch(read(t, "go.mod"), -1) {
		required = append(required, m[1])
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(read(t, decision), -1) {
		decided = append(decided, m[1])
	}
	for _, module := range required {
		if !slices.Contains(decided, module) {
			t.Errorf("go.mod requires %s, which has no row in %s", module, decision)
		}
	}
	for _, module := range decided {
		if !slices.Contains(required, module) {
			t.Errorf("%s has a row for %s, which go.mod does not require directly", decision, module)
		}
	}
}

func TestEveryDecisionIsListed(t *testing.T) {
	index := read(t, "docs/adr/README.md")
	files, err := filepath.Glob("docs/adr/0*.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("no decisions found: %v", err)
	}
	for _, file := range files {
		if name := filepath.Base(file); !strings.Contains(index, "("+name+")") {
			t.Errorf("docs/adr/README.md does not list %s", name)
		}
		for _, part := range []string{"## Context", "## Decision", "## Rejected", "## Consequences", "## How we would notice that it was wrong"} {
			if !strings.Contains(read(t, filepath.ToSlash(file)), "\n"+part+"\n") {
				t.Errorf("%s has no part %q", file, part)
			}
		}
	}
}

// documents returns the Markdown files of the project, in the order of paths.
func documents(t *testing.T) []string {
	t.Helper()
	return slices.DeleteFunc(textFiles(t), func(name string) bool { return path.Ext(name) != ".md" })
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// complain reports what is missing: as an error once everything is there.
func complain(t *testing.T, format string, args ...any) {
	t.Helper()
	if treeIsComplete {
		t.Errorf(format, args...)
		return
	}
	t.Logf(format, args...)
}
