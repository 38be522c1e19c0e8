package sqldump

import (
	"bytes"
	"fmt"
	"strings"
)

// maxLine bounds a line of COPY: every byte of a value may be escaped.
const maxLine = 2 * MaxValue

// copy reads COPY table (columns) FROM stdin; whose lines follow.
func (r *Reader) copy() error {
	t := r.tableName()
	r.s.space()
	columns := r.created
	if r.s.has("(") {
		var err error
		if columns, err = r.columnList(); err != nil {
			return err
		}
	}
	r.s.space()
	from := strings.ToUpper(r.s.word())
	r.s.space()
	stdin := strings.ToUpper(r.s.word())
	r.s.space()
	if from != "FROM" || stdin != "STDIN" {
		return r.rest() // TO a file, FROM a file: there are no lines
	}
	plain := r.s.has(";")
	if !plain {
		if err := r.rest(); err != nil {
			return err
		}
	}
	r.s.skipLine()
	ours, err := r.about(t)
	if err != nil {
		return err
	}
	switch {
	case !ours:
		return r.skipCopy()
	case !plain:
		return r.wrong("COPY of %s has options; only the text form that pg_dump writes is read", t)
	case len(columns) == 0:
		return r.wrong("COPY of %s without the names of its columns, and no CREATE TABLE before it", t)
	}
	r.columns = columns
	r.rows = r.copyRow
	return nil
}

// skipCopy skips the lines of another table.
func (r *Reader) skipCopy() error {
	for {
		if r.s.has("\\.") {
			r.s.skipLine()
			return nil
		}
		if len(r.s.peek(1)) == 0 {
			return r.cut()
		}
		r.s.skipLine()
	}
}

// copyRow reads one line.
func (r *Reader) copyRow() (*Row, bool, error) {
	line := r.s.line
	text, long, ok := r.s.readLine()
	switch {
	case !ok:
		return nil, false, r.cut()
	case string(text) == `\.`:
		return nil, true, nil
	case long:
		return nil, false, &RowError{line, errTooLong.Error()}
	}
	fields := bytes.Split(text, []byte{'\t'})
	if len(fields) != len(r.columns) {
		return nil, false, &RowError{line, fmt.Sprintf("the row has %d values, the table has %d columns", len(fields), len(r.columns))}
	}
	row := &Row{Line: line, columns: r.columns, values: make([]Value, len(fields))}
	for i, field := range fields {
		if string(field) == `\N` {
			row.values[i].Null = true
			continue
		}
		if row.values[i].Bytes = uncopy(field); len(row.values[i].Bytes) > MaxValue {
			return nil, false, &RowError{line, errTooLong.Error()}
		}
	}
	return row, false, nil
}

// readLine reads a line without its end. ok is false when the dump ends before the line does.
func (s *scanner) readLine() (text []byte, long, ok bool) {
	for {
		c, more := s.next()
		switch {
		case !more:
			return nil, false, false
		case c == '\n':
			return bytes.TrimSuffix(text, []byte{'\r'}), long, true
		case len(text) >= maxLine:
			long = true
		default:
			text = append(text, c)
		}
	}
}
