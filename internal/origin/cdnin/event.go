package cdnin

import (
	"bytes"
	"encoding/json"
	"time"

	"auwai/internal/event"
)

// purgeEvent is a resource-purge event, with the members that EventBus gives it.
type purgeEvent struct {
	Schema string    `json:"$schema"`
	Meta   purgeMeta `json:"meta"`
	Tags   []string  `json:"tags"`
}

type purgeMeta struct {
	URI       string `json:"uri"`
	RequestID string `json:"request_id,omitempty"`
	ID        string `json:"id"`
	DT        string `json:"dt"`
	Domain    string `json:"domain"`
	Stream    string `json:"stream"`
}

// body writes a group as the intake reads it. The strings were checked to be UTF-8.
func body(group []*purge, wire string) ([]byte, error) {
	events := make([]purgeEvent, len(group))
	for i, p := range group {
		events[i] = purgeEvent{
			Schema: "/resource_change/1.0.0",
			Meta: purgeMeta{
				URI: p.url, RequestID: p.requestID, ID: p.id, DT: p.at.UTC().Format(time.RFC3339), Domain: p.host,
				Stream: event.PurgeStream,
			},
			Tags: []string{wire},
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // URLs are read by people
	err := e.Encode(events)
	return b.Bytes(), err
}
