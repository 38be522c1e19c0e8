package pgkv

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"auwai/internal/fault"
)

// format is the version of the tables' layout.
const format = "1"

// schemaTries bounds the creation of the tables: two programs that create them at the same moment
// disturb each other.
const schemaTries = 5

// names are the names of an engine's tables. They need no quotes: see Config.TablePrefix.
type names struct{ kv, meta string }

func tableNames(prefix string) names { return names{kv: prefix + "kv", meta: prefix + "kv_meta"} }

// ensureSchema makes the tables when they are missing and checks their format. Existing tables are
// only read, so that an engine can do without the right to create. It runs before the pool is there,
// since the pool's connections prepare statements for the tables.
func ensureSchema(ctx context.Context, conn *pgx.Conn, n names) error {
	for try := 1; ; try++ {
		found, err := readFormat(ctx, conn, n)
		if err == nil {
			return checkFormat(found, n)
		}
		if code(err) != codeNoTable {
			return err
		}
		err = createSchema(ctx, conn, n)
		if err != nil && (try == schemaTries || !createdElsewhere(err)) {
			return err
		}
	}
}

func checkFormat(found string, n names) error {
	if found != format {
		return fault.Newf(fault.Invalid, "pgkv: table %s has format %q, this program knows %q", n.kv, found, format)
	}
	return nil
}

func readFormat(ctx context.Context, conn *pgx.Conn, n names) (string, error) {
	var found string
	err := conn.QueryRow(ctx, "SELECT value FROM "+n.meta+" WHERE name = 'format'").Scan(&found)
	if err != nil {
		return "", fmt.Errorf("read the format of %s: %w", n.kv, err)
	}
	return found, nil
}

// createSchema makes all or nothing: one message is one transaction. Vacuum is told to follow
// closely, since a queue's rows are short-lived; values are not compressed, which would cost more
// than it saves.
func createSchema(ctx context.Context, conn *pgx.Conn, n names) error {
	text := "CREATE TABLE " + n.kv + " (k bytea PRIMARY KEY, v bytea NOT NULL) WITH (" +
		"autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=5000, autovacuum_vacuum_cost_delay=0);" +
		"ALTER TABLE " + n.kv + " ALTER v SET STORAGE EXTERNAL;" +
		"CREATE TABLE " + n.meta + " (name text COLLATE \"C\" PRIMARY KEY, value text COLLATE \"C\" NOT NULL);" +
		"INSERT INTO " + n.meta + " (name, value) VALUES ('format', '" + format + "')"
	if _, err := conn.PgConn().Exec(ctx, text).ReadAll(); err != nil {
		return fmt.Errorf("create %s: %w", n.kv, err)
	}
	return nil
}

// createdElsewhere reports whether another program has created the tables at the same moment: the
// name, or a row of the catalogue, is there already.
func createdElsewhere(err error) bool {
	switch code(err) {
	case "42P07", "42710", codeDuplicate:
		return true
	default:
		return false
	}
}

// code returns the server's error code, "" for an error that is not the server's.
func code(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}
