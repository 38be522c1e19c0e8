package auwai_test

import (
	"bytes"
	"flag"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"auwai/internal/cli"
	"auwai/internal/config"
)

var rewrite = flag.Bool("rewrite", false, "write the command reference anew")

// block is a piece of a document between ``` fences.
type block struct {
	document, language, text string
}

func blocks(t *testing.T) []block {
	t.Helper()
	fence := regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")
	var all []block
	for _, name := range documents(t) {
		for _, m := range fence.FindAllStringSubmatch(read(t, name), -1) {
			all = append(all, block{name, m[1], m[2]})
		}
	}
	return all
}

func TestConfigurationsInDocumentsAreRight(t *testing.T) {
	prometheus := regexp.MustCompile(`(?m)^(scrape_configs|rule_files):`)
	heredoc := regexp.MustCompile(`(?ms)^cat > auwai\.yaml <<'END'\n(.*?)^END$`)
	found := 0
	try := func(name, text string) {
		found++
		if err := loadExample(t, text); err != nil {
			t.Errorf("%s has a configuration that does not load: %v\n%s", name, err, text)
		}
	}
	for _, b := range blocks(t) {
		if b.language == "yaml" && !prometheus.MatchString(b.text) {
			try(b.document, b.text)
		}
		for _, m := range heredoc.FindAllStringSubmatch(b.text, -1) {
			try(b.document, m[1])
		}
	}
	for _, name := range textFiles(t) {
		if path.Dir(name) == "deploy/examples" {
			try(name, read(t, name))
		}
	}
	if found < 6 {
		t.Errorf("%d configurations found; the search misses them", found)
	}
}

