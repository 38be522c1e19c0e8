// Package auwai_test holds the rules of the source tree as tests: floors, clocks, sizes, words and
// documents. It reads the files itself and runs no tool, so that the test cache sees every file it
// depends on and "go test" alone is enough.
package auwai_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The numbers of the style sheet in CONTRIBUTING.md.
const (
	modulePath     = "auwai"
	floorsFile     = "ARCHITECTURE.md"
	firstDomain    = 5 // floors 5 to 7 are functions over partition.Tx:
	lastDomain     = 7 // no goroutine, no clock, no input or output
	fileAim        = 400
	fileLimit      = 800
	functionLimit  = 70
	interfaceLimit = 8
	treeIsComplete = true // true: what the documents name has to exist
)

// stepMachines are the packages above and below the domains that are written as
// Step(now, input) → outputs too. Their shells alone may read the clock and start goroutines; a
// shell is a file named loop.go, run.go, driver.go, clock.go, …_loop.go, …_run.go or clock_….go.
var stepMachines = []string{"internal/partition", "internal/node", "internal/dispatch"}

// clockCalls are the functions of package time that read or wait for the clock.
var clockCalls = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

// domainImports may not be imported by the domains: each would let the surroundings in.
var domainImports = []string{"crypto/rand", "database/sql", "net", "net/http", "os", "os/exec", "syscall"}

// source is one parsed Go file.
type source struct {
	path  string // relative to the root, with slashes
	dir   string // the directory of path: the package, as the floor table names it
	lines int
	test  bool // _test.go, a …test package, or below test/
	tree  *ast.File
	set   *token.FileSet
	text  []byte
}

// at returns the place of pos as file:line.
func (s *source) at(pos token.Pos) string {
	return fmt.Sprintf("%s:%d", s.path, s.set.Position(pos).Line)
}

func TestEveryPackageImportsOnlyLowerFloors(t *testing.T) {
	floors, sources := readFloors(t), readSources(t)
	unlisted := map[string]bool{}
	for _, s := range sources {
		if s.test {
			continue
		}
		floor, listed := floors[s.dir]
		if !listed && inTable(s.dir) && !unlisted[s.dir] {
			unlisted[s.dir] = true
			t.Errorf("%s: the package is not in the floor table of %s; add a row for it on the lowest floor "+
				"above everything that it imports", s.dir, floorsFile)
		}
		if !listed {
			continue
		}
		for _, imported := range s.tree.Imports {
			name, err := strconv.Unquote(imported.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			dep, ours := strings.CutPrefix(name, modulePath+"/")
			if !ours {
				continue
			}
			below, ok := floors[dep]
			switch {
			case isTestPackage(dep) || strings.HasPrefix(dep, "test/"): // the helpers of tests bring package testing
				t.Errorf("%s imports %s: only tests may import test code", s.at(imported.Pos()), dep)
			case ok && below >= floor:
				t.Errorf("%s (floor %d) imports %s (floor %d): a package imports strictly lower floors; "+
					"let the user declare the small interface it needs, and package server join the two",
					s.at(imported.Pos()), floor, dep, below)
			}
		}
	}
}

func TestTheFloorTableNamesPackagesThatExist(t *testing.T) {
	exists := map[string]bool{}
	for _, s := range readSources(t) {
		exists[s.dir] = true
	}
	for name := range readFloors(t) {
		if !exists[name] {
			complain(t, "%s lists %s, which does not exist", floorsFile, name)
		}
	}
}

func TestEveryPackageHasAComment(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range readSources(t) {
		if strings.HasSuffix(s.path, "_test.go") {
			continue
		}
		documented[s.dir] = documented[s.dir] || s.tree.Doc != nil
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s: no file has a package comment; write doc.go: words, invariants, failures, files", dir)
		}
	}
}

func TestDomainsKnowNoClockNoGoroutineAndNoSurroundings(t *testing.T) {
	floors := readFloors(t)
	for _, s := range readSources(t) {
		if s.test {
			continue
		}
		floor, listed := floors[s.dir]
		domain := listed && floor >= firstDomain && floor <= lastDomain
		if !domain && (!slices.Contains(stepMachines, s.dir) || isShell(s.path)) {
			continue
		}
		const remedy = "a step machine takes now as an argument; its shell (loop.go, run.go, driver.go, clock.go) owns clock and goroutines"
		ast.Inspect(s.tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s starts a goroutine: %s", s.at(n.Pos()), remedy)
			case *ast.SelectorExpr:
				if n.Sel.Name == "Go" { // of a WaitGroup or errgroup
					t.Errorf("%s starts a goroutine: %s", s.at(n.Pos()), remedy)
				}
				if pkg, ok := n.X.(*ast.Ident); ok && pkg.Name == "time" && slices.Contains(clockCalls, n.Sel.Name) {
					t.Errorf("%s uses time.%s: %s", s.at(n.Pos()), n.Sel.Name, remedy)
				}
			}
			return true
		})
		for _, imported := range s.tree.Imports {
			if name, err := strconv.Unquote(imported.Path.Value); domain && err == nil && slices.Contains(domainImports, name) {
				t.Errorf("%s imports %s: floors %d to %d are functions over partition.Tx", s.at(imported.Pos()), name, firstDomain, lastDomain)
			}
		}
	}
}

func TestNoPackageRunsCodeAtImport(t *testing.T) {
	for _, s := range readSources(t) {
		for _, decl := range s.tree.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: func init; build the value where it is needed", s.at(f.Pos()))
			}
		}
	}
}

