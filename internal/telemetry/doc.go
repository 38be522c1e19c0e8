// Package telemetry makes what the service does visible: metrics for Prometheus, and the log.
//
// # Words
//
//	metric    a named series; its name, help and labels are in metrics.go, testdata/names.golden
//	          lists them all, and nothing else exists
//	label     queue, outcome, reason: sets that the configuration or the code bounds
//	state     gauges that are asked for when somebody looks: State
//
// # Invariants
//
//   - No label holds an id, a title, a URL or a wiki's name: their number has no bound.
//   - At most maxQueues queues have series of their own; further ones are counted as "other".
//   - No global registry: each Metrics has its own.
//   - Methods of Metrics do not block and may be called from anywhere.
//
// # Failures
//
//	State does not answer   the scrape goes on without these gauges, auwai_up says 0
//
// # Files
//
//	metrics.go   the metrics and their names    state.go   gauges asked for at a scrape
//	log.go       the logger
package telemetry
