package sqldump

import (
	"slices"
	"strings"
)

// isConstraint reports whether a word begins an entry of CREATE TABLE that is no column.
func isConstraint(word string) bool {
	switch strings.ToUpper(word) {
	case "PRIMARY", "KEY", "UNIQUE", "INDEX", "CONSTRAINT", "FULLTEXT", "SPATIAL", "CHECK", "FOREIGN", "EXCLUDE", "PERIOD", "LIKE":
		return true
	default:
		return false
	}
}

// create reads CREATE TABLE, for the order of its columns.
func (r *Reader) create() error {
	r.s.space()
	w := strings.ToUpper(r.s.word())
	for w == "TEMPORARY" || w == "TEMP" || w == "UNLOGGED" {
		r.s.space()
		w = strings.ToUpper(r.s.word())
	}
	if w != "TABLE" {
		return r.rest()
	}
	t := r.tableName()
	if strings.EqualFold(t.name, "if") { // IF NOT EXISTS
		r.s.space()
		r.s.word()
		r.s.space()
		r.s.word()
		t = r.tableName()
	}
	r.s.space()
	if !r.s.has("(") {
		return r.rest()
	}
	columns, ok := r.definitions()
	if !ok {
		return r.cut()
	}
	if slices.Contains(columns, r.sign) {
		r.alike = append(r.alike, t.String())
	}
	ours, err := r.about(t)
	if err != nil {
		return err
	}
	if ours {
		r.created = columns
	}
	return r.rest()
}

// definitions reads the entries of CREATE TABLE to the closing parenthesis; false when the dump ends
// before.
func (r *Reader) definitions() (columns []string, ok bool) {
	for len(columns) < mostColumns {
		r.s.space()
		p := r.s.peek(1)
		quoted := len(p) > 0 && !isWord(p[0])
		name := r.s.name()
		if quoted || !isConstraint(name) {
			columns = append(columns, name)
		}
		last, ok := r.s.skipDefinition()
		if !ok || last {
			return columns, ok
		}
	}
	return columns, true
}

// skipDefinition skips the rest of an entry with the comma or the parenthesis that ends it.
func (s *scanner) skipDefinition() (last, ok bool) {
	depth := 0
	var before byte
	for {
		c, ok := s.next()
		if !ok {
			return false, false
		}
		switch {
		case c == '(':
			depth++
		case c == ')' && depth == 0:
			return true, true
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			return false, true
		default:
			s.skipInert(c, before)
		}
		before = c
	}
}
