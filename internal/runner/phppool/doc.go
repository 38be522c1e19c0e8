// Package phppool keeps PHP processes alive that run jobs of their wiki: runner kind worker.
//
// # Words
//
//	worker    a PHP process that has loaded one wiki and takes requests by pipe; the extension's
//	          maintenance/worker.php
//	place     room for one worker of this host; there are Processes of them
//	request   the jobs of one work, one line; answered by a line a job and a last line (batchwire)
//	mark      what a worker writes to its standard output before each job, by which its output is
//	          told apart, and by which is known whether a job had begun
//	leaving   a worker that ends by itself: its settings changed, it is short of memory, its database
//	          is gone
//	wait      of a work for a place, while all are taken
//
// # Life of a worker
//
//	            ready line          request                last line
//	starting ──────────────▶ idle ──────────▶ busy ───────────────────▶ idle
//	   │ exit, 60 s           │                │ exit, time-out, cancel    │ old, many jobs, leaving,
//	   ▼                      ▼                ▼                           ▼ failures in a row
//	 ended                  ended            killed, with its group      ended
//	                          ▲
//	                          └ idle for long; its place is wanted by another wiki
//
// # Who gets a place
//
// An idle worker of the wiki, the one used last. Else a free place, where a worker is started. Else
// the place of the worker that has been idle longest. Else the work waits. A worker that becomes idle
// goes to the work that has waited longest for this wiki, unless work of another wiki has waited for
// Patience: then its place goes there. So few processes serve many wikis, and a wiki with much work
// does not have its workers started anew for each request.
//
// # Outcome
//
//	a line                          as batchwire says
//	the last line, jobs left        as batchwire says; if none was run and the worker was not new,
//	                                the request goes to a new worker
//	the worker died in a job        that job failed, class crash, with what the worker wrote; the
//	                                others have no result
//	the worker died before a job    the request goes to a new worker, once; then hold
//	time-out                        the group is killed; the running job failed, class timeout
//	cancelled                       the group is killed; what has no line has no result
//	no place in time                no result
//	the worker does not start       hold, with what it wrote
//	no such wiki, no folder         hold
//
// # Output
//
// Standard output and error of a worker are one pipe. The last 16 KiB that belong to a job go to the
// log with a job that failed, and the end of them into its error.
//
// # Memory
//
// A worker's PHP may use MaxMemory; a job that needs more kills it. Where a cgroup of version 2 is
// delegated to the service (or configured), each worker has a cgroup of its own with that limit and
// Headroom above it for other programs that its jobs start, and memory.oom.group, so that the kernel
// ends that worker whole and nothing else. Without one Run says so once in the log.
//
// # Invariants
//
//   - There are never more than Processes workers, those that start or end included.
//   - A worker serves one wiki and one request at a time.
//   - A worker's group is killed when the worker has ended, whatever the reason; when this process
//     dies, the kernel kills the workers.
//   - What a worker writes is read always and kept in bounded memory.
//   - A payload reaches the worker byte for byte.
//
// # Files
//
//	phppool.go   configuration, New, Run, the runner    roster.go     who gets a place; no I/O
//	pool.go      places taken and given back            worker.go     one process: start, request, end
//	attempt.go   from a work to its results             pipe.go       reading what a process left behind
//	output.go    the output, by marks                   cgroup.go     where workers' memory is counted
//	process_*.go what differs between systems
package phppool
