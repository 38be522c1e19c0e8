// Package stock has wikis run the jobs of their own tables: stock wikis, without an extension of ours,
// whose jobs the service cannot hold. It holds one job for each such wiki instead, "run some of
// yours", in the queue auwai.runjobs: so limits, holds, fairness, attempts and history apply to it as
// to any job. This package decides when that job is made, and carries it out.
//
// # Words
//
//	stock wiki   one whose runner is special-runjobs
//	wake-up      the job "run some of yours", with the wiki as its key: a waiting one has no twin
//	hint         something outside says that the wiki has changed: an RCFeed packet
//	look         a request that runs at most one of the wiki's jobs, to see whether there are any. It is
//	             made from memory and leaves no trace in the store
//	settle       the delay between a hint and its wake-up: MediaWiki sends the packet before it writes
//	             the jobs of the edit
//
// # States of a wiki
//
//	          hint, or a look that found work
//	 idle ───────────────────────────────────▶ asked ──▶ running ─┐
//	  │ ▲ ▲                                      ▲  a wake-up      │
//	  │ │ └──────────────────────────────────────┼── none is left ─┤
//	  │ │                                        └── more is left ─┘
//	  ▼ │ nothing, or no answer
//	looking          at poll after the last request, at recheck after the last hint, or when
//	                 MediaWiki's own throttle of a job type ends
//
// # Invariants
//
//   - While nothing is to do, nothing is written: a look that finds nothing changes memory only.
//   - A wiki gets no look while it is asked, while an attempt runs, or while it is held or paused; an
//     attempt that begins during a look waits for its end. So a limit of one attempt at a time on a
//     wiki holds with looks too. Looks count in no other limit but lookAtOnce.
//   - More is left: the next wake-up is durable before the attempt that found it ends.
//   - A hint never blocks, and a flood of hints costs one push.
//   - The wake-up is believed to wait until an attempt begins, at most for trust: one that was
//     cancelled or dropped would leave the wiki asleep otherwise.
//
// # Failures
//
//	a hint is lost                  the next look, at most poll later
//	jobs come later than settle     the look at recheck after the hint, then those at poll
//	the service was away            the first looks begin at the start, spread over poll
//	a wake-up cannot be pushed      the look is made again after a while
//	a look gets no answer, or no    logged when it begins and when it ends; the next look at poll. No
//	                                wake-up is made, so a wiki that is away costs no writes
//	an attempt fails                the queue's retries; looks go on meanwhile and may make it due
//	the service dies in an attempt  the wake-up is found and runs again: Special:RunJobs claims what it
//	                                runs in the wiki's table, so no job runs twice by that
//
// # Files
//
//	machine.go   the states, without clock and I/O     waker.go    what others call
//	sites.go     wikis in the order of their looks     attempt.go  the runner of auwai.runjobs
//	run.go       the loop                              limits.go   times and bounds
package stock
