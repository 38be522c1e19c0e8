package pgkv

import (
	"context"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"

	"auwai/internal/fault"
	"auwai/internal/kv"
)

// snapshot is a REPEATABLE READ transaction on a connection of its own.
type snapshot struct {
	engine *Engine

	mu   sync.Mutex // held during a read: a connection does one thing at a time
	conn *pgx.Conn  // Guarded by mu; nil once ended.
}

// Snapshot implements kv.Engine. An open snapshot keeps old versions of rows alive: a store under
// load grows until it is closed.
func (e *Engine) Snapshot(ctx context.Context) (kv.Snapshot, error) {
	ctx, leave, err := e.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	conn, err := connectSnapshot(ctx, e.cfg)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "pgkv: snapshot")
	}
	s := &snapshot{engine: e, conn: conn}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		s.end()
		return nil, kv.ErrClosed
	}
	e.open[s] = struct{}{}
	return s, nil
}

// Get implements kv.Snapshot.
func (s *snapshot) Get(ctx context.Context, keys ...kv.Key) ([][]byte, error) {
	ctx, leave, err := s.engine.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	return s.engine.names.get(ctx, s.read, keys)
}

// Scan implements kv.Snapshot.
func (s *snapshot) Scan(ctx context.Context, ranges ...kv.Range) ([]kv.Page, error) {
	ctx, leave, err := s.engine.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	return s.engine.names.scan(ctx, s.read, ranges)
}

// read reads on the snapshot's connection. It is never repeated on another one, which would see
// another moment.
func (s *snapshot) read(_ context.Context, read func(sender) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return fmt.Errorf("snapshot: %w", kv.ErrClosed)
	}
	return read(s.conn)
}

// Close implements kv.Snapshot. Closing again does nothing.
func (s *snapshot) Close() error {
	s.engine.mu.Lock()
	delete(s.engine.open, s)
	s.engine.mu.Unlock()
	s.end()
	return nil
}

// end waits for a running read and closes the connection, and the transaction with it.
func (s *snapshot) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		closeConn(context.Background(), s.conn)
		s.conn = nil
	}
}
