package client

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"auwai/api"
)

// PostEvents sends a body of events: a JSON array, or one event. What was not taken is in the answer,
// everything else is durable, or, with hasty, on its way. An error says that nothing was taken, or,
// of transport, that it is not known.
func (c *Client) PostEvents(ctx context.Context, body []byte, hasty bool) (api.EventFaults, error) {
	query := url.Values{}
	if hasty {
		query.Set("hasty", "true")
	}
	var faults api.EventFaults
	r, err := c.send(ctx, http.MethodPost, api.PathEvents, query, body)
	switch {
	case err != nil:
		return faults, err
	case r.status == http.StatusCreated, r.status == http.StatusAccepted:
		return faults, nil
	case strings.HasPrefix(r.kind, "application/json"):
		return faults, r.read(api.PathEvents, &faults)
	default:
		return faults, r.failure()
	}
}
