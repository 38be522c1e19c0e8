// Package web is the dashboard: pages for people over the same answers that the HTTP interface gives
// to programs. The server renders them; a small script keeps figures live, and nothing needs it.
//
// # Words
//
//	page      what a path answers with HTML; it needs a role, as a route of the interface does
//	visitor   who looks: what it may do, and whether it has a session
//	session   a token that was typed into the sign-in form, kept in a cookie that scripts cannot read
//	mark      a value in each form that only a page of ours, made for this browser, can have
//	board     figures that all viewers who reach the same wikis share, read once for all of them
//	survey    the pairs of a filter, read once and kept for seconds, to be sorted and paged
//	viewer    an open stream of events; it gets the figures of a board when they are new
//
// # A request
//
//	Route ─▶ visitor: session, else address ─▶ host, origin ─▶ role ─▶ page
//	                                            change: mark ─▶ action ─▶ 303 to a page that says so
//
// # Figures
//
//	no viewer ──first viewer──▶ read ──▶ told to each viewer ──pause──▶ read …
//	    ▲                                     │
//	    └────────────last viewer left─────────┘
//
// A board is read at most once a second, and the pause is at least twenty times as long as the reading
// took: however many pairs there are, the node's loop spends a twentieth of its time on it at most.
// Tables are not read by a clock of the server: a page that is looked at asks for itself again, and at
// most two such questions are answered at a time.
//
// # Invariants
//
//   - Nothing of a wiki that the visitor does not reach is on a page, in a stream or acted on.
//   - No page runs a script or has a style that is not a file of ours (Content-Security-Policy).
//   - A change needs the role admin, the same origin and the mark of the form; GET changes nothing.
//   - Names, payloads and errors come from others: they are text, never markup, and never a URL.
//   - A token is in a cookie only: in no page, no link, no log.
//   - What cannot be taken back is confirmed on a page of its own, with the number of jobs.
//   - Streams, surveys and pages are bounded; see the constants.
//
// # Failures
//
//	no role                      the sign-in form, 401; with a session 403
//	a mark that is old           403, and what to do; after a restart every open form has one
//	the owner is silent          pages say that they are from the store alone; boards keep old figures
//	a viewer does not read       its stream ends when a write takes too long
//	too many viewers             503; the page is as it was loaded
//	the node stops               streams end; browsers come back by themselves
//
// # Files
//
//	web.go      Config, New, the table of pages   visitor.go  sessions, host, origin, role
//	respond.go  rendering, headers, errors        mark.go     marks of forms
//	words.go    numbers and times for people      board.go    boards, the loop that reads them
//	stream.go   streams of events                 survey.go   pairs, sorted and paged
//	overview.go, queues.go, queue.go, wikis.go, jobs.go, job.go, dead.go, controls.go: the pages
//	assets/, templates/: what is embedded
package web
