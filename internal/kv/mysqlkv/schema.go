package mysqlkv

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/go-sql-driver/mysql"

	"auwai/internal/fault"
)

// format is the version of the tables' layout.
const format = "1"

// schemaTries bounds the creation of the tables. On a Galera cluster a CREATE TABLE aborts whatever
// another program does with the same table at that moment, also a SELECT; each such abort means that
// one statement of another program is done, so it is repeated at once.
const schemaTries = 40

// names are the quoted names of an engine's tables.
type names struct{ kv, meta string }

func tableNames(prefix string) names {
	return names{kv: "`" + prefix + "kv`", meta: "`" + prefix + "kv_meta`"}
}

// ensureSchema makes the tables when they are missing and checks their format. Existing tables are
// only read, so that an engine can do without the right to create, and so that nothing stalls a
// Galera cluster, where CREATE TABLE is carried out on all nodes in isolation.
func ensureSchema(ctx context.Context, db *sql.DB, n names) error {
	found, err := readOrCreate(ctx, db, n)
	for try := 1; err != nil && try < schemaTries && disturbed(err); try++ {
		found, err = readOrCreate(ctx, db, n)
	}
	if err != nil {
		return err
	}
	if found != format {
		return fault.Newf(fault.Invalid, "mysqlkv: table %s has format %q, this program knows %q", n.kv, found, format)
	}
	return nil
}

// disturbed reports whether another program that creates the same tables was in the way.
func disturbed(err error) bool {
	switch number(err) {
	case codeDeadlock, codeLockWait, codeRecordChange, codeTableChange:
		return true
	default:
		return false
	}
}

// readOrCreate returns the format of the tables, which it makes when they are missing.
func readOrCreate(ctx context.Context, db *sql.DB, n names) (string, error) {
	found, err := readFormat(ctx, db, n)
	if !errors.Is(err, errNoSchema) {
		return found, err
	}
	if err := createSchema(ctx, db, n); err != nil {
		return "", err
	}
	return readFormat(ctx, db, n)
}

// errNoSchema means that the tables or the format row are missing.
var errNoSchema = errors.New("no tables")

func readFormat(ctx context.Context, db *sql.DB, n names) (string, error) {
	var found string
	err := db.QueryRowContext(ctx, "SELECT value FROM "+n.meta+" WHERE name = 'format'").Scan(&found)
	if number(err) == codeNoTable || errors.Is(err, sql.ErrNoRows) {
		return "", errNoSchema
	}
	if err != nil {
		return "", fmt.Errorf("read the format of %s: %w", n.kv, err)
	}
	return found, nil
}

// createSchema may run in several processes at once. The format row comes last: where it stands, the
// table stands.
func createSchema(ctx context.Context, db *sql.DB, n names) error {
	for _, text := range []string{
		// The statistics of a queue's table are wrong most of the time: none are kept. The columns
		// are as wide as the limits of package kv ask.
		"CREATE TABLE IF NOT EXISTS " + n.kv + " (k VARBINARY(512) NOT NULL PRIMARY KEY, v MEDIUMBLOB NOT NULL)" +
			" ENGINE=InnoDB ROW_FORMAT=DYNAMIC STATS_PERSISTENT=0",
		"CREATE TABLE IF NOT EXISTS " + n.meta +
			" (name VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY," +
			" value VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL) ENGINE=InnoDB",
		"INSERT IGNORE INTO " + n.meta + " (name, value) VALUES ('format', '" + format + "')",
	} {
		if _, err := db.ExecContext(ctx, text); err != nil {
			return fmt.Errorf("create %s: %w", n.kv, err)
		}
	}
	return nil
}

// number returns the server's error number, 0 for an error that is not the server's.
func number(err error) uint16 {
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return e.Number
	}
	return 0
}
