// Package upkeep keeps a node's partitions small: it folds the tails of streams into blocks, expires
// what retention lets go, and sweeps what has expired.
//
// # Words
//
//	fold     many small tails of a stream become one compressed block
//	expire   the oldest blocks of a stream go, by age and by size
//	sweep    keys of families with an expiry bucket go when their bucket is past
//	purge    what a purge of a queue of a wiki has ended goes, page by page, until nothing is left
//	round    one look at a partition: its streams every second, its buckets every 10 minutes
//
// # One round of a partition
//
//	look ──▶ scan ──▶ build (outside the loop) ──▶ command ──▶ look again, when there was more
//
// # Invariants
//
//   - A partition has one fold or expiry of a stream, one sweep, and one page of a purge under way at most.
//   - Everything is a command that looks again at what the scan showed: a scan is a hint.
//   - What expires goes by a clock without jumps.
//
// # Failures
//
//	scan or command failed     the plan is given up; the next round plans anew, a purge from its beginning
//	a stop in mid-purge        the next opening finds the pair with jobs to be swept
//	partition closed           its plans are forgotten with it
package upkeep
