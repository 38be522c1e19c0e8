package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"auwai/api"
	"auwai/internal/fault"
	"auwai/internal/jobqueue"
	"auwai/internal/runner/remote"
)

// Claims hands jobs to workers; *remote.Hub implements it.
type Claims interface {
	Claim(ctx context.Context, q remote.Request) ([]remote.Job, error)
	Heartbeat(ctx context.Context, job, token string, b remote.Beat) (remote.Beaten, error)
	Finish(ctx context.Context, job, token, message, resultURL string) error
	Fail(ctx context.Context, job, token string, f remote.Failure) error
	Release(ctx context.Context, job, token, why string, after time.Duration) error
}

// maxRetryAfter bounds the delay before the next attempt that a worker can ask for.
const maxRetryAfter = 7 * 24 * time.Hour

// claimJobs gives jobs to a worker. A request without a body takes one job that is ready.
func (s *server) claimJobs(w http.ResponseWriter, r *http.Request) error {
	var in api.ClaimRequest
	if err := readObject(w, r, &in, true, "a claim of jobs", "queues, wiki, limit, wait, capacity, worker and timeout"); err != nil {
		return err
	}
	q := remote.Request{Queues: in.Queues, Wiki: in.Wiki, Limit: in.Limit, Worker: in.Worker}
	switch queue := r.PathValue("queue"); {
	case queue == api.AnyQueue:
	case len(in.Queues) > 0:
		return fault.Field("queues", "is given beside the queue %q of the path; write * there", fault.Short(queue))
	default:
		q.Queues = []string{queue}
	}
	if g := grantOf(r); !g.AllWikis() {
		if in.Wiki != "" && !g.Reaches(in.Wiki) {
			return fault.Newf(fault.Forbidden, "the token %q does not reach the wiki %q; leave wiki out, or name one of its own", g.Token(), fault.Short(in.Wiki))
		}
		q.Allowed = g.Reaches
	}
	var err error
	if q.Wait, err = durationOf("wait", in.Wait, remote.MaxWait); err != nil {
		return err
	}
	if q.Timeout, err = durationOf("timeout", in.Timeout, remote.MaxPeriod); err != nil {
		return err
	}
	if in.Capacity != nil {
		q.Capacity = &jobqueue.Needs{Cores: in.Capacity.Cores, Memory: in.Capacity.Memory}
	}
	jobs, err := s.Claims.Claim(r.Context(), q)
	if err != nil {
		return err
	}
	out := api.ClaimedJobs{Jobs: make([]api.ClaimedJob, len(jobs))}
	for i := range jobs {
		out.Jobs[i] = claimedOf(&jobs[i])
	}
	return s.answer(w, http.StatusOK, out)
}

func claimedOf(j *remote.Job) api.ClaimedJob {
	out := api.ClaimedJob{
		ID: j.Item.ID, Queue: j.Queue, Wiki: j.Wiki, Attempt: j.Item.Attempt, Claim: j.Token, Deadline: j.Deadline.UTC(),
		Fence: j.Fence, RequestID: j.Item.RequestID, Cause: j.Item.CauseText(), Domain: j.Item.Domain, FromEvent: j.Item.FromEvent,
	}
	if n := j.Item.Needs; n != (jobqueue.Needs{}) {
		out.Needs = &api.Capacity{Cores: n.Cores, Memory: n.Memory}
	}
	if json.Valid(j.Item.Payload) {
		out.Payload = j.Item.Payload
	} else {
		out.PayloadBase64 = j.Item.Payload
	}
	return out
}

func (s *server) heartbeat(w http.ResponseWriter, r *http.Request) error {
	var in api.Heartbeat
	if err := readObject(w, r, &in, false, "a heartbeat", "claim, progress, message, result_url and timeout"); err != nil {
		return err
	}
	b := remote.Beat{Progress: jobqueue.Progress{Message: in.Message, ResultURL: in.ResultURL}}
	if in.Progress != nil {
		if *in.Progress < 0 || *in.Progress > 100 {
			return fault.Field("progress", "is %g; a number from 0 to 100 is expected", *in.Progress)
		}
		b.Progress.Percent = *in.Progress
	}
	var err error
	if b.Timeout, err = durationOf("timeout", in.Timeout, remote.MaxPeriod); err != nil {
		return err
	}
	id, err := claimedID(r, in.Claim)
	if err != nil {
		return err
	}
	beaten, err := s.Claims.Heartbeat(r.Context(), id, in.Claim, b)
	if err != nil {
		return s.notHeld(r, id, err)
	}
	return s.answer(w, http.StatusOK, api.HeartbeatAnswer{Deadline: beaten.Deadline.UTC(), Cancelled: beaten.Cancelled})
}

