// Package schema checks events against the JSON Schemas of a folder.
//
// # Words
//
//	folder     files of schemas, JSON or YAML; nothing is ever loaded from anywhere else
//	path       a file's place in the folder without its ending, "/mediawiki/page/change/1.0.0"; it is
//	           what events name in $schema, and what $ref and $id are resolved against
//	set        the schemas of a folder, compiled, and what holds for streams
//	violation  one thing that is wrong with an event, in the form of EventGate's validator (Ajv 6)
//
// # A check
//
//	stream has a schema ──────────────▶ valid under it?
//	$schema is the path of another ───▶ valid under that, too?
//	stream says "required" ───────────▶ $schema has to be the path of a schema
//	else ─────────────────────────────▶ taken
//
// As EventGate does, the check looks at the event with what the intake knows filled in: meta.id and
// meta.request_id where they are missing, meta.dt always, unless meta.domain is "canary", and the
// defaults that the schema has for missing properties. Only a copy is changed: the event's bytes are
// not.
//
// Drafts 4, 6, 7, 2019-09 and 2020-12 are understood; a schema that names none is draft-07. "format" is
// checked in all of them. Regular expressions are Go's, which have no look-ahead and always end soon.
//
// # Invariants
//
//   - A schema is compiled once, in Open. A Set is not changed after it.
//   - No network, and no file outside the folder, is read: not by $ref, $id, $schema, nor by a symbolic
//     link.
//   - The work of a check is bounded: an event has at most maxValues values, its numbers are short
//     (a number such as 1e999999999 would cost the validator gigabytes), and at most as many checks run
//     at once as there are processors. Schemas are the operator's: one that branches and recurs without
//     end is not guarded against.
//   - Check may be called with any bytes that package event takes for an event.
//
// # Failures
//
//	the folder cannot be read, is too large   Open returns an error
//	a file is no schema                       a Problem; its path is there, and an event that names it is
//	                                          answered with an error that says so, kind Conflict
//	a stream names a path that is not there   a Problem of the stream
//	an event is not valid                     *InvalidError, kind Invalid
//	it cannot be checked                      an error of kind TooLarge
//
// # Files
//
//	schema.go   the set, Open, Check     folder.go   reading the folder       yaml.go    YAML as JSON
//	prepare.go  what the check looks at  violation.go  from the validator's errors to violations
package schema
