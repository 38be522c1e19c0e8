package mwrunner

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"auwai/internal/jobqueue"
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
	return plain(or(or(m.detail, m.main), m.key))
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

// quote returns the beginning of a body that was not understood, in one line.
func quote(body []byte) string {
	text := strings.TrimSpace(plain(string(body[:min(len(body), 4*maxQuote)])))
	if len(text) <= maxQuote && len(body) <= 4*maxQuote {
		return text
	}
	return cutAt(text, maxQuote) + "…"
}

// plain returns the text as valid UTF-8 in one line without control characters.
func plain(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
}

// cut bounds an error's text to what a job's record keeps.
func cut(text string) string { return cutAt(text, jobqueue.MaxError) }

// cutAt returns at most limit bytes of the text, never half a character.
func cutAt(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}
