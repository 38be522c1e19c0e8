package config

import (
	"fmt"
	"slices"
	"strings"

	"auwai/internal/fault"
)

// Fault is one thing that is wrong in a configuration file.
type Fault struct {
	File string `json:"file"`
	Line int    `json:"line,omitempty"` // 0: not known
	Path string `json:"path,omitempty"` // of the key: wikis.aawiki.url
	Text string `json:"text"`           // what is wrong, and what would be right
}

// String returns the fault as editors understand it: file:line: path: text.
func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d", f.Line)
	}
	b.WriteString(": ")
	if f.Path != "" {
		b.WriteString(f.Path + ": ")
	}
	b.WriteString(f.Text)
	return b.String()
}

// FaultsError is all that is wrong in a file, in the order of its lines.
type FaultsError struct{ Faults []Fault }

// Error returns the faults, one on a line.
func (e *FaultsError) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

// Unwrap says that the input is wrong.
func (e *FaultsError) Unwrap() error { return fault.New(fault.Invalid, "the configuration is faulty") }

func sortFaults(list []Fault) {
	slices.SortStableFunc(list, func(a, b Fault) int { return a.Line - b.Line })
}
