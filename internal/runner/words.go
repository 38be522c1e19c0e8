package runner

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"auwai/internal/jobqueue"
)

// maxQuote bounds what an error quotes of something that was not understood.
const maxQuote = 200

// Hold is the result of jobs that the target cannot take now: nothing was tried, nothing counts.
func Hold(why string) Result {
	why = Cut(why, jobqueue.MaxError)
	return Result{Outcome: jobqueue.OutcomeUncounted, Error: why, Hold: why}
}

// HoldDB is Hold for a reason that the wiki's whole database section may share: read-only, replicas that
// lag, a server that cannot be reached.
func HoldDB(why string) Result {
	r := Hold(why)
	r.Scope = ScopeDB
	return r
}

// Classed gives a result its class of failure.
func Classed(r Result, class string) Result {
	r.Class = class
	return r
}

// Failed is the result of an attempt that counts.
func Failed(why string) Result {
	return Result{Outcome: jobqueue.OutcomeFailed, Error: Cut(why, jobqueue.MaxError)}
}

// Permanent is the result of a job that would end the same way again.
func Permanent(why string) Result {
	return Result{Outcome: jobqueue.OutcomePermanent, Error: Cut(why, jobqueue.MaxError)}
}

// Done is the result of a job that has ended; note, if not empty, is kept with it.
func Done(note string) Result {
	return Result{Outcome: jobqueue.OutcomeDone, Error: Cut(note, jobqueue.MaxError)}
}

// Quote returns the beginning of a body that was not understood, in one line.
func Quote(body []byte) string {
	text := strings.TrimSpace(Plain(string(body[:min(len(body), 4*maxQuote)])))
	if len(text) <= maxQuote && len(body) <= 4*maxQuote {
		return text
	}
	return Cut(text, maxQuote) + "…"
}

// Plain returns the text as valid UTF-8 in one line without control characters.
func Plain(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
}

// Cut returns at most limit bytes of the text as valid UTF-8, never half a character.
func Cut(text string, limit int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}

// HeaderText reports whether a text from outside, such as a request id, can stand in a header as it
// is: 1 to 255 bytes of visible ASCII.
func HeaderText(text string) bool {
	const most = 255
	for i := range len(text) {
		if text[i] <= ' ' || text[i] >= 0x7f {
			return false
		}
	}
	return text != "" && len(text) <= most
}

// With returns words as the end of a sentence, nothing for none.
func With(words string) string {
	if words == "" {
		return ""
	}
	return ": " + words
}
