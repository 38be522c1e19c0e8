// Package sim runs several nodes in one goroutine over one store in memory, with faults, from a seed.
// The same seed makes the same run.
//
// # Words
//
//	world      real time, the store, the nodes, the clients, and the order in which things happen
//	event      something that happens at a moment of real time; events wait in a heap
//	node       the real step machines (node, dispatch, upkeep) with a clock of its own, and the
//	           part of the driver that package node's loop plays in a real process
//	life       of a node: from its start to its crash or orderly stop
//	parcel     a batch on its way to the store: one logical commit, perhaps sent several times
//	fate       what becomes of one sending: applied, refused, lost, late, and what the node is told
//	nemesis    what pauses, crashes and stops nodes, moves their clocks and breaks their engine
//	ledger     a domain of the simulation's own: amounts that are mailed between partitions, so that
//	           each message counts exactly once; and commands that fail, panic, or miss
//
// # A run
//
//	load and faults ──▶ heal: faults and load end, clocks are set right ──▶ settle ──▶ last checks
//
// # Invariants that are checked
//
// With every commit that the store applies:
//
//   - It was sent by a session whose key is there, and moves that key one step; a key that was deleted
//     never comes back; a batch is applied once.
//   - It writes only in partitions that its session owns, and only into its own lanes.
//   - Epochs rise with every change of owner; sequence reservations rise; a place in the ready order
//     is never used twice.
//
// With everything that a node does:
//
//   - It has one commit in flight; it sends a batch again unchanged until it knows the outcome.
//   - Effects and answers come only after their batch was applied.
//   - A job starts only where the store says that this session owns the partition, under that epoch,
//     and only when its record is there and ready; never twice under one epoch, and never beside another
//     of its serial key; one that runs at most once not after an attempt of it told how it ended.
//   - No limit of concurrency is exceeded.
//   - Nothing is poisoned, refused or repaired that the simulation did not break itself, and no
//     caller sees an internal error or two answers.
//
// Every few thousand events, and at the end, of the whole store:
//
//   - Records, places, claims, twins, roots, chains, waits and counts of the job queue agree.
//   - Lanes have no gaps; amounts of the ledger, those in the mail included, add up to zero.
//
// At the end:
//
//   - Every partition is owned and open, in even shares; every call is answered; nothing waits, but for
//     dead jobs, runs or lies in a lane; lanes of dead sessions are gone.
//   - Every acknowledged job is in exactly one place: a dead record, or history. What was refused is
//     nowhere. A client id has one job.
//   - What is done was reported done by a worker, after everything that was merged into it came.
//   - What is superseded is older than a generation that was pushed.
//   - After all retention has passed, nothing but counters, owners and sessions is left.
//
// # What time may do
//
// The rates of the nodes' monotonic clocks differ by up to 4 %: a node trusts itself for 9 s of its
// clock and a taker waits for 10 s of its own, so 9 s ÷ 0.96 is still less than 10 s ÷ 1.04. Wall
// clocks are wrong by minutes, and jump both ways.
//
// # Files
//
//	sim.go      Run, options, reports     node.go     one node and its driver
//	world.go    time, events, trace       commit.go   parcels and fates
//	policy.go   what dispatch is told     read.go     reads and their faults
//	client.go   pushes, cancels, retries  nemesis.go  faults
//	worker.go   attempts                  ledger.go   the domain of the simulation
//	watch.go    checks of each commit     check.go    checks of the whole store
//	settle.go   heal, liveness            account.go  the account of every job
//	hang.go     rules, chains, waits      lines.go    checks of chains and waits
package sim
