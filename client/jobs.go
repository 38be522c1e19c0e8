package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"auwai/api"
	"auwai/internal/fault"
)

// PushJobs pushes jobs and returns a place for each, in their order: its id, or why it was not taken.
// An error says that nothing was taken, or, of transport, that it is not known; with client ids a
// repeat is harmless. The bytes of the payloads are sent as they are.
func (c *Client) PushJobs(ctx context.Context, jobs []api.NewJob) ([]api.PushedJob, error) {
	body, err := appendJobs(nil, jobs)
	if err != nil {
		return nil, err
	}
	r, err := c.send(ctx, http.MethodPost, api.PathJobs, nil, body)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(r.kind, "application/json") {
		return nil, r.failure()
	}
	var places []api.PushedJob
	return places, r.read(api.PathJobs, &places)
}

// appendJobs appends an array of jobs. json.Marshal would leave out the spaces of payloads and write
// some characters otherwise, and MediaWiki has signed some of them.
func appendJobs(b []byte, jobs []api.NewJob) ([]byte, error) {
	for i := range jobs {
		head := jobs[i]
		payload := head.Payload
		if payload == nil {
			payload = json.RawMessage("null")
		}
		if !json.Valid(payload) {
			return nil, fault.Field(fmt.Sprintf("[%d].payload", i), "is no JSON")
		}
		head.Payload = nil
		text, err := json.Marshal(&head)
		if err != nil {
			return nil, fmt.Errorf("write the jobs: %w", err)
		}
		if i > 0 {
			b = append(b, ',')
		} else {
			b = append(b, '[')
		}
		// Within a string the quotes would be escaped: this is the field.
		before, after, _ := bytes.Cut(text, []byte(`"payload":null`))
		b = append(append(append(append(b, before...), `"payload":`...), payload...), after...)
	}
	if len(jobs) == 0 {
		b = append(b, '[')
	}
	return append(b, ']'), nil
}

// JobFilter says which jobs to list; "" is any.
type JobFilter struct {
	State, Queue, Wiki, RequestID, ClientID string

	Raw    bool // with the payloads, byte for byte; a page then ends earlier
	Limit  int  // rows of a page; 0: the service's default
	Cursor string
}

// Jobs returns one page of a list of jobs.
func (c *Client) Jobs(ctx context.Context, f JobFilter) (api.JobPage, error) {
	q := url.Values{}
	put(q, "state", f.State)
	put(q, "queue", f.Queue)
	put(q, "wiki", f.Wiki)
	put(q, "request_id", f.RequestID)
	put(q, "client_id", f.ClientID)
	put(q, "cursor", f.Cursor)
	if f.Raw {
		q.Set("raw", "1")
	}
	if f.Limit > 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	var page api.JobPage
	return page, c.call(ctx, http.MethodGet, api.PathJobs, q, &page)
}

// AllJobs goes through a list page by page; an error ends it.
func (c *Client) AllJobs(ctx context.Context, f JobFilter) iter.Seq2[api.Job, error] {
	return func(yield func(api.Job, error) bool) {
		for {
			page, err := c.Jobs(ctx, f)
			if err != nil {
				yield(api.Job{}, err)
				return
			}
			for _, j := range page.Jobs {
				if !yield(j, nil) {
					return
				}
			}
			if f.Cursor = page.Cursor; f.Cursor == "" {
				return
			}
		}
	}
}

// Job returns one job with all that is kept of it.
func (c *Client) Job(ctx context.Context, id string) (api.JobDetail, error) {
	var d api.JobDetail
	return d, c.call(ctx, http.MethodGet, jobPath(id), nil, &d)
}

// Retry makes a dead job ready with all its attempts before it, or a delayed one at once.
func (c *Client) Retry(ctx context.Context, id string) (api.JobAction, error) {
	var a api.JobAction
	return a, c.call(ctx, http.MethodPost, jobPath(id)+"/retry", nil, &a)
}

// Cancel ends a job that waits.
func (c *Client) Cancel(ctx context.Context, id string) (api.JobAction, error) {
	var a api.JobAction
	return a, c.call(ctx, http.MethodPost, jobPath(id)+"/cancel", nil, &a)
}

func jobPath(id string) string { return api.PathJobs + "/" + url.PathEscape(id) }
