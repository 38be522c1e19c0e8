package inspect

import (
	"context"
	"unicode/utf8"

	"auwai/api"
	"auwai/internal/fault"
	"auwai/internal/jobqueue"
	"auwai/internal/partition"
)

// Job returns one job with all that is kept of it. Errors: Invalid, NotFound, Unavailable.
func (i *Inspector) Job(ctx context.Context, text string) (api.JobDetail, error) {
	id, err := parseID(text)
	if err != nil {
		return api.JobDetail{}, err
	}
	a, p := i.asker(), partition.Of(id.Wiki)
	v, err := a.view(ctx, p, filter{wiki: id.Wiki})
	if err != nil {
		return api.JobDetail{}, err
	}
	f, err := a.find(ctx, p, id)
	if err != nil {
		return api.JobDetail{}, err
	}
	switch {
	case f.job != nil:
		return a.live(ctx, p, f.job, v)
	case f.past != nil:
		return api.JobDetail{Job: history(f.past), AttemptLog: attempts(f.past.Attempts), Stale: a.stale}, nil
	default:
		return api.JobDetail{}, NoJob(text)
	}
}

func (a *asker) live(ctx context.Context, p partition.ID, j *jobqueue.Job, v *view) (api.JobDetail, error) {
	d := api.JobDetail{
		Job: record(j, v), Domain: j.Domain, FromEvent: j.FromEvent,
		AttemptLog: attempts(j.Attempts), Stale: a.stale,
	}
	if c, runs := v.running[j.ID]; runs {
		d.StartedAt, d.Deadline = moment(c.start), moment(c.deadline)
	}
	payload, err := a.payload(ctx, p, j)
	if err != nil {
		return d, err
	}
	putPayload(&d, payload)
	if j.FromEvent {
		d.Signature, d.SignedBy = signedBy(payload, j.Wiki, a.secrets())
	}
	return d, nil
}

// rawPayload returns a job's payload for a list; nil when the job has just ended.
func (l *lister) rawPayload(ctx context.Context, p partition.ID, j *jobqueue.Job) (*api.RawPayload, error) {
	payload, err := l.payload(ctx, p, j)
	if fault.KindOf(err) == fault.NotFound {
		return nil, nil //nolint:nilnil // its row says the rest
	}
	if err != nil {
		return nil, err
	}
	l.raw -= len(payload)
	r := &api.RawPayload{FromEvent: j.FromEvent, Domain: j.Domain}
	if utf8.Valid(payload) {
		r.Text = string(payload)
	} else {
		r.Base64 = payload
	}
	return r, nil
}

// payload returns a job's payload, put together where it was stored ahead.
func (a *asker) payload(ctx context.Context, p partition.ID, j *jobqueue.Job) ([]byte, error) {
	if j.Blob.Size == 0 {
		return j.Payload, nil
	}
	blocks, err := a.engine.Get(ctx, jobqueue.BlobKeys(p, j.Wiki, j.Blob)...)
	if err != nil {
		return nil, read(err, "the payload")
	}
	out := make([]byte, 0, j.Blob.Size)
	for _, b := range blocks {
		out = append(out, b...)
	}
	if len(out) != j.Blob.Size {
		return nil, fault.Newf(fault.NotFound, "the payload of job %s has gone: the job has just ended", j.ID)
	}
	return out, nil
}
