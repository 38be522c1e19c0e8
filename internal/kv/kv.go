package kv

import (
	"context"

	"auwai/internal/fault"
)

// The limits of every engine, checked before anything is sent. They fit the weakest engine with
// room to spare (InnoDB index rows, PostgreSQL index tuples, max_allowed_packet with hex literals).
const (
	MaxKey        = 512     // bytes of a key
	MaxValue      = 1 << 20 // bytes of a value
	MaxBatchBytes = 4 << 20 // keys and values of a batch, summed
	MaxBatchOps   = 10_000  // sets, deletes, range deletes of a batch
)

// The outcomes of Commit that are not success; see the package comment.
var (
	ErrConflict = fault.New(fault.Conflict, "kv: a required value has changed")
	ErrTooLarge = fault.New(fault.TooLarge, "kv: over a limit")
	ErrUnknown  = fault.New(fault.Unknown, "kv: outcome of the commit is unknown")
	ErrClosed   = fault.New(fault.Unavailable, "kv: engine is closed")
	ErrInvalid  = fault.New(fault.Invalid, "kv: malformed batch")
)

// Key is the name of a value. Keys are ordered bytewise. Callers do not change a key's bytes after
// they gave it to a batch or an engine.
type Key = []byte

// Engine is an ordered, transactional key-value store shared by all partitions and nodes.
// It is safe for concurrent use.
type Engine interface {
	// Get returns the value of each key, in the order asked, in one round trip. A missing key gives
	// nil, an empty value gives an empty non-nil slice. The slices belong to the caller.
	Get(ctx context.Context, keys ...Key) ([][]byte, error)
	// Scan reads several ranges in one round trip and returns a page for each, in the order asked.
	// Pages of one call are not a snapshot across commits. The slices belong to the caller.
	Scan(ctx context.Context, ranges ...Range) ([]Page, error)
	// Commit applies the batch atomically and returns nil once it is durable; otherwise ErrConflict,
	// ErrTooLarge, ErrUnknown, or an error that means "certainly not applied".
	// It does not keep or change the batch.
	Commit(ctx context.Context, b *Batch) error
	// Snapshot is a consistent read view of one moment, for backup, check, export and moving a
	// store. It holds resources of the engine until it is closed.
	Snapshot(ctx context.Context) (Snapshot, error)
	// Close waits for running calls and releases the engine. Calls after it fail with ErrClosed.
	Close() error
}

// Snapshot is a consistent read view. Its methods are safe for concurrent use.
type Snapshot interface {
	Get(ctx context.Context, keys ...Key) ([][]byte, error)
	Scan(ctx context.Context, ranges ...Range) ([]Page, error)
	Close() error
}

// Range names the keys k with From <= k < To, read upwards, or downwards with Reverse. A nil To
// means no upper bound. Limit bounds the entries, MaxBytes the sum of keys and values (at least one
// entry is returned); 0 means DefaultLimit and no bound of bytes. KeysOnly leaves the values nil.
type Range struct {
	From, To Key
	Limit    int
	MaxBytes int
	Reverse  bool
	KeysOnly bool
}

// DefaultLimit is the number of entries of a page whose Range has no Limit.
const DefaultLimit = 1_000

// Entry is a key with its value.
type Entry struct {
	Key   Key
	Value []byte
}

// Page is a bounded part of a range.
type Page struct {
	Entries []Entry
	More    bool // the range goes on after (with Reverse: before) the last entry
}

// PrefixEnd returns the smallest key that is greater than every key with the prefix, for
// Range.To; nil when there is none.
func PrefixEnd(prefix Key) Key {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			end := make(Key, i+1)
			copy(end, prefix)
			end[i]++
			return end
		}
	}
	return nil
}

// Prefix returns the range of all keys with the prefix.
func Prefix(prefix Key) Range { return Range{From: prefix, To: PrefixEnd(prefix)} }
