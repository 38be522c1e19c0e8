// Package worker carries out jobs on another host: it claims them from a service, has a runner of this
// host carry them out, and says how they ended.
//
// # Words
//
//	claim     a job that is this worker's until its deadline
//	period    the time that the service waits for a heartbeat; one is sent every third of it
//	room      what is free: slots, and cores and memory where a capacity is stated
//	work      jobs of one (queue, wiki) that one run of the runner takes
//	drain     the time after a stop in which running jobs may end
//
// # A job
//
//	claimed ──▶ running ──────────── result ──▶ finish, fail or release, until the service has it
//	               │ ▲ heartbeat
//	               │ └──────┘
//	               ├─ cancelled, or the claim is lost ──▶ ended here; its claim is released, or left
//	               └─ drain is over ──▶ ended here, released
//
// # Invariants
//
//   - No more jobs run than there are slots, nor jobs that need more than the capacity in sum.
//   - A job's room is free only when the service has its outcome, or the claim is lost: until then the
//     service counts it as this worker's too.
//   - A job whose claim could not be extended for a period is ended: another one may have it.
//   - When Run returns, nothing of a job runs any more.
//
// # Failures
//
//	the service does not answer       asked again, after 1 s, doubling to 30 s; running jobs go on
//	it restarts                       the claims are known to it still
//	it refuses (token, bad request)   no more claims; running jobs end, and Run returns the error
//	an outcome is not taken for 10 min it is given up; the service ends the claim at its deadline
//	this worker is killed             the service ends its claims at their deadlines, as failures
//
// # Files
//
//	worker.go   configuration, the loop of claims     carry.go   one work, its heartbeats
//	room.go     what is free                          say.go     outcomes
package worker
