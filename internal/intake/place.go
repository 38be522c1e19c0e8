package intake

import (
	"time"

	"auwai/internal/fault"
)

// stateAccepted is the state of a job on its way to its owner.
const stateAccepted = "accepted"

// Place answers one job: ID, perhaps with DuplicateOf or State; or Error.
type Place struct {
	ID          string `json:"id,omitempty"`
	DuplicateOf string `json:"duplicate_of,omitempty"`
	// State is "accepted" when the job is kept and on its way to its owner: whether it is a repeat or a
	// duplicate is not known yet. A repeat then keeps its first id, and this one names no job. Absent otherwise.
	State string `json:"state,omitempty"`
	Error string `json:"error,omitempty"`
	// Retry false says that the job as it is will never be taken. Absent otherwise.
	Retry *bool `json:"retry,omitempty"`
}

// JobsResult is what became of a body of jobs.
type JobsResult struct {
	Status     int // of HTTP: 201 all kept, 202 all kept and some only accepted, 207 some, 400, 413, 429, 500 or 503 none
	RetryAfter time.Duration
	Places     []Place // one for each job, in their order; none with Err
	Err        error   // of the body as a whole
}

// refusal is the place of a job that was not taken. own says that the job itself is at fault.
func refusal(err error, own bool) Place {
	p := Place{Error: words(err)}
	if own {
		p.Retry = new(bool)
	}
	return p
}

// final reports whether an error will be the same however often the job is sent.
func final(err error) bool {
	k := fault.KindOf(err)
	return k == fault.Invalid || k == fault.TooLarge || k == fault.Forbidden
}

// settle computes the status of places that are filled in.
func (in *Intake) settle(jobs []*job) JobsResult {
	r := JobsResult{Places: make([]Place, len(jobs))}
	kept, accepted, again, full, broken := 0, false, false, false, false
	for i, j := range jobs {
		r.Places[i] = j.place
		switch {
		case j.err == nil:
			kept++
			accepted = accepted || j.place.State == stateAccepted
		case repeatable(j.err):
			again = true
		case fault.KindOf(j.err) == fault.TooMany:
			full = true
		case !final(j.err):
			broken = true
			in.log.Error("a job could not be taken", "err", j.err, "wiki", j.new.Wiki)
		}
	}
	switch {
	case kept == len(jobs) && accepted:
		r.Status = statusAccepted
	case kept == len(jobs):
		r.Status = statusKept
	case kept > 0:
		r.Status = statusPartly
	case again:
		r.Status, r.RetryAfter = statusUnavailable, retryAfter
	case full:
		r.Status, r.RetryAfter = statusTooMany, fullRetryAfter
	case broken:
		r.Status = statusFailed
	default:
		r.Status = statusInvalid
	}
	if in.hooks.OnJobs != nil {
		in.hooks.OnJobs(kept, len(jobs)-kept)
	}
	return r
}
