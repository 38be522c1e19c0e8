// Package dispatch decides which ready job starts next on this node, and follows attempts to their
// end.
//
// # Words
//
//	pair      a queue of a wiki; the unit of order and of holds
//	window    the ready jobs of a pair's band that are in memory, from the head on
//	attempt   one execution: a slot of every limit, with one job or a batch of one pair
//	limits    the names that an attempt counts under: its queue, its wiki, both, its tags; package limit
//	gate      a number of pending jobs, of this or another queue, that lets a pair start or not
//	hold      a wiki, or a section, takes no work: nothing of it starts but probes
//	section   a database section, known by a tag: many wikis that fail together
//	cause     why a pair with ready jobs starts nothing: limit, gate, pause, circuit, config, worker
//	worker    carries jobs out elsewhere and comes for them; package remote keeps its requests
//	found     an attempt whose claim was found at an opening and is another's until its deadline
//	suspect   a job that was running when the service ended without a word
//	cautious  after such an end: claims are stored before dispatch, suspects run alone
//
// # An attempt
//
//	ready ──claim──▶ (cautious, exclusive, at most once, ──start──▶ running ──result──▶ finish command
//	         ▲        serialized, for a worker: claim stored)          │ after 1 s: claim stored
//	         └ gates, limits, holds, worker                            ├ drain: claim stored as orderly
//	                                                                   └ of a worker: deadline, heartbeats
//
// A failure is judged by the queue's retry_on and ignore before the queue hears of it.
//
// # Order
//
// Wikis share the node by virtual time: a wiki is charged the time that its attempts use, the wiki
// with the least time goes next, and one that had nothing to do starts at the least time of those
// that had. Inside a wiki the most urgent band goes first, then the lowest rank; in every
// starvationGuard-th start both are turned round. Pairs of one band and rank take turns by weight.
//
// A pair that a limit refuses waits there. When the limit has room, by an end or by time, the waiter
// whose wiki has used the least goes first. Jobs for workers use no slot of the node and are ordered
// apart, by the time that their wikis have used the workers; all other limits hold for them too.
//
// # Who is asked again, and when
//
//	no slot of a limit       when an attempt under it ends        (limit.Set)
//	no item in a bucket      at the moment that it has one        (limit.Set, Step's wake)
//	gate closed              every tick; of all wikis: counted anew in two seconds
//	paused, not configured   at Changed
//	wiki or section held     at the next probe
//	no worker                when another request comes
//
// # Windows
//
// A window that is complete holds all ready jobs of its band, and follows the effects of commands.
// When the node's memory for windows is used up, a window drops what comes behind its last entry and
// is incomplete; it is read on from there when it runs low. What changes during a read is seen by
// its effect, and Mem.Moved says which of the read's entries are out of date.
//
// # Invariants
//
//   - A job is started only with a claim, and has one claim at most.
//   - No limit is exceeded, neither its slots nor its rate, through changes of the policy too. What runs
//     when a limit becomes lower goes on, and counts.
//   - A rate holds for the starts: items of an attempt whose claim is stored first stay in the bucket.
//   - A claim that was found keeps its slots until its deadline, or its end.
//   - A ready job is in its window, or behind the end of an incomplete one, or claimed.
//   - Every claim ends by a Finish, or by a stored claim when the node stops or loses the partition.
//   - Memory of windows is bounded, whatever the number of waiting jobs.
//
// # Failures
//
//	attempt has no answer       the runner's time-out ends it, as a failure
//	finish command refused      repeated while the partition is open
//	partition lost              local attempts are cancelled; the new owner finds the stored claims
//	node suspended              nothing starts, local attempts are cancelled
//	target takes no work        the wiki is held; one job probes after 5 s, doubling to 60 s
//	three wikis of a section    say so in 10 s: the section is held, one of its wikis probes for all
//	a worker says nothing       its claim ends at its deadline, as a crash
//	a gate's queue is unknown   it has no pending jobs
//	service killed by a job     cautious start: the job's claim is found, counted, and runs alone
//	a due key cannot be read    reported and passed over; it stays, and those behind it are promoted
//
// # Files
//
//	policy.go   what the configuration says     window.go   windows and their entries
//	machine.go  inputs                          load.go     reading windows from the store
//	effects.go  following commands              start.go    choosing and starting
//	fair.go     the order of wikis              finish.go   results
//	hold.go     holds and probes                claims.go   stored claims, drain, partitions given up
//	due.go      delayed jobs                    driver.go   the goroutines of attempts
//	changed.go  another policy                  section.go  holds of database sections
//	gates.go    pending jobs of other queues    verdict.go  retry_on and ignore
//	workers.go  jobs for workers, heartbeats    found.go    claims found at an opening
//	explain.go  why it waits, as data           blocked.go  how long it waited, by cause
package dispatch
