// Package telemetry makes what the service does visible: metrics for Prometheus, and the log.
//
// # Words
//
//	metric    a named series; testdata/names.golden lists them all, and nothing else exists but what
//	          the Prometheus library says of the process (go_…, process_…)
//	label     queue, outcome, state, route, method, status: sets that the code or maxQueues bounds
//	state     figures that are asked for when somebody looks
//
// # Invariants
//
//   - No label holds an id, a title, a URL or a wiki's name: their number has no bound.
//   - At most maxQueues queues have series of their own; further ones are counted as "other".
//   - No global registry: each Metrics has its own.
//   - What is called in the node's loop does not block.
//
// # Failures
//
//	the node does not answer   the scrape goes on without its state, auwai_up is 0
//
// # Files
//
//	metrics.go   the metrics and their names   state.go   what is asked for at a scrape
//	hooks.go     from hooks to metrics         log.go     the logger
package telemetry
