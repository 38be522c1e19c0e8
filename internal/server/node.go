package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"auwai/internal/ident"
	"auwai/internal/intake"
	"auwai/internal/node"
	"auwai/internal/partition"
)

// entrance is the node as intake uses it.
type entrance struct {
	loop   *node.Loop
	silent time.Duration // how long a partition is waited for before its owner counts as silent

	// mailed has a bit for each partition that mail was sent to, until it is seen to have arrived.
	mailed atomic.Uint64

	mu     sync.Mutex
	minter *ident.Minter // guarded by mu
}

// How long a request waits for a partition that takes no commands here before it goes by mail, unless an
// entrance says otherwise, and how often it looks.
const (
	silentFor = time.Second
	openEvery = 10 * time.Millisecond
)

// Submit implements intake.Node. A partition without an owner, or one that is being read again after a
// failed invariant, is waited for, and then answered for by the lane.
func (e *entrance) Submit(ctx context.Context, p partition.ID, wiki string, c partition.Command) error {
	if err := e.keepToLane(ctx, p); err != nil {
		return err
	}
	err := e.loop.Do(ctx, p, wiki, c)
	if !closed(err) {
		return err
	}
	ticker := time.NewTicker(openEvery)
	defer ticker.Stop()
	for start := time.Now(); closed(err); {
		if time.Since(start) > e.silent {
			return fmt.Errorf("%w: %w", intake.ErrSilent, err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return err
		}
		err = e.loop.Do(ctx, p, wiki, c)
	}
	return err
}

// keepToLane answers ErrSilent while mail to a partition is under way that takes no commands here. When it
// takes some, what was mailed is about to be applied, and is waited for: it must not be overtaken.
func (e *entrance) keepToLane(ctx context.Context, p partition.ID) error {
	bit := uint64(1) << p
	if e.mailed.Load()&bit == 0 {
		return nil
	}
	ticker := time.NewTicker(openEvery)
	defer ticker.Stop()
	for start := time.Now(); ; {
		mail, open, err := e.loop.MailUnderWay(ctx, p)
		switch {
		case err != nil:
			return err //nolint:wrapcheck // as loop.Do
		case !mail:
			e.mailed.And(^bit)
			return nil
		case !open || time.Since(start) > e.silent:
			return intake.ErrSilent
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Mail implements intake.Node.
func (e *entrance) Mail(ctx context.Context, p partition.ID, letters []partition.Letter) error {
	e.mailed.Or(uint64(1) << p)
	err := e.loop.Mail(ctx, p, letters...)
	e.mailed.Or(uint64(1) << p) // a request that looked before the message was in its lane has cleared it
	return err                  //nolint:wrapcheck // as loop.Do
}

// closed reports whether err says that the partition takes no commands at the moment.
func closed(err error) bool {
	return errors.Is(err, partition.ErrNotOpen) || errors.Is(err, partition.ErrPoisoned)
}

// Mint implements intake.Node.
func (e *entrance) Mint() ident.Suffix {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.minter.Next(time.Now())
}

// Now implements intake.Node.
func (e *entrance) Now() time.Time { return time.Now().UTC() }
