package dispatch

import (
	"time"

	"auwai/internal/jobqueue"
	"auwai/internal/limit"
)

// Policy is the active configuration as dispatch reads it. Its methods are pure. What Queue, Limits,
// Limit, Held and Paused say is kept until Machine.Changed.
type Policy interface {
	// Concurrency is the number of attempts of this node; 0 starts nothing. It is asked each time.
	Concurrency() int
	// Queue returns the settings of a queue of a wiki.
	Queue(pair jobqueue.Pair) QueuePolicy
	// Limits returns the names of all that an attempt of the pair counts under: see package limit. The
	// tag named SectionTag is the database section of the wiki.
	Limits(pair jobqueue.Pair) []string
	// Limit returns what a name is bounded by, the zero value where it is not.
	Limit(name string) limit.Limit
	// Held returns why jobs of a pair cannot be started at all, in words; "" when they can.
	Held(pair jobqueue.Pair) string
	// Paused returns why an operator wants nothing of the pair to start, in words; "" when it may.
	Paused(pair jobqueue.Pair) string
	// Mismatch returns why a job of the wiki that names the domain is not to be run, in words; "" when
	// it is. It is asked for each job.
	Mismatch(pair jobqueue.Pair, domain string) string
}

// SectionTag is the name of the tag whose value is a wiki's database section.
const SectionTag = "db"

// QueuePolicy is what the configuration says of a queue of a wiki.
type QueuePolicy struct {
	Timeout time.Duration
	Retry   jobqueue.Policy
	// RetryOn has the classes of failure that are retried, nil: all; Ignore those that count as done.
	// Besides the words of runner.Result.Class, 4xx and 5xx stand for statuses.
	RetryOn, Ignore []string
	// Batch is the number of jobs that one attempt can take; below 1 is taken as 1.
	Batch int
	// Rank and Weight order the queues of a wiki in a band: lower ranks first, then turns by weight.
	// A weight below 1 is taken as 1.
	Rank, Weight int
	// Exclusive and AtMostOnce hold for all jobs of the queue, beside those that say so themselves.
	Exclusive, AtMostOnce bool
	// Remote says that workers come for the jobs: no slot of this node is used.
	Remote bool
	// OffWiki says that the wiki takes no part in running the jobs: whether it takes work is all the same.
	OffWiki bool
	// Needs are those of jobs that name none.
	Needs jobqueue.Needs
	Gates []Gate
}

// Gate is what has to hold of another queue, or of the same, for a pair to start anything.
type Gate struct {
	Kind    GateKind
	Queue   string
	AnyWiki bool // all wikis together; else the pair's own wiki
	Jobs    int64
}

// GateKind says how a gate compares the pending jobs, ready, delayed and blocked, with its number.
type GateKind uint8

// The kinds of gates.
const (
	StartIf GateKind = iota // open while fewer jobs are pending
	HoldIf                  // closed while more are
	Filled                  // open while fewer are: the pair's jobs would add to them
)

// String returns the word of the configuration.
func (k GateKind) String() string {
	switch k {
	case StartIf:
		return "start_if"
	case HoldIf:
		return "hold_if"
	default:
		return "max_pending"
	}
}

// open reports whether the gate is open with so many jobs pending.
func (g *Gate) open(pending int64) bool {
	if g.Kind == HoldIf {
		return pending <= g.Jobs
	}
	return pending < g.Jobs
}

// Workers are those who come for jobs: on other hosts, or a wiki's own scripts. A request that waits
// either takes jobs of queues that are Remote, or is a pull of one wiki, which takes its jobs whatever
// their queue. The methods are called in the node's loop and do not block.
type Workers interface {
	// Waits returns the number of the newest request, and whether any waits.
	Waits() (newest uint64, waiting bool)
	// Pulls returns the wikis that requests name.
	Pulls() []string
	// Ready reports whether somebody waits who takes the job, and if not, why, in words.
	Ready(now time.Time, d Demand) (ok bool, reason string)
	// Reserve promises the job that is about to be claimed to a request. The attempt's Work has the
	// holder, or Return takes the promise back.
	Reserve(now time.Time, d Demand) (r Reservation, ok bool)
	Return(holder string)
	// Looked says that what is ready was offered to all requests up to a number.
	Looked(newest uint64)
}

// Demand is a job that looks for a worker.
type Demand struct {
	Pair   jobqueue.Pair
	Needs  jobqueue.Needs
	Remote bool // the queue's jobs are for workers; else only pulls take them
}

// Reservation is a worker's promise to take a job.
type Reservation struct {
	Holder string        // of the claim
	Period time.Duration // how long the claim is held without a word; 0: the queue's time-out
}

// Limits and periods of dispatch.
const (
	storeClaimAfter = time.Second      // a claim in memory is written then
	cautiousFor     = 60 * time.Second // after an unclean stop
	aloneAtMost     = 60 * time.Second // a suspect that still runs then is not waited for
	probeFirst      = 5 * time.Second
	probeMost       = 60 * time.Second
	lateAfter       = 5 * time.Second  // the deadline of a claim, when nobody has ended its attempt
	sectionHits     = 3                // wikis of a section that hold it
	sectionWithin   = 10 * time.Second // of each other
	mismatchDelay   = time.Minute      // a job with a domain that is not its wiki's is looked at again then
	tick            = 250 * time.Millisecond
	sweepEvery      = 10 * time.Second // limiters that are not used, times that are not told yet
	starvationGuard = 16
	cursorEvery     = 1_000 // finished jobs of a pair between two stored cursors

	// finishingAtMost is how many attempts may have ended whose end is not durable: jobs that do
	// nothing end faster than a disk that is busy with something else takes it, and each of them is
	// kept until then.
	finishingAtMost = 8_192

	windowBytes   = 20 << 20 // of all windows together
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