// layExampleSchemas makes the folder of schemas that a configuration names, and the schemas in it.
func layExampleSchemas(t *testing.T, dir, text string) {
	t.Helper()
	folder := regexp.MustCompile(`\bfolder: *([\w./-]+)`).FindStringSubmatch(text)
	if folder == nil {
		return
	}
	dir = filepath.Join(dir, filepath.FromSlash(folder[1]))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`\bschema: *([\w./-]+)`).FindAllStringSubmatch(text, -1) {
		file := filepath.Join(dir, filepath.FromSlash(m[1])+".json")
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// loadExample loads a configuration, with files where it expects secrets and schemas.
func loadExample(t *testing.T, text string) error {
	t.Helper()
	dir := t.TempDir()
	layExampleSchemas(t, dir, text)
	secret := regexp.MustCompile(`(secret_file: *)([\w./-]+)`)
	text = secret.ReplaceAllStringFunc(text, func(s string) string {
		m := secret.FindStringSubmatch(s)
		file := filepath.Join(dir, filepath.FromSlash(m[2]))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("a secret\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return m[1] + file
	})
	file := filepath.Join(dir, "auwai.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := config.Load(file)
	return err
}

// commandLines returns the calls of auwai in documents, each with its document: lines of blocks, and
// code within a sentence.
func commandLines(t *testing.T) [][2]string {
	t.Helper()
	line := regexp.MustCompile(`(?m)^ *(?:\$ |docker exec auwai )?(?:[\w./]*/)?auwai ([^\n#|<>]*)`)
	inline := regexp.MustCompile("`(?:bin/)?auwai ([^`]*)`")
	var all [][2]string
	for _, b := range blocks(t) {
		if b.language != "yaml" && b.language != "php" {
			for _, m := range line.FindAllStringSubmatch(b.text, -1) {
				all = append(all, [2]string{b.document, m[1]})
			}
		}
	}
	for _, name := range documents(t) {
		for _, m := range inline.FindAllStringSubmatch(read(t, name), -1) {
			all = append(all, [2]string{name, m[1]})
		}
	}
	return all
}

func TestCommandsInDocumentsExist(t *testing.T) {
	t.Setenv("AUWAI_SERVER", "")
	lines := commandLines(t)
	optional := regexp.MustCompile(`\[[^\]]*\]`) // as usages have it
	for _, l := range lines {
		words := strings.Fields(optional.ReplaceAllString(l[1], ""))
		if at := slices.Index(words, "--"); at >= 0 {
			words = words[:at] // what follows is of another program
		}
		if len(words) == 0 || words[0] == "help" {
			continue
		}
		out, code := run(t, append(slices.Clone(words), "--help")...)
		named := words[:1]
		if subcommands := commandsIn(out); len(words) > 1 && len(subcommands) > 0 && !strings.HasPrefix(words[1], "-") {
			named = words[:2] // a group, and no command of it: its help has another usage
		}
		if code != 0 && strings.HasPrefix(words[len(words)-1], "--") { // a sentence names the flag, a call gives it a value
			out, code = run(t, append(slices.Clone(words), "1", "--help")...)
		}
		if code != 0 || !strings.HasPrefix(words[0], "-") && !strings.Contains(out, "\n  auwai "+strings.Join(named, " ")) {
			t.Errorf("%s calls auwai %s: there is no such command or flag:\n%s", l[0], l[1], out)
		}
	}
	if len(lines) < 20 {
		t.Errorf("%d calls found; the search misses them", len(lines))
	}
}

// run runs a command line of auwai that asks for help, and returns what it says.
func run(t *testing.T, args ...string) (out string, code int) {
	t.Helper()
	var b bytes.Buffer
	code = cli.Run(t.Context(), args, strings.NewReader(""), &b, &b, cli.Service())
	return b.String(), code
}

// commandsIn returns the commands that a help text lists.
func commandsIn(help string) []string {
	list, _, _ := strings.Cut(help, "\nFlags:")
	_, list, _ = strings.Cut(list, "\nUsage:")
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^  ([a-z]+) {2,}[A-Z]`).FindAllStringSubmatch(list, -1) {
		if m[1] != "help" {
			names = append(names, m[1])
		}
	}
	return names
}

const cliReference = "docs/reference/cli.md"

func TestTheCommandReferenceIsWhatTheCommandsSay(t *testing.T) {
	t.Setenv("AUWAI_SERVER", "")
	var b strings.Builder
	b.WriteString(`# Commands

What each command says of itself with ` + "`--help`" + `. A test compares this page with the commands; ` + "`go test . -rewrite`" + ` writes it anew.

Exit codes: 0 done; 1 it failed, or a check found faults; 2 the command line is wrong. With ` + "`--json`" + ` standard output is one JSON document, as the HTTP interface has it; everything else goes to standard error. ` + "`AUWAI_SERVER`" + ` stands for ` + "`--server`" + `.
`)
	var describe func(words ...string)
	describe = func(words ...string) {
		help, code := run(t, append(slices.Clone(words), "--help")...)
		if code != 0 {
			t.Fatalf("auwai %v --help ends with %d: %s", words, code, help)
		}
		b.WriteString("\n## " + strings.Join(append([]string{"auwai"}, words...), " ") + "\n\n```text\n" + strings.TrimSpace(help) + "\n```\n")
		for _, name := range commandsIn(help) {
			describe(append(slices.Clone(words), name)...)
		}
	}
	describe()
	if *rewrite {
		if err := os.WriteFile(cliReference, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(read(t, cliReference), b.String()); diff != "" {
		t.Errorf("%s is out of date; go test . -rewrite writes it anew (-file +commands):\n%s", cliReference, diff)
	}
}

func TestEachMetricIsExplainedAndAlarmsNameRealOnes(t *testing.T) {
	const page = "docs/operate/metrics.md"
	kinds := map[string]string{}
	for line := range strings.Lines(read(t, "internal/telemetry/testdata/names.golden")) {
		name, kind, _ := strings.Cut(strings.TrimSpace(line), " ")
		kinds[name] = kind
		if !strings.Contains(read(t, page), "\n| `"+name+"` | "+kind+" | ") {
			t.Errorf("%s has no row for %s, a %s", page, name, kind)
		}
	}
	names := regexp.MustCompile(`\bauwai_[a-z0-9_]+`)
	for _, file := range []string{page, "docs/operate/trouble.md", "deploy/prometheus/alerts.yaml", "deploy/prometheus/prometheus.yaml"} {
		for _, name := range names.FindAllString(read(t, file), -1) {
			base := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")
			if kinds[name] == "" && kinds[base] != "histogram" {
				t.Errorf("%s names %s, which the service does not have", file, name)
			}
		}
	}
}

// Reasons that the page for trouble quotes are those that the program gives.
func TestReasonsInTheTroublePageAreThoseOfTheProgram(t *testing.T) {
	var program strings.Builder
	for _, name := range textFiles(t) {
		source := path.Ext(name) == ".go" && !strings.HasSuffix(name, "_test.go") || path.Ext(name) == ".php"
		if source && (strings.HasPrefix(name, "internal/") || strings.HasPrefix(name, "extension/")) {
			program.WriteString(read(t, name))
		}
	}
	quoted := 0
	for _, row := range regexp.MustCompile("(?m)^\\| ([^|]*`[^|]*) \\|").FindAllStringSubmatch(read(t, "docs/operate/trouble.md"), -1) {
		for _, reason := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			for part := range strings.SplitSeq(reason[1], "…") {
				part = strings.Trim(part, ` "'()`)
				quoted++
				if !strings.Contains(program.String(), part) {
					t.Errorf("docs/operate/trouble.md quotes %q, which the program does not say: %q", reason[1], part)
				}
			}
		}
	}
	if quoted < 15 {
		t.Errorf("%d quotations found; the search misses them", quoted)
	}
}
