// Package httpapi is the HTTP interface: it decodes, calls one method, and encodes. What it promises
// is in api/openapi.yaml, and the tests hold it to that.
//
// # Words
//
//	route     a path with its methods; its name labels metrics
//	problem   an error as RFC 9457 has it, application/problem+json
//	ticket    memory for a body, asked of the intake before the body is read
//	caller    who sends a request: a token's name, or an address; see package access
//	scope     whether a route is about all wikis, or about those that its caller reaches
//
// # A request
//
//	caller ─▶ request id ─▶ log, panics ─▶ browsers ─▶ route ─▶ method ─▶ role ─▶ handler
//	                                   └─▶ pages, which guard themselves
//
// The token is taken out of the request before anything else sees it. Each route has its role in one
// table, routes.go; one that declares none needs admin, over all wikis.
//
// A request with a body is measured before it is read: one that is too long, or for which there is no
// memory now, is answered without it. Go's server then answers "Expect: 100-continue" with that
// answer, else with "100 Continue" when the body is read.
//
// # Browsers
//
// A caller that is trusted for its address may be a web page in a browser there. So changing requests
// from another origin are refused (Sec-Fetch-Site, else Origin), and so is any request of a browser
// whose Host is neither a loopback name or address nor the address listened on: a page whose name was
// made to lead here names itself there. Where the interface is beyond loopback, every address will do.
// Programs, and callers with a token, may name us as they like.
//
// # Invariants
//
//   - An error is a problem document with the request's id; but faults of single events and jobs stand
//     where EventGate, or the place of the job, has them.
//   - Details of an Internal error are in the log and never in an answer.
//   - Every answer has a standard reason phrase: EventBus cannot read a status line without one.
//   - A token is in no log line, no metric, no answer.
//   - Nothing of a wiki that the caller does not reach is in an answer; its jobs are not found.
//   - A body is bounded, and is read within bodyTime.
//
// # Failures
//
//	handler panics             logged with its stack, 500
//	client goes away           its context ends; nothing is answered
//	no token, a wrong one      401, the same for both
//	not the role               403 with a token, 401 without
//	no memory for a body       503 with Retry-After
//	the owner is silent        lists are stale, see package inspect; changes answer 503
//
// # Files
//
//	httpapi.go   New, methods               queues.go    /v1/queues
//	routes.go    routes, roles, scopes      caller.go    tokens, who calls
//	events.go    /v1/events                 jobs.go      /v1/jobs and what is below it
//	body.go      bodies, media types        service.go   health, readiness, metrics, info
//	query.go     query strings              problem.go   errors
//	guard.go     browsers                   log.go       request ids, log, panics
//	pages.go     hands pages on
//	control.go   /v1/control                claims.go    claims of jobs, and how they end
//	insight.go   why, and what followed
package httpapi
