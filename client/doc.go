// Package client speaks Auwai's HTTP interface.
//
// A Client is safe for concurrent use. It repeats nothing: whoever calls knows whether a repeat is
// harmless (a list, an event with an id, a job with a client id). Errors of the service are *Error and
// have its kind (auwai/internal/fault); errors of transport are of net/http.
//
// # Files
//
//	client.go   the client, requests, errors   jobs.go     jobs
//	events.go   events                         queues.go   queues, the service itself
//	claims.go   claims of jobs by workers
//	insight.go  why, what followed, wikis, many jobs
package client
