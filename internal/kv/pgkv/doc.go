// Package pgkv is the kv engine on PostgreSQL 13 and later, and on what speaks its protocol.
//
// # Words
//
//	table        <prefix>kv (k, v): one key column, one row for each key
//	certificate  a conditional write that divides by the number of its rows: none is an error
//	message      one Query message of the protocol: the whole transaction as text
//
// # A commit
//
//	          connect                 send                         answer
//	Commit ───────────▶ connection ─────────▶ under way ──────────────────────▶ nil, ErrConflict
//	   ▲                    │                     │ ├─ deadlock, lock time-out ─┐
//	   │                    │ refused             │ ├─ known error ──▶ error    │
//	   │                    ▼                     │ └─ anything else ▶ ErrUnknown
//	   │                  error                   │
//	   └──────────── at most maxSends ──────────────────────────────────────────┘
//
// A commit is one message of EXECUTE statements: certificates, range deletes, deletes, sets, each
// sorted by key. The server makes them one transaction without BEGIN and COMMIT.
//
// It is one message, and not a pipeline of them, because the server carries out each message of a
// pipeline as it arrives: a client that is stopped with half of its pipeline sent would hold its row
// locks without any limit, since the idle-in-transaction limit begins only where a pipeline ends. A
// message is read whole before anything of it is done. The statements are prepared when a connection
// is made, so a commit is not planned again.
//
// # Certificates
//
//	Require value, Set      UPDATE … WHERE k = key AND v = value
//	Require value, Delete   DELETE … WHERE k = key AND v = value
//	Require absent, Set     INSERT
//	Require absent, Delete  INSERT, then DELETE
//
// No row is a division by zero (22012), a key that is there already is 23505; both roll back all.
//
// # Statement shapes
//
// No plan may depend on the table's statistics, since a queue's table looks empty most of the time.
// There is one key column, deletes and reads of many keys say k = ANY(array), never a join with
// unnest, and sequential and bitmap scans are off in the session: the plan is always an index
// condition.
//
// # Invariants
//
//   - A batch is sent again only when no copy of it can have been applied.
//   - A session's settings (isolation, time-outs, planner) are this package's, not the server's;
//     synchronous_commit is the operator's and is checked at Open.
//
// # Failures and what follows
//
//	the server acknowledges before it is durable   Open refuses, or Config.AllowWeak and Durability
//	deadlock, serialization failure, lock time-out the batch is sent again, at most maxSends times
//	cancel, shutdown, lost connection, end of ctx  ErrUnknown; the connection is dropped
//	client stopped in mid-commit                   nothing is locked until the message is whole
//	pooler that hands sessions round               unsupported: prepared statements belong to a session
//
// # Files
//
//	config.go    Config
//	pgkv.go      Engine: Open, Close
//	connect.go   connections, their settings and prepared statements
//	check.go     what Open asks of a server; Durability
//	schema.go    tables
//	commit.go    send, repeat, classify
//	text.go      the message of a batch
//	read.go      Get and Scan
//	snapshot.go  Snapshot
package pgkv
