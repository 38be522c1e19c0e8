package jobqueue

import (
	"encoding/binary"
	"time"

	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/kv"
)

// BlockedEntry is a place among the blocked jobs of a pair.
type BlockedEntry struct {
	Seq     uint64
	ID      ident.Suffix
	Created time.Time
}

// DecodeBlocked reads an entry of BlockedRange.
func DecodeBlocked(e kv.Entry) (BlockedEntry, error) {
	r := reader{b: e.Value}
	out := BlockedEntry{ID: r.suffix(), Created: r.time()}
	if len(e.Key) < 8 || !r.end() {
		return out, malformedValue(e.Key, "blocked")
	}
	out.Seq = binary.BigEndian.Uint64(e.Key[len(e.Key)-8:])
	return out, nil
}

// TwinEntry is who has a de-duplication key.
type TwinEntry struct {
	ID ident.Suffix
	// Until is how long a job that is done counts as a twin; zero: the job waits or runs.
	Until time.Time
}

// DecodeTwin reads the value of a twin key.
func DecodeTwin(value []byte) (TwinEntry, error) {
	r := reader{b: value}
	t := TwinEntry{ID: r.suffix()}
	if len(r.b) > 0 {
		t.Until = r.time()
	}
	if !r.end() {
		return t, fault.Newf(fault.Internal, "jobqueue: twin entry %x is malformed", value)
	}
	return t, nil
}

func encodeDoneTwin(id ident.Suffix, until time.Time) []byte {
	return appendTime(append(make([]byte, 0, ident.SuffixLen+8), id[:]...), until)
}

// Chain is the jobs of one serial key that wait for each other, a list.
type Chain struct {
	First, Last ident.Suffix
	// Up says that the first has had its turn come: it is not blocked any more.
	Up bool
}

func encodeChain(c *Chain) []byte {
	b := append(make([]byte, 0, 2+2*ident.SuffixLen), formatVersion, 0)
	if c.Up {
		b[1] = 1
	}
	return append(append(b, c.First[:]...), c.Last[:]...)
}

// DecodeChain reads the value of a key of FamChain.
func DecodeChain(value []byte) (Chain, error) {
	r := reader{b: value}
	r.version()
	up := r.byte()
	c := Chain{Up: up == 1, First: r.suffix(), Last: r.suffix()}
	if !r.end() || up > 1 || c.First.IsZero() || c.Last.IsZero() {
		return Chain{}, fault.Newf(fault.Internal, "jobqueue: chain %x is malformed", value)
	}
	return c, nil
}

// Link is a job's place in its chain; zero is "none".
type Link struct{ Before, After ident.Suffix }

func encodeLink(l *Link) []byte {
	b := append(make([]byte, 0, 1+2*ident.SuffixLen), formatVersion)
	return append(append(b, l.Before[:]...), l.After[:]...)
}

// DecodeLink reads the value of a key of FamLink.
func DecodeLink(value []byte) (Link, error) {
	r := reader{b: value}
	r.version()
	l := Link{Before: r.suffix(), After: r.suffix()}
	if !r.end() {
		return Link{}, fault.Newf(fault.Internal, "jobqueue: link %x is malformed", value)
	}
	return l, nil
}

// waiterPages says which pages of waiters there are: First to Last.
type waiterPages struct{ first, last uint64 }

func encodePages(p waiterPages) []byte {
	return binary.AppendUvarint(binary.AppendUvarint([]byte{formatVersion}, p.first), p.last)
}

func decodePages(value []byte) (waiterPages, error) {
	r := reader{b: value}
	r.version()
	p := waiterPages{first: r.uvarint(), last: r.uvarint()}
	if !r.end() || p.first == 0 || p.last < p.first {
		return waiterPages{}, fault.Newf(fault.Internal, "jobqueue: pages of waiters %x are malformed", value)
	}
	return p, nil
}

// waiter is one that waits for a job; or, with also, another job whose waiters wait for this one too.
type waiter struct {
	also bool
	id   ident.Suffix
}

const waiterSize = 1 + ident.SuffixLen

func appendWaiter(b []byte, w waiter) []byte {
	kind := byte(0)
	if w.also {
		kind = 1
	}
	return append(append(b, kind), w.id[:]...)
}

func decodeWaiters(value []byte) ([]waiter, error) {
	r := reader{b: value}
	r.version()
	var list []waiter
	for len(r.b) > 0 {
		kind := r.byte()
		r.bad = r.bad || kind > 1
		list = append(list, waiter{also: kind == 1, id: r.suffix()})
	}
	if !r.end() {
		return nil, fault.Newf(fault.Internal, "jobqueue: page of waiters of %d bytes is malformed", len(value))
	}
	return list, nil
}