func TestFilesFunctionsAndInterfacesStaySmall(t *testing.T) {
	for _, s := range readSources(t) {
		switch {
		case s.lines > fileLimit:
			t.Errorf("%s has %d lines: the limit is %d, the aim %d", s.path, s.lines, fileLimit, fileAim)
		case s.lines > fileAim:
			t.Logf("%s has %d lines: the aim is %d", s.path, s.lines, fileAim)
		}
		if s.test {
			continue
		}
		ast.Inspect(s.tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				first, last := s.set.Position(n.Pos()).Line, s.set.Position(n.End()).Line
				if lines := last - first + 1; lines > functionLimit {
					t.Errorf("%s: func %s has %d lines, the limit is %d", s.at(n.Pos()), n.Name.Name, lines, functionLimit)
				}
			case *ast.TypeSpec:
				if i, ok := n.Type.(*ast.InterfaceType); ok && i.Methods.NumFields() > interfaceLimit {
					t.Errorf("%s: interface %s has %d methods, the limit is %d", s.at(n.Pos()), n.Name.Name, i.Methods.NumFields(), interfaceLimit)
				}
			}
			return true
		})
	}
}

func TestNoFileLeavesWorkForLater(t *testing.T) {
	// Put together here, so that this file does not find itself.
	words := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|X` + `XX|HA` + `CK)\b`)
	for _, s := range readSources(t) {
		for i, line := range strings.Split(string(s.text), "\n") {
			if word := words.FindString(line); word != "" {
				t.Errorf("%s:%d says %s: finish it", s.path, i+1, word)
			}
		}
	}
}

func TestNoFileNamesTheMachineItWasWrittenOn(t *testing.T) {
	places := regexp.MustCompile("(^|[\\s\"'`(=:])(/wo" + "rk/|/fa" + "rm/|/tmp/bash_" + "jobs|/root/)")
	for _, name := range textFiles(t) {
		text, err := os.ReadFile(filepath.FromSlash(name))
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			if places.MatchString(line) {
				t.Errorf("%s:%d names a path of one machine: %s", name, i+1, strings.TrimSpace(line))
			}
		}
	}
}

// readFloors returns the floor of each package from the table in ARCHITECTURE.md: rows
// "| floor | package | purpose |" after the heading "Floors".
func readFloors(t *testing.T) map[string]int {
	t.Helper()
	text, err := os.ReadFile(floorsFile)
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n## Floors\n")
	if !found {
		t.Fatalf("%s has no section Floors", floorsFile)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	row := regexp.MustCompile("(?m)^\\| *(\\d+) *\\| *`([a-z0-9/]+)` *\\| *\\S.*\\|$")
	floors := map[string]int{}
	for _, cells := range row.FindAllStringSubmatch(section, -1) {
		floor, err := strconv.Atoi(cells[1])
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := floors[cells[2]]; twice {
			t.Errorf("%s lists %s twice", floorsFile, cells[2])
		}
		floors[cells[2]] = floor
	}
	if len(floors) == 0 {
		t.Fatalf("%s: the floor table has no row that can be read", floorsFile)
	}
	return floors
}

// readSources returns every Go file of the tree, parsed with its comments, in the order of paths.
func readSources(t *testing.T) []*source {
	t.Helper()
	var sources []*source
	for _, name := range textFiles(t) {
		if path.Ext(name) != ".go" {
			continue
		}
		text, err := os.ReadFile(filepath.FromSlash(name))
		if err != nil {
			t.Fatal(err)
		}
		set := token.NewFileSet()
		tree, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		dir := path.Dir(name)
		sources = append(sources, &source{
			path: name, dir: dir, lines: strings.Count(string(text), "\n"),
			test: strings.HasSuffix(name, "_test.go") || isTestPackage(dir) || strings.HasPrefix(dir, "test/"),
			tree: tree, set: set, text: text,
		})
	}
	return sources
}

// textFiles returns the files of the project that people wrote, in the order of paths: no hidden
// folders but .ci, nothing that a build or a run leaves behind, no recorded data.
func textFiles(t *testing.T) []string {
	t.Helper()
	kinds := []string{".go", ".md", ".php", ".sh", ".sql", ".yaml", ".yml", ".json", ".service", ".socket", ".vcl", ".txtar", ".mod", ""}
	var names []string
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		base := path.Base(name)
		if entry.IsDir() {
			left := slices.Contains([]string{"bin", "auwai-data", "artifacts", "testdata", "vendor", "node_modules"}, base)
			if hidden := strings.HasPrefix(base, ".") && name != "." && name != ".ci"; hidden || left {
				return filepath.SkipDir
			}
			return nil
		}
		if entry.Type().IsRegular() && slices.Contains(kinds, path.Ext(name)) {
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// inTable reports whether a package of the directory has to be in the floor table.
func inTable(dir string) bool {
	top, _, _ := strings.Cut(dir, "/")
	return slices.Contains([]string{"internal", "api", "client", "cmd"}, top)
}

// isTestPackage reports whether the directory is for tests only: a …test package such as
// kv/kvtest, or package testenv, which is in the table since suites build on it.
func isTestPackage(dir string) bool {
	return strings.HasSuffix(dir, "test") || dir == "internal/testenv"
}

// isShell reports whether the file is the thin loop around a step machine, or its clock.
func isShell(name string) bool {
	stem := strings.TrimSuffix(path.Base(name), ".go")
	for _, shell := range []string{"loop", "run", "driver", "clock"} {
		if stem == shell || strings.HasSuffix(stem, "_"+shell) {
			return true
		}
	}
	return strings.HasPrefix(stem, "clock_") // by system
}
