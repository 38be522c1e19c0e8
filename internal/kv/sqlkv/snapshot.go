package sqlkv

import (
	"context"
	"fmt"
	"sync"

	"auwai/internal/kv"
)

// View reads on the connection of a snapshot. Its functions are not called at the same time.
type View struct {
	Get  func(ctx context.Context, keys []kv.Key) ([][]byte, error)
	Scan func(ctx context.Context, ranges []kv.Range) ([]kv.Page, error)
	// End closes the connection, and the transaction with it.
	End func()
}

// Snapshot is a read view on a connection of its own. It implements kv.Snapshot.
type Snapshot struct {
	calls *Calls
	view  View

	mu    sync.Mutex // held during a read: a connection does one thing at a time
	ended bool       // Guarded by mu.
}

// Snapshot makes a snapshot of a view. It belongs to a call that runs. When the engine was closed
// meanwhile the view is ended.
func (c *Calls) Snapshot(v View) (*Snapshot, error) {
	s := &Snapshot{calls: c, view: v}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		s.finish()
		return nil, kv.ErrClosed
	}
	c.open[s] = struct{}{}
	return s, nil
}

// Get implements kv.Snapshot.
func (s *Snapshot) Get(ctx context.Context, keys ...kv.Key) (values [][]byte, err error) {
	err = s.read(ctx, func(ctx context.Context) (err error) {
		values, err = s.view.Get(ctx, keys)
		return err
	})
	return values, err
}

// Scan implements kv.Snapshot.
func (s *Snapshot) Scan(ctx context.Context, ranges ...kv.Range) (pages []kv.Page, err error) {
	err = s.read(ctx, func(ctx context.Context) (err error) {
		pages, err = s.view.Scan(ctx, ranges)
		return err
	})
	return pages, err
}

func (s *Snapshot) read(ctx context.Context, read func(context.Context) error) error {
	ctx, leave, err := s.calls.Enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return fmt.Errorf("%s: snapshot: %w", s.calls.name, kv.ErrClosed)
	}
	return read(ctx)
}

// Close implements kv.Snapshot. Closing again does nothing.
func (s *Snapshot) Close() error {
	s.calls.mu.Lock()
	delete(s.calls.open, s)
	s.calls.mu.Unlock()
	s.finish()
	return nil
}

// finish waits for a running read and ends the view.
func (s *Snapshot) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.ended = true
		s.view.End()
	}
}
