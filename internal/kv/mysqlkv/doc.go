// Package mysqlkv is the kv engine on MariaDB (10.6 and later), MySQL 8, Galera clusters, and on what
// speaks their protocol.
//
// # Words
//
//	table        <prefix>kv (k, v): one key column, one row for each key
//	certificate  a conditional write whose number of rows shows that a Require held
//	compound     BEGIN NOT ATOMIC … END: a whole transaction as one statement (MariaDB)
//	text         the SQL of one round trip; keys and values are hex literals
//
// # A commit
//
//	          connect                 send                         answer
//	Commit ───────────▶ connection ─────────▶ under way ──────────────────────▶ nil, ErrConflict
//	   ▲                    │                     │ ├─ deadlock, lock time-out ─┐
//	   │                    │ refused             │ ├─ known error ──▶ error    │
//	   │                    ▼                     │ └─ anything else ▶ ErrUnknown
//	   │                  error                   │
//	   └──────────── at most maxSends ────────────┴── nothing was sent ◀────────┘
//
// One commit is one transaction: certificates, range deletes, deletes, sets, each sorted by key. On
// MariaDB it is one compound and so one round trip, and the server never waits for the client with
// locks held. On MySQL, which has no compound, it is one round trip for each statement; a client that
// stops in between is cut off by the server after idleSeconds.
//
// A text of several statements separated by semicolons is never sent: on a Galera cluster a
// transaction that is rolled back between two of them goes unnoticed, and the COMMIT at its end
// acknowledges nothing.
//
// # Certificates
//
//	Require value, Set another    UPDATE … SET v = new WHERE k = key AND v = value
//	Require value, Set the same   DELETE … WHERE k = key AND v = value, then INSERT
//	Require value, Delete         DELETE … WHERE k = key AND v = value
//	Require absent, Set           INSERT
//	Require absent, Delete        INSERT, then DELETE
//
// Each changes its row, so that Galera certifies it. An UPDATE that sets a row to the value it has is
// counted as no change by the server and left out of the write set; hence the second form. The number
// of rows must be exactly one; a key that is there already is error 1062.
//
// # Statement shapes
//
// No plan may depend on the table's statistics, since a queue's table looks empty most of the time
// and a scan of the whole table locks the rows of others. Deletes and reads of many keys join a
// derived table of keys with STRAIGHT_JOIN and FORCE INDEX, which is always a lookup by primary key.
//
// # Invariants
//
//   - A batch is sent again only when no copy of it can have been applied.
//   - A connection whose transaction may be open is never used again.
//   - A session's settings (isolation, SQL mode, time-outs) are this package's, not the server's.
//   - Reads on a Galera node wait for what other nodes have committed before.
//
// # Failures and what follows
//
//	the server acknowledges before it is durable   Open refuses, or Config.AllowWeak and Durability
//	max_allowed_packet too small                   Open refuses
//	deadlock, Galera abort, lock time-out          the batch is sent again, at most maxSends times
//	KILL, shutdown, lost connection, end of ctx    ErrUnknown; the connection is dropped
//	client stopped between statements (MySQL)      the server ends the transaction after idleSeconds
//
// # Files
//
//	config.go     Config
//	mysqlkv.go    Engine: Open, Close
//	connect.go    connections and their settings
//	check.go      what Open asks of a server; Durability
//	schema.go     tables
//	commit.go     send, repeat, classify
//	text.go       the statements of a batch
//	read.go       Get and Scan
//	scantext.go   the statements of a Scan
//	snapshot.go   Snapshot
package mysqlkv
