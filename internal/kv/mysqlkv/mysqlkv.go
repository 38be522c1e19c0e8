package mysqlkv

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"auwai/internal/fault"
	"auwai/internal/kv"
	"auwai/internal/kv/sqlkv"
)

// Engine is the kv engine on one server. It is safe for concurrent use.
type Engine struct {
	cfg        Config
	names      names
	vars       variables
	durability Durability
	commits    *sql.DB // reads and commits
	snapshots  *sql.DB // one connection for each open snapshot

	calls *sqlkv.Calls
}

var _ kv.Engine = (*Engine)(nil)

// Open connects to the server, checks that it keeps the contract, and makes the tables when they are
// missing. A server whose acknowledgements are not durable, or whose limits are too small, is refused
// with an error that names the variable, its value and the remedy.
func Open(ctx context.Context, cfg Config) (*Engine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("mysqlkv: %w", err)
	}
	cfg.Options = cfg.WithDefaults()
	ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()
	vars, err := probe(ctx, cfg)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "mysqlkv: open")
	}
	durability, err := vars.check(cfg)
	if err != nil {
		return nil, err
	}
	if cfg.Send == SendAuto {
		cfg.Send = SendSeparate
		if vars.mariadb() {
			cfg.Send = SendCompound
		}
	}
	e := &Engine{
		cfg: cfg, names: tableNames(cfg.TablePrefix), vars: vars, durability: durability,
		calls: sqlkv.NewCalls("mysqlkv", cfg.Timeout),
	}
	if err := e.connect(ctx); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// probe reads the variables that decide how a session is set up, so it has no settings itself.
func probe(ctx context.Context, cfg Config) (variables, error) {
	db, err := openPool(cfg.DSN, nil)
	if err != nil {
		return nil, err
	}
	vars, err := readVariables(ctx, db)
	return vars, errors.Join(err, db.Close())
}

func (e *Engine) connect(ctx context.Context) error {
	var err error
	if e.commits, err = openCommits(e.cfg, e.vars); err != nil {
		return err
	}
	if e.snapshots, err = openSnapshots(e.cfg, e.vars); err != nil {
		return err
	}
	return ensureSchema(ctx, e.commits, e.names)
}

// Durability returns what an acknowledged commit meant on this server when it was opened.
func (e *Engine) Durability() Durability { return e.durability }

// Close waits for running calls, ends all snapshots and closes all connections. Closing again does
// nothing.
func (e *Engine) Close() error {
	if !e.calls.Close() {
		return nil
	}
	for _, db := range []*sql.DB{e.commits, e.snapshots} {
		if db != nil {
			// It fails when the server is gone before its connections, and then nothing is lost.
			_ = db.Close()
		}
	}
	return nil
}
