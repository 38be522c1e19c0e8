// Package jobqueue keeps the jobs of a partition: their states, places, counts, twins, roots, delays,
// attempts and history. All of it is functions over partition.Tx.
//
// # Words
//
//	pair      a queue of a wiki: the unit of counts and order
//	band      a priority; all of a band goes before the next one
//	place     where a waiting job stands: (band, seq) when ready, its moment when delayed, seq when blocked
//	claim     a hold on a job for one attempt; in memory first, stored after about a second
//	key       of several jobs with one key, one waits: the others are its twins and merge into it
//	rules     what the configuration says of a queue's jobs when they arrive
//	root      the change that jobs follow from; its newest generation supersedes the older ones
//	source    what a job was made from: the same source again answers the first job's id
//	cause     the running job that a job was made by, with the chain of those before
//	chain     the jobs of a pair with one serial key, in their order: the first may run
//	waiter    a job that waits for another one of its wiki to end
//	purged    arrived before the last purge of its pair; its record is there until it is swept
//	kept      a stored claim that was found at an opening and goes on
//	blob      a payload too large for its push, stored ahead in blocks
//	bucket    twelve hours; families that expire are keyed by it
//	sweep     removes what has expired, or was purged, by page
//
// # States
//
//	    Push ─┬─ older than its root ─────▶ superseded     (history only)
//	          ├─ its root is cancelled ───▶ cancelled      (history only)
//	          ├─ its time is over ────────▶ expired        (history only)
//	          ├─ in a loop, over a budget ▶ dead
//	          ├─ waiting twin ────────────▶ duplicate      (history only; the twin takes its bytes)
//	          ├─ waits for jobs ──────────▶ blocked
//	          ├─ RunAt in the future ─────▶ delayed
//	          ├─ others in its chain ─────▶ blocked
//	          └───────────────────────────▶ ready
//
//	                    what it waits for
//	            blocked ──────────────────▶ ready or delayed
//	               ▲  has ended, its turn
//	               │ others in its chain
//	             Promote                claim                Finish done
//	delayed ──────────────▶ ready ───────────────▶ running ─────────────▶ done
//	  ▲  │                  ▲ ▲ │                   │ │ │
//	  │  └─ Cancel          │ │ └─ Cancel, Drop,    │ │ ├─ failed, attempts used up; permanent;
//	  │     ▼               │ │    PurgePage        │ │ │  runs at most once ─▶ dead
//	  │   cancelled         │ │    ▼                │ │ └─ was cancelled ─▶ cancelled
//	  │                     │ │  cancelled,         │ └─ uncounted, orderly, Recover ─▶ ready
//	  │                     │ │  superseded,        └─ failed ─▶ delayed (back-off)
//	  │                     │ │  expired
//	  └──── failed ─────────┘ └──────── Retry ──────── dead ──── 30 days ──▶ expired
//
// Whenever a job waits again, what ends it is looked at (purged, its root, its time), and then the twin
// rule: it may end as a duplicate of a twin that came while it ran. A running job keeps its record as
// it was when it was claimed; that it runs is told by its claim (Mem, or the running key).
//
// # A claim
//
//	Mem.Claim          in memory: the ready key stays, the store counts the job as ready
//	StoreClaims        the running key takes the ready key's place; again: a heartbeat, progress
//	a twin arrives     it gets the key, and the claim is stored in the same command
//	a waiter arrives   the record says so, and the claim
//	a purge, a cancel  the claim is stored in the same command; a cancelled one says so
//	Finish             ended at once for commands, claimable again when durable (Mem.Observe)
//	opening            running keys that are found come back by Recover, or stay, when they are
//	                   exclusive or a remote worker's; claims in memory are gone, and their jobs are
//	                   ready as if never claimed
//
// # Jobs that wait for jobs
//
// A job joins its chain when it would become ready, and is the first of it until it ends or dies,
// through back-offs too. A waiter is blocked while one of the jobs that it waits for has a record. The end
// of a job lets others go on:
//
//	done, superseded      the next of its chain; its waiters
//	duplicate             the next of its chain; its waiters wait for the twin
//	dead                  the next of its chain; its waiters wait on, for a retry
//	cancelled, expired    the next of its chain; its waiters are cancelled, with the reason
//
// A command does what is near, up to a bound; the rest, and what follows from it, the partition mails to
// itself (Unblock).
//
// # Who sees what, when
//
// Mem follows commands as they are applied, the store follows by a commit, and dispatch learns by
// effects after that. Between, a job with a change on its way cannot be claimed: a command that
// changes a ready job, or ends a claim, leaves a mark (Tx.After, so that a failed one leaves none),
// and its effect, given to Mem.Observe, takes it back. A scan may be older than an effect that comes
// while it is read: Mem.BeginScan, Moved, EndScan tell. So
//
//	Cancel of a job claimed in memory    Conflict: it is running; or it is stopped, where asked
//	a push meets a twin that is claimed  the twin runs; the new job waits and has the key
//	a push meets a twin not yet durable  merges; the twin is marked once more for each merge
//	the twin ended in the same group     its key is gone in the overlay; the new job waits by itself
//	a job ended, and merged into after   the marks are taken back in the order of the effects
//	a purge of what a window shows       Mem.Claim refuses it; PurgedBefore says which places are stale
//
// # Invariants
//
//   - Counts of a pair are what a scan of its places would find; a pair without jobs has no record.
//     What is purged counts as Sweeping wherever it stands, unless it runs or is dead.
//   - A job that waits or is dead has one record and one place, and they name each other.
//   - Of the jobs of a pair with one key, at most one waits, and the twin key names it.
//   - A twin key names a job that waits or runs, or was done within its window.
//   - A chain is a list whose first is not blocked once its turn has come, and whose others are.
//   - A job with a serial key that is ready or runs is the first of its chain.
//   - A blocked job is in a chain, or counts what it waits for; each of those has a record that says that
//     others wait for it, or mail about its end is under way.
//   - No ready key is before its pair's cursor, but purged ones.
//   - A place, once left, is never used again.
//   - Every other family expires: with its job, or in a sweep.
//
// # Failures
//
//	an error or a limit in a Push            none of its jobs is taken
//	more jobs than may wait (MaxPending)     none is taken, TooMany; what comes by mail is taken always
//	an outcome whose claim is lost           nothing changes; the index is in Finish.Lost
//	an outcome of a former holder            as one whose claim is lost
//	the owner dies, claims stored            counted as crashes, ready at once; dead when used up
//	... exclusive or a remote worker's       they stay until their deadline, and may end till then
//	... of a job that runs at most once      dead: it may have run
//	... of a job that was cancelled          cancelled
//	the owner dies, claims in memory only    ready as before; the attempt is not known
//	an orderly stop                          claims marked orderly are not counted
//	clock goes back                          due moments wait; receive stamps and expiry never go back
//	clock jumps ahead                        delayed jobs become ready early; sources are forgotten early
//	more to write than a commit takes        commands that take pages say in Done how far they came
//	a job that expires while it is blocked or ready and held
//	                                         ends when it is looked at next: its turn, a window, a purge
//	a job waits for one that is still in a lane
//	                                         that one has no record yet, so it is not waited for
//	a key that leads nowhere                 removed where it is met; at an opening reported (Repaired)
//	a malformed value                        the invariant fails and the partition is read again
//
// # Files
//
//	types.go    words as types               push.go     Push and the rule of sources
//	rules.go    rules of queues              arrive.go   what rules make of an arriving job
//	limits.go   bounds and ages              root.go     the rule of roots
//	keys.go     families and keys            twin.go     the rule of twins, its modes
//	describe.go keys in words                ends.go     what ends a job that waits; Drop
//	codec.go    reading and writing          place.go    moving between states
//	record.go   the record of a job          chain.go    chains of serial keys
//	rarecodec.go, chainvalues.go             wait.go     waiters
//	            values few jobs have         unblock.go  what the end of a job lets go on
//	values.go   all other values             finish.go   Finish: outcomes of attempts
//	request.go  sources, request index       claims.go   StoreClaims
//	history.go  what is kept of the past     progress.go what attempts say of themselves
//	cause.go    causes and loops             recover.go  opening: Domain, Recover
//	mem.go, scans.go  the owner's memory     promote.go  Promote: delayed jobs that are due
//	effects.go  what commands report         cancel.go   Cancel, by filter, by root
//	work.go     what one Apply gathers       retry.go    Retry
//	read.go     ranges for readers           purge.go    Purge and its sweep
//	tag.go      history found by id          sweep.go    Sweep, ExpireDead
//	mail.go     a Push as a message          blob.go     large payloads
package jobqueue
