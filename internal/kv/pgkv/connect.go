package pgkv

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// The server-side limits of a session.
const (
	// idleLimit ends a transaction whose client sends nothing more. No transaction of this package is
	// ever idle, so it is a second line.
	idleLimit = "2s"
	// lockLimit is how long a statement waits for a row lock.
	lockLimit = "10s"
)

// closeTimeout bounds the farewell to a server when a connection is closed.
const closeTimeout = 2 * time.Second

// The names of the statements that every connection of the pool has prepared.
const (
	stmtSwap  = "auwai_swap"  // key, new, old
	stmtTake  = "auwai_take"  // key, old
	stmtAdd   = "auwai_add"   // key, new
	stmtRange = "auwai_range" // from, to
	stmtDel   = "auwai_del"   // keys
	stmtPut   = "auwai_put"   // keys, values
)

// sessionText prepares a session: settings that no server default may change.
func sessionText(idle string) string {
	return strings.Join([]string{
		"SET default_transaction_isolation = 'read committed'",
		"SET default_transaction_read_only = off",
		"SET standard_conforming_strings = on",
		"SET enable_seqscan = off",
		"SET enable_bitmapscan = off",
		"SET plan_cache_mode = force_generic_plan",
		"SET jit = off",
		"SET lock_timeout = '" + lockLimit + "'",
		"SET idle_in_transaction_session_timeout = '" + idle + "'",
	}, ";") + ";"
}

// prepareText prepares the statements of a commit.
func (n names) prepareText() string {
	return strings.Join([]string{
		"PREPARE " + stmtSwap + "(bytea,bytea,bytea) AS WITH u AS (UPDATE " + n.kv +
			" SET v=$2 WHERE k=$1 AND v=$3 RETURNING 1) SELECT 1/count(*) FROM u",
		"PREPARE " + stmtTake + "(bytea,bytea) AS WITH d AS (DELETE FROM " + n.kv +
			" WHERE k=$1 AND v=$2 RETURNING 1) SELECT 1/count(*) FROM d",
		"PREPARE " + stmtAdd + "(bytea,bytea) AS INSERT INTO " + n.kv + " (k,v) VALUES ($1,$2)",
		"PREPARE " + stmtRange + "(bytea,bytea) AS DELETE FROM " + n.kv + " WHERE k>=$1 AND k<$2",
		"PREPARE " + stmtDel + "(bytea[]) AS DELETE FROM " + n.kv + " WHERE k = ANY($1)",
		"PREPARE " + stmtPut + "(bytea[],bytea[]) AS INSERT INTO " + n.kv +
			" (k,v) SELECT * FROM unnest($1,$2) ON CONFLICT (k) DO UPDATE SET v=excluded.v",
	}, ";")
}

// openPool returns the pool for reads and commits. It connects when it is first used.
func openPool(ctx context.Context, cfg Config, n names) (*pgxpool.Pool, error) {
	pc, err := pgxpool.ParseConfig(cfg.DSN)
	if err != nil {
		return nil, fmt.Errorf("parse the connection string: %w", err)
	}
	pc.MaxConns = int32(cfg.MaxConns) //nolint:gosec // at most maxConns
	pc.MinConns = 0
	// A statement is described once for each connection, and then costs no round trip of its own.
	pc.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
	text := sessionText(idleLimit) + n.prepareText()
	pc.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		return runText(ctx, conn, text)
	}
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, fmt.Errorf("prepare connections: %w", err)
	}
	return pool, nil
}

// connectSnapshot returns a connection of its own, which may idle as long as its reader likes.
func connectSnapshot(ctx context.Context, cfg Config) (*pgx.Conn, error) {
	pc, err := pgxpool.ParseConfig(cfg.DSN) // ParseConfig of pgx itself refuses the pool's settings
	if err != nil {
		return nil, fmt.Errorf("parse the connection string: %w", err)
	}
	conn, err := pgx.ConnectConfig(ctx, pc.ConnConfig)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	// The first statement of the transaction chooses the moment.
	text := sessionText("0") + "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;SELECT 1"
	if err := runText(ctx, conn, text); err != nil {
		closeConn(ctx, conn)
		return nil, err
	}
	return conn, nil
}

// runText sends a text of statements as one message.
func runText(ctx context.Context, conn *pgx.Conn, text string) error {
	if _, err := conn.PgConn().Exec(ctx, text).ReadAll(); err != nil {
		return fmt.Errorf("set up a session: %w", err)
	}
	return nil
}

// closeConn closes a connection, also after ctx has ended.
func closeConn(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	_ = conn.Close(ctx) // the socket is closed whatever the server says
}
