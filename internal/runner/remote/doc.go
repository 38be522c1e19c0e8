// Package remote hands jobs to workers that come for them: on other hosts, or a wiki's own scripts.
//
// # Words
//
//	request   a worker that waits for jobs, with what it takes and how many
//	pull      a request that names its wiki: it takes ready jobs of that wiki whatever their runner is
//	grant     a job that was promised to a request, and is on its way to it
//	lease     a job in the hands of a worker, until its deadline; a heartbeat moves the deadline
//	token     proves who holds a lease; only its hash is stored, in the claim's holder
//	needs     cores and memory that a job takes; capacity is what a worker has free of both
//	starving  a job that finds workers and no room at any; after starveAfter one worker is kept for it
//
// # A job's way
//
//	request waits ── dispatch: Ready, Reserve ──▶ granted ── claim stored, Run ──▶ offered
//	     │                                                                           │ the request has
//	     │ time is up: an empty answer                                               ▼ all its grants
//	     ▼                                                                        leased
//	  nothing                            ┌────────────┬──────────────┬─────────────┼───────────────┐
//	                                  Finish        Fail          Release      deadline         CancelRunning
//	                                  done      failed, dead      ready      failed (crash)   told at a heartbeat
//
// Dispatch decides which job goes next, within all limits; the hub decides to whom. Of the requests
// that take a job, the one that got the least goes first, then the one that waits longest.
//
// # Durability
//
// The claim is stored with holder and deadline before the worker sees the job; a heartbeat is answered
// when the new deadline is durable, an outcome when it is. After a restart dispatch finds the claims and
// gives them to Run again (Work.Found): whoever has the token goes on as if nothing had been.
//
// # Capacity
//
// A request says what its worker has free, and gets no more; one that says nothing takes any job.
// What the worker's own jobs free while it waits is added. A job that has starved for starveAfter has
// a worker kept for it that is large enough when it is empty: until the job fits, this worker gets
// nothing else. So small jobs do not starve a large one, at the price of room that stands empty.
//
// # Invariants
//
//   - A job is in one lease at most, and a lease in one worker's hands.
//   - A request gets at most its limit, its capacity, and maxAnswer bytes and one job.
//   - Whoever waits is answered: at its time, or sooner.
//   - What a former holder says of a job changes nothing: ErrNotHeld.
//   - The same outcome said again by the same holder is answered as the first time, for a while.
//
// # Failures
//
//	requester gone before the answer   its jobs return to their places, uncounted
//	requester gone after it            the lease ends at its deadline, as a failed attempt
//	heartbeat cannot be stored         Unavailable or Unknown; the worker asks again
//	outcome cannot be stored           dispatch goes on trying; the worker is told Unknown after a while
//	the service stops in order         requests are answered, leases stay; they are found at the start
//	the service is killed              the same
//	the partition goes to another node its leases are dropped here; their new owner finds them
//
// # Files
//
//	hub.go        the hub, Ready and Reserve      lease.go    Run: from the grant to the outcome
//	request.go    Claim: waiting for jobs         verbs.go    Heartbeat, Finish, Fail, Release
//	capacity.go   room, starving jobs             token.go    tokens, outcomes that are remembered
package remote
