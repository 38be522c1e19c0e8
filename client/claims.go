package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"auwai/api"
)

// Claim waits for jobs of a queue, api.AnyQueue for any, and returns them; none when there were none in
// time. Each is the caller's until its deadline, which Heartbeat moves.
func (c *Client) Claim(ctx context.Context, queue string, q api.ClaimRequest) ([]api.ClaimedJob, error) {
	var answer api.ClaimedJobs
	err := c.post(ctx, api.PathQueues+"/"+url.PathEscape(queue)+"/claim", q, &answer)
	return answer.Jobs, err
}

// Heartbeat says that a job goes on. An error of kind conflict says that it is not the caller's any more.
func (c *Client) Heartbeat(ctx context.Context, id string, h api.Heartbeat) (api.HeartbeatAnswer, error) {
	var answer api.HeartbeatAnswer
	return answer, c.post(ctx, jobPath(id)+"/heartbeat", h, &answer)
}

// Finish says that a job is done. Saying it again with the same claim is harmless; see Heartbeat for
// errors.
func (c *Client) Finish(ctx context.Context, id string, f api.JobFinish) (api.JobAction, error) {
	var a api.JobAction
	return a, c.post(ctx, jobPath(id)+"/finish", f, &a)
}

// Fail says that a job failed; otherwise as Finish.
func (c *Client) Fail(ctx context.Context, id string, f api.JobFail) (api.JobAction, error) {
	var a api.JobAction
	return a, c.post(ctx, jobPath(id)+"/fail", f, &a)
}

// Release gives a job back, its attempt not counted; otherwise as Finish.
func (c *Client) Release(ctx context.Context, id string, f api.JobRelease) (api.JobAction, error) {
	var a api.JobAction
	return a, c.post(ctx, jobPath(id)+"/release", f, &a)
}

// post sends an object and reads the answer.
func (c *Client) post(ctx context.Context, path string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("write the body of %s: %w", path, err)
	}
	r, err := c.send(ctx, http.MethodPost, path, nil, text)
	if err != nil {
		return err
	}
	if r.status != http.StatusOK {
		return r.failure()
	}
	return r.read(path, into)
}
