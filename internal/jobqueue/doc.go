// Package jobqueue keeps the jobs of a partition: their states, places, counts, twins, roots, delays,
// attempts and history. All of it is functions over partition.Tx.
//
// # Words
//
//	pair      a queue of a wiki: the unit of counts and order
//	band      a priority; all of a band goes before the next one
//	place     where a waiting job stands: (band, seq) when ready, its moment when delayed
//	claim     a hold on a job for one attempt; in memory first, stored after about a second
//	key       of several jobs with one key, one waits: the others are its twins and merge into it
//	root      the change that jobs follow from; its newest generation supersedes the older ones
//	source    what a job was made from: the same source again answers the first job's id
//	blob      a payload too large for its push, stored ahead in blocks
//	bucket    twelve hours; families that expire are keyed by it
//	sweep     removes what has expired, by page
//
// # States
//
//	    Push ─┬─ older than its root ─▶ superseded     (history only)
//	          ├─ waiting twin ────────▶ duplicate      (history only; the twin takes its bytes)
//	          ├─ RunAt in the future ─▶ delayed
//	          └───────────────────────▶ ready
//
//	             Promote                claim                Finish done
//	delayed ──────────────▶ ready ───────────────▶ running ─────────────▶ done
//	  ▲  │                  ▲ ▲ │                   │ │ │
//	  │  └─ Cancel          │ │ └─ Cancel,          │ │ └─ failed, attempts used up; permanent ─▶ dead
//	  │     ▼               │ │    Supersede        │ └─ uncounted, orderly, Recover ─▶ ready
//	  │   cancelled         │ │    ▼                └─ failed ─▶ delayed (back-off)
//	  │                     │ │  cancelled,
//	  │                     │ │  superseded
//	  └──── failed ─────────┘ └──────── Retry ──────── dead ──── 30 days ──▶ expired
//
// Whenever a job waits again, the root rule and then the twin rule are applied to it: it may end as
// superseded, or as a duplicate of a twin that came while it ran. A running job keeps its record as
// it was when it was claimed; that it runs is told by its claim (Mem, or the running key).
//
// # A claim
//
//	Mem.Claim          in memory: the ready key stays, the store counts the job as ready
//	StoreClaims        the running key takes the ready key's place
//	a twin arrives     it gets the key, and the claim is stored in the same command
//	Finish             ended at once for commands, claimable again when durable (Mem.Observe)
//	opening            running keys that are found come back by Recover; claims in memory are gone, and
//	                   their jobs are ready as if never claimed
//
// # Who sees what, when
//
// Mem follows commands as they are applied, the store follows by a commit, and dispatch learns by
// effects after that. Between, a job with a change on its way cannot be claimed: a command that
// changes a ready job, or ends a claim, leaves a mark (Tx.After, so that a failed one leaves none),
// and its effect, given to Mem.Observe, takes it back. A scan may be older than an effect that comes
// while it is read: Mem.BeginScan, Moved, EndScan tell. So
//
//	Cancel of a job claimed in memory    Conflict: it is running
//	a push meets a twin that is claimed  the twin runs; the new job waits and has the key
//	a push meets a twin not yet durable  merges; the twin is marked once more for each merge
//	the twin ended in the same group     its key is gone in the overlay; the new job waits by itself
//	a job ended, and merged into after   the marks are taken back in the order of the effects
//
// # Invariants
//
//   - Counts of a pair are what a scan of its places would find; a pair without jobs has no record.
//   - A job that waits or is dead has one record and one place, and they name each other.
//   - Of the jobs of a pair with one key, at most one waits, and the twin key names it.
//   - A twin key names a job that waits or runs.
//   - No ready key is before its pair's cursor.
//   - A place, once left, is never used again.
//   - Every other family expires: with its job, or in a sweep.
//
// # Failures
//
//	an error or a limit in a Push            none of its jobs is taken
//	an outcome whose claim is lost           nothing changes; the index is in Finish.Lost
//	the owner dies, claims stored            counted as crashes, ready at once; dead when used up
//	the owner dies, claims in memory only    ready as before; the attempt is not known
//	an orderly stop                          claims marked orderly are not counted
//	clock goes back                          due moments wait; receive stamps and expiry never go back
//	clock jumps ahead                        delayed jobs become ready early; sources are forgotten early
//	more to write than a commit takes        commands that take pages say in Done how far they came
//	a key that leads nowhere                 removed where it is met; at an opening reported (Repaired)
//	a malformed value                        the invariant fails and the partition is read again
//
// # Files
//
//	types.go    words as types            push.go     Push and the rule of sources
//	limits.go   bounds and ages           root.go     the rule of roots
//	keys.go     families and keys         twin.go     the rule of twins, merging
//	describe.go keys in words             place.go    moving between states
//	codec.go    reading and writing       finish.go   Finish: outcomes of attempts
//	record.go   the record of a job       claims.go   StoreClaims
//	values.go   all other values          recover.go  opening: Domain, Recover
//	request.go  sources, request index    promote.go  Promote: delayed jobs that are due
//	history.go  what is kept of the past  cancel.go   Cancel, Retry, Supersede
//	mem.go      the owner's memory        blob.go     large payloads
//	effects.go  what commands report      sweep.go    Sweep, ExpireDead
//	work.go     what one Apply gathers    mail.go     a Push as a message
//	read.go     ranges for readers        tag.go      history found by id
package jobqueue
