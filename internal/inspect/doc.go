// Package inspect answers questions about queues and jobs, and acts on jobs: what the lists of
// the HTTP interface show.
//
// # Words
//
//	view    what the owner's memory says of a partition: pairs with their counts, what runs, holds
//	stale   an answer from the store alone, since the owner did not answer within a second, or is
//	        another node: claims that are in memory only are shown as ready, and holds are not known
//	stage   a source of a list of jobs: running, ready, blocked, delayed, dead, past; by request; by client
//	trace   the jobs of a request over all wikis, as a tree by their causes
//	reason  one thing that keeps a job from starting, in words and as data
//	cursor  where a list goes on: stage, partition and place there; bound to the filter it began with
//	budget  how much a page reads before it ends early, with fewer rows than asked for
//
// # Order of a list of jobs
//
//	running   by id             ready    by queue, then in the order of their start
//	delayed   by moment         dead     by queue, the oldest first
//	past      the newest first
//
// A list goes through the stages in this order, and in each through the partitions: all jobs of a
// wiki are in one, so with a wiki the order is total. A job that changes its state while a list is
// read page by page may be missed or come twice.
//
// # Reads
//
// The owner's memory is read in the node's loop, a partition at a time, so that a farm of thousands of
// wikis does not stop it; records and history are read from the engine, outside. Scans begin at a
// pair's cursor and never walk over what was deleted.
//
// # Invariants
//
//   - A page reads a bounded number of entries, whatever the filter.
//   - What the loop computes is used only after it said that it is done.
//   - A trace has every job of its request that is kept, each once, and of other requests only those that
//     became theirs by taking the bytes of a newer twin.
//   - A list without a filter ends: every page moves the cursor.
//
// # Failures
//
//	the loop does not answer in 1 s    stale, for the rest of the request
//	a record is gone when it is read   the job is left out: a later stage has it
//	a cursor of another filter         Invalid
//	the engine fails                   Unavailable
//
// # Files
//
//	inspect.go   the object, retry, cancel, purge  cursor.go    cursors
//	view.go      what the owner knows           stages.go    running, ready, blocked, delayed, dead, past
//	queues.go    counts                         request.go   the jobs of a request
//	jobs.go      lists of jobs                  client.go    the job of a client id
//	job.go       one job with all of it         rows.go      from records to the API's types
//	totals.go    sums for metrics               signature.go who signed an event
//	explain.go   why a job waits                words.go     the same in words
//	trace.go     what followed from a request   bulk.go      many jobs: requeue, drop, cancel
//	wikis.go     wikis with their counts
package inspect
