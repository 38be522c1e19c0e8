package phpvalue

import (
	"encoding/base64"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The marks of the extension's ParamCodec.
const (
	markPrefix = "auwai:"
	markBase64 = "auwai:base64"
	markFloat  = "auwai:float"
	markMap    = "auwai:map"
)

// AppendJSON appends a value as the extension writes it (ParamCodec::json of ParamCodec::wrap): plain
// JSON, slashes and Unicode as they are, and marks for what JSON cannot hold.
func AppendJSON(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, v)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			b = append(b, `{"`+markFloat+`":"`...)
			return append(appendFloat(b, v, true), `"}`...)
		}
		return appendFloat(b, v, true)
	case string:
		return appendText(b, v)
	case *Array:
		return appendArray(b, v)
	default:
		panic("phpvalue: no value of PHP")
	}
}

// AppendParams appends the parameters of a job: as AppendJSON, but an empty array is an object
// (ParamCodec::encode).
func AppendParams(b []byte, a *Array) []byte {
	if a.Len() == 0 {
		return append(b, "{}"...)
	}
	return AppendJSON(b, a)
}

func appendArray(b []byte, a *Array) []byte {
	if needsMap(a) {
		b = append(b, `{"`+markMap+`":[`...)
		for i, k := range a.keys {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, '[')
			if k.IsText {
				b = appendText(b, k.Str)
			} else {
				b = strconv.AppendInt(b, k.Int, 10)
			}
			b = append(AppendJSON(append(b, ','), a.values[i]), ']')
		}
		return append(b, "]}"...)
	}
	if a.IsList() {
		b = append(b, '[')
		for i, v := range a.values {
			if i > 0 {
				b = append(b, ',')
			}
			b = AppendJSON(b, v)
		}
		return append(b, ']')
	}
	b = append(b, '{')
	for i, k := range a.keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendQuoted(b, k.String()), ':')
		b = AppendJSON(b, a.values[i])
	}
	return append(b, '}')
}

// needsMap reports whether an object could not hold the keys, or could be taken for a mark.
func needsMap(a *Array) bool {
	if a.Len() == 1 && a.keys[0].IsText && strings.HasPrefix(a.keys[0].Str, markPrefix) {
		return true
	}
	for _, k := range a.keys {
		if k.IsText && !validUTF8(k.Str) {
			return true
		}
	}
	return false
}

func appendText(b []byte, s string) []byte {
	if validUTF8(s) {
		return appendQuoted(b, s)
	}
	b = append(b, `{"`+markBase64+`":"`...)
	return append(base64.StdEncoding.AppendEncode(b, []byte(s)), `"}`...)
}

// validUTF8 is what PCRE takes for UTF-8: no surrogates, as in Go.
func validUTF8(s string) bool { return utf8.ValidString(s) }

const hexDigits = "0123456789abcdef"

// appendQuoted writes a string as json_encode() does with JSON_UNESCAPED_SLASHES and
// JSON_UNESCAPED_UNICODE: the line separators of JavaScript stay escaped.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c >= 0x20 && c != 0xe2:
			b = append(b, c)
		case c == 0xe2:
			if strings.HasPrefix(s[i:], "\u2028") || strings.HasPrefix(s[i:], "\u2029") {
				b = append(b, `\u202`...)
				b = append(b, hexDigits[s[i+2]&0xf])
				i += len("\u2028") - 1
				continue
			}
			b = append(b, c)
		case c == '\b':
			b = append(b, `\b`...)
		case c == '\f':
			b = append(b, `\f`...)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c == '\t':
			b = append(b, `\t`...)
		default:
			b = append(b, `\u00`...)
			b = append(b, hexDigits[c>>4], hexDigits[c&0xf])
		}
	}
	return append(b, '"')
}
