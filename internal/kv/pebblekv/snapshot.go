package pebblekv

import (
	"context"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"auwai/internal/kv"
)

// Snapshot is a kv.Snapshot. While it is open, space that was freed since it was taken is not
// reclaimed.
type Snapshot struct {
	engine *Engine

	mu   sync.RWMutex     // held shared by reads, exclusively by Close
	view *pebble.Snapshot // nil once closed; guarded by mu
}

var _ kv.Snapshot = (*Snapshot)(nil)

// Snapshot implements kv.Engine.
func (e *Engine) Snapshot(ctx context.Context) (kv.Snapshot, error) {
	if err := e.enter(ctx); err != nil {
		return nil, err
	}
	defer e.life.RUnlock()
	s := &Snapshot{engine: e, view: e.db.NewSnapshot()}
	e.snapshotsMu.Lock()
	defer e.snapshotsMu.Unlock()
	e.snapshots[s] = struct{}{}
	return s, nil
}

// Get implements kv.Snapshot.
func (s *Snapshot) Get(ctx context.Context, keys ...kv.Key) ([][]byte, error) {
	if err := s.engine.enter(ctx); err != nil {
		return nil, err
	}
	defer s.engine.life.RUnlock()
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.view == nil {
		return nil, kv.ErrClosed
	}
	return getAll(ctx, s.view, keys)
}

// Scan implements kv.Snapshot.
func (s *Snapshot) Scan(ctx context.Context, ranges ...kv.Range) ([]kv.Page, error) {
	if err := s.engine.enter(ctx); err != nil {
		return nil, err
	}
	defer s.engine.life.RUnlock()
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.view == nil {
		return nil, kv.ErrClosed
	}
	return scanAll(ctx, s.view, ranges)
}

// Close implements kv.Snapshot. Closing again, or after the engine, does nothing.
func (s *Snapshot) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.view == nil {
		return nil
	}
	err := s.view.Close()
	s.view = nil
	s.engine.snapshotsMu.Lock()
	defer s.engine.snapshotsMu.Unlock()
	delete(s.engine.snapshots, s)
	if err != nil {
		return fmt.Errorf("pebblekv: close a snapshot: %w", err)
	}
	return nil
}
