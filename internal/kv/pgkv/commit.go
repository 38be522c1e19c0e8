package pgkv

import (
	"context"
	"fmt"
	"strings"

	"auwai/internal/kv"
	"auwai/internal/kv/sqlkv"
)

// Error codes of the server.
const (
	codeNoRow         = "22012" // a certificate changed no row: division by zero
	codeDuplicate     = "23505" // INSERT of a key that is required to be absent
	codeDeadlock      = "40P01"
	codeSerialization = "40001"
	codeLockTimeout   = "55P03"
	codeNoTable       = "42P01"
)

// Commit implements kv.Engine.
func (e *Engine) Commit(ctx context.Context, b *kv.Batch) error {
	if err := b.Check(); err != nil {
		return err
	}
	ctx, leave, err := e.calls.Enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	text := message(b)
	if text == "" {
		return nil
	}
	return e.calls.Commit(ctx, e.cfg.OnRepeat, func(ctx context.Context) (sqlkv.Outcome, error) { return e.send(ctx, text) })
}

// send runs the transaction once. The driver drops a connection that broke or whose context ended;
// the server has rolled back whatever it answered with an error.
func (e *Engine) send(ctx context.Context, text string) (sqlkv.Outcome, error) {
	conn, err := e.pool.Acquire(ctx)
	if err != nil {
		return sqlkv.Refused, fmt.Errorf("get a connection: %w", err)
	}
	defer conn.Release()
	if err := ctx.Err(); err != nil {
		return sqlkv.Refused, err // nothing was sent; from here on the end of ctx is an unknown outcome
	}
	_, err = conn.Conn().PgConn().Exec(ctx, text).ReadAll()
	return classify(err), err
}

// classify says what an error of a commit means. The list holds what the server answers only while a
// statement runs, that is before the transaction is committed. Everything else is unknown: a server
// that is stopped or that cancels answers with errors too, while its commit may be on disk.
//
// pgconn.SafeToRetry is not asked: it also says yes to the "conn closed" that pgx answers after it
// lost the reply to a message that was sent.
func classify(err error) sqlkv.Outcome {
	if err == nil {
		return sqlkv.Applied
	}
	switch c := code(err); {
	case c == codeNoRow, c == codeDuplicate:
		return sqlkv.Conflict
	case c == codeDeadlock, c == codeSerialization, c == codeLockTimeout:
		return sqlkv.NotApplied
	case strings.HasPrefix(c, "42"), strings.HasPrefix(c, "22"): // access, syntax, names; data
		return sqlkv.Refused
	case strings.HasPrefix(c, "25"), c == "26000": // read-only; the prepared statements are gone
		return sqlkv.Refused
	case c == "53300", c == "54000", c == "54001": // too many connections; a statement too large
		return sqlkv.Refused
	default:
		return sqlkv.Unknown
	}
}
