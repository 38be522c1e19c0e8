package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"auwai/api"
)

// Explain says why a job is where it is.
func (c *Client) Explain(ctx context.Context, id string) (api.Explanation, error) {
	var e api.Explanation
	return e, c.call(ctx, http.MethodGet, jobPath(id)+"/explain", nil, &e)
}

// Trace returns all that followed from a request; id is its own, or of one of its events or jobs.
func (c *Client) Trace(ctx context.Context, id string) (api.Trace, error) {
	var t api.Trace
	return t, c.call(ctx, http.MethodGet, api.PathTrace+"/"+url.PathEscape(id), nil, &t)
}

// WikiFilter says which wikis to list; "" is any.
type WikiFilter struct {
	Wiki   string
	Limit  int // rows of a page; 0: the service's default
	Cursor string
}

// Wikis returns one page of the list of wikis.
func (c *Client) Wikis(ctx context.Context, f WikiFilter) (api.WikiPage, error) {
	q := url.Values{}
	put(q, "wiki", f.Wiki)
	put(q, "cursor", f.Cursor)
	if f.Limit > 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	var page api.WikiPage
	return page, c.call(ctx, http.MethodGet, api.PathWikis, q, &page)
}

// RequeueDead gives a page of dead jobs all their attempts again.
func (c *Client) RequeueDead(ctx context.Context, r api.DeadRequest) (api.BulkAnswer, error) {
	return c.bulk(ctx, api.PathDead+"/requeue", r)
}

// DropDead ends a page of dead jobs for good.
func (c *Client) DropDead(ctx context.Context, r api.DeadRequest) (api.BulkAnswer, error) {
	return c.bulk(ctx, api.PathDead+"/drop", r)
}

// CancelMany ends a page of jobs that wait.
func (c *Client) CancelMany(ctx context.Context, r api.CancelRequest) (api.BulkAnswer, error) {
	return c.bulk(ctx, api.PathJobs+"/cancel", r)
}

func (c *Client) bulk(ctx context.Context, path string, r any) (api.BulkAnswer, error) {
	var out api.BulkAnswer
	body, err := json.Marshal(r)
	if err != nil {
		return out, fmt.Errorf("write the request: %w", err)
	}
	answer, err := c.send(ctx, http.MethodPost, path, nil, body)
	if err != nil {
		return out, err
	}
	if answer.status != http.StatusOK {
		return out, answer.failure()
	}
	return out, answer.read(path, &out)
}

// Metrics returns the service's metrics, in Prometheus' text format.
func (c *Client) Metrics(ctx context.Context) (string, error) {
	r, err := c.send(ctx, http.MethodGet, api.PathMetrics, nil, nil)
	if err != nil {
		return "", err
	}
	if r.status != http.StatusOK {
		return "", r.failure()
	}
	return string(r.body), nil
}

// Clock returns the service's time, in whole seconds; zero: it does not say.
func (c *Client) Clock(ctx context.Context) (time.Time, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+api.PathHealth, nil)
	if err != nil {
		return time.Time{}, fmt.Errorf("make a request: %w", err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return time.Time{}, err // it names method and URL
	}
	defer response.Body.Close()
	at, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		return time.Time{}, nil // a proxy in front may take the header away
	}
	return at, nil
}
