// Package fault gives every error of Auwai a kind.
//
// A kind is the only thing that an edge (HTTP, CLI) needs to know of an error: it decides the
// status code, the exit code and whether the text may be shown. Domains declare sentinels with New
// and wrap them with %w; edges ask KindOf. An error without a kind is Internal: it is logged in
// full and shown as one sentence.
package fault

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// Kind classifies an error by what the caller can do about it.
type Kind uint8

// The kinds. Their order has no meaning.
const (
	Internal    Kind = iota // a defect or an unforeseen failure; details stay in the log
	Invalid                 // the input is wrong: repair it, do not repeat it
	NotFound                // the thing named does not exist (any more)
	Conflict                // the thing is in another state than the caller thinks
	TooLarge                // a bound was exceeded: split the input
	Unavailable             // not now: repeat later, nothing was done
	Unknown                 // it is not known whether it was done: repeat with the same identity
	Forbidden               // the caller may not do this
	TooMany                 // a bound on how much may wait is reached: repeat later, nothing was done
)

// String returns the kind's name as it stands in logs and problem documents.
func (k Kind) String() string {
	switch k {
	case Invalid:
		return "invalid"
	case NotFound:
		return "not_found"
	case Conflict:
		return "conflict"
	case TooLarge:
		return "too_large"
	case Unavailable:
		return "unavailable"
	case Unknown:
		return "unknown_outcome"
	case Forbidden:
		return "forbidden"
	case TooMany:
		return "too_many"
	case Internal:
		return "internal"
	default:
		return "internal"
	}
}

// Error is an error with a kind and, for Invalid, the place of the fault in the input.
type Error struct {
	Kind  Kind
	Field string // the input's field, in the words of its documentation; may be empty
	Text  string
	cause error
}

// Error returns the text, with the field before it where there is one.
func (e *Error) Error() string {
	text := e.Text
	if e.Field != "" {
		text = e.Field + ": " + text
	}
	if e.cause != nil {
		text += ": " + e.cause.Error()
	}
	return text
}

// Unwrap returns the cause, if any.
func (e *Error) Unwrap() error { return e.cause }

// New returns a sentinel of the kind.
func New(kind Kind, text string) error { return &Error{Kind: kind, Text: text} }

// Newf returns an error of the kind with a formatted text; %w is not supported, use Wrap.
func Newf(kind Kind, format string, args ...any) error {
	return &Error{Kind: kind, Text: fmt.Sprintf(format, args...)}
}

// Field returns an Invalid error that names the field of the input and says what is wrong with its
// value and what would be right.
func Field(field, format string, args ...any) error {
	return &Error{Kind: Invalid, Field: field, Text: fmt.Sprintf(format, args...)}
}

// Short returns the beginning of a value of the input, up to 80 bytes and never half a character, as
// errors quote it.
func Short[T []byte | string](v T) string {
	const most = 80
	if len(v) <= most {
		return string(v)
	}
	cut := most
	for cut > most-utf8.UTFMax && !utf8.RuneStart(v[cut]) {
		cut--
	}
	return string(v[:cut]) + "…"
}

// Wrap gives cause a kind and a text before it. Wrap of nil is nil.
func Wrap(kind Kind, cause error, text string) error {
	if cause == nil {
		return nil
	}
	return &Error{Kind: kind, Text: text, cause: cause}
}

// KindOf returns the kind of the outermost Error in err's chain, or Internal.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// FieldOf returns the field that the outermost Error in err's chain names, or "".
func FieldOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Field
	}
	return ""
}
