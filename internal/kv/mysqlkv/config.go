package mysqlkv

import (
	"errors"

	"github.com/go-sql-driver/mysql"

	"auwai/internal/fault"
	"auwai/internal/kv/sqlkv"
)

// Send is the way in which a commit's statements go to the server.
type Send int

// The ways.
const (
	// SendAuto is SendCompound on MariaDB and SendSeparate elsewhere.
	SendAuto Send = iota
	// SendCompound sends a commit as one BEGIN NOT ATOMIC block: one round trip, MariaDB only.
	SendCompound
	// SendSeparate sends one statement after the other.
	SendSeparate
)

// Config says how to reach the server. Only DSN is required.
type Config struct {
	// DSN is a data source name of go-sql-driver/mysql, user:password@tcp(host:port)/database. The
	// database must exist. Settings that would change what a commit means are overridden.
	DSN string
	// Send is the way of a commit, SendAuto by default.
	Send Send
	sqlkv.Options
}

// Validate reports all faults at once.
func (c *Config) Validate() error {
	var errs []error
	if _, err := mysql.ParseDSN(c.DSN); err != nil {
		// The driver's message may quote a part of the DSN, but not the password.
		errs = append(errs, fault.Field("dsn", "is not a data source name of the MySQL driver: %v", err))
	}
	if c.Send < SendAuto || c.Send > SendSeparate {
		errs = append(errs, fault.Field("send", "is %d, which is no way to send", c.Send))
	}
	return errors.Join(append(errs, c.Faults()...)...)
}
