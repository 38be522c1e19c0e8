// Package bench measures the real partition, queue and dispatcher on a fresh embedded store, against
// a raw log on the same disk in the same run; the ways to run jobs of a real wiki, side by side;
// and how long one wiki's jobs wait beside another wiki's burst.
//
// Machines are noisy and disks differ, so the figure to compare is the ratio to the raw log: 64
// producers of single 450-byte records into one file, one fdatasync for each group that was waiting.
//
// # Files
//
//	queue.go      the queue, with handlers that do nothing    rawlog.go     the figure beside it
//	parts.go      policy, counters                            mediawiki.go  all ways to run jobs of a wiki
//	mwservice.go  those in which Auwai has the jobs           mwcore.go     those in which MediaWiki has
//	proccpu.go    CPU time of processes and their children    fairness.go   one wiki beside another's burst
package bench
