// Package api holds the wire types of Auwai's HTTP interface. openapi.yaml beside it describes paths,
// status codes and limits; tests of package httpapi hold the server to it, and fixtures/ is replayed
// by the Go and the PHP tests.
//
// # Conventions
//
//   - Names are snake_case; times are RFC 3339, UTC, with milliseconds; durations carry their unit.
//   - A list is {"<things>": […], "cursor": "…"}; the cursor is "" at the end of the list. A page may
//     be short, even empty, and yet have a cursor.
//   - An error is a problem document (RFC 9457), application/problem+json.
//   - "stale": true says that the answer comes from the store alone: what the owner of the work has
//     in memory is not in it.
//   - A field may be added at any time; a reader ignores what it does not know.
package api
