package server

import (
	"context"
	"errors"
	"sync"
	"time"

	"auwai/internal/ident"
	"auwai/internal/node"
	"auwai/internal/partition"
)

// entrance is the node as intake uses it.
type entrance struct {
	loop *node.Loop

	mu     sync.Mutex
	minter *ident.Minter // guarded by mu
}

// How long a request waits for a partition that is being read again, and how often it looks.
const (
	openWithin = 4 * time.Second
	openEvery  = 10 * time.Millisecond
)

// Submit implements intake.Node. A partition that is being read again after a failed invariant is
// waited for: a producer that does not retry must not lose its work to that.
func (e *entrance) Submit(ctx context.Context, p partition.ID, wiki string, c partition.Command) error {
	var timer *time.Timer
	start := time.Now()
	for {
		err := e.loop.Do(ctx, p, wiki, c)
		closed := errors.Is(err, partition.ErrNotOpen) || errors.Is(err, partition.ErrPoisoned)
		if !closed || time.Since(start) > openWithin {
			return err
		}
		if timer == nil {
			timer = time.NewTimer(openEvery)
			defer timer.Stop()
		} else {
			timer.Reset(openEvery)
		}
		select {
		case <-timer.C:
		case <-ctx.Done():
			return err
		}
	}
}

// Mint implements intake.Node.
func (e *entrance) Mint() ident.Suffix {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.minter.Next(time.Now())
}

// Now implements intake.Node.
func (e *entrance) Now() time.Time { return time.Now().UTC() }
