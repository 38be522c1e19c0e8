package sqldump

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"auwai/internal/fault"
)

// MaxValue is the greatest length of a value in bytes; a row with a longer one is not read. A
// MEDIUMBLOB ends at 16 MiB.
const MaxValue = 32 << 20

// ErrNoTable answers a dump that does not have the table.
var ErrNoTable = fault.New(fault.NotFound, "the dump does not have the table")

var (
	errTooLong = fmt.Errorf("a value has more than %d bytes", MaxValue)
	errCut     = errors.New("the dump ends within a string")
)

// Options say which table is read.
type Options struct {
	// Table is the name of the table, with or without its place: "job", "mw_job", "aawiki.job".
	Table string
	// Sign is a column that every such table has; tables that have it are named when Table is not found.
	Sign string
}

// Row is one row.
type Row struct {
	Line    int // on which it begins
	columns []string
	values  []Value
}

// Get returns the value of a column; ok is false when the table has no such column.
func (r *Row) Get(column string) (v Value, ok bool) {
	i := slices.Index(r.columns, column)
	if i < 0 {
		return v, false
	}
	return r.values[i], true
}

// RowError is a row that cannot be read. Those after it can.
type RowError struct {
	Line   int // on which the row begins
	Reason string
}

func (e *RowError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

// table names a table where it is.
type table struct{ place, name string }

func (t table) String() string {
	if t.place == "" {
		return t.name
	}
	return t.place + "." + t.name
}

// Reader reads rows. Not safe for concurrent use.
type Reader struct {
	s       *scanner
	place   string // by USE or \connect
	wanted  table  // place "": any
	sign    string
	found   *table
	created []string // columns by CREATE TABLE
	columns []string // of the rows that are read now
	rows    rowReader
	alike   []string // tables with the sign
}

// rowReader reads the next row; done when there is none in this statement.
type rowReader func() (row *Row, done bool, err error)

// NewReader returns a reader of a dump's text.
func NewReader(in io.Reader, o Options) *Reader {
	r := &Reader{s: newScanner(in), sign: o.Sign, wanted: table{name: o.Table}}
	if place, name, ok := strings.Cut(o.Table, "."); ok {
		r.wanted = table{place, name}
	}
	return r
}

// Line returns the line that was read last.
func (r *Reader) Line() int { return r.s.line }

// Next returns the next row. At the end it returns io.EOF; a *RowError is of one row only. Any other
// error ends the reading.
func (r *Reader) Next() (*Row, error) {
	for {
		for r.rows != nil {
			row, done, err := r.rows()
			switch {
			case err != nil:
				return nil, err
			case done:
				r.rows = nil
			default:
				return row, nil
			}
		}
		more, err := r.statement()
		switch {
		case err != nil:
			return nil, err
		case more:
			continue
		case r.s.failure() != nil:
			return nil, fmt.Errorf("line %d: read the dump: %w", r.s.line, r.s.failure())
		case r.found == nil:
			return nil, r.noTable()
		}
		return nil, io.EOF
	}
}

func (r *Reader) noTable() error {
	words := fmt.Sprintf("%q", r.wanted)
	if len(r.alike) > 0 {
		words += "; tables with a column " + r.sign + ": " + strings.Join(r.alike, ", ")
	}
	return fmt.Errorf("%w %s", ErrNoTable, words)
}

func (r *Reader) wrong(format string, args ...any) error {
	return fault.Newf(fault.Invalid, "line %d: %s", r.s.line, fmt.Sprintf(format, args...))
}

// cut is the error of a dump that ends within a statement.
func (r *Reader) cut() error {
	if err := r.s.failure(); err != nil {
		return fmt.Errorf("line %d: read the dump: %w", r.s.line, err)
	}
	return r.wrong("the dump ends in the middle of a statement; it is not whole")
}

// statement reads the beginning of a statement, and skips it when it is not about the table; false at
// the end of the dump.
func (r *Reader) statement() (more bool, err error) {
	r.s.space()
	p := r.s.peek(1)
	if len(p) == 0 {
		return false, nil
	}
	switch p[0] {
	case '\\':
		r.meta()
		return true, nil
	case ';':
		r.s.pos++
		return true, nil
	}
	first := strings.ToUpper(r.s.word())
	switch first {
	case "INSERT", "REPLACE":
		return true, r.insert()
	case "COPY":
		return true, r.copy()
	case "CREATE":
		return true, r.create()
	case "USE":
		r.place = r.s.name()
	case "DELIMITER":
		r.skipDelimited()
		return true, nil
	}
	return true, r.rest()
}

// rest skips the rest of a statement.
func (r *Reader) rest() error {
	if !r.s.skipStatement() {
		return r.cut()
	}
	return nil
}

// meta reads a line for psql: \connect names the place.
func (r *Reader) meta() {
	r.s.pos++
	if r.s.word() == "connect" {
		r.place = r.s.name()
	}
	r.s.skipLine()
}

// skipDelimited skips what the client of MySQL reads under another delimiter: triggers and routines.
func (r *Reader) skipDelimited() {
	r.s.skipLine()
	for {
		if r.s.has("DELIMITER") || len(r.s.peek(1)) == 0 {
			r.s.skipLine()
			return
		}
		r.s.skipLine()
	}
}

// tableName reads a name with or without its place.
func (r *Reader) tableName() table {
	t := table{r.place, r.s.name()}
	for r.s.has(".") {
		t = table{t.name, r.s.name()}
	}
	return t
}

// about reports whether a statement is about the table, and refuses a second one of the name.
func (r *Reader) about(t table) (bool, error) {
	if t.name != r.wanted.name || r.wanted.place != "" && r.wanted.place != t.place {
		return false, nil
	}
	if r.found == nil {
		r.found = &t
	}
	if *r.found != t {
		return false, r.wrong("the dump has the table twice, %s and %s; say which one to read", r.found, t)
	}
	return true, nil
}

// insert reads INSERT [IGNORE] INTO table [(columns)] VALUES.
func (r *Reader) insert() error {
	for {
		r.s.space()
		w := strings.ToUpper(r.s.word())
		if w == "INTO" {
			break
		}
		if w == "" {
			return r.rest()
		}
	}
	ours, err := r.about(r.tableName())
	if err != nil {
		return err
	}
	if !ours {
		return r.rest()
	}
	r.columns = r.created
	r.s.space()
	if r.s.has("(") {
		if r.columns, err = r.columnList(); err != nil {
			return err
		}
	}
	r.s.space()
	if w := strings.ToUpper(r.s.word()); w != "VALUES" {
		return r.wrong("%.20q stands where VALUES is expected; a dump has the rows themselves", w)
	}
	if len(r.columns) == 0 {
		return r.wrong("rows of %s without the names of their columns, and no CREATE TABLE before them; "+
			"dump the table with its definition, or with --complete-insert", r.found)
	}
	r.rows = r.insertRow
	return nil
}

// columnList reads names up to the closing parenthesis.
func (r *Reader) columnList() ([]string, error) {
	var list []string
	for {
		name := r.s.name()
		r.s.space()
		list = append(list, name)
		switch {
		case name == "" || len(list) > mostColumns:
			return nil, r.wrong("the names of the columns cannot be read")
		case r.s.has(")"):
			return list, nil
		case !r.s.has(","):
			return nil, r.wrong("a comma is expected after the column %.60q", name)
		}
	}
}

// insertRow reads one row of VALUES.
func (r *Reader) insertRow() (*Row, bool, error) {
	r.s.space()
	if r.s.has(",") {
		r.s.space()
	}
	line := r.s.line
	c, ok := r.s.next()
	switch {
	case !ok:
		return nil, false, r.cut()
	case c == ';':
		return nil, true, nil
	case c != '(': // ON DUPLICATE KEY UPDATE, ON CONFLICT, RETURNING
		r.s.back()
		return nil, true, r.rest()
	}
	values, ended, problem := r.s.values()
	switch {
	case ended:
		return nil, false, r.cut()
	case problem != nil:
		return nil, false, &RowError{line, problem.Error()}
	case len(values) != len(r.columns):
		return nil, false, &RowError{line, fmt.Sprintf("the row has %d values, the table has %d columns", len(values), len(r.columns))}
	}
	return &Row{Line: line, columns: r.columns, values: values}, false, nil
}
