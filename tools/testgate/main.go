// Command testgate reads the logs of several verbose test runs and fails if a test was skipped that
// no run carried out.
//
//	testgate LOG…
//
// The runs of one build divide the work: what needs a database skips in the run that has none, and
// has to pass in the run that starts one. So a skip alone is no fault; a test that was skipped
// somewhere and passed nowhere is. Logs are the output of "go test -v" and of PHPUnit; a PHPUnit run
// that skipped or left out anything is a fault at once, since it has one run only.
//
// The last line says how many tests passed, failed and were skipped for good.
package main

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: testgate LOG…")
		os.Exit(2)
	}
	counted := newTally()
	for _, name := range os.Args[1:] {
		if err := counted.readFile(name); err != nil {
			fmt.Fprintln(os.Stderr, "testgate:", err)
			os.Exit(1)
		}
	}
	if !counted.report(os.Stdout) {
		os.Exit(1)
	}
}

// tally is what all runs together did with each test. A test is named by its package and its name.
type tally struct {
	passed, failed, skipped map[string]bool
	phpPassed               int
	faults                  []string // what fails the gate by itself, in the order of reading
	empty                   []string // logs in which no test was found
}

func newTally() *tally {
	return &tally{passed: map[string]bool{}, failed: map[string]bool{}, skipped: map[string]bool{}}
}

var (
	goResult  = regexp.MustCompile(`^\s*--- (PASS|FAIL|SKIP): (\S+) \(`)
	goPackage = regexp.MustCompile(`^(?:ok|FAIL)\s+(\S+)\s+(?:\(cached\)|[0-9.]+s)`)
	// PHPUnit's closing lines, as they are or in the log of a Go test.
	phpClean  = regexp.MustCompile(`^\s*(?:\S+\.go:\d+: )?OK \((\d+) tests?, \d+ assertions?\)`)
	phpUnsure = regexp.MustCompile(`^\s*(?:\S+\.go:\d+: )?Tests: \d+, .*(?:Skipped|Incomplete|Risky): [1-9]`)
)

func (c *tally) readFile(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // it was only read
	found, err := c.read(file)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if !found {
		c.empty = append(c.empty, name)
	}
	return nil
}

// read adds the results of one log. It reports whether there were any.
//
// "go test -v" prints the results of a package before the line that names it, one package after the
// other, so results are kept until that line comes.
func (c *tally) read(r io.Reader) (found bool, err error) {
	type result struct{ verdict, test string }
	var open []result
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		line := lines.Text()
		if m := goResult.FindStringSubmatch(line); m != nil {
			open = append(open, result{m[1], m[2]})
			continue
		}
		if m := goPackage.FindStringSubmatch(line); m != nil {
			for _, r := range open {
				c.add(r.verdict, m[1]+" "+r.test)
			}
			found = found || len(open) > 0
			open = nil
			continue
		}
		if m := phpClean.FindStringSubmatch(line); m != nil {
			var n int
			if _, err := fmt.Sscan(m[1], &n); err != nil {
				return found, err
			}
			c.phpPassed += n
			found = true
		}
		if phpUnsure.MatchString(line) {
			c.faults = append(c.faults, "PHPUnit left tests out: "+line)
			found = true
		}
	}
	for _, r := range open {
		c.faults = append(c.faults, fmt.Sprintf("the log breaks off in the package of %s (%s)", r.test, r.verdict))
	}
	return found, lines.Err()
}

func (c *tally) add(verdict, test string) {
	switch verdict {
	case "PASS":
		c.passed[test] = true
	case "FAIL":
		c.failed[test] = true
	default:
		c.skipped[test] = true
	}
}

// report prints what is wrong and the closing line, and returns whether nothing is.
func (c *tally) report(w io.Writer) bool {
	var left []string
	for _, test := range slices.Sorted(maps.Keys(c.skipped)) {
		if !c.passed[test] && !c.failed[test] {
			left = append(left, test)
		}
	}
	for _, test := range left {
		fmt.Fprintln(w, "skipped in every run:", test)
	}
	for _, fault := range c.faults {
		fmt.Fprintln(w, fault)
	}
	for _, name := range c.empty {
		fmt.Fprintln(w, "no test ran in", name)
	}
	passed := len(c.passed) + c.phpPassed
	fmt.Fprintf(w, "tests: %d passed, %d failed, %d skipped\n", passed, len(c.failed), len(left))
	return len(left)+len(c.faults)+len(c.empty)+len(c.failed) == 0 && passed > 0
}
