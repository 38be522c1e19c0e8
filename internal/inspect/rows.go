package inspect

import (
	"encoding/json"
	"time"
	"unicode/utf8"

	"auwai/api"
	"auwai/internal/ident"
	"auwai/internal/jobqueue"
)

// record makes a row of a record. That the job runs is said by the view.
func record(j *jobqueue.Job, v *view) api.Job {
	row := api.Job{
		ID: ident.ID{Wiki: j.Wiki, Suffix: j.ID}.String(), Queue: j.Queue, Wiki: j.Wiki,
		State: j.State.String(), Priority: j.Band.String(), Attempts: j.Tries,
		CreatedAt: j.Created.UTC(), Key: j.Key, RequestID: j.RequestID, ClientID: j.ClientID,
		Root: root(j.Root), LastError: j.LastError,
	}
	switch j.State {
	case jobqueue.Delayed:
		row.RunAt = moment(j.Due)
	case jobqueue.Dead:
		row.FinishedAt = moment(j.Died)
	default:
		row.RunAt = moment(j.RunAt)
	}
	if _, runs := v.running[j.ID]; runs {
		row.State = api.StateRunning
	}
	if row.State == api.StateReady {
		row.Held = v.held(j.Pair)
	}
	return row
}

// history makes a row of what is kept of a finished job.
func history(h *jobqueue.History) api.Job {
	row := api.Job{
		ID: ident.ID{Wiki: h.Wiki, Suffix: h.ID}.String(), Queue: h.Queue, Wiki: h.Wiki,
		State: h.State.String(), Attempts: h.Tries, CreatedAt: h.Created.UTC(), FinishedAt: moment(h.Finished),
		Key: h.Key, RequestID: h.RequestID, ClientID: h.ClientID, Root: root(h.Root),
		Superseded: h.Generation, LastError: h.LastError,
	}
	if h.State == jobqueue.Done {
		row.LastError = failure(h)
	}
	if !h.DuplicateOf.IsZero() {
		row.DuplicateOf = ident.ID{Wiki: h.Wiki, Suffix: h.DuplicateOf}.String()
	}
	return row
}

// failure is what went wrong in the attempt by which a job was done: a failure that was ignored, or
// what the job noted. The error of an attempt before it is no news of a job that is done.
func failure(h *jobqueue.History) string {
	if len(h.Attempts) == 0 {
		return ""
	}
	return h.Attempts[len(h.Attempts)-1].Error
}

func root(r jobqueue.Root) *api.Root {
	if r.Signature == "" {
		return nil
	}
	return &api.Root{Signature: r.Signature, Timestamp: r.Timestamp, IsRoot: r.IsRoot}
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func attempts(list []jobqueue.Attempt) []api.Attempt {
	out := make([]api.Attempt, len(list))
	for i, a := range list {
		out[i] = api.Attempt{StartedAt: a.Start.UTC(), EndedAt: a.End.UTC(), Outcome: a.Outcome.String(), Error: a.Error}
	}
	return out
}

// putPayload puts a payload into the form that it can be shown in.
func putPayload(d *api.JobDetail, payload []byte) {
	d.PayloadBytes = len(payload)
	switch {
	case len(payload) == 0:
	case json.Valid(payload) && utf8.Valid(payload):
		d.Payload = payload
	case utf8.Valid(payload):
		d.PayloadText = string(payload)
	default:
		d.PayloadBase64 = payload
	}
}
