package sqldump

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Value is one value of a row.
type Value struct {
	Bytes []byte
	Null  bool
}

// values reads the values of one row, whose parenthesis was opened, to the one that closes it. An
// error is of this row only; ended says that the dump ended within it.
func (s *scanner) values() (row []Value, ended bool, problem error) {
	s.open = 1
	for {
		v, err := s.value(0)
		if err != nil {
			return nil, !s.skipRow(), err
		}
		row = append(row, v)
		s.space()
		c, ok := s.next()
		switch {
		case !ok:
			return nil, true, nil
		case c == ')':
			return row, false, nil
		case c == ',' && len(row) < mostColumns:
		default:
			problem = fmt.Errorf("%q stands where a comma is expected after value %d", c, len(row))
			return nil, !s.skipRow(), problem
		}
	}
}

// mostColumns bounds a row: no database has more.
const mostColumns = 4096

// skipRow skips to the end of a row that cannot be read; false when the dump ends before.
func (s *scanner) skipRow() bool {
	var before byte
	for {
		c, ok := s.next()
		if !ok {
			return false
		}
		switch c {
		case '(':
			s.open++
		case ')':
			if s.open--; s.open == 0 {
				return true
			}
		default:
			s.skipInert(c, before)
		}
		before = c
	}
}

// value reads one value.
func (s *scanner) value(depth int) (Value, error) {
	s.space()
	p := string(s.peek(len("0x")))
	switch {
	case p == "":
		return Value{}, errors.New("the dump ends where a value is expected")
	case p[0] == '\'':
		s.pos++
		text, err := s.until('\'', s.backslash)
		return Value{Bytes: text}, err
	case p[0] == '"' && s.backslash:
		s.pos++
		text, err := s.until('"', true)
		return Value{Bytes: text}, err
	case p == "0x":
		return s.hexWord()
	case p[0] == '-' || p[0] == '+':
		s.pos++
		return Value{Bytes: []byte(p[:1] + s.word())}, nil
	}
	w := s.word()
	switch next := s.peek(1); {
	case w == "":
		return Value{}, fmt.Errorf("%q begins no value", p[0])
	case strings.EqualFold(w, "null"):
		return Value{Null: true}, nil
	case strings.EqualFold(w, "true"):
		return Value{Bytes: []byte{'1'}}, nil
	case strings.EqualFold(w, "false"):
		return Value{Bytes: []byte{'0'}}, nil
	case strings.HasPrefix(w, "_") || len(next) > 0 && next[0] == '\'':
		return s.marked(w)
	case w[0] >= '0' && w[0] <= '9':
		return Value{Bytes: []byte(w)}, nil
	default:
		return s.call(w, depth)
	}
}

// marked reads a string whose meaning the word before it says: X'…', E'…', N'…', _binary '…', _binary 0x….
func (s *scanner) marked(mark string) (Value, error) {
	s.space()
	if !s.has("'") {
		if p := s.peek(2); string(p) == "0x" {
			return s.hexWord()
		}
		return Value{}, fmt.Errorf("%.20q is not followed by a string", mark)
	}
	switch {
	case strings.EqualFold(mark, "x"):
		text, err := s.until('\'', false)
		if err != nil {
			return Value{}, err
		}
		b := make([]byte, hex.DecodedLen(len(text)))
		if _, err := hex.Decode(b, text); err != nil {
			return Value{}, fmt.Errorf("%.20q is no hexadecimal string", text)
		}
		return Value{Bytes: b}, nil
	case strings.EqualFold(mark, "e"):
		text, err := s.raw()
		return Value{Bytes: uncopy(text)}, err
	case strings.EqualFold(mark, "n"), strings.HasPrefix(mark, "_"):
		text, err := s.until('\'', s.backslash)
		return Value{Bytes: text}, err
	default:
		s.skipQuoted('\'', s.backslash)
		return Value{}, fmt.Errorf("a string marked %.20q cannot be read", mark)
	}
}

