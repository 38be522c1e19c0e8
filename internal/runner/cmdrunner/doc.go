// Package cmdrunner carries out jobs by commands of this host: the argument vectors that the
// configuration names for queues, and nothing else.
//
// # Words
//
//	command   a program with its arguments, from the configuration
//	leader    the process that is started; its process group has what it starts in turn
//	output    what the group writes to stdout and stderr, the last MaxOutput bytes of both
//	report    a line of stdout that is a JSON object; see Report
//
// # An attempt
//
//	            ┌── ctx ends ──▶ SIGTERM to the group ── KillAfter ──▶ SIGKILL to the group ──┐
//	start ──▶ running ── the leader ends ──▶ SIGKILL to what is left of the group ──▶ judged ◀┘
//
// The job is one line of JSON on stdin, which is then closed:
//
//	{"id":"aawiki.01J…","queue":"thumbs","wiki":"aawiki","attempt":1,"fence":7,"request_id":"…",
//	 "from_event":false,"payload":{…}}
//
// A payload that is no JSON stands in payload_base64 instead. The same words, but for the payload,
// are in the environment: AUWAI_JOB, AUWAI_QUEUE, AUWAI_WIKI, AUWAI_ATTEMPT, AUWAI_FENCE,
// AUWAI_REQUEST_ID and AUWAI_CAUSE, which jobs that the command pushes are to name as their cause.
// Nothing else is there but Config.Env: the service's own environment may hold secrets.
//
// # Outcomes
//
//	exit 0                        done; the last report gives message and result_url
//	exit 75 (EX_TEMPFAIL)         not now: tried again after the report's retry_after, a minute when it
//	                              says none; the attempt is not counted
//	another exit                  failed, class error; with "permanent": true in the last report, dead
//	ended by a signal             failed, class crash
//	longer than the time-out      failed, class timeout
//	cannot be started             failed, class error: the program may be there again tomorrow
//	no command for the queue      permanent
//	ctx cancelled                 no result
//
// # Invariants
//
//   - No shell is involved, and nothing of a job is ever part of the arguments.
//   - When Run returns, no process of the group lives.
//   - Memory of an attempt is bounded by MaxOutput and maxLine, whatever the command writes.
//
// # Failures
//
//	the service is killed     Linux kills the leader with it (PR_SET_PDEATHSIG); what the leader has
//	                          started goes on, and the fence tells it apart
//	a child leaves the group  (setsid) it goes on; its output is read for another outputGrace only
//	stdin is not read         no failure: a command need not look at its job
//
// # Files
//
//	cmdrunner.go   configuration, Run, outcomes       output.go    the end of the output, its lines
//	message.go     stdin, environment, reports        process.go   one process group
//	process_linux.go, process_other.go                waiting for a leader without reaping it
package cmdrunner
