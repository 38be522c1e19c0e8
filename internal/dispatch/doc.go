// Package dispatch decides which ready job starts next on this node, and follows attempts to their
// end.
//
// # Words
//
//	pair      a queue of a wiki; the unit of order and of holds
//	window    the ready jobs of a pair's band that are in memory, from the head on
//	attempt   one execution: a slot of every limit, with one job or a batch of one pair
//	hold      a reason in words why a pair starts nothing now
//	suspect   a job that was running when the service ended without a word
//	cautious  after such an end: claims are stored before dispatch, suspects run alone
//
// # An attempt
//
//	ready ──claim──▶ (cautious: claim stored) ──start──▶ running ──result──▶ finish command
//	                                                       │ after 1 s: claim stored
//	                                                       └ drain: claim stored as orderly
//
// # Order
//
// Wikis share the node by virtual time: a wiki is charged the time that its attempts use, the wiki
// with the least time goes next, and one that had nothing to do starts at the least time of those
// that had. Inside a wiki the most urgent band goes first; every starvationGuard-th start goes to
// the least urgent one. Pairs of one band take turns.
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
//   - No limit of concurrency is exceeded: node, queue, wiki, (queue, wiki).
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
//	service killed by a job     cautious start: the job's claim is found, counted, and runs alone
//
// # Files
//
//	policy.go   what the configuration says     window.go   windows and their entries
//	machine.go  inputs                          load.go     reading windows from the store
//	effects.go  following commands              start.go    choosing and starting
//	fair.go     the order of wikis              finish.go   results
//	hold.go     holds and probes                claims.go   stored claims, drain, partitions given up
//	due.go      delayed jobs                    driver.go   the goroutines of attempts
//	changed.go  another policy
package dispatch
