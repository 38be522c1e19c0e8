package config

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"

	"auwai/internal/fault"
)

// reader walks a YAML tree and collects faults. It goes on after each, so that all are found.
type reader struct {
	file   string   // as it is shown
	dir    string   // of the file, absolute
	read   []string // files that it names, absolute
	faults []Fault
}

func (r *reader) fault(n *yaml.Node, path, format string, args ...any) {
	r.faults = append(r.faults, Fault{File: r.file, Line: n.Line, Path: path, Text: fmt.Sprintf(format, args...)})
}

// field reads the value of a key. path is the key's path.
type field func(n *yaml.Node, path string)

// under returns the path of a key below another; a key that would be mistaken is quoted.
func under(path, key string) string {
	if strings.ContainsAny(key, ". \t\n:") || key == "" || strings.ContainsFunc(key, func(c rune) bool { return !unicode.IsPrint(c) }) {
		key = strconv.Quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// resolve follows an alias.
func resolve(n *yaml.Node) *yaml.Node {
	for range 8 {
		if n.Kind != yaml.AliasNode || n.Alias == nil {
			break
		}
		n = n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// describe puts what a node is into words.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a map"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		if isNull(n) {
			return "empty"
		}
		return strconv.Quote(fault.Short(n.Value))
	default:
		return "no value"
	}
}

// object reads a map with known keys.
func (r *reader) object(n *yaml.Node, path string, fields map[string]field) {
	r.each(n, path, func(key, value *yaml.Node, at string) {
		f, known := fields[key.Value]
		if !known {
			names := make([]string, 0, len(fields))
			for name := range fields {
				names = append(names, name)
			}
			r.fault(key, at, "is not a key here; %s", suggest(key.Value, names))
			return
		}
		f(value, at)
	})
}

// each calls f for every pair of a map. A key that comes twice is a fault.
func (r *reader) each(n *yaml.Node, path string, f func(key, value *yaml.Node, at string)) {
	n = resolve(n)
	if isNull(n) {
		return // "wikis:" with nothing below it
	}
	if n.Kind != yaml.MappingNode {
		what := "is"
		if path == "" {
			what = "the file is"
		}
		r.fault(n, path, "%s %s; a map of keys and values is expected", what, describe(n))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], resolve(n.Content[i+1])
		if key.Kind != yaml.ScalarNode {
			r.fault(key, path, "has %s as a key; a name is expected", describe(key))
			continue
		}
		at := under(path, key.Value)
		if line, twice := seen[key.Value]; twice {
			r.fault(key, at, "stands here for the second time, first in line %d", line)
			continue
		}
		seen[key.Value] = key.Line
		f(key, value, at)
	}
}

// list calls f for every element of a list.
func (r *reader) list(n *yaml.Node, path, of string, f func(n *yaml.Node, at string)) {
	n = resolve(n)
	if isNull(n) {
		return
	}
	if n.Kind != yaml.SequenceNode {
		r.fault(n, path, "is %s; a list of %s is expected, in brackets", describe(n), of)
		return
	}
	for i, c := range n.Content {
		f(resolve(c), fmt.Sprintf("%s[%d]", path, i))
	}
}

// text reads a string that is not empty. A number or a word such as true has to be quoted, since YAML
// would change it (0x10, 1e3, no).
func (r *reader) text(n *yaml.Node, path string) (string, bool) {
	switch {
	case n.Kind != yaml.ScalarNode || isNull(n):
		r.fault(n, path, "is %s; text is expected", describe(n))
	case n.Tag != "!!str":
		r.fault(n, path, "is %s, which YAML takes for another type; write it in quotes", describe(n))
	case n.Value == "":
		r.fault(n, path, "is empty; leave the key out or give it a value")
	case strings.ContainsFunc(n.Value, func(c rune) bool { return c < 0x20 || c == 0x7f }):
		r.fault(n, path, "is %s, with control characters; remove them", describe(n))
	default:
		return n.Value, true
	}
	return "", false
}

// word reads one of several words.
func (r *reader) word(n *yaml.Node, path string, words ...string) (string, bool) {
	s, ok := r.text(n, path)
	if !ok {
		return "", false
	}
	if !slices.Contains(words, s) {
		r.fault(n, path, "is %q; %s is expected", fault.Short(s), oneOf(words))
		return "", false
	}
	return s, true
}

// number reads an integer from 1 to most.
func (r *reader) number(n *yaml.Node, path string, most int) (int, bool) {
	v, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || err != nil {
		r.fault(n, path, "is %s; a whole number is expected", describe(n))
		return 0, false
	}
	if v < 1 || v > most {
		r.fault(n, path, "is %d; a number from 1 to %d is expected", v, most)
		return 0, false
	}
	return v, true
}

// factor reads a number from least to most.
func (r *reader) factor(n *yaml.Node, path string, least, most float64) (float64, bool) {
	v, err := strconv.ParseFloat(n.Value, 64)
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" && n.Tag != "!!float" || err != nil || math.IsNaN(v) {
		r.fault(n, path, "is %s; a number is expected", describe(n))
		return 0, false
	}
	if v < least || v > most {
		r.fault(n, path, "is %s; a number from %g to %g is expected", n.Value, least, most)
		return 0, false
	}
	return v, true
}

// duration reads a duration as Go writes it.
func (r *reader) duration(n *yaml.Node, path string, least, most time.Duration) (time.Duration, bool) {
	if n.Kind == yaml.ScalarNode && (n.Tag == "!!int" || n.Tag == "!!float") && n.Value != "0" {
		r.fault(n, path, "is %s, without a unit; write it as %ss or %sms", n.Value, n.Value, n.Value)
		return 0, false
	}
	d, err := time.ParseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil {
		r.fault(n, path, "is %s; a duration such as 500ms, 11s or 1h30m is expected", describe(n))
		return 0, false
	}
	if d < least || d > most {
		r.fault(n, path, "is %s; a duration from %s to %s is expected", d, plain(least), plain(most))
		return 0, false
	}
	return d, true
}

// plain writes a duration without the zeros at its end.
func plain(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// oneOf lists words as a sentence does.
func oneOf(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

// suggest names the key that was probably meant, or all that there are.
func suggest(got string, names []string) string {
	slices.Sort(names)
	best, least := "", 3
	for _, name := range names {
		if d := distance(strings.ToLower(got), name); d < least {
			best, least = name, d
		}
	}
	if best != "" {
		return "did you mean " + best + "?"
	}
	return "known are " + strings.Join(names, ", ")
}

// distance is the number of letters to change, add or leave out.
func distance(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
