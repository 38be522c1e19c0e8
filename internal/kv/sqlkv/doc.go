// Package sqlkv is what the engines on SQL servers have in common: settings, the life of calls and
// snapshots, and what becomes of a commit that was sent.
//
// # Words
//
//	call       one use of an engine's method; Close waits for those that run
//	outcome    what is known after a batch was sent
//	snapshot   a read view on a connection of its own, which the engine ends when it is closed
//
// # A commit
//
//	send ─┬─ applied      nil
//	      ├─ conflict     kv.ErrConflict
//	      ├─ refused      Unavailable: certainly not applied, and again would end the same
//	      ├─ unknown      kv.ErrUnknown: the caller sends the same batch again
//	      └─ not applied  certainly: sent again after a pause, at most maxSends times
//
// # Invariants
//
//   - No call begins after Close, and Close returns after the last one.
//   - Every call ends with the time-out of the options, also when its context does not.
//   - A connection of a snapshot does one thing at a time, and is ended once.
//
// # Files
//
//	options.go   settings and their checks      snapshot.go   read views
//	calls.go     the life of an engine's calls  commit.go     outcomes, sending again
//	values.go    what a page and a value are
package sqlkv
