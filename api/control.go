package api

import (
	"encoding/json"
	"time"
)

// Control is what an operator changed at run time for a scope, over what the configuration says.
type Control struct {
	Scope  string     `json:"scope"` // all, maintenance, queue:Q, wiki:W, pair:Q@W or tag:name=value
	Paused bool       `json:"paused"`
	Reason string     `json:"reason,omitempty"`
	By     string     `json:"by,omitempty"`
	Since  *time.Time `json:"since,omitempty"` // of the last change
	Until  *time.Time `json:"until,omitempty"` // when the pause ends by itself
	// Set are settings by name, as the configuration writes them.
	Set map[string]string `json:"set,omitempty"`
}

// ControlList is everything that is controlled at run time.
type ControlList struct {
	Maintenance bool      `json:"maintenance"` // work is taken and none is run
	Entries     []Control `json:"entries"`
}

// ControlChange is what is to become different. What is left out stays as it is.
type ControlChange struct {
	Paused *bool   `json:"paused,omitempty"`
	Reason *string `json:"reason,omitempty"`
	By     string  `json:"by,omitempty"`    // who asks; a token's name goes before it
	Until  *string `json:"until,omitempty"` // a moment (RFC 3339), or "" for none
	For    string  `json:"for,omitempty"`   // instead of until: a duration from now on
	// Set has a number, a duration as text, or null for what the configuration says.
	Set map[string]json.RawMessage `json:"set,omitempty"`
}
