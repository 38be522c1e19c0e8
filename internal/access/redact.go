package access

import (
	"io"
	"strings"
)

// redacted stands for a token.
const redacted = Prefix + "…"

// Redact replaces every token in a text. A text without one is returned as it is.
func Redact(s string) string {
	at := strings.Index(s, Prefix)
	if at < 0 {
		return s
	}
	var b strings.Builder
	for ; at >= 0; at = strings.Index(s, Prefix) {
		end := at + len(Prefix)
		for end < len(s) && isTokenByte(s[end]) {
			end++
		}
		b.WriteString(s[:at])
		if end-at >= len(Prefix)+secretChars {
			b.WriteString(redacted) // a longer one has a token in it
		} else {
			b.WriteString(s[at:end])
		}
		s = s[end:]
	}
	b.WriteString(s)
	return b.String()
}

// RedactWriter returns a writer without tokens. A token that is cut by two writes is not recognised.
func RedactWriter(w io.Writer) io.Writer { return redactor{w} }

type redactor struct{ w io.Writer }

// Write implements io.Writer.
func (r redactor) Write(b []byte) (int, error) {
	text := string(b)
	clean := Redact(text)
	if clean == text {
		return r.w.Write(b)
	}
	if _, err := io.WriteString(r.w, clean); err != nil {
		return 0, err
	}
	return len(b), nil
}
