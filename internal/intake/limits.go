package intake

import "time"

// The bounds of a request, each with its reason.
const (
	// MaxBody is the size of a body in bytes: Wikimedia's intake takes 10 MB, and EventBus sends up
	// to 4 MiB and one event.
	MaxBody = 10<<20 + 64<<10
	// MaxJobsBody is the size of a body of POST /v1/jobs in bytes.
	MaxJobsBody = 10 << 20
	// MaxEvents bounds the events of a body: an element costs memory whatever its size.
	MaxEvents = 50_000
	// MaxJobs is the number of jobs of one POST /v1/jobs: a wiki's part is one command.
	MaxJobs = 1_000

	maxCommand      = 1_000     // events of one command
	maxCommandBytes = 3 << 19   // 1.5 MiB: leaves room for records and keys in a commit of 4 MiB
	maxInline       = 384 << 10 // of one payload; larger ones go ahead
	maxNames        = 10_000    // different streams, and queues; real farms have hundreds
	maxParts        = 16        // parts of a request that are under way at once
	maxEcho         = 8 << 10   // of an event in an answer; of a larger one only $schema and meta

	// farTime is how far meta.dt may be from the receive stamp without a flag.
	farTime = 24 * time.Hour
	// retryAfter is what a client that is refused for now is told to wait.
	retryAfter = time.Second
	// fullRetryAfter is what a client is told whose jobs a full queue refused: it takes a while to run some.
	fullRetryAfter = 5 * time.Second
	// hastyTime bounds the work after a hasty answer.
	hastyTime = 30 * time.Second
	// DefaultInFlight is the memory for bodies in bytes, unless the Config says otherwise.
	DefaultInFlight = 256 << 20
)
