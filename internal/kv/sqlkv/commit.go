package sqlkv

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"auwai/internal/backoff"
	"auwai/internal/fault"
	"auwai/internal/kv"
)

// Outcome is what is known after a batch was sent.
type Outcome int

// The outcomes.
const (
	Applied    Outcome = iota
	Conflict           // a requirement did not hold; nothing was applied
	NotApplied         // certainly not applied, and it is worth while to send again
	Refused            // certainly not applied, and to send again would end the same
	Unknown            // everything else
)

// maxSends bounds how often a batch is sent that the server says it has not applied.
const maxSends = 20

// repeatPolicy is the wait before a batch is sent again. Most deadlocks are over at once.
func repeatPolicy() backoff.Policy {
	return backoff.Policy{First: time.Millisecond, Factor: 2, Max: 200 * time.Millisecond, Jitter: 1}
}

// Commit sends a batch until its outcome is known, and returns what kv.Engine.Commit promises. send
// sends it once. onRepeat is told each error after which it is sent again.
func (c *Calls) Commit(ctx context.Context, onRepeat func(error), send func(context.Context) (Outcome, error)) error {
	for sends := 1; ; sends++ {
		outcome, err := send(ctx)
		switch outcome {
		case Applied:
			return nil
		case Conflict:
			return kv.ErrConflict
		case Unknown:
			return fmt.Errorf("%s: commit: %w: %w", c.name, kv.ErrUnknown, err)
		case Refused:
			return fault.Wrap(fault.Unavailable, err, c.name+": commit refused")
		case NotApplied:
		}
		if err := c.pause(ctx, sends, onRepeat, err); err != nil {
			return err
		}
	}
}

// pause waits before the batch is sent again, and ends the repetition.
func (c *Calls) pause(ctx context.Context, sends int, onRepeat func(error), cause error) error {
	if sends == maxSends {
		return fault.Wrap(fault.Unavailable, cause, fmt.Sprintf("%s: commit not applied, sent %d times", c.name, sends))
	}
	onRepeat(cause)
	chance := rand.Float64() //nolint:gosec // it only keeps two clients apart
	timer := time.NewTimer(repeatPolicy().Delay(sends, chance))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fault.Wrap(fault.Unavailable, errors.Join(ctx.Err(), cause), c.name+": commit not applied")
	}
}
