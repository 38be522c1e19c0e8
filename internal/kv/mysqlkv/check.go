package mysqlkv

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"auwai/internal/fault"
	"auwai/internal/kv"
)

// minPacket is the least max_allowed_packet: the text of the largest batch has less. Keys and values
// are written as hex (two bytes for one); a required key stands there once more; the rest is at most
// statementBytes for each operation.
const minPacket = 16 << 20

// Versions that have what this package uses: window functions, STRICT_ALL_TABLES with BLOBs in
// derived tables, and for MariaDB idle transaction limits.
const (
	minMariaDB = 10_06
	minMySQL   = 8_00
)

// Durability says what an acknowledged commit means on a server.
type Durability struct {
	// Weak has one sentence for each setting by which an acknowledged commit may be lost; it is
	// empty when acknowledged means on disk.
	Weak []string
	// Settings are the server's settings that decide it, as name=value, sorted.
	Settings []string
}

// String returns "durable", or "weak" with the reasons.
func (d Durability) String() string {
	if len(d.Weak) == 0 {
		return "durable"
	}
	return "weak: " + strings.Join(d.Weak, "; ")
}

// variables are global variables of the server, by lower-case name.
type variables map[string]string

// The variables that Open reads.
const (
	varVersion    = "version"
	varPacket     = "max_allowed_packet"
	varFlush      = "innodb_flush_log_at_trx_commit"
	varDoublewr   = "innodb_doublewrite"
	varMethod     = "innodb_flush_method"
	varBinlog     = "log_bin"
	varSyncBinlog = "sync_binlog"
	varWsrep      = "wsrep_on"
	varProvider   = "wsrep_provider"
)

func (v variables) mariadb() bool { return strings.Contains(v[varVersion], "MariaDB") }

// galera reports whether the server is a node of a Galera cluster.
func (v variables) galera() bool {
	return v[varWsrep] == "ON" && v[varProvider] != "none" && v[varProvider] != ""
}

func readVariables(ctx context.Context, db *sql.DB) (variables, error) {
	names := []string{
		varVersion, varPacket, varFlush, varDoublewr, varMethod, varBinlog, varSyncBinlog, varWsrep, varProvider,
	}
	text := "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('" + strings.Join(names, "', '") + "')"
	rows, err := db.QueryContext(ctx, text)
	if err != nil {
		return nil, fmt.Errorf("read the server's variables: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err says all there is
	v := variables{}
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return nil, fmt.Errorf("read the server's variables: %w", err)
		}
		v[strings.ToLower(name)] = value
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the server's variables: %w", err)
	}
	return v, nil
}

// check refuses a server that cannot keep the contract, and finds out what its acknowledgements mean.
func (v variables) check(cfg Config) (Durability, error) {
	if err := v.checkVersion(); err != nil {
		return Durability{}, err
	}
	if n, err := strconv.Atoi(v[varPacket]); err != nil || n < minPacket {
		return Durability{}, fault.Newf(fault.Invalid,
			"mysqlkv: %s is %s, and a batch of %d bytes needs %d: set max_allowed_packet = 16M or more in the server's [mysqld] section",
			varPacket, v[varPacket], kv.MaxBatchBytes, minPacket)
	}
	if cfg.Send == SendCompound && !v.mariadb() {
		return Durability{}, fault.Newf(fault.Invalid, "mysqlkv: %s has no BEGIN NOT ATOMIC: use SendSeparate", v[varVersion])
	}
	d := v.durability()
	if len(d.Weak) > 0 && !cfg.AllowWeak {
		return d, fault.Newf(fault.Invalid, "mysqlkv: the server acknowledges what it may lose: %s (or allow weak durability)",
			strings.Join(d.Weak, "; "))
	}
	return d, nil
}

func (v variables) checkVersion() error {
	// Versions look like 10.11.19-MariaDB-deb12, 5.5.5-10.6.12-MariaDB and 8.0.36.
	number := strings.TrimPrefix(v[varVersion], "5.5.5-")
	name, least := "MySQL", minMySQL
	if v.mariadb() {
		name, least = "MariaDB", minMariaDB
	}
	parts := strings.SplitN(number, ".", 3)
	if len(parts) < 2 {
		return fault.Newf(fault.Invalid, "mysqlkv: the server's version %q is not understood", v[varVersion])
	}
	major, majorErr := strconv.Atoi(parts[0])
	minor, minorErr := strconv.Atoi(parts[1])
	if err := errors.Join(majorErr, minorErr); err != nil {
		return fault.Newf(fault.Invalid, "mysqlkv: the server's version %q is not understood", v[varVersion])
	}
	if major*100+minor < least {
		return fault.Newf(fault.Invalid, "mysqlkv: the server is %s %s, and at least %d.%d is needed",
			name, v[varVersion], least/100, least%100)
	}
	return nil
}

// durability judges the settings. Each sentence names the variable, its value and the remedy.
func (v variables) durability() Durability {
	rules := []struct {
		name   string
		weak   bool
		reason string
	}{
		{varFlush, v[varFlush] != "1", "a commit is on disk only with 1: set innodb_flush_log_at_trx_commit = 1"},
		{
			varSyncBinlog, v[varBinlog] == "ON" && v[varSyncBinlog] != "1",
			"the binary log decides at recovery what was committed: set sync_binlog = 1",
		},
		{varDoublewr, v[varDoublewr] == "OFF", "a page that is torn by a power loss is gone: set innodb_doublewrite = ON"},
		{varMethod, strings.EqualFold(v[varMethod], "nosync"), "nothing is synced: set innodb_flush_method = O_DIRECT"},
	}
	var d Durability
	for _, rule := range rules {
		if rule.weak {
			d.Weak = append(d.Weak, fmt.Sprintf("%s is %s: %s", rule.name, v[rule.name], rule.reason))
		}
	}
	for name, value := range v {
		d.Settings = append(d.Settings, name+"="+value)
	}
	slices.Sort(d.Settings)
	return d
}
