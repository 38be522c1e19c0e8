package kvtest

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"auwai/internal/kv"
)

// Model is the contract written as plainly as possible: a map that is copied at each commit and
// sorted at each scan. It is slow and obviously right, and what engines are compared with. The zero
// value is an empty store.
type Model struct {
	mu     sync.Mutex
	values map[string]string
	closed bool
}

var _ kv.Engine = (*Model)(nil)

func (m *Model) now(ctx context.Context) (map[string]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, kv.ErrClosed
	}
	return m.values, ctx.Err()
}

// Get implements kv.Engine.
func (m *Model) Get(ctx context.Context, keys ...kv.Key) ([][]byte, error) {
	values, err := m.now(ctx)
	if err != nil {
		return nil, err
	}
	return modelGet(values, keys), nil
}

// Scan implements kv.Engine.
func (m *Model) Scan(ctx context.Context, ranges ...kv.Range) ([]kv.Page, error) {
	values, err := m.now(ctx)
	if err != nil {
		return nil, err
	}
	return modelScan(values, ranges), nil
}

// Commit implements kv.Engine.
func (m *Model) Commit(ctx context.Context, b *kv.Batch) error {
	if err := b.Check(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return kv.ErrClosed
	}
	for _, r := range b.Requires() {
		value, there := m.values[string(r.Key)]
		if there != (r.Value != nil) || value != string(r.Value) {
			return fmt.Errorf("%w: key %x", kv.ErrConflict, r.Key)
		}
	}
	next := maps.Clone(m.values)
	if next == nil {
		next = map[string]string{}
	}
	for _, op := range b.Ops() {
		if op.Kind == kv.KindDeleteRange {
			maps.DeleteFunc(next, func(k, _ string) bool { return k >= string(op.Key) && k < string(op.Value) })
		}
	}
	for _, op := range b.Ops() {
		switch op.Kind {
		case kv.KindSet:
			next[string(op.Key)] = string(op.Value)
		case kv.KindDelete:
			delete(next, string(op.Key))
		case kv.KindDeleteRange: // took effect before
		}
	}
	m.values = next
	return nil
}

// Snapshot implements kv.Engine.
func (m *Model) Snapshot(ctx context.Context) (kv.Snapshot, error) {
	values, err := m.now(ctx)
	if err != nil {
		return nil, err
	}
	return &modelSnapshot{model: Model{values: values}, engine: m}, nil
}

// Close implements kv.Engine.
func (m *Model) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}

// modelSnapshot is a model of its own: a map that is never changed again.
type modelSnapshot struct {
	model  Model
	engine *Model
}

func (s *modelSnapshot) Get(ctx context.Context, keys ...kv.Key) ([][]byte, error) {
	if _, err := s.engine.now(ctx); err != nil {
		return nil, err
	}
	return s.model.Get(ctx, keys...)
}

func (s *modelSnapshot) Scan(ctx context.Context, ranges ...kv.Range) ([]kv.Page, error) {
	if _, err := s.engine.now(ctx); err != nil {
		return nil, err
	}
	return s.model.Scan(ctx, ranges...)
}

func (s *modelSnapshot) Close() error { return s.model.Close() }

func modelGet(values map[string]string, keys []kv.Key) [][]byte {
	out := make([][]byte, len(keys))
	for i, key := range keys {
		if v, ok := values[string(key)]; ok {
			out[i] = append([]byte{}, v...)
		}
	}
	return out
}

func modelScan(values map[string]string, ranges []kv.Range) []kv.Page {
	pages := make([]kv.Page, len(ranges))
	for i, r := range ranges {
		keys := slices.DeleteFunc(slices.Sorted(maps.Keys(values)), func(k string) bool {
			return k < string(r.From) || r.To != nil && bytes.Compare([]byte(k), r.To) >= 0
		})
		if r.Reverse {
			slices.Reverse(keys)
		}
		pages[i] = modelPage(values, keys, r)
	}
	return pages
}

func modelPage(values map[string]string, keys []string, r kv.Range) kv.Page {
	limit := r.Limit
	if limit == 0 {
		limit = kv.DefaultLimit
	}
	var page kv.Page
	size := 0
	for _, key := range keys {
		entry := kv.Entry{Key: []byte(key)}
		if !r.KeysOnly {
			entry.Value = append([]byte{}, values[key]...)
		}
		size += len(entry.Key) + len(entry.Value)
		tooBig := r.MaxBytes > 0 && size > r.MaxBytes && len(page.Entries) > 0
		if tooBig || len(page.Entries) == limit {
			page.More = true
			break
		}
		page.Entries = append(page.Entries, entry)
	}
	return page
}
