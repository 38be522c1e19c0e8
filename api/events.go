package api

import "encoding/json"

// EventFaults is the answer to events of which some were not taken, in EventGate's form.
type EventFaults struct {
	Invalid []EventFault `json:"invalid"`
	Error   []EventFault `json:"error,omitempty"`
}

// EventFault is one event that was not taken.
type EventFault struct {
	Status  string          `json:"status"` // invalid or error
	Event   json.RawMessage `json:"event"`
	Context EventContext    `json:"context"`
}

// EventContext says why.
type EventContext struct {
	Message string `json:"message"`
	// Index is the event's place in the body, from 0.
	Index int `json:"index"`
}
