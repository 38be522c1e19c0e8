package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"auwai/api"
)

// Controls returns what is controlled at run time.
func (c *Client) Controls(ctx context.Context) (api.ControlList, error) {
	var list api.ControlList
	return list, c.call(ctx, http.MethodGet, api.PathControl, nil, &list)
}

// SetControl changes what is controlled for a scope. It returns when the service acts by it.
func (c *Client) SetControl(ctx context.Context, scope string, change api.ControlChange) (api.Control, error) {
	var out api.Control
	body, err := json.Marshal(change)
	if err != nil {
		return out, fmt.Errorf("write the change: %w", err)
	}
	r, err := c.send(ctx, http.MethodPut, controlPath(scope), nil, body)
	if err != nil {
		return out, err
	}
	if r.status != http.StatusOK {
		return out, r.failure()
	}
	return out, r.read(controlPath(scope), &out)
}

// ClearControl takes back everything that is controlled for a scope.
func (c *Client) ClearControl(ctx context.Context, scope string) (api.Control, error) {
	var out api.Control
	return out, c.call(ctx, http.MethodDelete, controlPath(scope), nil, &out)
}

func controlPath(scope string) string { return api.PathControl + "/" + url.PathEscape(scope) }
