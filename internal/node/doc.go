// Package node is one process's part in a farm: its session, the partitions it owns, and the one
// commit that it has in flight.
//
// # Words
//
//	session      one life of the process. Its key holds a sequence that every commit of the node
//	             requires and raises: fence, sign of life and resolver of unknown outcomes in one row
//	owner        the session that a partition's owner key names, with an epoch
//	take         to become owner of a partition that is free or whose session is gone
//	suspended    9 s without a successful commit: nothing is dispatched, local work is cancelled
//	tenant       a machine that lives in the node's loop beside it: dispatch
//
// # The session
//
//	          first commit          9 s since the sending of the
//	starting ─────────────▶ live ──────────────────────────────▶ suspended
//	    ▲                    ▲ │       last successful commit          │
//	    │                    │ └──────── a commit succeeds ◀───────────┤
//	    │                    └─────────────────────────────────────────┘
//	    └──── lost: the key is gone or has a value that is not ours ◀──┘
//
// # Commits
//
// Every commit requires the session key's last value and sets the next one. One is in flight; the
// next group is built meanwhile. An outcome that is not known is resolved by sending the same batch
// again until the answer is success or conflict. At a conflict the session key tells: our next value,
// it had applied; our last value, another requirement failed, which only changes of ownership have,
// so those are committed alone; anything else, the session is over and all memory is dropped.
//
// When a commit is durable, its callers are answered before the next group is sealed, and what they
// bring at once joins that group.
//
// Callers wait for durability; after 4 s they are answered with kind Unknown and may repeat.
// While a commit takes longer than that, nothing more is taken: it would gather in memory.
//
// # Ownership
//
// A node that shares its store looks at all sessions and owners every second. A session whose key it
// has seen unchanged for 10 s by its own clock it deletes, requiring the value it watched: from then
// on nothing of that session can commit. Partitions of sessions that are gone are free. A node takes
// free partitions up to its even share and gives up those above it, one step at a time: it stops
// work in the partition, then writes it free. A node that has its store to itself (the embedded
// engine holds a file lock) removes what it finds and takes everything at once.
//
// # Invariants
//
//   - At most one session can commit changes of a partition: a commit is fenced by the session key,
//     and a partition is taken only from a session whose key is deleted, or that wrote it free.
//   - An epoch is never used by two owners.
//   - Effects and answers are released only after durability, in order.
//   - An idle node writes its session key every 3 s and nothing else.
//
// # Failures
//
//	killed at any instruction     its key stands still; taken after 10 s, or at once by the file lock
//	stopped (SIGSTOP), resumed    it may still send one commit: the fence refuses it
//	commit hangs                  suspended after 9 s; taken by another after 10 s
//	commit lands late             it lands before the key is deleted, or never
//	clock jumps                   deadlines use a clock that counts suspend and cannot be set
//	engine refuses a batch        a defect: everything is read again from the engine
//
// # Files
//
//	session.go    the session key            machine.go   inputs, outputs, commits
//	ownership.go  takes, releases, shares    opening.go   from owned to open
//	lanes.go      mail in and out            loop.go      the goroutine that drives it all
//	commit.go     the commit under way       orphan.go    what a poisoned partition had applied
//	tenant.go     machines beside the node   clock_*.go   a clock that counts suspend
package node
