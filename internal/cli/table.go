package cli

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// column is a column of a table.
type column struct {
	name  string
	right bool // numbers
}

// table writes rows under their column names, aligned by spaces. Empty columns are left out. The last
// column is not padded.
func table(w io.Writer, columns []column, rows [][]string) {
	widths := make([]int, len(columns))
	for c := range columns {
		for _, row := range rows {
			widths[c] = max(widths[c], utf8.RuneCountInString(row[c]))
		}
		if widths[c] > 0 {
			widths[c] = max(widths[c], utf8.RuneCountInString(columns[c].name))
		}
	}
	names := make([]string, len(columns))
	for c := range columns {
		names[c] = columns[c].name
	}
	for _, row := range append([][]string{names}, rows...) {
		var line strings.Builder
		for c, cell := range row {
			if widths[c] == 0 {
				continue
			}
			if line.Len() > 0 {
				line.WriteString("  ")
			}
			pad := strings.Repeat(" ", widths[c]-utf8.RuneCountInString(cell))
			if columns[c].right {
				line.WriteString(pad + cell)
			} else {
				line.WriteString(cell + pad)
			}
		}
		fmt.Fprintln(w, strings.TrimRight(line.String(), " "))
	}
}

// mostWords bounds a reason in the last column of a table: a cause, and what to do about it.
const mostWords = 160

// oneLine makes a text fit for a cell.
func oneLine(s string, most int) string {
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}

// age writes a duration as people say it: 5s, 12m, 3h, 4d.
func age(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < 0:
		return "in " + age(-d)
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d/time.Second))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d/time.Minute))
	case d < 2*day:
		return fmt.Sprintf("%dh", int(d/time.Hour))
	default:
		return fmt.Sprintf("%dd", int(d/day))
	}
}

// clock writes a moment.
func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

// plural writes a number with its noun.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
