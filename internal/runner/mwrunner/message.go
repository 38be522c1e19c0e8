package mwrunner

import (
	"cmp"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"strings"

	"auwai/internal/runner"
)

// readAnswer reads at most maxAnswer bytes of a body and one more, by which a longer one is known.
func readAnswer(resp *http.Response) ([]byte, error) {
	return io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
}

// message is what an error body of MediaWiki's REST API says.
type message struct {
	isJSON bool
	key    string // errorKey of core, such as rest-read-denied
	main   string // "message", or its English translation
	detail string // "error": what the job threw
	raw    []byte
}

// readMessage reads an error body. It never fails: what is no JSON object is kept for quoting.
func readMessage(body []byte) message {
	m := message{raw: body}
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil || fields == nil {
		return m
	}
	m.isJSON = true
	m.key = textOf(orNull(fields["errorKey"]))
	m.main = textOf(orNull(fields["message"]))
	m.detail = textOf(orNull(fields["error"]))
	var translations map[string]string
	if m.main == "" && json.Unmarshal(orNull(fields["messageTranslations"]), &translations) == nil {
		m.main = translations["en"]
	}
	return m
}

// class returns the class of the exception that a job threw, as a class of failure; "" when the body
// names none. MediaWiki writes "Name\Of\Class: text", the runner script too, as its whole body; PHP
// puts more before it, which ends with "Uncaught".
func (m message) class() string {
	text := m.detail
	if !m.isJSON {
		text = pageText(m.raw)
		if _, after, uncaught := strings.Cut(text, "Uncaught "); uncaught {
			text = after
		}
	}
	name, _, ok := strings.Cut(text, ": ")
	if !ok || !strings.HasSuffix(name, "Error") && !strings.HasSuffix(name, "Exception") || strings.ContainsFunc(name, notInClass) {
		return ""
	}
	return runner.ClassException + name
}

// notInClass reports whether a character cannot be in the name of a class of PHP.
func notInClass(c rune) bool {
	return c != '_' && c != '\\' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
}

// orNull returns raw, or null when the field is absent.
func orNull(raw json.RawMessage) json.RawMessage {
	if raw == nil {
		return json.RawMessage("null")
	}
	return raw
}

// words returns what the body says in one line, "" when it says nothing.
func (m message) words() string {
	switch {
	case !m.isJSON:
		return quote(m.raw)
	case m.main != "" && m.detail != "":
		return plain(m.main) + ": " + plain(m.detail)
	}
	return plain(cmp.Or(m.detail, m.main, m.key))
}

// says reports whether any text of the body contains the words, whatever their case.
func (m message) says(words string) bool {
	words = strings.ToLower(words)
	for _, text := range []string{m.key, m.main, m.detail} {
		if strings.Contains(strings.ToLower(text), words) {
			return true
		}
	}
	return !m.isJSON && strings.Contains(strings.ToLower(string(m.raw)), words)
}

// pageText returns the text of an HTML page, without its tags: MediaWiki's error pages are short. What
// is no page is returned as it is.
func pageText(body []byte) string {
	text := string(body[:min(len(body), maxPage)])
	if !strings.HasPrefix(strings.TrimSpace(text), "<") {
		return plain(text)
	}
	var b strings.Builder
	for text != "" {
		before, rest, found := strings.Cut(text, "<")
		b.WriteString(before)
		if !found {
			break
		}
		b.WriteByte(' ')
		if _, rest, found = strings.Cut(rest, ">"); !found {
			break
		}
		text = rest
	}
	return plain(html.UnescapeString(b.String()))
}
