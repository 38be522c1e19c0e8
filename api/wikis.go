package api

import "time"

// Wiki is a wiki that is configured, or has sent something.
type Wiki struct {
	Wiki       string            `json:"wiki"`
	Configured bool              `json:"configured"`
	Since      *time.Time        `json:"since,omitempty"` // when one that is not configured was first seen
	Runner     string            `json:"runner,omitempty"`
	URL        string            `json:"url,omitempty"`
	Domains    []string          `json:"domains,omitempty"`
	Tags       map[string]string `json:"tags,omitempty"`
	Held       string            `json:"held"` // why jobs of it wait; "": none is held
	HeldQueues int               `json:"held_queues"`
	Ready      int64             `json:"ready"`
	Delayed    int64             `json:"delayed"`
	Blocked    int64             `json:"blocked"`
	Running    int64             `json:"running"`
	Dead       int64             `json:"dead"`
}

// WikiPage is a page of the list of wikis, by name.
type WikiPage struct {
	Wikis  []Wiki `json:"wikis"`
	Cursor string `json:"cursor"`
	Stale  bool   `json:"stale,omitempty"`
}
