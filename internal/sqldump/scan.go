package sqldump

import (
	"bytes"
	"errors"
	"io"
)

// scanner reads bytes and counts lines.
type scanner struct {
	in   io.Reader
	buf  []byte
	pos  int
	end  int
	line int
	err  error // why there is nothing more; io.EOF at the end

	backslash bool // it escapes in strings: MySQL's dialect
	open      int  // parentheses of the row that are open
}

const bufferBytes = 256 << 10

func newScanner(in io.Reader) *scanner {
	return &scanner{in: in, buf: make([]byte, bufferBytes), line: 1}
}

// fill reads more; false when there is nothing more. What was not read yet stays, and the byte before
// it, for back.
func (s *scanner) fill() bool {
	if s.err != nil {
		return false
	}
	if s.pos > 1 {
		s.end = copy(s.buf, s.buf[s.pos-1:s.end])
		s.pos = 1
	}
	for s.end < len(s.buf) {
		n, err := s.in.Read(s.buf[s.end:])
		s.end += n
		if err != nil {
			s.err = err
		}
		if n > 0 {
			return true
		}
		if err != nil {
			return false
		}
	}
	return true
}

// next returns the next byte; ok is false at the end.
func (s *scanner) next() (c byte, ok bool) {
	if s.pos == s.end && !s.fill() {
		return 0, false
	}
	c = s.buf[s.pos]
	s.pos++
	if c == '\n' {
		s.line++
	}
	return c, true
}

// back puts the byte that was just read back.
func (s *scanner) back() {
	s.pos--
	if s.buf[s.pos] == '\n' {
		s.line--
	}
}

// peek returns up to n bytes (n is small) without reading them.
func (s *scanner) peek(n int) []byte {
	for s.end-s.pos < n && s.fill() {
	}
	return s.buf[s.pos:min(s.end, s.pos+n)]
}

// has reports whether the text comes next, and reads it if so.
func (s *scanner) has(text string) bool {
	if string(s.peek(len(text))) != text {
		return false
	}
	s.pos += len(text)
	s.line += bytes.Count([]byte(text), []byte{'\n'})
	return true
}

// failure returns why the end came.
func (s *scanner) failure() error {
	if s.err == nil || errors.Is(s.err, io.EOF) {
		return nil
	}
	return s.err
}

// space skips blanks and comments. MySQL's conditional comments are comments here, and a sign of its
// dialect.
func (s *scanner) space() {
	for {
		c, ok := s.next()
		switch {
		case !ok:
			return
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
		case c == '#', c == '-' && string(s.peek(1)) == "-":
			s.skipLine()
		case c == '/' && string(s.peek(1)) == "*":
			s.skipComment()
		default:
			s.back()
			return
		}
	}
}

func (s *scanner) skipComment() {
	if s.has("*!") || s.has("*M!") {
		s.backslash = true
	}
	star := false
	for {
		c, ok := s.next()
		if !ok || star && c == '/' {
			return
		}
		star = c == '*'
	}
}

// skipLine skips the rest of the line.
func (s *scanner) skipLine() {
	for {
		c, ok := s.next()
		if !ok || c == '\n' {
			return
		}
	}
}

func isWord(c byte) bool {
	return c == '_' || c == '@' || c == '$' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80
}

// longestWord bounds keywords, names and numbers; no database has longer ones.
const longestWord = 512

// word reads a keyword, a name without quotes or a number; "" when none comes.
func (s *scanner) word() string {
	var b []byte
	for {
		c, ok := s.next()
		if !ok {
			return string(b)
		}
		if !isWord(c) && (c != '.' || len(b) == 0 || !digits(b)) {
			s.back()
			return string(b)
		}
		if len(b) < longestWord {
			b = append(b, c)
		}
	}
}

func digits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// name reads one part of a name, with or without quotes; "" when none comes.
func (s *scanner) name() string {
	s.space()
	c, ok := s.next()
	if !ok {
		return ""
	}
	switch c {
	case '`':
		s.backslash = true
		return s.quotedName('`')
	case '"':
		return s.quotedName('"')
	case '[':
		return s.quotedName(']')
	default:
		s.back()
		return s.word()
	}
}

func (s *scanner) quotedName(end byte) string {
	var b []byte
	for {
		c, ok := s.next()
		if !ok {
			return string(b)
		}
		if c == end {
			if p := s.peek(1); len(p) == 0 || p[0] != end {
				return string(b)
			}
			s.pos++ // doubled: the quote itself
		}
		if len(b) < longestWord {
			b = append(b, c)
		}
	}
}

// skipQuoted skips to the end of a string or a quoted name. A doubled quote ends one and begins
// another, which is the same here.
func (s *scanner) skipQuoted(quote byte, escapes bool) {
	for {
		c, ok := s.next()
		switch {
		case !ok || c == quote:
			return
		case c == '\\' && escapes:
			s.next()
		}
	}
}

// skipInert skips what c begins, if that is a string, a quoted name, a comment or a dollar-quoted
// text. before is the byte before c.
func (s *scanner) skipInert(c, before byte) {
	switch {
	case c == '\'':
		s.skipQuoted(c, s.backslash || before|0x20 == 'e')
	case c == '"':
		s.skipQuoted(c, s.backslash)
	case c == '`':
		s.backslash = true
		s.skipQuoted(c, false)
	case c == '-' && string(s.peek(1)) == "-":
		s.skipLine()
	case c == '/' && string(s.peek(1)) == "*":
		s.skipComment()
	case c == '$' && !s.backslash && !isWord(before):
		s.skipDollars()
	}
}

// skipStatement skips to the end of a statement; false when the dump ends before.
func (s *scanner) skipStatement() bool {
	var before byte
	for {
		c, ok := s.next()
		if !ok {
			return false
		}
		if c == ';' {
			return true
		}
		s.skipInert(c, before)
		before = c
	}
}

// skipDollars skips PostgreSQL's $tag$ … $tag$, whose first dollar was read.
func (s *scanner) skipDollars() {
	tag := s.word() // it takes dollars too
	i := bytes.IndexByte([]byte(tag), '$')
	if i < 0 {
		return // a parameter
	}
	end := "$" + tag[:i+1]
	rest := tag[i+1:] // what was read of the text
	if bytes.Contains([]byte(rest), []byte(end)) {
		return
	}
	for {
		c, ok := s.next()
		if !ok {
			return
		}
		if c == '$' && s.has(end[1:]) {
			return
		}
	}
}
