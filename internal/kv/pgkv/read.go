package pgkv

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"auwai/internal/fault"
	"auwai/internal/kv"
	"auwai/internal/kv/sqlkv"
)

// readTries is how often a read is sent whose connection breaks.
const readTries = 3

// querier reads with a function: on any connection of the pool, or on a snapshot's.
type querier func(ctx context.Context, read func(sender) error) error

// sender is what a read needs of a connection.
type sender interface {
	Query(ctx context.Context, text string, args ...any) (pgx.Rows, error)
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// Get implements kv.Engine. All keys are read by one statement.
func (e *Engine) Get(ctx context.Context, keys ...kv.Key) ([][]byte, error) {
	ctx, leave, err := e.calls.Enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	return e.names.get(ctx, e.read, keys)
}

// Scan implements kv.Engine. Each range is one statement, and all go in one round trip.
func (e *Engine) Scan(ctx context.Context, ranges ...kv.Range) ([]kv.Page, error) {
	ctx, leave, err := e.calls.Enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	return e.names.scan(ctx, e.read, ranges)
}

// read reads on the pool. A read may be repeated, so a connection that broke is no failure yet.
func (e *Engine) read(ctx context.Context, read func(sender) error) error {
	for try := 1; ; try++ {
		err := e.readOnce(ctx, read)
		if err == nil || try == readTries || ctx.Err() != nil || code(err) != "" {
			return err
		}
	}
}

func (e *Engine) readOnce(ctx context.Context, read func(sender) error) error {
	conn, err := e.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("get a connection: %w", err)
	}
	defer conn.Release()
	return read(conn)
}

func (n names) get(ctx context.Context, query querier, keys []kv.Key) ([][]byte, error) {
	if len(keys) == 0 {
		return [][]byte{}, nil
	}
	var found map[string][]byte
	err := query(ctx, func(conn sender) error {
		found = make(map[string][]byte, len(keys))
		rows, err := conn.Query(ctx, "SELECT k,v FROM "+n.kv+" WHERE k = ANY($1::bytea[])", notNilAll(keys))
		if err != nil {
			return err
		}
		return eachRow(rows, func(key, value []byte) { found[string(key)] = value })
	})
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "pgkv: get")
	}
	values := make([][]byte, len(keys))
	seen := make(map[string]bool, len(keys))
	for i, key := range keys {
		value, ok := found[string(key)]
		if !ok {
			continue
		}
		values[i] = sqlkv.NotNil(value)
		if seen[string(key)] { // a key that is asked for twice is given twice
			values[i] = append([]byte{}, value...)
		}
		seen[string(key)] = true
	}
	return values, nil
}

func (n names) scan(ctx context.Context, query querier, ranges []kv.Range) ([]kv.Page, error) {
	pages := make([]kv.Page, len(ranges))
	if len(ranges) == 0 {
		return pages, nil
	}
	err := query(ctx, func(conn sender) error {
		var b pgx.Batch
		for _, r := range ranges {
			text, args := n.scanText(r)
			b.Queue(text, args...)
		}
		results := conn.SendBatch(ctx, &b)
		for i, r := range ranges {
			rows, err := results.Query()
			if err == nil {
				pages[i], err = readPage(r, rows)
			}
			if err != nil {
				_ = results.Close() // it would say the same
				return err
			}
		}
		return results.Close()
	})
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "pgkv: scan")
	}
	return pages, nil
}

// eachRow gives keys and values, which belong to the function, and closes rows.
func eachRow(rows pgx.Rows, row func(key, value []byte)) error {
	defer rows.Close()
	for rows.Next() {
		var key, value []byte
		if err := rows.Scan(&key, &value); err != nil {
			return fmt.Errorf("read a row: %w", err)
		}
		row(key, value)
	}
	return rows.Err()
}

// readPage reads the rows of a range, which are one more than its page if there is one, and cuts them
// to the page.
func readPage(r kv.Range, rows pgx.Rows) (kv.Page, error) {
	var page kv.Page
	size := 0
	err := eachRow(rows, func(key, value []byte) {
		if !r.KeysOnly {
			value = sqlkv.NotNil(value)
		}
		size += len(key) + len(value)
		n := len(page.Entries)
		if page.More || n == sqlkv.LimitOf(r) || (n > 0 && r.MaxBytes > 0 && size > r.MaxBytes) {
			page.More = true
			return
		}
		page.Entries = append(page.Entries, kv.Entry{Key: key, Value: value})
	})
	page.Entries = slices.Clip(page.Entries)
	return page, err
}

// scanText returns the statement of a range. There are few different ones, so that each connection
// knows them after a while.
//
// With MaxBytes the server sums up the lengths and sends the rows up to the first one that is over,
// and always two, since a page has one entry at least and one more shows that there is more. Without
// that a page of 64 KiB could cost a thousand values of 1 MiB on the wire.
func (n names) scanText(r kv.Range) (string, []any) {
	to := r.To
	if to == nil {
		to = afterAll()
	}
	order := ""
	if r.Reverse {
		order = " DESC"
	}
	args := []any{sqlkv.NotNil(r.From), to, sqlkv.LimitOf(r) + 1}
	where := " FROM " + n.kv + " WHERE k >= $1 AND k < $2 ORDER BY k" + order + " LIMIT $3"
	switch {
	case r.KeysOnly:
		return "SELECT k, NULL::bytea" + where, args
	case r.MaxBytes > 0:
		return "SELECT k, v FROM (SELECT k, v, n, sum(n) OVER w AS total, row_number() OVER w AS place FROM (" +
			"SELECT k, v, octet_length(k)+octet_length(v) AS n" + where + ") l" +
			" WINDOW w AS (ORDER BY k" + order + " ROWS UNBOUNDED PRECEDING)) b" +
			" WHERE total-n <= $4 OR place <= 2 ORDER BY k" + order, append(args, r.MaxBytes)
	default:
		return "SELECT k, v" + where, args
	}
}

// afterAll returns bytes that are greater than every key.
func afterAll() []byte {
	all := make([]byte, kv.MaxKey+1)
	for i := range all {
		all[i] = 0xff
	}
	return all
}

// notNilAll returns keys that an array can hold: nil would be NULL, which no row equals anyway.
func notNilAll(keys []kv.Key) [][]byte {
	out := make([][]byte, len(keys))
	for i, key := range keys {
		out[i] = sqlkv.NotNil(key)
	}
	return out
}
