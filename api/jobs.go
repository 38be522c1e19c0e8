package api

import (
	"encoding/json"
	"time"
)

// The states of a job.
const (
	StateAccepted   = "accepted" // on its way to its owner
	StateDelayed    = "delayed"
	StateReady      = "ready"
	StateBlocked    = "blocked"
	StateRunning    = "running"
	StateDone       = "done"
	StateDead       = "dead"
	StateCancelled  = "cancelled"
	StateSuperseded = "superseded"
	StateExpired    = "expired"
	StateDuplicate  = "duplicate"
)

// States returns all states, in the order of a job's life.
func States() []string {
	return []string{
		StateAccepted, StateDelayed, StateReady, StateBlocked, StateRunning,
		StateDone, StateDead, StateCancelled, StateSuperseded, StateExpired, StateDuplicate,
	}
}

// Job is one job in a list.
type Job struct {
	ID       string `json:"id"`
	Queue    string `json:"queue"`
	Wiki     string `json:"wiki"`
	State    string `json:"state"`
	Priority string `json:"priority,omitempty"` // not kept of finished jobs
	Attempts int    `json:"attempts"`           // that count against the limit

	RunAt      *time.Time `json:"run_at"` // not before; null: at once
	CreatedAt  time.Time  `json:"created_at"`
	FinishedAt *time.Time `json:"finished_at,omitempty"` // of a finished or dead job

	Key         string `json:"key"` // of de-duplication; "": none
	RequestID   string `json:"request_id"`
	ClientID    string `json:"client_id,omitempty"`
	Root        *Root  `json:"root,omitempty"`
	DuplicateOf string `json:"duplicate_of,omitempty"` // the job that it was merged into
	Superseded  string `json:"superseded_by,omitempty"`
	LastError   string `json:"last_error"`
	Held        string `json:"held,omitempty"` // why a waiting job is not started, in words

	Raw *RawPayload `json:"raw,omitempty"` // where the list was asked for it; a finished job has none
}

// RawPayload is a job's payload, byte for byte, in one of two forms, and what it is.
type RawPayload struct {
	Text      string `json:"text,omitempty"`
	Base64    []byte `json:"base64,omitempty"`     // when it is no UTF-8
	FromEvent bool   `json:"from_event,omitempty"` // it is an event
	Domain    string `json:"domain,omitempty"`     // meta.domain of the event
}

// Root names the change that a job follows from, as MediaWiki does.
type Root struct {
	Signature string `json:"signature"`
	Timestamp string `json:"timestamp"` // 14 digits, UTC
	IsRoot    bool   `json:"is_root"`   // the job stands for all that follows
}

// JobPage is a page of a list of jobs.
type JobPage struct {
	Jobs   []Job  `json:"jobs"`
	Cursor string `json:"cursor"`
	Stale  bool   `json:"stale,omitempty"`
}

// JobDetail is one job with all that is kept of it.
type JobDetail struct {
	Job
	Domain    string `json:"domain,omitempty"` // meta.domain of its event
	FromEvent bool   `json:"from_event"`       // the payload is an event
	// Signature is of an event that waits, runs or is dead: none, unknown, or known, and then SignedBy
	// is the wiki whose secret it fits. Nothing is refused for it: a wiki that pushes another's job
	// signs it by its own secret.
	Signature string     `json:"signature,omitempty"`
	SignedBy  string     `json:"signed_by,omitempty"`
	StartedAt *time.Time `json:"started_at,omitempty"`
	Deadline  *time.Time `json:"deadline,omitempty"` // of the attempt that runs
	// AttemptLog is every attempt that is kept, the oldest first.
	AttemptLog []Attempt `json:"attempt_log"`
	// The payload is in one of three forms; a finished job has none.
	PayloadBytes  int             `json:"payload_bytes"`
	Payload       json.RawMessage `json:"payload,omitempty"`
	PayloadText   string          `json:"payload_text,omitempty"`   // when it is no JSON
	PayloadBase64 []byte          `json:"payload_base64,omitempty"` // when it is no text
	Stale         bool            `json:"stale,omitempty"`
}

// Attempt is one execution of a job.
type Attempt struct {
	StartedAt time.Time `json:"started_at"`
	EndedAt   time.Time `json:"ended_at"`
	Outcome   string    `json:"outcome"` // done, failed, permanent, uncounted, crash or orderly
	Error     string    `json:"error"`
}

// JobAction answers a retry or a cancel.
type JobAction struct {
	ID          string `json:"id"`
	State       string `json:"state"`                  // the job's state now
	DuplicateOf string `json:"duplicate_of,omitempty"` // retried, it met a waiting twin
	Stopping    bool   `json:"stopping,omitempty"`     // cancelled, it runs and is being stopped
}

// NewJob is a job to be pushed.
type NewJob struct {
	ClientID  string          `json:"client_id,omitempty"` // a repeat answers the first id, per wiki, for 24 h
	Queue     string          `json:"queue"`
	Wiki      string          `json:"wiki"`
	Key       string          `json:"key,omitempty"` // "": no de-duplication
	RunAt     *time.Time      `json:"run_at,omitempty"`
	Priority  string          `json:"priority,omitempty"` // interactive, normal or bulk; "": the queue's
	Root      *Root           `json:"root,omitempty"`
	RequestID string          `json:"request_id,omitempty"`
	Payload   json.RawMessage `json:"payload"` // any JSON, kept byte for byte

	Serial   string     `json:"serial,omitempty"`    // of the jobs of a queue with one, one runs at a time, in order
	WaitsFor []string   `json:"waits_for,omitempty"` // ids of jobs of the wiki, or client_id:NAME of a job before it
	Needs    *Capacity  `json:"needs,omitempty"`     // of a worker
	ExpireAt *time.Time `json:"expire_at,omitempty"` // not begun after
	Cause    string     `json:"cause,omitempty"`     // as it came with the attempt that makes this job

	// Of a job that comes from another queue.
	Dead      string `json:"dead,omitempty"`       // why it is kept as dead, and not run; for imports
	FromEvent bool   `json:"from_event,omitempty"` // the payload is an event, as POST /v1/events takes it
	Domain    string `json:"domain,omitempty"`     // meta.domain of that event
}

// PushedJob answers one NewJob: its id, or why it was not taken.
type PushedJob struct {
	ID          string `json:"id,omitempty"`
	DuplicateOf string `json:"duplicate_of,omitempty"` // the waiting twin that it was merged into
	State       string `json:"state,omitempty"`        // StateAccepted: kept, on its way to its owner; else absent
	Error       string `json:"error,omitempty"`
	Retry       *bool  `json:"retry,omitempty"` // false: sending it again does not help
}
