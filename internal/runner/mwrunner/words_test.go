package mwrunner

import (
	"encoding/json"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

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

// FuzzRPCEvent: what the script gets of a job names the wiki, and has the job's type and parameters as
// they came.
func FuzzRPCEvent(f *testing.F) {
	f.Add([]byte(`{"type":"a","params":{"x":1.0}}`), "r1")
	f.Add([]byte(`{"params":[ ] , "type":"","database":"other","meta":{}}`), "")
	f.Fuzz(func(t *testing.T, payload []byte, requestID string) {
		body, why := rpcEvent("demowiki", runner.Item{ID: "demowiki.J1", Payload: payload, RequestID: requestID})
		if why != "" {
			return
		}
		var in, out map[string]any
		if err := json.Unmarshal(payload, &in); err != nil {
			t.Fatalf("%q: %v", payload, err)
		}
		if err := json.Unmarshal(body, &out); err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		if diff := cmp.Diff([]any{"demowiki", in["type"], in["params"]}, []any{out["database"], out["type"], out["params"]}); diff != "" {
			t.Fatal(diff)
		}
	})
}

// The vector was made by MediaWiki's own SpecialRunJobs::getQuerySignature.
func TestAFormIsSignedAsMediaWikiDoes(t *testing.T) {
	form := url.Values{
		"async": {"0"}, "maxjobs": {"5"}, "maxtime": {"30"}, "sigexpiry": {"1700000000"}, "stats": {"1"}, "tasks": {"jobs"},
		"title": {"Special:RunJobs"}, "type": {"null"},
	}
	if got := signForm([]byte("abc123"), form); got != "65f5a2f0d9c06836c000607426c288402ab21837" {
		t.Errorf("signForm = %s", got)
	}
}

// FuzzRan: statistics of a wiki give an outcome whose text a record can keep, and never ask for more
// when nothing ran: that would be a loop.
func FuzzRan(f *testing.F) {
	f.Add([]byte(`{"jobs":[{"type":"a","status":"failed","error":"x"}],"reached":"job-limit","backoffs":{"a":1.7e9}}`))
	f.Add([]byte(`{"jobs":[],"reached":"memory-limit","backoffs":[]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		now := time.Unix(1_700_000_000, 0)
		ran, res := readRan(body, now)
		if ran.More && (ran.Jobs == 0 || res.Outcome != jobqueue.OutcomeDone) {
			t.Fatalf("%q: %+v %+v", body, ran, res)
		}
		if res.Outcome == 0 || len(res.Error) > jobqueue.MaxError || !utf8.ValidString(res.Error) || strings.ContainsAny(res.Error, "\x00\n") {
			t.Fatalf("%q: %+v", body, res)
		}
		if !ran.Again.IsZero() && (ran.Again.Before(now) || ran.Again.Sub(now) > maxRetryAfter) {
			t.Fatalf("%q: again at %s", body, ran.Again)
		}
	})
}
