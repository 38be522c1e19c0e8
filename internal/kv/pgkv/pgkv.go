package pgkv

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"auwai/internal/fault"
	"auwai/internal/kv"
	"auwai/internal/kv/sqlkv"
)

// Engine is the kv engine on one server. It is safe for concurrent use.
type Engine struct {
	cfg        Config
	names      names
	durability Durability
	pool       *pgxpool.Pool // reads and commits

	calls *sqlkv.Calls
}

var _ kv.Engine = (*Engine)(nil)

// Open connects to the server, checks that it keeps the contract, and makes the tables when they are
// missing. A server whose acknowledgements are not durable is refused with an error that names the
// setting, its value and the remedy.
func Open(ctx context.Context, cfg Config) (*Engine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("pgkv: %w", err)
	}
	cfg.Options = cfg.WithDefaults()
	e := &Engine{cfg: cfg, names: tableNames(cfg.TablePrefix), calls: sqlkv.NewCalls("pgkv", cfg.Timeout)}
	setUp, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()
	if err := e.prepare(setUp); err != nil {
		return nil, err
	}
	// The pool outlives the limit of Open.
	pool, err := openPool(context.WithoutCancel(ctx), cfg, e.names)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "pgkv: open")
	}
	e.pool = pool
	if err := pool.Ping(setUp); err != nil {
		pool.Close()
		return nil, fault.Wrap(fault.Unavailable, err, "pgkv: open")
	}
	return e, nil
}

// prepare checks the server and makes the tables, on a connection of its own.
func (e *Engine) prepare(ctx context.Context) error {
	pc, err := pgxpool.ParseConfig(e.cfg.DSN) // knows the pool's settings too
	if err != nil {
		return fmt.Errorf("pgkv: parse the connection string: %w", err)
	}
	conn, err := pgx.ConnectConfig(ctx, pc.ConnConfig)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "pgkv: connect")
	}
	defer closeConn(ctx, conn)
	found, err := readSettings(ctx, conn)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "pgkv: open")
	}
	if e.durability, err = found.check(e.cfg); err != nil {
		return err
	}
	if err := ensureSchema(ctx, conn, e.names); err != nil {
		return fmt.Errorf("pgkv: %w", err)
	}
	return nil
}

// Durability returns what an acknowledged commit meant on this server when it was opened.
func (e *Engine) Durability() Durability { return e.durability }

// Close waits for running calls, ends all snapshots and closes all connections. Closing again does
// nothing.
func (e *Engine) Close() error {
	if !e.calls.Close() {
		return nil
	}
	e.pool.Close()
	return nil
}
