package api

// Queue is the jobs of one queue of one wiki.
type Queue struct {
	Queue     string `json:"queue"`
	Wiki      string `json:"wiki"`
	Ready     int64  `json:"ready"`
	Delayed   int64  `json:"delayed"`
	Blocked   int64  `json:"blocked"`
	Running   int64  `json:"running"`
	Held      string `json:"held"` // why nothing is started, in words; "": it is
	Dead      int64  `json:"dead"`
	OldestAge int64  `json:"oldest_age_s"` // age of the ready job that waits longest at the head of a priority
}

// QueuePage is a page of the list of queues.
type QueuePage struct {
	Queues []Queue `json:"queues"`
	Cursor string  `json:"cursor"`
	Stale  bool    `json:"stale,omitempty"`
}

// PurgeRequest asks that all that waits in a queue of a wiki is ended.
type PurgeRequest struct {
	Wiki string `json:"wiki"`
}

// PurgeAnswer says how many jobs are being ended. They are counted and started no more.
type PurgeAnswer struct {
	Queue    string `json:"queue"`
	Wiki     string `json:"wiki"`
	Sweeping int64  `json:"sweeping"`
}
