package pebblekv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"auwai/internal/kv"
)

// Engine is a kv.Engine over a directory. It is safe for concurrent use.
type Engine struct {
	db      *pebble.DB
	disk    *disk
	failure *failure
	lock    *pebble.Lock
	relaxed bool
	closing chan struct{} // closed when Close begins

	// life is held shared by every call and exclusively by Close, which thereby waits for them.
	life      sync.RWMutex
	closed    bool // guarded by life
	closeOnce sync.Once

	// commit makes "read the Requires, then apply" one step. It is not held while a sync is awaited.
	commit sync.Mutex

	snapshotsMu sync.Mutex
	snapshots   map[*Snapshot]struct{} // guarded by snapshotsMu
}

var _ kv.Engine = (*Engine)(nil)

// enter begins a call; the caller must call e.life.RUnlock when it returned nil.
func (e *Engine) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	e.life.RLock()
	err := e.failure.err()
	if e.closed {
		err = kv.ErrClosed
	}
	if err != nil {
		e.life.RUnlock()
	}
	return err
}

// Get implements kv.Engine. All values are of one moment.
func (e *Engine) Get(ctx context.Context, keys ...kv.Key) ([][]byte, error) {
	if err := e.enter(ctx); err != nil {
		return nil, err
	}
	defer e.life.RUnlock()
	if len(keys) <= 1 {
		return getAll(ctx, e.db, keys)
	}
	view := e.db.NewSnapshot()
	values, err := getAll(ctx, view, keys)
	return values, errors.Join(err, view.Close())
}

// Scan implements kv.Engine. All pages of a call are of one moment, which is more than the contract
// asks.
func (e *Engine) Scan(ctx context.Context, ranges ...kv.Range) ([]kv.Page, error) {
	if err := e.enter(ctx); err != nil {
		return nil, err
	}
	defer e.life.RUnlock()
	return scanAll(ctx, e.db, ranges)
}

// opOverhead is more than Pebble adds to the key and value of an operation in a batch.
const opOverhead = 16

// Commit implements kv.Engine. The context is looked at before anything is written; a sync that has
// begun is waited for. ErrUnknown is the answer when a write fails at this moment; the repetition
// that the kv page asks for then answers ErrFailed.
func (e *Engine) Commit(ctx context.Context, b *kv.Batch) error {
	if err := b.Check(); err != nil {
		return err
	}
	if err := e.enter(ctx); err != nil {
		return err
	}
	defer e.life.RUnlock()
	if b.Len() == 0 {
		return nil
	}
	write := e.db.NewBatchWithSize(b.Bytes() + opOverhead*b.Len())
	if err := fill(write, b.Ops()); err != nil {
		return errors.Join(err, write.Close())
	}
	if err := e.apply(write, b.Requires()); err != nil {
		return errors.Join(err, write.Close())
	}
	var err error
	if !e.relaxed {
		err = write.SyncWait()
	}
	// The failure decides, not Pebble's word: after it every sync seems to succeed.
	if err == nil {
		err = e.failure.cause()
	}
	if err != nil {
		e.failure.report(fmt.Errorf("commit: %w", err))
		return fmt.Errorf("%w: %w", kv.ErrUnknown, e.failure.err())
	}
	// Closing gives the batch's memory back.
	if err := write.Close(); err != nil {
		e.failure.report(fmt.Errorf("close a batch: %w", err))
	}
	return nil
}

// fill adds the operations to write: range deletes first, as the contract wants them; for one key
// the later operation wins by itself.
func fill(write *pebble.Batch, ops []kv.Op) error {
	for i := range ops {
		if ops[i].Kind == kv.KindDeleteRange {
			if err := write.DeleteRange(ops[i].Key, ops[i].Value, nil); err != nil {
				return fmt.Errorf("pebblekv: batch: %w", err)
			}
		}
	}
	for i := range ops {
		var err error
		switch ops[i].Kind {
		case kv.KindSet:
			err = write.Set(ops[i].Key, ops[i].Value, nil)
		case kv.KindDelete:
			err = write.Delete(ops[i].Key, nil)
		case kv.KindDeleteRange: // done above
		}
		if err != nil {
			return fmt.Errorf("pebblekv: batch: %w", err)
		}
	}
	return nil
}

// apply checks the requires and applies write as one step. It does not wait for the sync.
func (e *Engine) apply(write *pebble.Batch, requires []kv.Requirement) error {
	e.commit.Lock()
	defer e.commit.Unlock()
	for i := range requires {
		if err := e.require(&requires[i]); err != nil {
			return err
		}
	}
	var err error
	if e.relaxed {
		err = e.db.Apply(write, pebble.NoSync)
	} else {
		err = e.db.ApplyNoSyncWait(write, pebble.Sync)
	}
	if err != nil {
		e.failure.report(fmt.Errorf("apply: %w", err))
		return fmt.Errorf("%w: %w", kv.ErrUnknown, e.failure.err())
	}
	return nil
}

func (e *Engine) require(r *kv.Requirement) error {
	value, closer, err := e.db.Get(r.Key)
	if errors.Is(err, pebble.ErrNotFound) {
		if r.Value == nil {
			return nil
		}
		return fmt.Errorf("%w: key %x is absent", kv.ErrConflict, r.Key)
	}
	if err != nil {
		return fmt.Errorf("pebblekv: read required key %x: %w", r.Key, err)
	}
	same := r.Value != nil && bytes.Equal(value, r.Value)
	if err := closer.Close(); err != nil {
		return fmt.Errorf("pebblekv: read required key %x: %w", r.Key, err)
	}
	if !same {
		return fmt.Errorf("%w: key %x", kv.ErrConflict, r.Key)
	}
	return nil
}

// Close implements kv.Engine. It closes snapshots that are still open, syncs the log and releases
// the directory. After a failure it releases what it can and returns the failure. Closing again
// does nothing.
func (e *Engine) Close() error {
	var err error
	e.closeOnce.Do(func() { err = e.close() })
	return err
}

func (e *Engine) close() error {
	close(e.closing)
	e.life.Lock()
	defer e.life.Unlock()
	e.closed = true
	var errs []error
	for _, s := range e.openSnapshots() {
		errs = append(errs, s.Close())
	}
	errs = append(errs, e.db.Close(), e.lock.Close(), e.failure.err())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("pebblekv: close: %w", err)
	}
	return nil
}

func (e *Engine) openSnapshots() []*Snapshot {
	e.snapshotsMu.Lock()
	defer e.snapshotsMu.Unlock()
	var all []*Snapshot
	for s := range e.snapshots {
		all = append(all, s) // their order has no meaning
	}
	return all
}
