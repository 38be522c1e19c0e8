// Package intake turns the body of a request into commands, and what became of them into an answer.
//
// # Words
//
//	body        the bytes of a request; they are never altered
//	ticket      the right to hold a body in memory; there are bytes for so many, and no more
//	part        what of one request belongs to one wiki; its commands keep their order
//	ahead       a payload too large for its command is stored before it, in pieces
//	place       the answer to one job
//	fault       the answer to one event that was not taken
//	by mail     how a command reaches a partition whose owner is silent: into a lane, durable at once,
//	            applied once by whoever owns the partition next
//	rules       what the configuration says of a queue's jobs when they arrive
//
// # One request
//
//	Admit ─▶ read the body ─▶ Events or Jobs
//	                             │ cut and check each element by itself, events under their schemas too
//	                             │ wiki of each: database, configured domain, learned domain, domain
//	                             │ unknown wikis are learned, at most 10,000
//	                             ▼
//	                          parts ─▶ payloads ahead ─▶ commands ≤ 1,000 elements and 1.5 MiB
//	                             ▼
//	                  owner answers │ owner silent: messages < 1 MiB, a longer one in blocks
//	                             ▼
//	                          durable ─▶ the answer
//
// The rules are built in: an event of a stream mediawiki.job.* is a job of the queue that its type
// names; a resource-purge event is kept and, where caches are configured, also makes a job in
// PurgeQueue. Appending an event and making its job is one command, so both are there or none is.
//
// # Invariants
//
//   - An event or job that was answered as taken is durable.
//   - A payload is, byte for byte, a part of the body.
//   - Work of a wiki that the caller's token does not push to is refused by itself, with its place; it
//     teaches nothing of domains, and purges no page of another wiki.
//   - A bad event spoils itself only. A bad job spoils the part of its wiki, and says so.
//   - An event that comes again within a day, id and bytes alike, is answered as taken and makes
//     nothing new. With other bytes it is taken and flagged.
//   - By mail or not, the same requests in the same order leave the same jobs, duplicates, roots and
//     events. By mail the answer is "accepted", with the ids as they were minted.
//   - Memory for bodies is bounded; over it requests are answered "unavailable" before they are read.
//     So are the names of wikis, streams and queues.
//
// # Failures
//
//	no ticket is left           Unavailable, with the delay after which to try again
//	a part is not durable       its events are "error", its jobs have an error; a repeat is harmless
//	                            where ids are given
//	the owner is silent         the command goes by mail: 202; a full queue (max_pending) takes it too,
//	                            as it does events
//	a message never ends        its blocks expire
//	nothing was taken           503 when repeating helps, else 400 or 500
//	a payload ahead is orphaned swept by the log and the queue
//	a queue is full             its wiki's jobs are refused, to be sent again later; events are taken
//	the outcome is unknown      as not durable; a repeat with the same ids answers the first
//
// # Concurrency
//
// An Intake is safe for concurrent use. Run owns the work that goes on after a hasty answer.
//
// # Files
//
//	intake.go    the object, its settings   events.go   POST /v1/events   jobs.go    POST /v1/jobs
//	admit.go     tickets                    answer.go   EventGate's form  place.go   answers to jobs
//	wikis.go     which wiki, learning       command.go  what is applied   ahead.go   large payloads
//	read.go      one job of a body          names.go    how many names
//	mail.go      by mail, messages          mailcodec.go   their bodies
//	arrival.go   rules of queues, serial keys, waits
//	limits.go    bounds                     own.go      jobs that run a wiki's own table
package intake