// hexWord reads 0x…, which may be as long as a value.
func (s *scanner) hexWord() (Value, error) {
	s.pos += len("0x")
	var text []byte
	for {
		c, ok := s.next()
		if !ok {
			break
		}
		if !isWord(c) {
			s.back()
			break
		}
		if len(text) > 2*MaxValue {
			return Value{}, errTooLong
		}
		text = append(text, c)
	}
	b := make([]byte, hex.DecodedLen(len(text)))
	if _, err := hex.Decode(b, text); err != nil {
		return Value{}, fmt.Errorf("0x%.20s is no hexadecimal string", text)
	}
	return Value{Bytes: b}, nil
}

// until reads a string to its end: a doubled quote is one, and backslashes escape if they do.
func (s *scanner) until(quote byte, escapes bool) ([]byte, error) {
	var out []byte
	long := false
	for {
		c, ok := s.next()
		if !ok {
			return nil, errCut
		}
		switch {
		case c == '\\' && escapes:
			e, ok := s.next()
			if !ok {
				return nil, errCut
			}
			if e == '%' || e == '_' { // kept with their backslash, as MySQL has it
				out = append(out, c)
			}
			c = escaped(e)
		case c == quote:
			if p := s.peek(1); len(p) == 0 || p[0] != quote {
				if long {
					return nil, errTooLong
				}
				return out, nil
			}
			s.pos++
		}
		if long = long || len(out) >= MaxValue; !long {
			out = append(out, c)
		}
	}
}

// raw reads a string in which backslashes escape, and leaves them in it.
func (s *scanner) raw() ([]byte, error) {
	var out []byte
	for {
		c, ok := s.next()
		if !ok {
			return nil, errCut
		}
		switch {
		case c == '\\':
			out = append(out, c)
			if c, ok = s.next(); !ok {
				return nil, errCut
			}
		case c == '\'':
			if p := s.peek(1); len(p) == 0 || p[0] != '\'' {
				return out, nil
			}
			s.pos++
		}
		if len(out) >= MaxValue {
			return nil, errTooLong
		}
		out = append(out, c)
	}
}

// mostNested bounds calls within calls: SQLite writes replace(replace(…)).
const mostNested = 8

// call reads a call of one of the functions that SQLite's .dump writes.
func (s *scanner) call(name string, depth int) (Value, error) {
	s.space()
	if !s.has("(") {
		return Value{}, fmt.Errorf("%.40q is no value", name)
	}
	if depth >= mostNested {
		return Value{}, fmt.Errorf("calls are nested more than %d deep", mostNested)
	}
	s.open++
	var list []Value
	for {
		v, err := s.value(depth + 1)
		if err != nil {
			return Value{}, err
		}
		list = append(list, v)
		s.space()
		if s.has(")") {
			s.open--
			return evaluate(strings.ToLower(name), list)
		}
		if !s.has(",") || len(list) > mostColumns {
			return Value{}, fmt.Errorf("the arguments of %.40q cannot be read", name)
		}
	}
}

func evaluate(name string, list []Value) (Value, error) {
	switch {
	case name == "replace" && len(list) == 3:
		return Value{Bytes: bytes.ReplaceAll(list[0].Bytes, list[1].Bytes, list[2].Bytes)}, nil
	case name == "unistr" && len(list) == 1:
		text, ok := unistr(list[0].Bytes)
		if !ok {
			return Value{}, errors.New("the escapes of unistr() cannot be read")
		}
		return Value{Bytes: text}, nil
	case name == "char":
		var out []byte
		for _, v := range list {
			n, err := strconv.ParseInt(string(v.Bytes), 10, 32)
			if err != nil {
				return Value{}, fmt.Errorf("char() of %.20q is no character", v.Bytes)
			}
			out = utf8.AppendRune(out, rune(n))
		}
		return Value{Bytes: out}, nil
	default:
		return Value{}, fmt.Errorf("the function %.40q cannot be evaluated", name)
	}
}
