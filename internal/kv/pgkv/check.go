package pgkv

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"auwai/internal/fault"
)

// minVersion is the oldest server, as server_version_num writes it.
const minVersion = 13_00_00

// Durability says what an acknowledged commit means on a server.
type Durability struct {
	// Weak has one sentence for each setting by which an acknowledged commit may be lost; it is
	// empty when acknowledged means on disk.
	Weak []string
	// Settings are the server's settings that decide it, as name=value, sorted. Those of standbys are
	// among them: they decide what a fail-over may lose.
	Settings []string
}

// String returns "durable", or "weak" with the reasons.
func (d Durability) String() string {
	if len(d.Weak) == 0 {
		return "durable"
	}
	return "weak: " + strings.Join(d.Weak, "; ")
}

// settings are the server's settings, by name.
type settings map[string]string

// The settings that Open reads.
const (
	setVersion  = "server_version_num"
	setSync     = "fsync"
	setPages    = "full_page_writes"
	setCommit   = "synchronous_commit"
	setStandbys = "synchronous_standby_names"
	setReadOnly = "transaction_read_only"
)

func readSettings(ctx context.Context, conn *pgx.Conn) (settings, error) {
	wanted := []string{setVersion, setSync, setPages, setCommit, setStandbys, setReadOnly}
	rows, err := conn.Query(ctx, "SELECT name, current_setting(name) FROM unnest($1::text[]) AS name", wanted)
	if err != nil {
		return nil, fmt.Errorf("read the server's settings: %w", err)
	}
	s := settings{}
	var name, value string
	if _, err := pgx.ForEachRow(rows, []any{&name, &value}, func() error { s[name] = value; return nil }); err != nil {
		return nil, fmt.Errorf("read the server's settings: %w", err)
	}
	return s, nil
}

// check refuses a server that cannot keep the contract, and finds out what its acknowledgements mean.
func (s settings) check(cfg Config) (Durability, error) {
	version, err := strconv.Atoi(s[setVersion])
	if err != nil || version < minVersion {
		return Durability{}, fault.Newf(fault.Invalid, "pgkv: the server's version is %s, and at least %d is needed",
			s[setVersion], minVersion)
	}
	if s[setReadOnly] == "on" {
		return Durability{}, fault.Newf(fault.Invalid,
			"pgkv: the server takes no writes (transaction_read_only is on): name the primary in the DSN, or add target_session_attrs=read-write")
	}
	d := s.durability()
	if len(d.Weak) > 0 && !cfg.AllowWeak {
		return d, fault.Newf(fault.Invalid, "pgkv: the server acknowledges what it may lose: %s (or allow weak durability)",
			strings.Join(d.Weak, "; "))
	}
	return d, nil
}

// durability judges the settings. Each sentence names the setting, its value and the remedy.
func (s settings) durability() Durability {
	rules := []struct {
		name   string
		weak   bool
		reason string
	}{
		{setSync, s[setSync] != "on", "nothing is synced to disk: set fsync = on"},
		{setPages, s[setPages] != "on", "a page that is torn by a power loss is gone: set full_page_writes = on"},
		{setCommit, s[setCommit] == "off", "a commit is answered before it is on disk: set synchronous_commit = on"},
	}
	var d Durability
	for _, rule := range rules {
		if rule.weak {
			d.Weak = append(d.Weak, fmt.Sprintf("%s is %s: %s", rule.name, s[rule.name], rule.reason))
		}
	}
	for name, value := range s {
		d.Settings = append(d.Settings, name+"="+value)
	}
	slices.Sort(d.Settings)
	return d
}
