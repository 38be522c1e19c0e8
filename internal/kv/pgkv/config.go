package pgkv

import (
	"errors"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"auwai/internal/fault"
)

// Defaults and bounds of Config.
const (
	defaultConns   = 8
	maxConns       = 1_000
	defaultPrefix  = "auwai_"
	defaultTimeout = 30 * time.Second
)

// Config says how to reach the server. Only DSN is required.
type Config struct {
	// DSN is a connection string of pgx, as words (host=… dbname=…) or as a URL. The database must
	// exist; the tables are made in the first schema of its search_path.
	DSN string
	// MaxConns bounds the connections that reads and commits share: 1 to 1000, 0 for 8. Each open
	// snapshot has one more.
	MaxConns int
	// TablePrefix begins the names of the two tables, "auwai_" by default: lower-case letters, digits
	// and underscores, at most 32.
	TablePrefix string
	// AllowWeak accepts a server that acknowledges what it may lose. Durability then says so.
	AllowWeak bool
	// Timeout bounds each call, also when its context does not: 30 s by default. A commit that
	// reaches it ends in kv.ErrUnknown.
	Timeout time.Duration
	// OnRepeat, when set, is told each error after which a batch is sent again. It must not block
	// and may be called by several goroutines.
	OnRepeat func(error)
}

// Validate reports all faults at once.
func (c *Config) Validate() error {
	var errs []error
	if _, err := pgxpool.ParseConfig(c.DSN); c.DSN == "" || err != nil {
		// pgx leaves the password out of its message.
		errs = append(errs, fault.Field("dsn", "is not a connection string of PostgreSQL: %v", err))
	}
	if c.MaxConns < 0 || c.MaxConns > maxConns {
		errs = append(errs, fault.Field("max_conns", "is %d, must be 1 to %d", c.MaxConns, maxConns))
	}
	if !validPrefix(c.TablePrefix) {
		errs = append(errs, fault.Field("table_prefix",
			"is %q, must be lower-case letters, digits and underscores, at most 32", c.TablePrefix))
	}
	if c.Timeout < 0 {
		errs = append(errs, fault.Field("timeout", "is %v, must not be negative", c.Timeout))
	}
	return errors.Join(errs...)
}

func validPrefix(prefix string) bool {
	ok, err := regexp.MatchString(`^[a-z0-9_]{0,32}$`, prefix)
	return ok && err == nil
}

// withDefaults returns the config with every zero value replaced by what it stands for.
func (c Config) withDefaults() Config {
	if c.MaxConns == 0 {
		c.MaxConns = defaultConns
	}
	if c.TablePrefix == "" {
		c.TablePrefix = defaultPrefix
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.OnRepeat == nil {
		c.OnRepeat = func(error) {}
	}
	return c
}
