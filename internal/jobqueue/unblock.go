package jobqueue

import (
	"encoding/binary"
	"fmt"

	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/kv"
	"auwai/internal/partition"
)

// The end of a job may let others go on. What is near is done at the end of the command; the rest, and
// what that lets go in its turn, the partition mails to itself: it is done once, whatever happens, and
// no command grows without bound.

// unblock is one thing that the end of a job lets go on.
type unblock struct {
	kind unblockKind
	pair Pair
	hash [16]byte     // of a chain: the serial key's
	id   ident.Suffix // of waiters: the job that has ended
	how  State        // of waiters: as what
}

type unblockKind uint8

const (
	unblockChain unblockKind = iota + 1
	unblockWaiters
)

// What one command does at most beside its own work: an unblocked job is read, and written back
// whole. One of a chain costs one; a page of waiters costs pageCost.
const (
	unblocksAtOnce = 64
	pageCost       = 16
)

func (u *unblock) cost() int {
	if u.kind == unblockWaiters {
		return pageCost
	}
	return 1
}

func (w *work) later(u unblock) { w.blocked = append(w.blocked, u) }

// unblockLater does what the command has let go on, as far as it is near, and mails the rest.
func (w *work) unblockLater() error {
	if len(w.blocked) == 0 {
		return nil
	}
	near, done, cost := len(w.blocked), 0, 0
	for done < near && cost < unblocksAtOnce && (done == 0 || w.weight < pageBytes) {
		u := w.blocked[done]
		done++
		cost += u.cost()
		w.unblock(&u)
	}
	rest := w.blocked[done:]
	w.blocked = w.blocked[:0]
	if len(rest) == 0 {
		return nil
	}
	if err := w.tx.Send(w.p, MailUnblock, encodeUnblocks(rest)); err != nil {
		return fmt.Errorf("jobqueue: have %d jobs or chains go on: %w", len(rest), err)
	}
	return nil
}

func (w *work) unblock(u *unblock) {
	switch u.kind {
	case unblockChain:
		w.advance(u)
	case unblockWaiters:
		w.release(u)
	}
}

func encodeUnblocks(list []unblock) []byte {
	b := binary.AppendUvarint([]byte{formatVersion}, uint64(len(list)))
	for i := range list {
		u := &list[i]
		b = append(b, byte(u.kind), byte(u.how))
		b = appendText(appendText(b, u.pair.Wiki), u.pair.Queue)
		b = append(append(b, u.hash[:]...), u.id[:]...)
	}
	return b
}

// DecodeUnblock reads the body of a MailUnblock.
func DecodeUnblock(body []byte) (*Unblock, error) {
	r := reader{b: body}
	r.version()
	const least = 2 + 2 + 16 + ident.SuffixLen
	c := &Unblock{list: make([]unblock, r.count(least))}
	for i := range c.list {
		u := &c.list[i]
		u.kind, u.how = unblockKind(r.byte()), State(r.byte())
		u.pair.Wiki, u.pair.Queue = r.text(), r.text()
		copy(u.hash[:], r.take(len(u.hash)))
		u.id = r.suffix()
		r.bad = r.bad || u.kind == 0 || u.kind > unblockWaiters
	}
	if !r.end() {
		return nil, fault.Newf(fault.Internal, "jobqueue: message of what is unblocked is malformed, %d bytes", len(body))
	}
	return c, nil
}

// Unblock goes on with what the end of jobs has let go. It comes by mail only, from the partition to
// itself.
type Unblock struct{ list []unblock }

// Reads names where chains and pages of waiters begin.
func (c *Unblock) Reads(dst []kv.Key, p partition.ID) []kv.Key {
	cost := 0
	for i := range c.list {
		u := &c.list[i]
		if cost >= unblocksAtOnce {
			break
		}
		cost += u.cost()
		if u.kind == unblockChain {
			dst = append(dst, chainKey(p, u.pair, u.hash))
		} else {
			dst = append(dst, waitersKey(p, u.pair.Wiki, u.id, 0))
		}
	}
	return dst
}

// Apply goes on.
func (c *Unblock) Apply(tx *partition.Tx) error {
	w := begin(tx, 0)
	w.blocked = append(w.blocked, c.list...)
	return w.finish()
}
