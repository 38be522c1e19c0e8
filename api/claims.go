package api

import (
	"encoding/json"
	"time"
)

// AnyQueue is the queue of a claim that takes jobs of every queue whose jobs are for workers; with a
// wiki, of every queue of the wiki.
const AnyQueue = "*"

// ClaimRequest asks for jobs of a queue. All of it may be left out. Durations are as Go writes them.
type ClaimRequest struct {
	Queues   []string  `json:"queues,omitempty"`   // with AnyQueue: these only, up to 100
	Wiki     string    `json:"wiki,omitempty"`     // of this wiki only, whatever its runner is
	Limit    int       `json:"limit,omitempty"`    // 1 to 100; 1 when it is left out
	Wait     string    `json:"wait,omitempty"`     // until there is a job, up to 60s; "": what is ready now
	Capacity *Capacity `json:"capacity,omitempty"` // what the worker has free; without it: any job
	Worker   string    `json:"worker,omitempty"`   // its name, one for each that waits
	Timeout  string    `json:"timeout,omitempty"`  // between heartbeats; "": as the queue says
}

// Capacity is what a worker has free, or a job needs; 0 is nothing in particular.
type Capacity struct {
	Cores  float64 `json:"cores,omitempty"`
	Memory int64   `json:"memory,omitempty"` // bytes
}

// ClaimedJobs answers a ClaimRequest; none when there were none in time.
type ClaimedJobs struct {
	Jobs []ClaimedJob `json:"jobs"`
}

// ClaimedJob is a job that is the worker's until the deadline.
type ClaimedJob struct {
	ID        string    `json:"id"`
	Queue     string    `json:"queue"`
	Wiki      string    `json:"wiki"`
	Attempt   int       `json:"attempt"` // 1 for the first
	Claim     string    `json:"claim"`   // a secret: proves that the job is this worker's
	Deadline  time.Time `json:"deadline"`
	Needs     *Capacity `json:"needs,omitempty"`
	Fence     uint64    `json:"fence"` // grows with each change of ownership: refuse smaller ones
	RequestID string    `json:"request_id"`
	Cause     string    `json:"cause,omitempty"`  // to be named by the jobs that this one pushes
	Domain    string    `json:"domain,omitempty"` // meta.domain of its event
	FromEvent bool      `json:"from_event"`       // the payload is an event, byte for byte as it was received
	// The payload is in one of two forms.
	Payload       json.RawMessage `json:"payload,omitempty"`
	PayloadBase64 []byte          `json:"payload_base64,omitempty"` // when it is no JSON
}

// Heartbeat says that a job goes on.
type Heartbeat struct {
	Claim     string   `json:"claim"`
	Progress  *float64 `json:"progress,omitempty"` // percent that is done
	Message   string   `json:"message,omitempty"`
	ResultURL string   `json:"result_url,omitempty"`
	Timeout   string   `json:"timeout,omitempty"` // until the next one; "": as before
}

// HeartbeatAnswer says how long the job is the worker's still.
type HeartbeatAnswer struct {
	Deadline  time.Time `json:"deadline"`
	Cancelled bool      `json:"cancelled"` // end the job, and say that it failed
}

// JobFinish says that a job is done.
type JobFinish struct {
	Claim     string `json:"claim"`
	Message   string `json:"message,omitempty"`
	ResultURL string `json:"result_url,omitempty"`
}

// JobFail says that a job failed.
type JobFail struct {
	Claim      string `json:"claim"`
	Error      string `json:"error"`
	Class      string `json:"class,omitempty"`       // for retry_on and ignore
	RetryAfter string `json:"retry_after,omitempty"` // the least delay before the next attempt
	Permanent  bool   `json:"permanent,omitempty"`   // it is of no use to try again
}

// JobRelease gives a job back; its attempt is not counted.
type JobRelease struct {
	Claim      string `json:"claim"`
	Reason     string `json:"reason,omitempty"`
	RetryAfter string `json:"retry_after,omitempty"` // "": it is ready at once
}
