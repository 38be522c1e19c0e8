// Package mwrunner carries jobs out on the MediaWiki that they belong to, by HTTP.
//
// # Words
//
//	eventbus   kind of a wiki with the stock EventBus extension: its REST endpoint runs one signed
//	           event a request
//	auwai      kind of a wiki with our extension: its run endpoint takes many jobs a request and
//	           answers one line a job, each as soon as the job ended
//	eventbus-rpc  kind of a wiki whose farm has the runner script rpc/RunSingleJob.php in front of
//	           EventBus: one event a request, and no signature is looked at
//	special-runjobs  kind of a wiki without any extension: its jobs are in its own table, and its
//	           Special:RunJobs runs some of them for each signed request
//	verdict    how a request as a whole ended, and which of its jobs that speaks of
//	suspect    the job that was running when a request broke off: the first without a line
//	hold       the wiki takes no work now; nothing was tried, nothing is counted
//
// # Outcome of a request
//
// The kinds eventbus and eventbus-rpc have one job a request, so "all" and "suspect" are that job.
// Special:RunJobs has a table of its own, below.
//
//	no connection: refused, unresolvable name, TLS     hold                            all
//	423, or header X-Readonly: true                    hold                            all
//	an error that names DBReadOnlyError                hold                            all
//	403, eventbus: the event's signature               permanent, with its diagnosis   all
//	403, auwai: the request's signature                hold, with its diagnosis        all
//	403, eventbus-rpc                                  permanent, with the remedy      all
//	400, 413, 414, 422                                 permanent                       the culprit
//	404, 405, 415, 501, 3xx, other 4xx                 permanent, with the remedy      all
//	429, 503                                           failed                          all
//	500, 502, 504, other 5xx, 408, 425                 failed                          suspect
//	no answer in time                                  failed; it may still be running suspect
//	the connection closed or broke                     failed                          suspect
//	2xx other than 200                                 failed                          suspect
//	200, eventbus: JSON object with "status": true     done
//	200, eventbus: anything else, also no body         failed: PHP died, or exit()
//	200, eventbus-rpc: nothing                         done
//	200, eventbus-rpc: a text                          failed: PHP died and showed why
//	200, auwai: lines                                  see below
//
// Retry-After, where it is given, goes along with every result that is tried again.
//
// A 403 of the kind auwai speaks of the service's secret or clock and never of a job, so the jobs
// wait for the operator instead of dying by the thousand. A culprit among several jobs is found by
// sending each alone; that is safe, since the request was refused before a job ran.
//
// # Outcome of a line (kind auwai)
//
//	ok                        done; an error that the job caught is noted
//	readonly                  hold
//	permanent                 dead, as "permanent" above
//	retry is false            done, the error noted: the class forbids retries (as EventBus answers)
//	else                      failed
//	no line, answer complete  hold when the last line says readonly, lag or database; else no result,
//	                          since the wiki stopped for time or memory, if any job got one
//	no line, answer cut off   the first of them failed ("PHP died"), the others have no result
//
// # Outcome of Special:RunJobs
//
// The job of ours is "run some of the wiki's"; nothing that the wiki answers speaks against that job
// itself, so nothing is permanent.
//
//	200, none-ready                        done
//	200, job-limit, time-limit, memory-limit  done, and more is there, unless no job ran
//	200, read-only, replica-lag-limit      hold
//	200, exception, none-possible          failed
//	200, no statistics                     failed: exit(), PHP died, or no MediaWiki
//	400 of the signature, 3xx, other 4xx   hold, with the remedy
//	423, X-Readonly, DBReadOnlyError       hold
//	no connection                          hold
//	408, 425, 429, 5xx, no answer in time  failed
//
// Jobs that failed are said in the error of a done one: MediaWiki tries them again.
//
// # Classes and scopes
//
// A failure by an answer has its status as class, or the class of the exception that a 500 names; one
// without is "timeout", "connection" (it broke off) or "crash" (PHP died). A wiki that is read-only,
// lags, has lost its database or cannot be reached may share that with its database section: the hold
// has the scope "db". What is wrong with the configuration concerns the wiki alone.
//
// # Invariants
//
//   - A payload reaches the wiki byte for byte.
//   - A job is sent at most once by a Run, but for the search of a culprit. Nothing is retried here.
//   - A redirect is never followed, no proxy is used, no name but a configured one is contacted.
//   - What is read of an answer is bounded, see limits.go.
//   - When ctx ends, what has no result yet keeps none. Only a deadline, the Work's or that of ctx,
//     makes a failure of it.
//
// # Non-obvious
//
//   - A request that timed out is not stopped by the wiki: PHP runs the job to its end. The error's
//     text says so.
//   - Servers close idle connections, Apache after 5 s. Ours are closed earlier, since a request
//     written at that moment cannot be told from a worker that died.
//   - After the last line the wiki's deferred updates may keep the connection open; Run waits a
//     little for its end, so that it can be used again.
//   - The runner script sleeps 40 to 45 s before it answers that a wiki is read-only: a queue's
//     time-out below a minute makes a plain failure of that.
//   - With Special:RunJobs a job that failed stays claimed in the wiki's table; core hands it out
//     again after $wgJobTypeConf's claimTTL, an hour as delivered.
//   - EventBus does not compare the event's database with the wiki that it reaches; only Host does
//     that. Which Host a wiki has is the configuration's to say.
//
// # Files
//
//	mwrunner.go   the client, its configuration, Run and Ping     limits.go     bounds and why
//	post.go       one request, and why it brought no answer       verdict.go    status codes to outcomes
//	eventbus.go   one event a request                             message.go    MediaWiki's error bodies
//	rpc.go        the same for the runner script                  runjobs.go    Special:RunJobs
//	batch.go      many jobs a request                             signature.go  of requests and events
//	lines.go      the answer's lines              words.go      those of package runner
package mwrunner
