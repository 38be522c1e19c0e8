// Package kv is the storage contract: an ordered, transactional key-value store.
//
// Everything that Auwai keeps is kept through this interface, and all semantics are written once,
// above it. An engine gives order, atomicity, durability and one conditional write, and nothing
// else, so that an embedded store and three kinds of SQL server behave alike. The suite in kvtest
// holds every engine to this page.
//
// # Words
//
//	key     1 to MaxKey bytes, ordered bytewise
//	value   0 to MaxValue bytes; an empty value is a value, not an absence
//	batch   range deletes, sets, deletes and requires that take effect together or not at all
//	require a condition on one key of the batch: "has this value" or "is absent"
//
// # Batch
//
// A batch is a set, not a program. Range deletes take effect first, then the one Set or Delete of
// each key; a later Set or Delete of the same key in the batch replaces the earlier one. A Require
// is allowed only on a key that the batch also sets or deletes: then every engine can certify it
// with a conditional write. (A locking read is no certificate: a Galera cluster let a stale owner
// commit behind one.)
//
// # Outcomes of Commit
//
//	nil          applied and durable
//	ErrConflict  a Require did not hold; nothing was applied
//	ErrTooLarge  a limit of this package was exceeded; nothing was sent
//	ErrUnknown   applied, never to be applied, or applied later
//	other        certainly not applied
//
// ErrUnknown happens when a connection dies, or the context ends, after the commit was sent. Its
// remedy is to send the same batch again until the answer is another one. Success then means that
// only this copy applied: the earlier copy cannot land any more, since its Require fails. A conflict
// means that somebody's write is there: the batch's own, when the required key holds the value that
// this batch sets, else another writer's. This works only for batches that move a key through
// values never used before (see package node: the session key), so a batch without such a Require
// cannot be resolved. A plain read resolves nothing: in half of the measured cases the commit landed
// after the read that had not seen it.
//
// An engine repeats by itself what is known not to have happened (deadlock, lock time-out,
// serialization failure), so a batch is never changed by Commit.
//
// # Durability
//
// Durable means on disk before Commit returns. An engine that cannot promise it refuses to open, or
// says so through its own option.
//
// # Invariants
//
//   - Get and Scan see every commit that returned nil before they were called, in this process.
//   - Two commits that Require the same key at the same value: at most one returns nil.
//   - A reader never sees half of a batch in one Get call on the embedded engines; on SQL engines
//     one call is one statement, with that statement's snapshot.
//   - Pages of one Scan call are not a snapshot across commits; Snapshot is.
//
// # Failures and what follows
//
//	process killed in Commit            all or nothing, nil was not returned
//	machine lost after nil              everything acknowledged is there
//	client stopped in mid-commit        others wait at most 2 s (one round trip, server-side limits)
//	reply lost                          ErrUnknown
//	request delivered after the client gave up   ErrUnknown, lands later; fenced by Require
//	engine closed                       ErrClosed
package kv
