// Package partition gives the domains above it their transactions: commands that are applied one
// after the other, in memory, over an ordered key space, and committed in groups.
//
// # Words
//
//	partition   a fixed slice of all wikis; everything about a wiki lives in its partition
//	command     a function over a transaction; it happens wholly or not at all
//	group       the commands whose writes go into one commit
//	share       what one wiki may have in the groups on their way while others are active
//	layer       the writes of one group
//	view        what a node knows of the store: known values ⊕ commit in flight ⊕ group being built
//	known       a value read from the engine that is kept current with every commit
//	resident    a family whose keys are all known while the partition is open
//	miss        a Get of a key that is not known: the command is put back and applied again later
//	effect      what a command wants to be seen outside, released when its group is durable
//	lane        ordered mail from one sender to one partition
//
// # One partition
//
//	           owned                  resident families read, lanes drained
//	closed ───────────▶ opening ───────────────────────────▶ open
//	   ▲                   │                                   │ release: commands are refused,
//	   │                   │                                   ▼ effects flow on
//	   └───────────────────┴──── poison, session lost ─────  closing
//
// # Applying
//
// Commands of one wiki keep their order; commands of different wikis may overtake each other. A
// command that misses is undone, the keys it asked for are read in one round trip with those of
// all others, and it is applied again, at most MaxRounds times, the last ones alone. Get answers "absent" to a miss, so
// Apply runs on and collects further misses; whatever it returned is thrown away.
//
// Known values are kept for a while only, so no more is read ahead than is applied before it is
// forgotten, and commands that had something read for them go first.
//
// While several wikis are active, one that has its share in the group being built and the commit in
// flight is put off until a commit has begun without it: another's command waits for one large commit
// at most, and not for one more in which it would stand. A wiki that is alone has whole groups.
//
// A command reads single keys only. A range read belongs to the caller: it scans the engine, treats
// what it saw as a hint, and names the keys in its command, which reads them again. So no scan has
// to be merged with writes on their way, and no command reads an unbounded range.
//
// # Invariants
//
//   - The writes of a command are in one commit, or nowhere.
//   - A failed command leaves no trace: no write, no effect, no After function.
//   - Effects of a partition are released in the order of its commands, after durability.
//   - A sequence number and a group number are never used twice, by whatever owner.
//   - Tx.Now never goes back in a partition, by whatever owner.
//   - A message of a lane is applied exactly once, in the order of its sender.
//
// # Failures
//
//	Apply returns an error      undone, answered to the caller
//	Apply panics                undone, answered, the partition is poisoned: closed and read again
//	a group is over a limit     the command that went over waits for the next group; alone: ErrTooLarge
//	a receiver is far behind    Send refuses: ErrLaneFull; the caller of the command tries again later
//	outcome unknown             package node sends the same batch again; the view is kept as it is
//	session lost                everything in memory is dropped; the engine is the truth
//
// # Files
//
//	ids.go     partitions and their numbers      layer.go    writes of a group, with undo
//	family.go  families of keys, the registry    view.go     layered reads
//	tx.go      what a command can do             machine.go  one partition's step machine
//	lane.go    mail between partitions           mail.go     the command that applies mail
//	share.go   wikis that are put off           domain.go   what a domain gives to the node
package partition
