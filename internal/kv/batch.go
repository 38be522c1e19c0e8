package kv

import (
	"bytes"
	"fmt"
	"slices"
)

// Kind is what an Op does.
type Kind uint8

// The kinds of an Op.
const (
	KindSet Kind = iota + 1
	KindDelete
	KindDeleteRange
)

// Op is one write of a batch. For KindDeleteRange, Key is the first key of the range and Value the
// first key after it.
type Op struct {
	Kind  Kind
	Key   Key
	Value []byte
}

// Requirement is a condition on the value of one key before the batch. A nil Value requires that
// the key is absent.
type Requirement struct {
	Key   Key
	Value []byte
}

// Batch is a set of writes and conditions that are committed together. The zero value is an empty
// batch. It is not safe for concurrent use. It keeps the slices it is given.
type Batch struct {
	ops      []Op
	requires []Requirement
	bytes    int
}

// Set gives key a value. A nil value is stored as an empty one.
func (b *Batch) Set(key Key, value []byte) { b.add(Op{KindSet, key, value}) }

// Delete removes key; a missing key is not an error.
func (b *Batch) Delete(key Key) { b.add(Op{KindDelete, key, nil}) }

// DeleteRange removes the keys k with from <= k < to. It counts as one operation, and takes effect
// before every Set of the batch. It is meant for ranges that one owner alone writes, of at most
// MaxBatchOps keys: the cost is linear in the keys on SQL engines.
func (b *Batch) DeleteRange(from, to Key) { b.add(Op{KindDeleteRange, from, to}) }

// Require makes the batch conditional: key must have the value (nil: be absent) before it. The same
// batch must set or delete key.
func (b *Batch) Require(key Key, value []byte) {
	b.requires = append(b.requires, Requirement{key, value})
}

func (b *Batch) add(op Op) {
	b.ops = append(b.ops, op)
	b.bytes += len(op.Key) + len(op.Value)
}

// Ops returns the writes in the order they were added, repeated keys included. The slice belongs to
// the batch.
func (b *Batch) Ops() []Op { return b.ops }

// Requires returns the conditions. The slice belongs to the batch.
func (b *Batch) Requires() []Requirement { return b.requires }

// Len returns the number of writes.
func (b *Batch) Len() int { return len(b.ops) }

// Bytes returns the sum of the lengths of all keys and values written.
func (b *Batch) Bytes() int { return b.bytes }

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	clear(b.ops)
	clear(b.requires)
	b.ops, b.requires, b.bytes = b.ops[:0], b.requires[:0], 0
}

// Check returns ErrTooLarge or ErrInvalid, wrapped with what is wrong, when the batch breaks the
// contract. Every engine calls it first in Commit.
func (b *Batch) Check() error {
	if len(b.ops) > MaxBatchOps {
		return fmt.Errorf("%w: %d operations, at most %d", ErrTooLarge, len(b.ops), MaxBatchOps)
	}
	if b.bytes > MaxBatchBytes {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, b.bytes, MaxBatchBytes)
	}
	for i := range b.ops {
		if err := checkOp(&b.ops[i]); err != nil {
			return err
		}
	}
	for _, r := range b.requires {
		if err := b.checkRequire(r); err != nil {
			return err
		}
	}
	return nil
}

func checkOp(op *Op) error {
	if err := CheckKey(op.Key); err != nil {
		return err
	}
	switch op.Kind {
	case KindSet:
		if len(op.Value) > MaxValue {
			return fmt.Errorf("%w: value of %d bytes, at most %d", ErrTooLarge, len(op.Value), MaxValue)
		}
	case KindDelete:
	case KindDeleteRange:
		if len(op.Value) > MaxKey {
			return fmt.Errorf("%w: range end of %d bytes, at most %d", ErrTooLarge, len(op.Value), MaxKey)
		}
		if bytes.Compare(op.Key, op.Value) >= 0 {
			return fmt.Errorf("%w: range delete from %x to %x is empty", ErrInvalid, op.Key, op.Value)
		}
	default:
		return fmt.Errorf("%w: operation kind %d", ErrInvalid, op.Kind)
	}
	return nil
}

// CheckKey returns ErrInvalid or ErrTooLarge, wrapped, for a key that no engine takes.
func CheckKey(key Key) error {
	if len(key) == 0 {
		return fmt.Errorf("%w: empty key", ErrInvalid)
	}
	if len(key) > MaxKey {
		return fmt.Errorf("%w: key of %d bytes, at most %d", ErrTooLarge, len(key), MaxKey)
	}
	return nil
}

func (b *Batch) checkRequire(r Requirement) error {
	if n := countRequires(b.requires, r.Key); n > 1 {
		return fmt.Errorf("%w: key %x is required %d times", ErrInvalid, r.Key, n)
	}
	if len(r.Value) > MaxValue {
		return fmt.Errorf("%w: required value of %d bytes, at most %d", ErrTooLarge, len(r.Value), MaxValue)
	}
	written := slices.ContainsFunc(b.ops, func(op Op) bool {
		return op.Kind != KindDeleteRange && bytes.Equal(op.Key, r.Key)
	})
	if !written {
		return fmt.Errorf("%w: key %x is required but neither set nor deleted", ErrInvalid, r.Key)
	}
	return nil
}

func countRequires(rs []Requirement, key Key) int {
	n := 0
	for _, r := range rs {
		if bytes.Equal(r.Key, key) {
			n++
		}
	}
	return n
}

// Plan is a batch in the order in which a store without batches of its own carries it out: range
// deletes, then deletes, then sets, each sorted by key, one for each key.
type Plan struct {
	Ranges  []Op
	Deletes []Op
	Sets    []Op
}

// Plan returns the batch's writes with repeated keys resolved (the last wins) and sorted.
func (b *Batch) Plan() Plan {
	var p Plan
	points := make([]Op, 0, len(b.ops))
	for _, op := range b.ops {
		if op.Kind == KindDeleteRange {
			p.Ranges = append(p.Ranges, op)
			continue
		}
		points = append(points, op)
	}
	byKey := func(a, b Op) int { return bytes.Compare(a.Key, b.Key) }
	slices.SortFunc(p.Ranges, byKey)
	slices.SortStableFunc(points, byKey)
	for i, op := range points {
		if i+1 < len(points) && bytes.Equal(op.Key, points[i+1].Key) {
			continue
		}
		if op.Kind == KindSet {
			p.Sets = append(p.Sets, op)
		} else {
			p.Deletes = append(p.Deletes, op)
		}
	}
	return p
}
