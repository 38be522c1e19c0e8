package dispatch

import (
	"time"

	"auwai/internal/jobqueue"
)

// Policy is the active configuration as dispatch reads it. Its methods are pure and cheap.
type Policy interface {
	// Concurrency is the number of attempts of this node; 0 starts nothing.
	Concurrency() int
	// Queue returns the settings of a queue.
	Queue(name string) QueuePolicy
	// WikiConcurrency is the number of attempts of a wiki, 0 for no limit of its own.
	WikiConcurrency(wiki string) int
	// Held returns why jobs of a pair cannot be started at all, in words; "" when they can.
	Held(pair jobqueue.Pair) string
	// Mismatch returns why a job of the wiki that names the domain is not to be run, in words; "" when
	// it is.
	Mismatch(pair jobqueue.Pair, domain string) string
	// Batch is the number of jobs that one attempt of the pair can take, at least 1.
	Batch(pair jobqueue.Pair) int
}

// QueuePolicy is what the configuration says of a queue.
type QueuePolicy struct {
	Concurrency int // attempts of the queue on this node, 0 for no limit of its own
	PerWiki     int // attempts of one (queue, wiki), 0 for no limit of its own
	Timeout     time.Duration
	Retry       jobqueue.Policy
}

// Limits and periods of dispatch.
const (
	storeClaimAfter = time.Second      // a claim in memory is written then
	cautiousFor     = 60 * time.Second // after an unclean stop
	aloneAtMost     = 60 * time.Second // a suspect that still runs then is not waited for
	probeFirst      = 5 * time.Second
	probeMost       = 60 * time.Second
	mismatchDelay   = time.Minute // a job with a domain that is not its wiki's is looked at again then
	tick            = 250 * time.Millisecond
	starvationGuard = 16
	cursorEvery     = 1_000 // finished jobs of a pair between two stored cursors

	// finishingAtMost is how many attempts may have ended whose end is not durable: jobs that do
	// nothing end faster than a disk that is busy with something else takes it, and each of them is
	// kept until then.
	finishingAtMost = 8_192

	windowBytes   = 32 << 20 // of all windows together
	windowEntries = 4_096    // of one band
	entryBytes    = 64       // an entry without its job
	jobBytes      = 500      // a job beside its payload
	unknownBytes  = 16 << 10 // a record of a pair of which none was seen
	lowWater      = 64       // loaded entries below which a window is read on
	firstPage     = 64
	smallestPage  = 8 // when memory is used up
	largestPage   = 1_024
	loadsAtOnce   = 8               // reads under way
	pairsPerLoad  = 32              // windows of one read
	fetchBytes    = 1 << 20         // records of one read, about
	batchTime     = 2 * time.Second // a batch is cut where its jobs are expected to take longer
)
