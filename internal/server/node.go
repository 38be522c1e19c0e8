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
	err := e.loop.Do(ctx, p, wiki, c)
	if !closed(err) {
		return err
	}
	ticker := time.NewTicker(openEvery)
	defer ticker.Stop()
	for start := time.Now(); closed(err) && time.Since(start) <= openWithin; {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return err
		}
		err = e.loop.Do(ctx, p, wiki, c)
	}
	return err
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
