package memkv

import (
	"context"

	"auwai/internal/kv"
)

// Client is one connection to a Server. It implements kv.Engine: a commit is carried out at once.
// It is safe for concurrent use.
type Client struct {
	server *Server
	life   int  // the server's crashes when the client was opened
	closed bool // guarded by server.mu
}

var (
	_ kv.Engine   = (*Client)(nil)
	_ kv.Snapshot = (*snapshot)(nil)
)

// check needs the server's mutex.
func (c *Client) check(ctx context.Context) error {
	if c.closed || c.life != c.server.crashes {
		return kv.ErrClosed
	}
	return ctx.Err()
}

// Get implements kv.Engine.
func (c *Client) Get(ctx context.Context, keys ...kv.Key) ([][]byte, error) {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	if err := c.check(ctx); err != nil {
		return nil, err
	}
	return getAll(c.server.live, keys), nil
}

// Scan implements kv.Engine. All pages of a call are of one moment, which is more than the contract
// asks.
func (c *Client) Scan(ctx context.Context, ranges ...kv.Range) ([]kv.Page, error) {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	if err := c.check(ctx); err != nil {
		return nil, err
	}
	return scanAll(c.server.live, ranges), nil
}

// Commit implements kv.Engine. It never answers kv.ErrUnknown: the faults of the way to a store are
// made by package faultkv, or by the simulation, which calls Server.Apply itself.
func (c *Client) Commit(ctx context.Context, b *kv.Batch) error {
	if err := b.Check(); err != nil {
		return err
	}
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	if err := c.check(ctx); err != nil {
		return err
	}
	return c.server.apply(b)
}

// Snapshot implements kv.Engine. It costs a copy of the nodes that are changed afterwards.
func (c *Client) Snapshot(ctx context.Context) (kv.Snapshot, error) {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	if err := c.check(ctx); err != nil {
		return nil, err
	}
	return &snapshot{client: c, tree: c.server.live.Clone()}, nil
}

// Close implements kv.Engine. Closing again does nothing.
func (c *Client) Close() error {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	c.closed = true
	return nil
}

type snapshot struct {
	client *Client
	tree   *tree // nil once closed; guarded by the server's mutex
}

func (s *snapshot) check(ctx context.Context) error {
	if s.tree == nil {
		return kv.ErrClosed
	}
	return s.client.check(ctx)
}

// Get implements kv.Snapshot.
func (s *snapshot) Get(ctx context.Context, keys ...kv.Key) ([][]byte, error) {
	s.client.server.mu.Lock()
	defer s.client.server.mu.Unlock()
	if err := s.check(ctx); err != nil {
		return nil, err
	}
	return getAll(s.tree, keys), nil
}

// Scan implements kv.Snapshot.
func (s *snapshot) Scan(ctx context.Context, ranges ...kv.Range) ([]kv.Page, error) {
	s.client.server.mu.Lock()
	defer s.client.server.mu.Unlock()
	if err := s.check(ctx); err != nil {
		return nil, err
	}
	return scanAll(s.tree, ranges), nil
}

// Close implements kv.Snapshot. Closing again does nothing.
func (s *snapshot) Close() error {
	s.client.server.mu.Lock()
	defer s.client.server.mu.Unlock()
	s.tree = nil
	return nil
}
