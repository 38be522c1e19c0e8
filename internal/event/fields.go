package event

import (
	"bytes"
	"strconv"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"auwai/internal/fault"
)

// The bounds of the strings that events and jobs carry, in bytes.
const (
	MaxName = 255     // streams, queues, wikis, ids, domains
	MaxText = 8 << 10 // URIs, request ids, keys
)

// Text reads the value of a field that has to be a string. raw is JSON that was checked.
func Text(field string, raw []byte) (string, error) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", fault.Field(field, "is %s; a string is expected", describe(raw))
	}
	s, ok := unquote(nil, raw[1:len(raw)-1])
	if !ok {
		return "", fault.Field(field, "%q has half a surrogate pair; send valid Unicode", fault.Short(raw))
	}
	return string(s), nil
}

// CheckName refuses a name of something (a stream, a queue, a wiki, an id) that is empty, longer
// than MaxName, or has control characters.
func CheckName(field, s string) error {
	if s == "" {
		return fault.Field(field, "is empty; at least one character is needed")
	}
	return checkText(field, s, MaxName)
}

// CheckShown refuses what CheckName does, and characters that turn the direction of a text: a name of a
// wiki or a queue stands beside others in lists and logs, where such a character would have what
// follows be read as something else (Unicode UAX 9, section 2, explicit directional formatting).
func CheckShown(field, s string) error {
	if err := CheckName(field, s); err != nil {
		return err
	}
	if r, turns := Turns(s); turns {
		return fault.Field(field, "%q has %U, which turns the direction of what is read; remove it", fault.Short(s), r)
	}
	return nil
}

// Turns returns the first character of a text that changes its direction, if there is one.
func Turns(s string) (rune, bool) {
	for _, r := range s {
		if r >= utf8.RuneSelf && unicode.Is(unicode.Bidi_Control, r) {
			return r, true
		}
	}
	return 0, false
}

// CheckText refuses a text over MaxText, or with control characters.
func CheckText(field, s string) error { return checkText(field, s, MaxText) }

func checkText(field, s string, limit int) error {
	if len(s) > limit {
		return fault.Field(field, "%q has %d bytes; at most %d are allowed", fault.Short(s), len(s), limit)
	}
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f {
			return checkRunes(field, s)
		}
	}
	return nil
}

func checkRunes(field, s string) error {
	if !utf8.ValidString(s) {
		return fault.Field(field, "%q is not valid UTF-8", fault.Short(s))
	}
	for _, r := range s {
		if unicode.IsControl(r) {
			return fault.Field(field, "%q has the control character %U; remove it", fault.Short(s), r)
		}
	}
	return nil
}

// Time reads a moment as ISO 8601 writes it: RFC 3339, with or without fractions of a second.
func Time(field, s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, fault.Field(field, "%q is not a time; write it as 2026-01-02T03:04:05Z", fault.Short(s))
	}
	return t.UTC(), nil
}

// describe puts the type of a JSON value into words.
func describe(raw []byte) string {
	if len(raw) == 0 {
		return "missing"
	}
	switch raw[0] {
	case '"':
		return "the string " + fault.Short(raw)
	case '{':
		return "an object"
	case '[':
		return "an array"
	case 't', 'f', 'n':
		return fault.Short(raw)
	default:
		return "the number " + fault.Short(raw)
	}
}

// unquote appends the characters of a checked string's inside to dst; ok is false for half a
// surrogate pair, which is no character.
func unquote(dst, s []byte) (_ []byte, ok bool) {
	for {
		i := bytes.IndexByte(s, '\\')
		if i < 0 {
			return append(dst, s...), true
		}
		dst = append(dst, s[:i]...)
		c := s[i+1]
		s = s[i+2:]
		switch c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r := hex4(s)
			s = s[4:]
			if utf16.IsSurrogate(r) {
				if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
					return dst, false
				}
				if r = utf16.DecodeRune(r, hex4(s[2:])); r == unicode.ReplacementChar {
					return dst, false
				}
				s = s[6:]
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, c)
		}
	}
}

func hex4(s []byte) rune {
	n, err := strconv.ParseUint(string(s[:4]), 16, 16)
	if err != nil {
		return unicode.ReplacementChar
	}
	return rune(n)
}
