package api

// DeadRequest says which dead jobs are to be requeued or dropped; what is left out is any.
type DeadRequest struct {
	Queue string   `json:"queue,omitempty"`
	Wiki  string   `json:"wiki,omitempty"`
	Error string   `json:"error,omitempty"` // a part of the last error, upper and lower case alike
	IDs   []string `json:"ids,omitempty"`   // these jobs only
	BulkRequest
}

// CancelRequest says which jobs are to be cancelled; at least one of its filters is needed.
type CancelRequest struct {
	Queue     string `json:"queue,omitempty"`
	Wiki      string `json:"wiki,omitempty"`
	Root      string `json:"root,omitempty"` // a root's signature
	RequestID string `json:"request_id,omitempty"`
	Running   bool   `json:"running,omitempty"` // stop those that run too
	BulkRequest
}

// BulkRequest is how much is done at once.
type BulkRequest struct {
	DryRun bool   `json:"dry_run,omitempty"` // count only
	Limit  int    `json:"limit,omitempty"`   // jobs at most; 0: 500
	Cursor string `json:"cursor,omitempty"`  // of the answer before
}

// BulkAnswer is what became of one page of many jobs.
type BulkAnswer struct {
	Matched int `json:"matched"` // jobs that were meant
	Done    int `json:"done"`    // of these, where it was done; the others had changed meanwhile
	// Stopping is how many run and are being stopped; they are among those that are done.
	Stopping int    `json:"stopping,omitempty"`
	Cursor   string `json:"cursor"` // go on here; "": that was all
}
