package intake

import (
	"encoding/json"
	"errors"
	"strconv"
	"time"
	"unicode/utf8"

	"auwai/internal/event"
	"auwai/internal/fault"
	"auwai/internal/schema"
)

const (
	statusKept        = 201
	statusHasty       = 202
	statusAccepted    = 202
	statusPartly      = 207
	statusInvalid     = 400
	statusTooLarge    = 413
	statusFailed      = 500
	statusUnavailable = 503
	statusTooMany     = 429
)

func statusOf(err error) int {
	switch fault.KindOf(err) {
	case fault.Invalid:
		return statusInvalid
	case fault.TooLarge:
		return statusTooLarge
	case fault.Unavailable, fault.Unknown:
		return statusUnavailable
	default:
		return statusFailed
	}
}

// EventsResult is what became of a body of events, in EventGate's form.
type EventsResult struct {
	Status     int // of HTTP
	RetryAfter time.Duration
	Total      int // events of the body; Accepted, Invalid and Errors make it up, but for hasty
	Accepted   int
	Invalid    []Fault
	Errors     []Fault
	Err        error // of the body as a whole; Invalid and Errors are empty then
}

// Fault is an event that was not taken.
type Fault struct {
	Status  string          `json:"status"` // invalid or error
	Event   json.RawMessage `json:"event"`
	Context Context         `json:"context"`
	// Err is the error itself, for callers within the process.
	Err error `json:"-"`
}

// Context says why.
type Context struct {
	Message string `json:"message"`
	// Index is the event's place in the body, from 0.
	Index int `json:"index"`
	// The rest is there when the event is not valid under a schema: the words of EventGate's validator.
	Name       string             `json:"name,omitempty"`
	Errors     []schema.Violation `json:"errors,omitempty"`
	ErrorsText string             `json:"errorsText,omitempty"`
}

// validationError is the name that EventGate gives to what a schema refuses.
const validationError = "ValidationError"

// contextOf says what is wrong with an event itself.
func contextOf(err error, index int) Context {
	c := Context{Message: err.Error(), Index: index}
	if wrong, ok := errors.AsType[*schema.InvalidError](err); ok {
		c.Name, c.Errors, c.ErrorsText = validationError, wrong.Errors, wrong.Text()
	}
	return c
}

// Body returns what the answer's JSON is made of, nil when it has none. As EventGate does, the body
// has no key error when all events are invalid.
func (r *EventsResult) Body() any {
	switch {
	case r.Err != nil || r.Status == statusKept || r.Status == statusHasty:
		return nil
	case r.Status == statusInvalid:
		return struct {
			Invalid []Fault `json:"invalid"`
		}{r.Invalid}
	default:
		return struct {
			Invalid []Fault `json:"invalid"`
			Error   []Fault `json:"error"`
		}{append([]Fault{}, r.Invalid...), append([]Fault{}, r.Errors...)}
	}
}

// Summary is one sentence for the reason phrase.
func (r *EventsResult) Summary() string {
	if r.Err != nil {
		return r.Err.Error()
	}
	if r.Status == statusHasty {
		return strconv.Itoa(r.Total) + " events were received and are being taken"
	}
	return strconv.Itoa(r.Accepted) + " of " + strconv.Itoa(r.Total) + " events were taken, " +
		strconv.Itoa(len(r.Invalid)) + " are invalid, " + strconv.Itoa(len(r.Errors)) + " failed"
}

// answer sums up the entries. Every event that was not taken is listed: a client takes what is not
// listed for taken.
func (in *Intake) answer(entries []*entry) EventsResult {
	r := EventsResult{Total: len(entries)}
	again := false
	for i, x := range entries {
		switch {
		case x.err == nil:
			r.Accepted++
		case x.bad:
			r.Invalid = append(r.Invalid, Fault{"invalid", echo(x.item), contextOf(x.err, i), x.err})
		default:
			again = again || repeatable(x.err)
			r.Errors = append(r.Errors, Fault{"error", echo(x.item), Context{Message: words(x.err), Index: i}, x.err})
		}
	}
	switch {
	case r.Accepted == r.Total:
		r.Status = statusKept
	case r.Accepted > 0:
		r.Status = statusPartly
	case again:
		r.Status, r.RetryAfter = statusUnavailable, retryAfter
	case len(r.Errors) > 0:
		r.Status = statusFailed
	default:
		r.Status = statusInvalid
	}
	if in.hooks.OnEvents != nil {
		in.hooks.OnEvents(r.Accepted, len(r.Invalid), len(r.Errors))
	}
	for _, x := range entries {
		if x.err != nil && !x.bad && !repeatable(x.err) {
			in.log.Error("an event could not be taken", "err", x.err, "wiki", x.wiki)
			break
		}
	}
	return r
}

// words is what a client is told of an error that is not its own.
func words(err error) string {
	switch fault.KindOf(err) {
	case fault.Unavailable:
		return "not taken: the service cannot take it now; send it again"
	case fault.Unknown:
		return "it is not known whether it was taken; send it again with the same id"
	case fault.Invalid, fault.TooLarge, fault.Conflict, fault.NotFound, fault.Forbidden, fault.TooMany:
		return err.Error()
	case fault.Internal:
		return "not taken: internal error; see the service's log"
	default:
		return "not taken: internal error; see the service's log"
	}
}

// echo returns an event for the answer: as it came, or, when that is long, $schema and meta; as a
// string when it is not JSON.
func echo(it event.Item) json.RawMessage {
	if it.Event == nil && !valid(it.Raw) {
		return quote(fault.Short(it.Raw))
	}
	if len(it.Raw) <= maxEcho {
		return it.Raw
	}
	short := struct {
		Schema json.RawMessage `json:"$schema,omitempty"`
		Meta   json.RawMessage `json:"meta,omitempty"`
	}{}
	_ = event.Fields(it.Raw, func(key string, value []byte) error { // what is no object has no fields
		switch {
		case len(value) > maxEcho:
		case key == "$schema":
			short.Schema = value
		case key == "meta":
			short.Meta = value
		}
		return nil
	})
	b, err := json.Marshal(short)
	if err != nil {
		return json.RawMessage("null")
	}
	return b
}

func valid(raw []byte) bool { return json.Valid(raw) && utf8.Valid(raw) }

func quote(s string) json.RawMessage {
	b, err := json.Marshal(s)
	if err != nil {
		return json.RawMessage("null")
	}
	return b
}
