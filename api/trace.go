package api

import "time"

// Trace is all that followed from one request: a tree of jobs, each below the job that made it.
type Trace struct {
	ID        string `json:"id"`         // what was asked for
	RequestID string `json:"request_id"` // "": the job that was asked for is of no request
	// Nodes are in the order in which the tree is drawn: a job, what it made, the next job.
	Nodes []TraceNode `json:"nodes"`
	// More is how many further jobs there are that Nodes has no place for.
	More int `json:"more"`
	// Open is how many of all the jobs have not ended.
	Open  int  `json:"open"`
	Stale bool `json:"stale,omitempty"`
}

// TraceNode is a job of a trace.
type TraceNode struct {
	ID    string `json:"id"`
	Queue string `json:"queue"`
	Wiki  string `json:"wiki"`
	State string `json:"state"`
	Open  bool   `json:"open"` // it has not ended
	// Parent is the job that made it, "" for one that came from outside. One that is not among the nodes
	// is forgotten, or of another request: the job then stands below the root.
	Parent string `json:"parent"`
	Level  int    `json:"level"` // in the tree: 1 for what is below the root

	CreatedAt time.Time  `json:"created_at"`
	StartedAt *time.Time `json:"started_at,omitempty"` // of the last attempt
	EndedAt   *time.Time `json:"ended_at,omitempty"`   // of the job
	RunAt     *time.Time `json:"run_at,omitempty"`     // when delayed
	WaitedMS  *int64     `json:"waited_ms,omitempty"`  // from its creation to its first attempt
	RanMS     *int64     `json:"ran_ms,omitempty"`     // all attempts together, until now for one that runs

	Attempts    int    `json:"attempts"`
	Error       string `json:"error,omitempty"`
	Held        string `json:"held,omitempty"`
	DuplicateOf string `json:"duplicate_of,omitempty"`
	Superseded  string `json:"superseded_by,omitempty"` // the timestamp of its root
	Message     string `json:"message,omitempty"`
	ResultURL   string `json:"result_url,omitempty"`
	// RequestID is of a job that has become another request's: it took the bytes of a newer twin.
	RequestID string `json:"request_id,omitempty"`
}
