package mysqlkv

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/go-sql-driver/mysql"

	"auwai/internal/fault"
	"auwai/internal/kv"
	"auwai/internal/kv/sqlkv"
)

const (
	// statementKeys is the number of keys that one statement of Get reads: with keys of kv.MaxKey its
	// text stays below minPacket. A longer Get has several statements.
	statementKeys = 10_000
	// statementRanges is the number of ranges that one statement of Scan reads.
	statementRanges = 500
	// readTries is how often a read is sent whose connection breaks.
	readTries = 3
)

// querier runs one query: on any connection of the pool, or on a snapshot's. It calls begin before
// the first row of each try.
type querier func(ctx context.Context, text string, read reader) error

// reader takes the rows of a query.
type reader struct {
	begin func()
	row   func(*sql.Rows) error
}

// Get implements kv.Engine. Up to 10,000 keys are read by one statement.
func (e *Engine) Get(ctx context.Context, keys ...kv.Key) ([][]byte, error) {
	ctx, leave, err := e.calls.Enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	return e.names.get(ctx, e.query, keys)
}

// Scan implements kv.Engine. Up to 500 ranges are read by one statement.
func (e *Engine) Scan(ctx context.Context, ranges ...kv.Range) ([]kv.Page, error) {
	ctx, leave, err := e.calls.Enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	return e.names.scan(ctx, e.query, ranges)
}

// query reads on the pool. A read may be repeated, so a connection that broke is no failure yet.
func (e *Engine) query(ctx context.Context, text string, read reader) error {
	if e.vars.galera() && e.vars.mariadb() {
		text = "SET STATEMENT wsrep_sync_wait=1 FOR " + text
	}
	for try := 1; ; try++ {
		err := readAll(ctx, e.commits.QueryContext, text, read)
		if err == nil || try == readTries || ctx.Err() != nil || !repeatRead(err) {
			return err
		}
	}
}

// repeatRead reports whether a read may go better on another connection: this one is gone, or a
// Galera node waited in vain for the writes of others.
func repeatRead(err error) bool {
	return errors.Is(err, mysql.ErrInvalidConn) || errors.Is(err, driver.ErrBadConn) ||
		number(err) == codeLockWait || number(err) == codeDeadlock
}

// readAll runs one query and gives its rows to the reader.
func readAll(
	ctx context.Context, query func(context.Context, string, ...any) (*sql.Rows, error), text string, read reader,
) error {
	read.begin()
	rows, err := query(ctx, text)
	if err != nil {
		return fmt.Errorf("send: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err says all there is
	for rows.Next() {
		if err := read.row(rows); err != nil {
			return fmt.Errorf("read a row: %w", err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the rows: %w", err)
	}
	return nil
}

func (n names) get(ctx context.Context, query querier, keys []kv.Key) ([][]byte, error) {
	values := make([][]byte, len(keys))
	for from := 0; from < len(keys); from += statementKeys {
		part := keys[from:min(from+statementKeys, len(keys))]
		begin := func() { clear(values[from : from+len(part)]) }
		err := query(ctx, n.getText(part), reader{begin, func(rows *sql.Rows) error {
			var at int
			var value []byte
			if err := rows.Scan(&at, &value); err != nil {
				return err
			}
			if at < 0 || at >= len(part) {
				return fmt.Errorf("the server answered for key %d of %d", at, len(part))
			}
			values[from+at] = sqlkv.NotNil(value)
			return nil
		}})
		if err != nil {
			return nil, fault.Wrap(fault.Unavailable, err, "mysqlkv: get")
		}
	}
	return values, nil
}

// getText returns the statement that reads keys with their numbers, joinKeys to a derived table.
func (n names) getText(keys []kv.Key) string {
	text := make([]byte, 0, 128+len(keys)*96)
	at := 0
	for part := range slices.Chunk(keys, joinKeys) {
		if at > 0 {
			text = append(text, " UNION ALL "...)
		}
		text = append(text, "SELECT t.i,s.v FROM ("...)
		for i, key := range part {
			if i > 0 {
				text = append(text, " UNION ALL "...)
			}
			text = strconv.AppendInt(append(text, "SELECT "...), int64(at), 10)
			text = append(appendHex(append(text, " AS i,"...), key), " AS k"...)
			at++
		}
		text = append(text, ") t STRAIGHT_JOIN "+n.kv+" s FORCE INDEX(PRIMARY) ON s.k=t.k"...)
	}
	return string(text)
}

func (n names) scan(ctx context.Context, query querier, ranges []kv.Range) ([]kv.Page, error) {
	pages := make([]kv.Page, len(ranges))
	for from := 0; from < len(ranges); from += statementRanges {
		part := ranges[from:min(from+statementRanges, len(ranges))]
		found, err := n.scanPart(ctx, query, part)
		if err != nil {
			return nil, fault.Wrap(fault.Unavailable, err, "mysqlkv: scan")
		}
		for i, r := range part {
			pages[from+i] = makePage(r, found[i])
		}
	}
	return pages, nil
}

// scanPart returns the rows of each range: one more than its page has, if there is one.
func (n names) scanPart(ctx context.Context, query querier, ranges []kv.Range) ([][]kv.Entry, error) {
	var found [][]kv.Entry
	collect := func(rows *sql.Rows) error {
		var at int
		var key, value []byte
		if err := rows.Scan(&at, &key, &value); err != nil {
			return err
		}
		if at < 0 || at >= len(ranges) {
			return fmt.Errorf("the server answered for range %d of %d", at, len(ranges))
		}
		if !ranges[at].KeysOnly {
			value = sqlkv.NotNil(value)
		}
		found[at] = append(found[at], kv.Entry{Key: key, Value: value})
		return nil
	}
	begin := func() { found = make([][]kv.Entry, len(ranges)) }
	err := query(ctx, n.scanText(ranges), reader{begin, collect})
	return found, err
}

// makePage cuts the rows to the page. The order of a UNION's rows is not promised by anybody, so
// they are put in order first; in fact they are.
func makePage(r kv.Range, rows []kv.Entry) kv.Page {
	slices.SortFunc(rows, func(a, b kv.Entry) int {
		if r.Reverse {
			a, b = b, a
		}
		return bytes.Compare(a.Key, b.Key)
	})
	size := 0
	for i, row := range rows {
		size += len(row.Key) + len(row.Value)
		if i == sqlkv.LimitOf(r) || (i > 0 && r.MaxBytes > 0 && size > r.MaxBytes) {
			return kv.Page{Entries: slices.Clip(rows[:i]), More: true}
		}
	}
	return kv.Page{Entries: rows}
}
