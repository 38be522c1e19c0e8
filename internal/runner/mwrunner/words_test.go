package mwrunner

import (
	"encoding/json"
	"net"
	"strings"
	"testing"
	"unicode/utf8"

	"auwai/internal/jobqueue"
	"auwai/internal/runner"
)

func TestANameThatDoesNotResolveIsSaidInWords(t *testing.T) {
	err := &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "wiki.invalid", IsNotFound: true}}
	got := (&unanswered{err: err}).verdict(t.Context(), runner.Work{})
	if got.reach != reachAll || got.result.Hold != "the name wiki.invalid of the wiki's server does not resolve: no such host" {
		t.Errorf("verdict = %+v", got)
	}
}

func TestSignaturesOfEventsAreVerified(t *testing.T) {
	const body = `{"$schema":"/mediawiki/job/1.0.0","meta":{"uri":"https://placeholder.invalid/wiki/Special:Badtitle","request_id":"req-0001",` +
		`"id":"11111111-2222-4333-8444-555555555555","domain":"wiki.example.org","stream":"mediawiki.job.demoJob"},` +
		`"database":"demowiki","type":"demoJob","params":`
	const whole = body + `{"namespace":0,"title":"Main_Page"},"mediawiki_signature":"cc363dd114e3c55eea0b384f442bd8639b44b4e9"}`
	const empty = body + `[],"mediawiki_signature":"9f39216a5d1515e364262e1dbbe4c912d7bc6949"}`
	for text, want := range map[string]bool{
		whole: true, empty: true, " " + whole + "\n": true,
		strings.Replace(whole, "Main", "Mein", 1):            false,
		strings.Replace(whole, "cc363d", "CC363D", 1):        false,
		strings.TrimSuffix(whole, "}"):                       false,
		strings.TrimSuffix(whole, "}") + `,"more":1}`:        false,
		strings.Replace(whole, `,"mediawiki`, `, "media`, 1): false,
		`,"mediawiki_signature":"`:                           false,
		"":                                                   false,
	} {
		if got := eventSigned([]byte("not-a-real-key"), []byte(text)); got != want {
			t.Errorf("eventSigned(%q) = %v, want %v", text, got, want)
		}
	}
	if eventSigned([]byte("another"), []byte(whole)) {
		t.Error("another key verifies it")
	}
}

// FuzzAnswer: an event is done only if its answer says "status": true, and whatever the answer, the
// outcome is one of the four, with a text that a record can keep.
func FuzzAnswer(f *testing.F) {
	f.Add(200, []byte(`{"status":true,"error":"x"}`))
	f.Add(500, []byte(`{"message":"Internal Server Error","error":null}`))
	f.Add(403, []byte(`{"errorKey":"rest-read-denied","messageTranslations":{"en":"no"}}`))
	f.Add(404, []byte("\xff<html>\x00"))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		res := eventDone(body)
		var fields map[string]any
		said := json.Unmarshal(body, &fields) == nil && fields["status"] == true
		if (res.Outcome == jobqueue.OutcomeDone) != said {
			t.Fatalf("eventDone(%q) = %+v", body, res)
		}
		for _, kind := range []Kind{Auwai, EventBus} {
			v := answer{kind: kind, status: status, body: body}.verdict()
			if v.reach == reachNone || v.result.Outcome == 0 || v.result.Outcome == jobqueue.OutcomeDone {
				t.Fatalf("%s %d %q: %+v", kind, status, body, v)
			}
			if text := v.result.Error; text == "" || len(text) > jobqueue.MaxError || !utf8.ValidString(text) || strings.ContainsAny(text, "\x00\n") {
				t.Fatalf("%s %d %q: %q", kind, status, body, text)
			}
		}
	})
}
