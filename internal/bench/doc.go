// Package bench measures the real partition, queue and dispatcher on a fresh embedded store, against
// a raw log on the same disk in the same run.
//
// Machines are noisy and disks differ, so the figure to compare is the ratio to the raw log: 64
// producers of single 450-byte records into one file, one fdatasync for each group that was waiting.
package bench
