// Package cdnin takes purges from wikis that know nothing of Auwai: as an HTTP cache that is asked to
// PURGE, named in $wgCdnServers, and as a receiver of HTCP, named in $wgHTCPRouting.
//
// # Words
//
//	purge    one URL that caches should forget
//	gather   purges that wait for the group under way to end; they are the next group
//	group    purges that go to the intake as one body of resource-purge events
//
// # A purge
//
//	PURGE ──▶ checked ──▶ gather ──▶ group ──▶ intake ──▶ durable ──▶ 200
//	HTCP  ──▶ checked ──▶ gather ──▶ group ──▶ intake ──▶ durable      (nobody waits)
//	             │           │                    │
//	          400, 403    no room: 503         not taken: 503; HTCP: tried again
//
// Each becomes an event of the stream resource-purge, as EventBus would send it, and from there on is
// treated alike: the wiki is the owner of the URL's host, the job is merged with one that waits for
// the same URL, the rebound follows. The URL stands in the event byte for byte.
//
// # Invariants
//
//   - PURGE is answered 200 only after the purge is durable.
//   - A URL that waits already is not taken twice: all who asked get the one answer. A URL whose group
//     is under way is taken again, since its job may have run.
//   - Memory is bounded: at most maxWaiting purges and maxWaitingBytes wait. Over it PURGE is answered
//     503 with Retry-After, and HTCP is dropped.
//   - The reader of HTCP waits for nothing but the socket.
//   - What is dropped is counted. What the kernel drops, since its buffer was full, is not known here.
//   - A group that is tried again has the same ids, so that nothing is done twice.
//
// # Failures
//
//	a URL without a host, with spaces…    400 with the reason; HTCP: counted as invalid
//	another method than PURGE             405
//	a sender that is not allowed          403; HTCP: counted as refused
//	the intake cannot take it now         503; HTCP: the group is kept and tried again
//	the outcome is not known              503, since a purge may be asked for twice without harm
//	the client goes away                  the purge is taken all the same
//	the end of the service                HTCP that waits has flushTime, then it is dropped
//
// # Concurrency
//
// HTTP and HTCP are safe for concurrent use. Run of each owns its goroutines.
//
// # Files
//
//	cdnin.go   settings, hooks, URLs    gather.go   from purges to groups and their answers
//	http.go    PURGE                    htcp.go     the UDP socket and its reader
//	event.go   the events of a group
package cdnin
