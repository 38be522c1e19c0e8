package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"auwai/api"
)

// QueueFilter says which queues to list; "" is any.
type QueueFilter struct {
	Queue, Wiki string

	Limit  int // rows of a page; 0: the service's default
	Cursor string
}

// Queues returns one page of the list of queues.
func (c *Client) Queues(ctx context.Context, f QueueFilter) (api.QueuePage, error) {
	q := url.Values{}
	put(q, "queue", f.Queue)
	put(q, "wiki", f.Wiki)
	put(q, "cursor", f.Cursor)
	if f.Limit > 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	var page api.QueuePage
	return page, c.call(ctx, http.MethodGet, api.PathQueues, q, &page)
}

// AllQueues goes through the list page by page; an error ends it.
func (c *Client) AllQueues(ctx context.Context, f QueueFilter) iter.Seq2[api.Queue, error] {
	return func(yield func(api.Queue, error) bool) {
		for {
			page, err := c.Queues(ctx, f)
			if err != nil {
				yield(api.Queue{}, err)
				return
			}
			for _, q := range page.Queues {
				if !yield(q, nil) {
					return
				}
			}
			if f.Cursor = page.Cursor; f.Cursor == "" {
				return
			}
		}
	}
}

// Purge ends all that waits in a queue of a wiki.
func (c *Client) Purge(ctx context.Context, queue, wiki string) (api.PurgeAnswer, error) {
	var answer api.PurgeAnswer
	return answer, c.post(ctx, api.PathQueues+"/"+url.PathEscape(queue)+"/purge", api.PurgeRequest{Wiki: wiki}, &answer)
}

// Ready reports whether the service can commit, and if not, why.
func (c *Client) Ready(ctx context.Context) (ok bool, reason string, err error) {
	r, err := c.send(ctx, http.MethodGet, api.PathReady, nil, nil)
	if err != nil {
		return false, "", err
	}
	var h api.Health
	if err := r.read(api.PathReady, &h); err != nil {
		return false, "", err
	}
	return r.status == http.StatusOK, h.Reason, nil
}

// Info returns the service's name and version.
func (c *Client) Info(ctx context.Context) (api.Info, error) {
	var info api.Info
	return info, c.call(ctx, http.MethodGet, api.PathInfo, nil, &info)
}
