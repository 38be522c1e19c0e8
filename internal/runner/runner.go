// Package runner is the contract between dispatch and what carries jobs out.
//
// A runner gets the jobs of one attempt: one job, or, where the runner can take several in one
// request, several of one (queue, wiki). It reports what became of each, and nothing else: whether a
// job is retried, held or dead is decided by dispatch and the queue, the same for all runners.
//
// # Words
//
//	work     the jobs of one attempt, with the fence of their partition
//	result   how one job of the work ended
//	hold     the target could not take work at all: the attempt is not counted, the wiki is held and
//	         probed with one job until it answers
//
// # Failures
//
//	a result is missing           the job returns to its place, not counted
//	Run returns an error          every job without a result failed with that error
//	ctx ends                      Run returns soon; what has no result was cut short
package runner

import (
	"context"
	"fmt"
	"time"

	"auwai/internal/fault"
	"auwai/internal/jobqueue"
)

// Work is what one attempt carries out. All jobs are of one queue of one wiki.
type Work struct {
	Wiki    string
	Queue   string
	Fence   uint64 // epoch of the partition's owner, sent along as X-Auwai-Fence
	Jobs    []Item
	Timeout time.Duration // for the whole work

	// Of work that a remote worker carries out: who holds the claim, and until when. Such work has one
	// job, and ctx does not end at its time-out.
	Holder   string
	Deadline time.Time
	Found    bool // the holder has the job already, since before a restart; no payload comes with it
}

// Item is one job of a Work.
type Item struct {
	ID        string
	Attempt   int // 1 for the first
	Payload   []byte
	FromEvent bool   // Payload is an event, byte for byte as it was received
	Domain    string // meta.domain of the event
	RequestID string
	Needs     jobqueue.Needs
	// Cause is the cause of what the job pushes in turn, nil for none. Its text, that of
	// jobqueue.Cause, is made when it is asked for: most targets do not send it on.
	Cause fmt.Stringer
}

// CauseText returns the text of the item's cause, "" for none.
func (i *Item) CauseText() string {
	if i.Cause == nil {
		return ""
	}
	return i.Cause.String()
}

// Text is a cause whose text came with a claim.
type Text string

// String returns the text.
func (t Text) String() string { return string(t) }

// Result is how one job ended.
type Result struct {
	// Outcome is OutcomeDone, OutcomeFailed, OutcomePermanent or OutcomeUncounted.
	Outcome jobqueue.Outcome
	// Error says in words what happened and, for OutcomePermanent, what to do about it.
	Error string
	// RetryAfter is the least delay before the next attempt, when the target asked for one.
	RetryAfter time.Duration
	// Hold says, with OutcomeUncounted, that the target takes no work now, and why. Empty: the job
	// alone returns to its place.
	Hold string
	// Scope says how far a Hold reaches: ScopeWiki, or ScopeDB for the whole database section of the
	// wiki. Empty: ScopeWiki.
	Scope string
	// Class is the failure in one word, which the configuration's retry_on and ignore name: a status
	// of HTTP ("404"), one of the Class constants, or ClassException and the class of a MediaWiki
	// exception. Empty: ClassError.
	Class string
	// NoRetry says, with OutcomeFailed, that the job itself asks not to be tried again.
	NoRetry bool
	// Message is what the job says of itself, and ResultURL where its result is; kept with it.
	Message   string
	ResultURL string
	// Waits, if not nil, is told when the outcome is durable.
	Waits Waiter
}

// Waiter waits until an outcome is durable.
type Waiter interface {
	// Settled is called once: with nil when the outcome is durable, else with why it never will be, of
	// kind Conflict when the claim was lost. It must not block.
	Settled(err error)
}

// ErrCancelled is the cause of ctx's end when the job itself was cancelled. Other ends are the node's.
var ErrCancelled = fault.New(fault.Conflict, "the job was cancelled")

// Words of Result.Class.
const (
	ClassTimeout    = "timeout"    // the attempt took longer than it may
	ClassConnection = "connection" // the target could not be reached, or broke off
	ClassCrash      = "crash"      // what ran the job ended without a word
	ClassError      = "error"      // any failure that the target reported
	ClassException  = "exception:" // and the class of a MediaWiki exception
)

// Words of Result.Scope.
const (
	ScopeWiki = "wiki"
	ScopeDB   = "db"
)

// Runner carries out work. Safe for concurrent use.
type Runner interface {
	// Run carries out the work and calls report once for each job that ended, with its index in
	// w.Jobs, from one goroutine at a time and not after it returned.
	Run(ctx context.Context, w Work, report func(i int, r Result)) error
	// Batch is the greatest number of jobs of one queue that one Run takes; at least 1.
	Batch(queue string) int
}