func (s *server) finishJob(w http.ResponseWriter, r *http.Request) error {
	var in api.JobFinish
	if err := readObject(w, r, &in, false, "the end of a job", "claim, message and result_url"); err != nil {
		return err
	}
	id, err := claimedID(r, in.Claim)
	if err == nil {
		err = s.Claims.Finish(r.Context(), id, in.Claim, in.Message, in.ResultURL)
	}
	if err != nil {
		return s.notHeld(r, id, err)
	}
	return s.answer(w, http.StatusOK, api.JobAction{ID: id, State: api.StateDone})
}

func (s *server) failJob(w http.ResponseWriter, r *http.Request) error {
	var in api.JobFail
	if err := readObject(w, r, &in, false, "the failure of a job", "claim, error, class, retry_after and permanent"); err != nil {
		return err
	}
	after, err := durationOf("retry_after", in.RetryAfter, maxRetryAfter)
	if err != nil {
		return err
	}
	id, err := claimedID(r, in.Claim)
	if err == nil {
		err = s.Claims.Fail(r.Context(), id, in.Claim, remote.Failure{
			Error: in.Error, Class: in.Class, RetryAfter: after, Permanent: in.Permanent,
		})
	}
	if err != nil {
		return s.notHeld(r, id, err)
	}
	return s.stateNow(w, r, id)
}

func (s *server) releaseJob(w http.ResponseWriter, r *http.Request) error {
	var in api.JobRelease
	if err := readObject(w, r, &in, false, "the release of a job", "claim, reason and retry_after"); err != nil {
		return err
	}
	after, err := durationOf("retry_after", in.RetryAfter, maxRetryAfter)
	if err != nil {
		return err
	}
	id, err := claimedID(r, in.Claim)
	if err == nil {
		err = s.Claims.Release(r.Context(), id, in.Claim, in.Reason, after)
	}
	if err != nil {
		return s.notHeld(r, id, err)
	}
	return s.stateNow(w, r, id)
}

// claimedID reads whose claim it is about.
func claimedID(r *http.Request, claim string) (string, error) {
	id := r.PathValue("id")
	if err := reachJob(r, id); err != nil {
		return id, err
	}
	if claim == "" {
		return id, fault.Field("claim", "is missing; send the claim that came with the job")
	}
	return id, nil
}

// stateNow answers what became of a job that was given back.
func (s *server) stateNow(w http.ResponseWriter, r *http.Request, id string) error {
	job, err := s.Queue.Job(r.Context(), id)
	if err != nil {
		return err
	}
	return s.answer(w, http.StatusOK, api.JobAction{ID: id, State: job.State, DuplicateOf: job.DuplicateOf})
}

// notHeld adds to the refusal of a claim what became of its job.
func (s *server) notHeld(r *http.Request, id string, err error) error {
	if !errors.Is(err, remote.ErrNotHeld) {
		return err
	}
	job, other := s.Queue.Job(r.Context(), id)
	switch {
	case other != nil && fault.KindOf(other) == fault.NotFound:
		return fault.Newf(fault.Conflict, "%v: there is no job %s, and none finished lately; drop what was done", remote.ErrNotHeld, fault.Short(id))
	case other != nil:
		return other
	case job.State == api.StateRunning:
		return fault.Newf(fault.Conflict, "%v: the job runs, in other hands; drop what was done", remote.ErrNotHeld)
	default:
		return fault.Newf(fault.Conflict, "%v: the job is %s (attempts so far: %d); drop what was done", remote.ErrNotHeld, job.State, job.Attempts)
	}
}

// durationOf reads a duration of a body, up to a bound; "" is 0.
func durationOf(field, text string, most time.Duration) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > most {
		return 0, fault.Field(field, "is %q; a duration such as 500ms or 30s is expected, up to %s", fault.Short(text), most)
	}
	return d, nil
}
