package pgkv

import (
	"errors"

	"github.com/jackc/pgx/v5/pgxpool"

	"auwai/internal/fault"
	"auwai/internal/kv/sqlkv"
)

// Config says how to reach the server. Only DSN is required.
type Config struct {
	// DSN is a connection string of pgx, as words (host=… dbname=…) or as a URL. The database must
	// exist; the tables are made in the first schema of its search_path.
	DSN string
	sqlkv.Options
}

// Validate reports all faults at once.
func (c *Config) Validate() error {
	var errs []error
	if _, err := pgxpool.ParseConfig(c.DSN); c.DSN == "" || err != nil {
		// pgx leaves the password out of its message.
		errs = append(errs, fault.Field("dsn", "is not a connection string of PostgreSQL: %v", err))
	}
	return errors.Join(append(errs, c.Faults()...)...)
}
