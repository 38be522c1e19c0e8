package faultkv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"auwai/internal/fault"
	"auwai/internal/kv"
)

// ErrRefused is the answer to a refused call: certainly not carried out.
var ErrRefused = fault.New(fault.Unavailable, "faultkv: refused")

// Config says which faults an engine has. The zero value has none.
type Config struct {
	// Decide is asked once before each call and gives its outcome. Nil lets all pass. It must be
	// safe for concurrent use when the engine is used so.
	Decide func(Call) Outcome
	// Pause is called before a call reaches the wrapped engine (and before its outcome is decided),
	// without a lock held; it may block to delay or freeze the call. An error ends the call with it.
	Pause func(context.Context, Call) error
	// DeliverFirst lets every held batch arrive before the next call of any kind; otherwise held
	// batches wait for Deliver.
	DeliverFirst bool
}

// Engine is a kv.Engine with faults. It is safe for concurrent use.
type Engine struct {
	inner kv.Engine
	cfg   Config

	mu   sync.Mutex // guards held; not held across a call of inner
	held []*kv.Batch
}

var _ kv.Engine = (*Engine)(nil)

// Wrap returns inner with the faults of cfg. Closing it closes inner.
func Wrap(inner kv.Engine, cfg Config) *Engine { return &Engine{inner: inner, cfg: cfg} }

// Get implements kv.Engine.
func (e *Engine) Get(ctx context.Context, keys ...kv.Key) ([][]byte, error) {
	if err := e.beforeRead(ctx); err != nil {
		return nil, err
	}
	return e.inner.Get(ctx, keys...)
}

// Scan implements kv.Engine.
func (e *Engine) Scan(ctx context.Context, ranges ...kv.Range) ([]kv.Page, error) {
	if err := e.beforeRead(ctx); err != nil {
		return nil, err
	}
	return e.inner.Scan(ctx, ranges...)
}

// Snapshot implements kv.Engine. Reads of the snapshot itself meet no faults.
func (e *Engine) Snapshot(ctx context.Context) (kv.Snapshot, error) {
	if err := e.beforeRead(ctx); err != nil {
		return nil, err
	}
	return e.inner.Snapshot(ctx)
}

// Commit implements kv.Engine, with the faults.
func (e *Engine) Commit(ctx context.Context, b *kv.Batch) error {
	if err := b.Check(); err != nil {
		return err
	}
	outcome, err := e.before(ctx, Commit)
	if err != nil {
		return err
	}
	if outcome == Pass {
		return e.inner.Commit(ctx, b)
	}
	if outcome == Refuse {
		return ErrRefused
	}
	// A closed engine or an ended context is noticed before anything is sent.
	if _, err := e.inner.Get(ctx); err != nil {
		return err
	}
	switch outcome {
	case LoseReply:
		if err := e.inner.Commit(ctx, b); err != nil && !errors.Is(err, kv.ErrConflict) {
			return err
		}
	case Late:
		e.hold(copyBatch(b))
	case Drop, Pass, Refuse:
	}
	return fmt.Errorf("%w: faultkv: %s", kv.ErrUnknown, outcome)
}

// Close implements kv.Engine. Batches still held never arrive.
func (e *Engine) Close() error {
	e.take()
	return e.inner.Close()
}

// Held returns the number of late batches that have not arrived.
func (e *Engine) Held() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.held)
}

// Deliver lets the late batches arrive, oldest first, and returns how many of them applied. One
// that conflicts is void; another error is returned at the end, and its batch is gone.
func (e *Engine) Deliver(ctx context.Context) (applied int, err error) {
	for _, b := range e.take() {
		switch one := e.inner.Commit(ctx, b); {
		case one == nil:
			applied++
		case !errors.Is(one, kv.ErrConflict):
			err = errors.Join(err, fmt.Errorf("faultkv: late commit: %w", one))
		}
	}
	return applied, err
}

func (e *Engine) beforeRead(ctx context.Context) error {
	outcome, err := e.before(ctx, Read)
	if err == nil && outcome == Refuse {
		err = ErrRefused
	}
	return err
}

func (e *Engine) before(ctx context.Context, c Call) (Outcome, error) {
	if e.cfg.Pause != nil {
		if err := e.cfg.Pause(ctx, c); err != nil {
			return Pass, err
		}
	}
	if e.cfg.DeliverFirst {
		if _, err := e.Deliver(ctx); err != nil {
			return Pass, err
		}
	}
	if e.cfg.Decide == nil {
		return Pass, nil
	}
	return e.cfg.Decide(c), nil
}

func (e *Engine) hold(b *kv.Batch) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.held = append(e.held, b)
}

func (e *Engine) take() []*kv.Batch {
	e.mu.Lock()
	defer e.mu.Unlock()
	held := e.held
	e.held = nil
	return held
}

// copyBatch copies everything: the caller may reset its batch and reuse its slices.
func copyBatch(b *kv.Batch) *kv.Batch {
	var c kv.Batch
	for _, op := range b.Ops() {
		switch op.Kind {
		case kv.KindSet:
			c.Set(bytes.Clone(op.Key), bytes.Clone(op.Value))
		case kv.KindDelete:
			c.Delete(bytes.Clone(op.Key))
		case kv.KindDeleteRange:
			c.DeleteRange(bytes.Clone(op.Key), bytes.Clone(op.Value))
		}
	}
	for _, r := range b.Requires() {
		c.Require(bytes.Clone(r.Key), bytes.Clone(r.Value)) // Clone keeps nil and empty apart
	}
	return &c
}
