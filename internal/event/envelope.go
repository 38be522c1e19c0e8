package event

import (
	"encoding/binary"

	"auwai/internal/fault"
)

// Envelope is what is known of an event beside its bytes. Position and receive stamp are the log's.
type Envelope struct {
	Wiki      string
	RequestID string // of the request that brought the event
	Client    string // who sent it: an address
	Flags     Flags
}

// Flags mark events that were accepted although something about them is odd.
type Flags uint8

// The flags.
const (
	ChangedID Flags = 1 << iota // the id came before, with other bytes
	FarTime                     // meta.dt is more than a day from the receive stamp
	WrongTime                   // meta.dt is no time
)

const envelopeFormat = 1

// AppendTo appends the envelope to dst; the event's bytes follow it.
func (e *Envelope) AppendTo(dst []byte) []byte {
	dst = append(dst, envelopeFormat, byte(e.Flags))
	for _, s := range [...]string{e.Wiki, e.RequestID, e.Client} {
		dst = binary.AppendUvarint(dst, uint64(len(s)))
		dst = append(dst, s...)
	}
	return dst
}

// ErrEnvelope answers a record of the log that has no envelope.
var ErrEnvelope = fault.New(fault.Internal, "event: malformed envelope")

// Open splits a record of the log into its envelope and the event's bytes, which share data.
func Open(data []byte) (e Envelope, raw []byte, err error) {
	if len(data) < 2 || data[0] != envelopeFormat {
		return e, nil, ErrEnvelope
	}
	e.Flags = Flags(data[1])
	rest := data[2:]
	for _, s := range [...]*string{&e.Wiki, &e.RequestID, &e.Client} {
		n, w := binary.Uvarint(rest)
		if w <= 0 || n > uint64(len(rest)-w) { //nolint:gosec // w is at most the length
			return Envelope{}, nil, ErrEnvelope
		}
		*s, rest = string(rest[w:w+int(n)]), rest[w+int(n):] //nolint:gosec // bounded before
	}
	return e, rest, nil
}
