// Package migrate brings jobs from other queues into the service, and out of it.
//
// # Words
//
//	source    what is imported: a dump of a wiki's job table, lines of the extension's exportJobs.php,
//	          a Redis of JobQueueRedis, lines of auwai export
//	item      one job of a source, as it is pushed
//	claimed   a runner has the job, or had it when it died: nobody can tell
//	abandoned the source does not try it any more: it failed too often
//	ledger    the file that notes which jobs the service has taken
//
// # The way of a job
//
//	          undecodable: in the report, with its place and the reason
//	source ──▶ item ──▶ in the ledger? ──yes──▶ counted as imported before
//	                        │ no
//	     claimed, abandoned │ skipped where that is asked for
//	                        ▼
//	                 batch of ≤ 500 ──push──▶ taken ──▶ noted in the ledger, on disk
//	                        ▲                 refused for good: in the report
//	                        └── not now ──────┘ after a pause, with growing delay
//
// # Invariants
//
//   - An item is what the extension would push if MediaWiki queued the job now: type and parameters byte
//     for byte, key, root, delay, request. A fixture that the extension's tests replay holds both to it.
//   - A job has one client id whatever brings it: source, wiki, id, time of queuing and payload make it. So the
//     service itself doubles nothing within a day, and the ledger nothing later.
//   - Sources are only read.
//   - A line of an export that is imported gives the same job: payload byte for byte, key, root, priority,
//     delay. Its attempts begin anew; what it waited for is not kept.
//
// # Failures
//
//	a job cannot be read               *BadError; the others go on
//	the service refuses a job          in the report; the others of its wiki are pushed again without it
//	the service is away or busy        once it has answered: repeated for some six minutes, then an error; a second run goes on
//	killed between push and ledger     at most one batch is pushed again: within a day the service knows its
//	                                   client ids, later those jobs run twice
//	the ledger is of another server    an error: its jobs are not there
//	the queue moves while it is read   jobs may be missed: stop its runners and pushers first
//
// # Files
//
//	item.go    items, client ids            importer.go  Import
//	job.go     a job of MediaWiki           report.go    what an import did
//	key.go     who is a twin of whom        ledger.go    the ledger
//	when.go    MediaWiki's times            exporter.go  Export
//	open.go    which source a text is       lines.go     both formats of lines
//	table.go   rows of the job table        redis.go     JobQueueRedis
package migrate
