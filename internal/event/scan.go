package event

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"unicode/utf8"

	"auwai/internal/fault"
)

// MaxDepth is the greatest nesting of an event; the event itself is the first level.
const MaxDepth = 64

// malformed returns the error of a fault at an offset of b, with what stands there.
func malformed(b []byte, at int, what string) error {
	if at >= len(b) {
		return fault.Newf(fault.Invalid, "malformed JSON: %s at its end (byte %d)", what, len(b))
	}
	return fault.Newf(fault.Invalid, "malformed JSON: %s at byte %d, before %q", what, at, fault.Short(b[at:]))
}

func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// value checks the JSON value that begins at i, and returns the index after it. depth is the nesting
// around it.
func value(b []byte, i, depth int) (int, error) {
	if i >= len(b) {
		return i, malformed(b, i, "a value is missing")
	}
	switch c := b[i]; {
	case c == '"':
		return text(b, i)
	case c == '{':
		return object(b, i, depth)
	case c == '[':
		return array(b, i, depth)
	case c == '-' || c >= '0' && c <= '9':
		return number(b, i)
	case c == 't':
		return word(b, i, "true")
	case c == 'f':
		return word(b, i, "false")
	case c == 'n':
		return word(b, i, "null")
	default:
		return i, malformed(b, i, "a value is expected")
	}
}

func word(b []byte, i int, w string) (int, error) {
	if len(b)-i < len(w) || string(b[i:i+len(w)]) != w {
		return i, malformed(b, i, "a value is expected")
	}
	return i + len(w), nil
}

func tooDeep(b []byte, i int) error {
	return malformed(b, i, fmt.Sprintf("nesting of more than %d levels", MaxDepth))
}

func object(b []byte, i, depth int) (int, error) {
	if depth >= MaxDepth {
		return i, tooDeep(b, i)
	}
	i = space(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1, nil
	}
	for {
		var err error
		if _, i, err = name(b, i); err != nil {
			return i, err
		}
		if i, err = value(b, i, depth+1); err != nil {
			return i, err
		}
		var done bool
		if i, done, err = next(b, i, '}'); err != nil || done {
			return i, err
		}
	}
}

func array(b []byte, i, depth int) (int, error) {
	if depth >= MaxDepth {
		return i, tooDeep(b, i)
	}
	i = space(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1, nil
	}
	for {
		var err error
		if i, err = value(b, i, depth+1); err != nil {
			return i, err
		}
		var done bool
		if i, done, err = next(b, i, ']'); err != nil || done {
			return i, err
		}
	}
}

// name reads an object's key with its colon: key is the bytes between the quotes, i the start of
// the value.
func name(b []byte, i int) (key []byte, _ int, err error) {
	if i >= len(b) || b[i] != '"' {
		return nil, i, malformed(b, i, "a key in quotes is expected")
	}
	end, err := text(b, i)
	if err != nil {
		return nil, end, err
	}
	key = b[i+1 : end-1]
	i = space(b, end)
	if i >= len(b) || b[i] != ':' {
		return nil, i, malformed(b, i, "a colon is expected")
	}
	return key, space(b, i+1), nil
}

// next reads what follows a value: a comma, or the end.
func next(b []byte, i int, end byte) (_ int, done bool, err error) {
	i = space(b, i)
	switch {
	case i < len(b) && b[i] == ',':
		return space(b, i+1), false, nil
	case i < len(b) && b[i] == end:
		return i + 1, true, nil
	default:
		return i, false, malformed(b, i, "a comma or "+string(end)+" is expected")
	}
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// text checks the string whose opening quote is at i, and returns the index after its closing one.
// Eight bytes are looked at together: the lowest marked byte is the first that is not plain.
func text(b []byte, i int) (int, error) {
	i++
	for {
		for len(b)-i >= 8 {
			w := binary.LittleEndian.Uint64(b[i:])
			quote, slash := w^(ones*'"'), w^(ones*'\\')
			special := (w | (w-ones*0x20)&^w | (quote-ones)&^quote | (slash-ones)&^slash) & highs
			if special != 0 {
				i += bits.TrailingZeros64(special) / 8
				break
			}
			i += 8
		}
		if i >= len(b) {
			return i, malformed(b, i, "a string without its end")
		}
		switch c := b[i]; {
		case c == '"':
			return i + 1, nil
		case c == '\\':
			n := escape(b[i+1:])
			if n == 0 {
				return i, malformed(b, i, "an unknown escape in a string")
			}
			i += 1 + n
		case c < 0x20:
			return i, malformed(b, i, "a control character in a string")
		case c < utf8.RuneSelf:
			i++
		default:
			_, n := utf8.DecodeRune(b[i:])
			if n == 1 {
				return i, malformed(b, i, "invalid UTF-8 in a string")
			}
			i += n
		}
	}
}

// escape returns the length of the escape whose bytes after the backslash are b, 0 for none.
func escape(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	switch b[0] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 1
	case 'u':
		if len(b) < 5 {
			return 0
		}
		for _, c := range b[1:5] {
			if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
				return 0
			}
		}
		return 5
	default:
		return 0
	}
}

func number(b []byte, i int) (int, error) {
	from := i
	if b[i] == '-' {
		i++
	}
	whole := digits(b, i)
	if whole == i || b[i] == '0' && whole > i+1 {
		return from, malformed(b, from, "a number is expected")
	}
	i = whole
	if i < len(b) && b[i] == '.' {
		end := digits(b, i+1)
		if end == i+1 {
			return from, malformed(b, from, "a number without digits after its point")
		}
		i = end
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		end := digits(b, i)
		if end == i {
			return from, malformed(b, from, "a number without an exponent")
		}
		i = end
	}
	return i, nil
}

func digits(b []byte, i int) int {
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	return i
}
