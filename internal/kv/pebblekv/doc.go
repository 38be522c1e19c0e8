// Package pebblekv is the embedded engine of package kv: a directory on one machine, kept by Pebble.
//
// # Words
//
//	directory  Config.Dir; one process at a time, by a file lock
//	format     a number in the file AUWAI-FORMAT; a store of a newer format is refused
//	durable    the log is synced before Commit returns
//	relaxed    it is not; for tests and benchmarks. A killed process loses its last commits
//	failure    the first error of a write to disk; it ends the engine
//	limbo      a file system in memory where Pebble's writes go after a failure
//
// # States
//
//	Open ──▶ running ──────────── Close ──▶ closed (ErrClosed)
//	            │                              ▲
//	            └─ a write fails ─▶ failed ────┘
//	                                (ErrFailed)
//
// # A commit
//
// The batch is checked, turned into a Pebble batch, and then, under one mutex, its Requires are read
// and it is put into the log's buffer and the memtable. The mutex is released before the wait for
// the sync, so commits of several callers share syncs, in the order of the mutex. Nothing is
// remembered of the required values: the session key was written by the commit before, so it is in
// the memtable, and reading it there costs 0.6 microseconds of a commit's hundreds (measured).
//
// # Invariants
//
//   - nil from Commit (durable): a sync of the log that covers the batch has succeeded, and no write
//     of any kind had failed before it answered.
//   - After a failure nothing is written to the directory, nor removed from it. A failed sync may
//     have dropped pages that the kernel now calls clean, so a repeated sync proves nothing; what
//     is on disk is judged by the next Open alone.
//   - All keys of one Get, and all pages of one Scan, are of one moment.
//   - The format file is there, whole, before the first file of Pebble.
//
// # Failures and what follows
//
//	another process has the directory   Open fails and names it
//	newer format, foreign directory     Open fails and names it
//	a write or sync fails, disk full    the commits under way answer ErrUnknown, all later calls
//	                                    ErrFailed; Config.OnFailure is called once. The process
//	                                    should close the engine and open it again, or end
//	Pebble finds itself inconsistent    the same
//	a table cannot be read              the call fails, the engine goes on
//	power loss                          the next Open has everything acknowledged; a torn last
//	                                    record of the log is dropped
//
// Pebble itself ends the process (a call of Fatalf, a panic, even a runtime throw) when its log
// fails. This package keeps such errors from Pebble: the file system it is given records the
// failure and pretends success from then on, with every further write going to limbo. Since the
// engine answers nothing but errors from that moment, the pretence reaches nobody.
//
// # Lock order
//
// Engine.life (shared by calls, exclusive for Close), then snapshot.mu, then Engine.commit.
//
// # Files
//
//	config.go    Config and Pebble's settings, with what was measured
//	open.go      Open, directory, lock, format file
//	engine.go    Engine: Get, Scan, Commit, Close
//	read.go      reads shared by engine and snapshot
//	snapshot.go  Snapshot
//	failure.go   the failure, Pebble's logger and listener
//	disk.go      the file system under Pebble: counting, stopping at a failure
//	metrics.go   Metrics
package pebblekv
