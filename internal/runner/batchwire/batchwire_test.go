package batchwire

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"auwai/internal/jobqueue"
	"auwai/internal/runner"
)

// FuzzPayloadOf: what is sent of an event is what a reader of the event finds under these names.
func FuzzPayloadOf(f *testing.F) {
	f.Add([]byte(`{"type":"a","params":{"x":1.0}}`))
	f.Add([]byte(`{"params":[ ] , "type":"\u0061","type":"b","Type":"c"}`))
	f.Add([]byte(`{"type":null}`))
	f.Fuzz(func(t *testing.T, event []byte) {
		payload, why := payloadOf(runner.Item{Payload: event, FromEvent: true})
		var want map[string]any
		whole := json.Unmarshal(event, &want) == nil
		_, hasType := want["type"]
		_, hasParams := want["params"]
		if (why == "") != (whole && hasType && hasParams) {
			t.Fatalf("why = %q of %q", why, event)
		}
		if why != "" {
			return
		}
		var got map[string]any
		if err := json.Unmarshal(payload, &got); err != nil {
			t.Fatalf("%q: %v", payload, err)
		}
		if diff := cmp.Diff(map[string]any{"type": want["type"], "params": want["params"]}, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

// FuzzLine: a line counts only if it names a job or is the last, and its result is whole.
func FuzzLine(f *testing.F) {
	f.Add([]byte(`{"id":"J1","ok":false,"error":"x","retry":false}`))
	f.Add([]byte(`{"done":true,"spool":-1,"stopped":"time"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, ok := ParseLine(text)
		if ok && l.ID == "" && !l.Done {
			t.Fatalf("ParseLine(%q) = %+v", text, l)
		}
		res := l.Result()
		if res.Outcome == 0 || len(res.Error) > jobqueue.MaxError || !utf8.ValidString(res.Error) {
			t.Fatalf("result of %q = %+v", text, res)
		}
		if res.Outcome == jobqueue.OutcomeDone && !l.OK && (l.Retry == nil || *l.Retry) {
			t.Fatalf("%q is done: %+v", text, res)
		}
	})
}
