// Package cli is the command line of auwai: noun, then verb.
//
// # Words
//
//	service   the running process that the client commands speak to, --server or AUWAI_SERVER
//	table     calm output for people: aligned, no frames, one row a thing
//	remedy    what to do about an error; no error is shown without one where there is one
//
// # Exit codes
//
//	0   done
//	1   it failed: the service said no, or does not answer; a check found faults
//	2   the command line is wrong
//
// # Invariants
//
//   - What a command was asked for goes to stdout, all else to stderr.
//   - With --json, stdout is the API's own JSON, unchanged: one document.
//   - Nothing is read from the environment but AUWAI_SERVER and AUWAI_TOKEN.
//   - No token is in what is written, but the one that "tokens new" has just made.
//   - A command ends when its context ends.
//   - Completion asks the service for half a second at most, and says nothing of what goes wrong.
//
// # Files
//
//	cli.go     Run, Deps, the root command     jobs.go    jobs ls, show, retry, cancel; dead ls
//	errors.go  exit codes and remedies         emit.go    emit
//	serve.go   serve, check, version           keys.go    keys
//	table.go   tables and times                bench.go   bench queue, bench intake
//	queues.go  queues ls                       load.go    the load of bench intake
//	connect.go the client and its token        tokens.go  tokens new
//	completion.go  scripts for shells, names from the service
//	explain.go  explain                        trace.go   trace, drawing on a terminal
//	top.go     queues top                      bulk.go    dead requeue, drop; jobs cancel
//	wikis.go   wikis ls                        doctor.go, doctorhost.go, doctorwork.go
//	                                           doctor
//	import.go  import jobs                     export.go  export jobs
//	control.go queues set, pause, resume, drain, controls; maintenance
//	worker.go  worker                          service.go the commands as they are shipped
//	bench_fairness.go, bench_mediawiki.go      the other benchmarks
package cli
