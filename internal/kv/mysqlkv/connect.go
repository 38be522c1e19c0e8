package mysqlkv

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"
)

// The server-side limits of a session.
const (
	// idleSeconds ends a transaction whose client sends nothing more, so that a stopped client
	// delays others no longer than that.
	idleSeconds = 2
	// lockSeconds is how long a statement waits for a row lock. It is above idleSeconds, so that the
	// holder is ended first.
	lockSeconds = 10
)

// dialTimeout bounds a connection attempt when the DSN names no limit.
const dialTimeout = 10 * time.Second

// driverConfig returns the driver's settings for the DSN, with everything fixed that decides what a
// commit or its error means.
func driverConfig(dsn string) (*mysql.Config, error) {
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, fmt.Errorf("parse the data source name: %w", err)
	}
	cfg.MultiStatements = false   // see the package comment
	cfg.ClientFoundRows = false   // a certificate counts changed rows
	cfg.RejectReadOnly = false    // it would turn an answered commit into "nothing was sent"
	cfg.CheckConnLiveness = true  // a connection that the server has closed is found before it is used
	cfg.MaxAllowedPacket = 0      // ask the server
	cfg.InterpolateParams = false // there are no parameters
	cfg.AllowAllFiles = false
	cfg.Logger = &mysql.NopLogger{} // what it would say comes back as an error
	if cfg.Timeout == 0 {
		cfg.Timeout = dialTimeout
	}
	return cfg, nil
}

// commitSettings are the statements that prepare a session for reads and commits.
func commitSettings(v variables) []string {
	set := fmt.Sprintf("SET SESSION sql_mode = 'STRICT_ALL_TABLES', autocommit = 1, innodb_lock_wait_timeout = %d",
		lockSeconds)
	if v.mariadb() {
		set += fmt.Sprintf(", idle_transaction_timeout = %d", idleSeconds)
	} else {
		// MySQL has no limit for idle transactions, but it does end idle connections, and the
		// transaction with them.
		set += fmt.Sprintf(", wait_timeout = %d", idleSeconds)
	}
	if v.galera() && !v.mariadb() {
		set += ", wsrep_sync_wait = 1" // MariaDB says it at each read, and spares the commits
	}
	return []string{set, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"}
}

// snapshotSettings are the statements that prepare a session for a snapshot. It may idle as long as
// its reader likes, and holds no lock.
func snapshotSettings(v variables) []string {
	set := "SET SESSION sql_mode = 'STRICT_ALL_TABLES', autocommit = 1"
	if v.mariadb() {
		set += ", idle_transaction_timeout = 0, idle_readonly_transaction_timeout = 0"
	}
	if v.galera() {
		set += ", wsrep_sync_wait = 1"
	}
	return []string{set, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"}
}

// openCommits returns the pool for reads and commits.
func openCommits(cfg Config, v variables) (*sql.DB, error) {
	db, err := openPool(cfg.DSN, commitSettings(v))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(cfg.MaxConns)
	db.SetMaxIdleConns(cfg.MaxConns)
	if !v.mariadb() {
		// The server ends them soon after.
		db.SetConnMaxIdleTime(idleSeconds * time.Second / 2)
	}
	return db, nil
}

// openSnapshots returns the pool for snapshots: it keeps no connection.
func openSnapshots(cfg Config, v variables) (*sql.DB, error) {
	db, err := openPool(cfg.DSN, snapshotSettings(v))
	if err != nil {
		return nil, err
	}
	db.SetMaxIdleConns(-1)
	return db, nil
}

func openPool(dsn string, settings []string) (*sql.DB, error) {
	cfg, err := driverConfig(dsn)
	if err != nil {
		return nil, err
	}
	base, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, fmt.Errorf("prepare connections: %w", err)
	}
	return sql.OpenDB(&connector{Connector: base, settings: settings}), nil
}

// connector makes connections that have their settings.
type connector struct {
	driver.Connector
	settings []string
}

// Connect implements driver.Connector.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	execer, ok := conn.(driver.ExecerContext)
	if !ok {
		return nil, errors.Join(errors.New("the driver's connection cannot execute"), conn.Close())
	}
	for _, text := range c.settings {
		if _, err := execer.ExecContext(ctx, text, nil); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", text, err), conn.Close())
		}
	}
	return conn, nil
}

// drop closes a connection for good instead of giving it back to its pool.
func drop(conn *sql.Conn) {
	// Raw hands the error back, and the pool takes it as the sign that the connection is broken.
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = conn.Close() // it is closed already
}
