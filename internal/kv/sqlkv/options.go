package sqlkv

import (
	"regexp"
	"time"

	"auwai/internal/fault"
)

// Defaults and bounds of Options.
const (
	defaultConns   = 8
	maxConns       = 1_000
	defaultPrefix  = "auwai_"
	defaultTimeout = 30 * time.Second
)

// Options are the settings that an engine has whatever its server. The zero value is right.
type Options struct {
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

// Faults returns what is wrong, all of it.
func (o *Options) Faults() (errs []error) {
	if o.MaxConns < 0 || o.MaxConns > maxConns {
		errs = append(errs, fault.Field("max_conns", "is %d, must be 1 to %d", o.MaxConns, maxConns))
	}
	if ok, err := regexp.MatchString(`^[a-z0-9_]{0,32}$`, o.TablePrefix); !ok || err != nil {
		errs = append(errs, fault.Field("table_prefix",
			"is %q, must be lower-case letters, digits and underscores, at most 32", o.TablePrefix))
	}
	if o.Timeout < 0 {
		errs = append(errs, fault.Field("timeout", "is %v, must not be negative", o.Timeout))
	}
	return errs
}

// WithDefaults returns the options with every zero value replaced by what it stands for.
func (o Options) WithDefaults() Options {
	if o.MaxConns == 0 {
		o.MaxConns = defaultConns
	}
	if o.TablePrefix == "" {
		o.TablePrefix = defaultPrefix
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.OnRepeat == nil {
		o.OnRepeat = func(error) {}
	}
	return o
}
