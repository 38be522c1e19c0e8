package sqlkv

import (
	"context"
	"fmt"
	"sync"
	"time"

	"auwai/internal/kv"
)

// Calls are the running calls and the open snapshots of one engine. Safe for concurrent use.
type Calls struct {
	name    string
	timeout time.Duration

	mu      sync.Mutex
	closed  bool                   // Guarded by mu.
	open    map[*Snapshot]struct{} // Guarded by mu: the snapshots that Close ends.
	running sync.WaitGroup         // Add only under mu, while not closed
}

// NewCalls returns the calls of an engine; name stands before its errors, and timeout bounds each.
func NewCalls(name string, timeout time.Duration) *Calls {
	return &Calls{name: name, timeout: timeout, open: make(map[*Snapshot]struct{})}
}

// Enter begins a call; leave ends it. The context that it returns ends with the time-out.
func (c *Calls) Enter(ctx context.Context) (_ context.Context, leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", c.name, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, nil, kv.ErrClosed
	}
	c.running.Add(1)
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	return ctx, func() { cancel(); c.running.Done() }, nil
}

// Close refuses further calls, waits for the running ones and ends all snapshots. It reports whether
// it was the first Close, which has to close the connections.
func (c *Calls) Close() (first bool) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return false
	}
	c.closed = true
	open := c.open
	c.open = nil
	c.mu.Unlock()
	c.running.Wait()
	for s := range open {
		s.finish()
	}
	return true
}
