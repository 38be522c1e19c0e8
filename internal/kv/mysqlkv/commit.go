package mysqlkv

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/go-sql-driver/mysql"

	"auwai/internal/kv"
	"auwai/internal/kv/sqlkv"
)

// Error numbers of the server.
const (
	codeConflict     = 31_001 // signalled by this package's compound: a certificate changed no row
	codeDuplicate    = 1062   // INSERT of a key that is required to be absent
	codeDeadlock     = 1213   // also a Galera abort
	codeLockWait     = 1205
	codeRecordChange = 1020 // the row changed since it was read
	codeNoTable      = 1146
	codeTableChange  = 1412 // another program's CREATE TABLE came in between
)

// Commit implements kv.Engine.
func (e *Engine) Commit(ctx context.Context, b *kv.Batch) error {
	if err := b.Check(); err != nil {
		return err
	}
	ctx, leave, err := e.calls.Enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	statements := e.names.statements(b)
	if len(statements) == 0 {
		return nil
	}
	run := func(conn *sql.Conn) (sqlkv.Outcome, error) { return runSeparate(ctx, conn, statements) }
	if e.cfg.Send == SendCompound {
		text := compound(statements)
		run = func(conn *sql.Conn) (sqlkv.Outcome, error) { return runCompound(ctx, conn, text) }
	}
	return e.calls.Commit(ctx, e.cfg.OnRepeat, func(ctx context.Context) (sqlkv.Outcome, error) { return e.send(ctx, run) })
}

// send runs the transaction once on a connection of the pool. After anything but an answer that
// leaves no transaction behind the connection is dropped: a killed statement, for instance, ends no
// transaction, and the next START TRANSACTION would commit it.
func (e *Engine) send(ctx context.Context, run func(*sql.Conn) (sqlkv.Outcome, error)) (sqlkv.Outcome, error) {
	conn, err := e.commits.Conn(ctx)
	if err != nil {
		return sqlkv.Refused, fmt.Errorf("get a connection: %w", err)
	}
	result, err := run(conn)
	if result != sqlkv.Applied && result != sqlkv.Conflict {
		drop(conn)
		return result, err
	}
	_ = conn.Close() // hands it back to the pool; the answer is there
	return result, err
}

// compound returns the transaction as one statement. Its handler rolls back at every error and hands
// the error on; the certificates' rows are counted before anything else is written.
func compound(statements []statement) string {
	size, certificates := 0, 0
	for _, s := range statements {
		size += len(s.text) + len(";SET held=held+ROW_COUNT();")
	}
	text := make([]byte, 0, size+512)
	text = append(text, "BEGIN NOT ATOMIC DECLARE held INT DEFAULT 0;"+
		"DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK;RESIGNAL;END;START TRANSACTION;"...)
	for i, s := range statements {
		text = append(append(text, s.text...), ';')
		if !s.certificate {
			continue
		}
		certificates++
		text = append(text, "SET held=held+ROW_COUNT();"...)
		if i+1 == len(statements) || !statements[i+1].certificate {
			text = fmt.Appendf(text, "IF held<>%d THEN SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO=%d;END IF;",
				certificates, codeConflict)
		}
	}
	return string(append(text, "COMMIT;END"...))
}

// runCompound sends the transaction in one round trip. The pool is not asked to repeat: a call on
// one connection is carried out once.
func runCompound(ctx context.Context, conn *sql.Conn, text string) (sqlkv.Outcome, error) {
	_, err := conn.ExecContext(ctx, text)
	return classify(err), err
}

// runSeparate sends one statement after the other. Until COMMIT is sent nothing can be applied,
// whatever happens.
func runSeparate(ctx context.Context, conn *sql.Conn, statements []statement) (sqlkv.Outcome, error) {
	if _, err := conn.ExecContext(ctx, "START TRANSACTION"); err != nil {
		return beforeCommit(ctx, err), err
	}
	for _, s := range statements {
		result, err := conn.ExecContext(ctx, string(s.text))
		if err == nil && s.certificate {
			err = checkOneRow(result)
		}
		if err == nil {
			continue
		}
		out := beforeCommit(ctx, err)
		if _, rollback := conn.ExecContext(ctx, "ROLLBACK"); rollback != nil && out == sqlkv.Conflict {
			// The conflict stands, but the connection has to go.
			drop(conn)
		}
		return out, err
	}
	_, err := conn.ExecContext(ctx, "COMMIT")
	return classify(err), err
}

// errNotHeld says that a certificate changed no row.
var errNotHeld = errors.New("a certificate changed no row")

func checkOneRow(result sql.Result) error {
	n, err := result.RowsAffected()
	if err == nil && n != 1 {
		err = errNotHeld
	}
	return err
}

// beforeCommit classifies an error of a statement before COMMIT.
func beforeCommit(ctx context.Context, err error) sqlkv.Outcome {
	out := classify(err)
	switch {
	case errors.Is(err, errNotHeld):
		return sqlkv.Conflict
	case out != sqlkv.Unknown:
		return out
	case ctx.Err() != nil || number(err) != 0:
		return sqlkv.Refused
	default:
		return sqlkv.NotApplied // the connection is gone
	}
}

// classify says what an error of the statement that commits means. The list holds what the server
// answers only when nothing was applied. Everything else is unknown: a killed or stopped server
// answers with errors too, while its commit may be on disk.
func classify(err error) sqlkv.Outcome {
	switch {
	case err == nil:
		return sqlkv.Applied
	case errors.Is(err, driver.ErrBadConn): // the driver's word for "nothing was sent"
		return sqlkv.NotApplied
	case errors.Is(err, mysql.ErrPktTooLarge): // found by the driver before it sends
		return sqlkv.Refused
	}
	switch number(err) {
	case codeConflict, codeDuplicate:
		return sqlkv.Conflict
	case codeDeadlock, codeLockWait, codeRecordChange:
		return sqlkv.NotApplied
	case 1044, 1045, 1142, 1143, 1227, 1370: // access denied
		return sqlkv.Refused
	case 1040, 1203, 1226: // too many connections, a user's resources
		return sqlkv.Refused
	case 1046, 1049, 1051, 1054, 1064, codeNoTable: // no such database, table or column; syntax
		return sqlkv.Refused
	case 1114, 1118, 1153, 1206, 1290, 1406, 1436, 1792, 1836: // table full, row or packet too large, read-only
		return sqlkv.Refused
	default:
		return sqlkv.Unknown
	}
}
