package mysqlkv

import (
	"context"

	"auwai/internal/fault"
	"auwai/internal/kv"
	"auwai/internal/kv/sqlkv"
)

// Snapshot implements kv.Engine: a REPEATABLE READ transaction on a connection of its own. An open
// snapshot keeps old versions of rows alive: a store under load grows until it is closed.
func (e *Engine) Snapshot(ctx context.Context) (kv.Snapshot, error) {
	ctx, leave, err := e.calls.Enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	conn, err := e.snapshots.Conn(ctx)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "mysqlkv: snapshot")
	}
	if _, err := conn.ExecContext(ctx, "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"); err != nil {
		drop(conn)
		return nil, fault.Wrap(fault.Unavailable, err, "mysqlkv: snapshot")
	}
	// A read is never repeated on another connection, which would see another moment.
	query := func(ctx context.Context, text string, read reader) error {
		return readAll(ctx, conn.QueryContext, text, read)
	}
	return e.calls.Snapshot(sqlkv.View{
		Get: func(ctx context.Context, keys []kv.Key) ([][]byte, error) { return e.names.get(ctx, query, keys) },
		Scan: func(ctx context.Context, ranges []kv.Range) ([]kv.Page, error) {
			return e.names.scan(ctx, query, ranges)
		},
		End: func() { drop(conn) },
	})
}
