package migrate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"strings"

	"auwai/api"
)

// State is what a job did in its source.
type State uint8

// The states.
const (
	Waiting   State = iota // ready to run
	Delayed                // not before a time
	Claimed                // a runner has it, or had it when it died
	Abandoned              // not tried any more
	states
)

// Item is one job of a source, as it is pushed.
type Item struct {
	Job   api.NewJob
	State State
	Where string // in the source: a line, a key
	// Error is the last one of an abandoned job, where the source knows it.
	Error string
}

// BadError is one job that cannot be imported. Those after it can.
type BadError struct {
	Where  string
	Reason string
}

func (e *BadError) Error() string { return e.Where + ": " + e.Reason }

// Source is what is imported.
type Source interface {
	// Items yields the jobs in the order in which they were queued, as far as the source knows it. A
	// *BadError is of one job; after any other error nothing follows.
	Items(ctx context.Context) iter.Seq2[Item, error]
	// Share returns how much of the source was read, from 0 to 1; below 0 when that is not known.
	Share() float64
}

// The sources of client ids. What MediaWiki's script lists and what a dump has are the same rows.
const (
	fromTable = "job-table"
	fromRedis = "job-redis"
	fromAuwai = "auwai"
)

// clientID returns the id by which the service, and the ledger, know a job again: whatever brings it,
// and however often. stamp and payload tell jobs apart whose ids were given twice: by a table that was
// emptied, or by two tables of one wiki.
func clientID(source, wiki, id, stamp string, payload []byte) string {
	h := sha256.Sum256([]byte(strings.Join([]string{source, wiki, id, stamp, string(payload)}, "\x00")))
	return hex.EncodeToString(h[:16])
}

// line names a place in a text.
func line(n int) string { return fmt.Sprintf("line %d", n) }
