// Package event reads events from the raw bytes of a request, and never alters them: MediaWiki signs
// its jobs, and one changed byte breaks them.
//
// # Words
//
//	body      what a request carries: a JSON array of events, or one event
//	event     a JSON object in the Wikimedia event shape: $schema, meta, and what its stream wants
//	raw       the bytes of an event, a slice of its body
//	job event an event of a stream mediawiki.job.*: it is a job, on its way to the queue
//	leaf      a refreshLinks or htmlCacheUpdate job that names its pages
//
// # Reading
//
// Split cuts a body at the commas of its array. An element that is not JSON is cut out by counting
// brackets, so that it spoils itself only; a body that cannot be cut (an end is missing, something
// follows it) is refused as a whole, since then no element's bytes are certain. Parse reads each
// element once: it checks the whole of it and keeps the few fields that intake needs.
//
// JSON is read strictly (RFC 8259): UTF-8 without flaw, nesting of at most MaxDepth. Of a repeated
// key the last one counts, as in PHP. Names are compared byte for byte.
//
// # Invariants
//
//   - Raw is a slice of the body; the slices of a body do not overlap and keep their order.
//   - What Parse accepts, encoding/json accepts with the same values.
//   - An event's fields are copies: they do not keep the body in memory.
//
// # Failures
//
//	the body cannot be cut            an error for the whole, kind Invalid
//	too many events                   an error for the whole, kind TooLarge
//	an element is not an event        an error of that element, with field, value and remedy
//
// # Files
//
//	scan.go    checking JSON        fields.go     values of the fields   key.go        twins of jobs
//	split.go   cutting a body       event.go      the event              signature.go  signatures
//	parse.go   reading an event  envelope.go   what is known beside the bytes
package event
