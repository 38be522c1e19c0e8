package event_test

import (
	"bytes"
	"testing"

	"auwai/internal/event"
)

func FuzzEnvelopesReadBackAsWritten(f *testing.F) {
	e := event.Envelope{Wiki: "w", RequestID: "r", Client: "127.0.0.1", Flags: event.FarTime}
	f.Add(append(e.AppendTo(nil), `{"a":1}`...))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, raw, err := event.Open(data)
		if err != nil {
			return
		}
		again, rest, err := event.Open(append(e.AppendTo(nil), raw...))
		if err != nil || again != e || !bytes.Equal(rest, raw) {
			t.Fatalf("%+v %q reads back as %+v %q, %v", e, raw, again, rest, err)
		}
	})
}
