package pgkv

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"auwai/internal/backoff"
	"auwai/internal/fault"
	"auwai/internal/kv"
)

// maxSends bounds how often a batch is sent that the server says it has not applied.
const maxSends = 20

// repeatPolicy is the wait before a batch is sent again. Most deadlocks are over at once.
func repeatPolicy() backoff.Policy {
	return backoff.Policy{First: time.Millisecond, Factor: 2, Max: 200 * time.Millisecond, Jitter: 1}
}

// Error codes of the server.
const (
	codeNoRow         = "22012" // a certificate changed no row: division by zero
	codeDuplicate     = "23505" // INSERT of a key that is required to be absent
	codeDeadlock      = "40P01"
	codeSerialization = "40001"
	codeLockTimeout   = "55P03"
	codeNoTable       = "42P01"
)

// outcome is what is known after a batch was sent.
type outcome int

const (
	applied    outcome = iota
	conflict           // a requirement did not hold; nothing was applied
	notApplied         // certainly not applied, and it is worth while to send again
	refused            // certainly not applied, and to send again would end the same
	unknown            // everything else
)

// Commit implements kv.Engine.
func (e *Engine) Commit(ctx context.Context, b *kv.Batch) error {
	if err := b.Check(); err != nil {
		return err
	}
	ctx, leave, err := e.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	text := message(b)
	if text == "" {
		return nil
	}
	for sends := 1; ; sends++ {
		result, err := e.send(ctx, text)
		switch result {
		case applied:
			return nil
		case conflict:
			return kv.ErrConflict
		case unknown:
			return fmt.Errorf("pgkv: commit: %w: %w", kv.ErrUnknown, err)
		case refused:
			return fault.Wrap(fault.Unavailable, err, "pgkv: commit refused")
		case notApplied:
		}
		if err := e.pause(ctx, sends, err); err != nil {
			return err
		}
	}
}

// send runs the transaction once. The driver drops a connection that broke or whose context ended;
// the server has rolled back whatever it answered with an error.
func (e *Engine) send(ctx context.Context, text string) (outcome, error) {
	conn, err := e.pool.Acquire(ctx)
	if err != nil {
		return refused, fmt.Errorf("get a connection: %w", err)
	}
	defer conn.Release()
	if err := ctx.Err(); err != nil {
		return refused, err // nothing was sent; from here on the end of ctx is an unknown outcome
	}
	_, err = conn.Conn().PgConn().Exec(ctx, text).ReadAll()
	return classify(err), err
}

// pause waits before the batch is sent again, and ends the repetition.
func (e *Engine) pause(ctx context.Context, sends int, cause error) error {
	if sends == maxSends {
		return fault.Wrap(fault.Unavailable, cause, fmt.Sprintf("pgkv: commit not applied, sent %d times", sends))
	}
	e.cfg.OnRepeat(cause)
	chance := rand.Float64() //nolint:gosec // it only keeps two clients apart
	timer := time.NewTimer(repeatPolicy().Delay(sends, chance))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fault.Wrap(fault.Unavailable, errors.Join(ctx.Err(), cause), "pgkv: commit not applied")
	}
}

// classify says what an error of a commit means. The list holds what the server answers only while a
// statement runs, that is before the transaction is committed. Everything else is unknown: a server
// that is stopped or that cancels answers with errors too, while its commit may be on disk.
//
// pgconn.SafeToRetry is not asked: it also says yes to the "conn closed" that pgx answers after it
// lost the reply to a message that was sent.
func classify(err error) outcome {
	if err == nil {
		return applied
	}
	switch c := code(err); {
	case c == codeNoRow, c == codeDuplicate:
		return conflict
	case c == codeDeadlock, c == codeSerialization, c == codeLockTimeout:
		return notApplied
	case strings.HasPrefix(c, "42"), strings.HasPrefix(c, "22"): // access, syntax, names; data
		return refused
	case strings.HasPrefix(c, "25"), c == "26000": // read-only; the prepared statements are gone
		return refused
	case c == "53300", c == "54000", c == "54001": // too many connections; a statement too large
		return refused
	default:
		return unknown
	}
}
