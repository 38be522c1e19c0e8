package node

import (
	"time"

	"auwai/internal/ident"
	"auwai/internal/kv"
	"auwai/internal/partition"
	"auwai/internal/tuple"
)

// The periods of the protocol. A taker's patience is longer than a node's trust in itself.
const (
	heartbeatEvery = 3 * time.Second        // an idle node commits its session key
	trustFor       = 9 * time.Second        // after sending the last successful commit
	takeAfter      = 10 * time.Second       // a session key unchanged for so long is taken
	pollEvery      = 1 * time.Second        // looks at sessions, owners and lanes
	answerWithin   = 4 * time.Second        // callers wait no longer
	resendFirst    = 50 * time.Millisecond  // first wait before sending a batch again
	resendMost     = 500 * time.Millisecond // longest such wait
)

// writeVersion is the newest version of values that this program writes. A session's value says it,
// so that a newer format is used only when all live sessions can read it.
const writeVersion = 1

func sessionKey(s ident.Session) kv.Key {
	return tuple.Uint64(partition.Key(partition.NodeSpace, partition.FamilySession), uint64(s))
}

// startsKey holds the number of sessions that have started. Every start requires it and raises it.
func startsKey() kv.Key { return partition.Key(partition.NodeSpace, partition.FamilyStarts) }

// SessionRecord is the value of a session's key.
type SessionRecord struct {
	Sequence uint64
	Version  uint16 // writeVersion of its program
	Started  time.Time
	Name     string // the node's name, for people
}

func (r SessionRecord) encode() []byte {
	v := tuple.Uint64(make([]byte, 0, 24+len(r.Name)), r.Sequence)
	v = tuple.Uint16(v, r.Version)
	v = tuple.Int64(v, r.Started.UnixMilli())
	return append(v, r.Name...)
}

func ownerKey(p partition.ID) kv.Key {
	return tuple.Uint16(partition.Key(partition.NodeSpace, partition.FamilyOwner), uint16(p))
}

// OwnerRecord is the value of a partition's owner key. Session 0 means that it is free.
type OwnerRecord struct {
	Session ident.Session
	Epoch   uint64
}

func (r OwnerRecord) encode() []byte {
	return tuple.Uint64(tuple.Uint64(nil, uint64(r.Session)), r.Epoch)
}

func decodeOwner(v []byte) (OwnerRecord, bool) {
	s, v, ok := tuple.TakeUint64(v)
	if !ok {
		return OwnerRecord{}, false
	}
	e, _, ok := tuple.TakeUint64(v)
	return OwnerRecord{ident.Session(s), e}, ok
}

// nodeSpace is the range of all sessions and owners.
func nodeSpace() kv.Range {
	r := kv.Prefix(tuple.Uint16(nil, uint16(partition.NodeSpace)))
	r.Limit = 10_000
	return r
}

// census is what a look at the node space showed.
type census struct {
	sessions map[ident.Session][]byte
	owners   [partition.Count]OwnerRecord
	raw      [partition.Count][]byte // owner values as stored, nil: absent
	starts   uint64                  // sessions started so far

	rawStarts []byte
	bad       int // entries that could not be read
}

func readCensus(page kv.Page) *census {
	c := &census{sessions: map[ident.Session][]byte{}}
	for _, e := range page.Entries {
		_, _, family, rest, ok := partition.SplitKey(e.Key)
		if !ok {
			c.bad++
			continue
		}
		switch family {
		case partition.FamilySession:
			n, _, ok := tuple.TakeUint64(rest)
			if !ok {
				c.bad++
				continue
			}
			c.sessions[ident.Session(n)] = e.Value
		case partition.FamilyStarts:
			c.starts, _, _ = tuple.TakeUint64(e.Value)
			c.rawStarts = e.Value
		case partition.FamilyOwner:
			n, _, ok := tuple.TakeUint16(rest)
			rec, okValue := decodeOwner(e.Value)
			if !ok || !okValue || n >= partition.Count {
				c.bad++
				continue
			}
			c.owners[n], c.raw[n] = rec, e.Value
		default:
			c.bad++
		}
	}
	return c
}
