package sqldump

import (
	"strconv"
	"unicode/utf8"
)

// escaped returns what MySQL writes as a backslash and c.
func escaped(c byte) byte {
	switch c {
	case '0':
		return 0
	case 'b':
		return '\b'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'Z':
		return 0x1a
	default:
		return c
	}
}

// uncopy resolves the escapes of a field of COPY, and of PostgreSQL's E”.
func uncopy(field []byte) []byte {
	out := make([]byte, 0, len(field))
	for i := 0; i < len(field); i++ {
		c := field[i]
		if c != '\\' || i+1 == len(field) {
			out = append(out, c)
			continue
		}
		i++
		switch c = field[i]; {
		case c == 'b':
			out = append(out, '\b')
		case c == 'f':
			out = append(out, '\f')
		case c == 'n':
			out = append(out, '\n')
		case c == 'r':
			out = append(out, '\r')
		case c == 't':
			out = append(out, '\t')
		case c == 'v':
			out = append(out, '\v')
		case c >= '0' && c <= '7':
			n := number(field[i:], 3, 8)
			out = append(out, byte(n.value&0xff))
			i += n.length - 1
		case c == 'x' && number(field[i+1:], 2, 16).length > 0:
			n := number(field[i+1:], 2, 16)
			out = append(out, byte(n.value&0xff))
			i += n.length
		default:
			out = append(out, c)
		}
	}
	return out
}

// digitsOf is a number at the beginning of a text.
type digitsOf struct {
	value  uint64
	length int
}

// number reads at most so many digits.
func number(b []byte, most, base int) digitsOf {
	for n := min(most, len(b)); n > 0; n-- {
		if v, err := strconv.ParseUint(string(b[:n]), base, 32); err == nil && b[0] != '+' {
			return digitsOf{v, n}
		}
	}
	return digitsOf{}
}

// unistr resolves the escapes of SQLite's unistr(): \\, \XXXX, \uXXXX, \+XXXXXX, \UXXXXXXXX.
func unistr(text []byte) ([]byte, bool) {
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			out = append(out, text[i])
			continue
		}
		rest := text[i+1:]
		if len(rest) > 0 && rest[0] == '\\' {
			out = append(out, '\\')
			i++
			continue
		}
		skip, width := 0, 4
		if len(rest) > 0 {
			switch rest[0] {
			case 'u':
				skip = 1
			case '+':
				skip, width = 1, 6
			case 'U':
				skip, width = 1, 8
			}
		}
		if len(rest) < skip+width {
			return nil, false
		}
		n := number(rest[skip:], width, 16)
		if n.length != width || n.value > utf8.MaxRune {
			return nil, false
		}
		out = utf8.AppendRune(out, rune(n.value))
		i += skip + width
	}
	return out, true
}
