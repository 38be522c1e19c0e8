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
	// The rest is there when the event is not valid under a schema.
	Name       string           `json:"name,omitempty"` // ValidationError
	Errors     []EventViolation `json:"errors,omitempty"`
	ErrorsText string           `json:"errorsText,omitempty"`
}

// EventViolation is one thing that is wrong with an event, in the words of Ajv 6.
type EventViolation struct {
	Keyword    string         `json:"keyword"`
	DataPath   string         `json:"dataPath"` // .meta.id; "" for the event itself
	SchemaPath string         `json:"schemaPath"`
	Params     map[string]any `json:"params"`
	Message    string         `json:"message"`
}
