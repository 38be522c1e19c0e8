// Package memkv is the kv contract in memory, for tests and for the simulation.
//
// A Server is the store; a Client is one connection to it. The two are apart because the simulation
// has many nodes over one store, and because what happens to a commit on its way is the
// simulation's to decide: it holds a batch as long as it likes and calls Server.Apply when the
// batch arrives, once, late, or never.
//
// The package starts no goroutine, reads no clock and rolls no dice: the same calls in the same
// order give the same store. A mutex makes it safe for tests that are concurrent themselves.
//
// # States of a commit
//
//	          Apply                 Sync (or at once, when not relaxed)
//	batch ────────────▶ visible ───────────────────────────────────────▶ durable
//	        └▶ ErrConflict         └── Crash ──▶ gone
//
// # Invariants
//
//   - A snapshot never changes (the tree is copied on write).
//   - Keys and values are copied on their way in and out: no caller can change the store.
//   - Without NewRelaxedServer everything that Apply took survives Crash.
//
// # Failures
//
//	Crash    what was not durable is gone; every client and snapshot of before answers ErrClosed
//	Close    the client and its snapshots answer ErrClosed; the server and others go on
//
// # Files
//
//	server.go   Server: apply, read, sync, crash
//	client.go   Client and its snapshots: kv.Engine over a Server
package memkv
