package event

import (
	"strings"
	"time"
)

// The streams that have a meaning to intake.
const (
	JobStreamPrefix = "mediawiki.job."
	PurgeStream     = "resource-purge"
)

// Event is what intake needs to know of an event. Its strings are copies; Raw and Params are slices
// of the body.
type Event struct {
	Raw    []byte
	Params []byte // nil when absent

	Schema    string
	Stream    string
	ID        string // "" when absent
	Domain    string // meta.domain
	URI       string // meta.uri
	RequestID string
	Wiki      string // database, else wiki_id; "" when absent
	DT        time.Time
	DTWrong   bool // meta.dt is there and no time

	// The rest is read of job events only.
	Type  string
	SHA1  string
	Delay time.Time // not before; zero for at once
	Root  Root
	pages bool // params.pages is there
}

// Root names the change that a job follows from. The zero value is "none".
type Root struct {
	Signature string
	Timestamp string // 14 digits, UTC, as MediaWiki writes them
	IsRoot    bool   // params.rootJobIsSelf
}

// IsJob reports whether the event is a job.
func (e *Event) IsJob() bool { return strings.HasPrefix(e.Stream, JobStreamPrefix) }

// Item is one element of a body: an event, or why it is none.
type Item struct {
	Raw   []byte
	Event *Event
	Err   error
}
