// Package faultkv puts faults between a caller and an engine, for tests.
//
// It wraps any kv.Engine. Before each call it asks Config.Decide what happens to it: a script in a
// test, a seeded source in a random one. The wrapped engine is never told anything that its
// contract does not allow, and never does anything that a real network could not make it do: a
// conflict is never invented, an acknowledged commit is always applied.
//
// # Outcomes of a commit
//
//	Pass        the wrapped engine answers
//	Refuse      ErrRefused; certainly not applied
//	LoseReply   applied if the wrapped engine takes it; ErrUnknown
//	Drop        never applied; ErrUnknown
//	Late        not applied yet; ErrUnknown; Deliver lets it arrive, and then its Require decides
//
//	            ┌─ Pass ─────▶ answer
//	Commit ─────┼─ LoseReply ▶ applied ┐
//	            ├─ Drop ─────────────▶ ├─▶ ErrUnknown
//	            ├─ Late ─▶ held ─────▶ ┘
//	            └─ Refuse ─▶ ErrRefused    held ── Deliver, or the next call with DeliverFirst ─▶ arrives
//
// Reads know Pass and Refuse; any other outcome of a read is Pass.
//
// # Invariants
//
//   - A batch that breaks the contract is refused by its own Check and meets no fault.
//   - Late batches arrive in the order in which they were sent, each at most once.
//   - A late batch is a copy: the caller may reuse its own.
//
// # Failures
//
// A late batch that conflicts when it arrives is void, as it would be on a server. Any other error
// of a late arrival is returned by Deliver. Close drops what is still held.
//
// # Files
//
//	faultkv.go   Engine, Config, Deliver
//	decide.go    Outcome, Script, Seeded
package faultkv
