package intake

import (
	"encoding/binary"

	"auwai/internal/event"
	"auwai/internal/eventlog"
	"auwai/internal/farm"
	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/jobqueue"
)

// The bodies of messages, version 1. Each begins with the version; texts and bytes have their length
// before them, as an unsigned varint; data is the rest of the body.
//
//	accept   number of events, and for each: stream, id, hash, envelope, pieces (size, then id; or 0
//	         and the bytes); the jobs, as jobqueue.EncodePush writes them, or nothing
//	block    wiki, id, number, data
//	piece    id, size, number, data
//	learn    number of pairs, and for each: wiki, domain
//	whole    wiki, id, size
const mailVersion = 1

func appendBytes[T string | []byte](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendCount(b []byte, n int) []byte {
	return binary.AppendUvarint(b, uint64(n)) //nolint:gosec // a length
}

func encodeAccept(c *accept) []byte {
	b := appendCount([]byte{mailVersion}, len(c.events))
	for _, l := range c.events {
		b = appendBytes(appendBytes(b, l.stream), l.id)
		b = append(b, l.hash[:]...)
		b = appendBytes(b, l.envelope.AppendTo(nil))
		b = appendCount(b, l.ref.Size)
		if l.ref.Size > 0 {
			b = append(b, l.ref.ID[:]...)
			continue
		}
		b = appendBytes(b, l.raw)
	}
	if len(c.push.Jobs) == 0 {
		return b
	}
	return append(b, jobqueue.EncodePush(c.push.Jobs)...)
}

func decodeAccept(body []byte) (*accept, error) {
	r := letter{b: body}
	r.version()
	const least = 1 + 1 + 8 + 1 + 1 + 1
	c := &accept{events: make([]*logged, r.count(least))}
	for i := range c.events {
		l := &logged{stream: string(r.bytes()), id: string(r.bytes())}
		copy(l.hash[:], r.take(len(l.hash)))
		var rest []byte
		var err error
		l.envelope, rest, err = event.Open(r.bytes())
		r.bad = r.bad || err != nil || len(rest) > 0 || l.stream == "" || l.envelope.Wiki == ""
		if size := r.number(); size > 0 {
			l.ref = eventlog.NewRef(r.suffix(), size)
			r.bad = r.bad || l.ref.Pieces > eventlog.MaxPieces
		} else {
			l.raw = r.bytes()
			r.bad = r.bad || len(l.raw) > maxInline
		}
		c.events[i] = l
	}
	if r.bad {
		return nil, r.malformed("accept")
	}
	if len(r.b) == 0 {
		return c, nil
	}
	push, err := jobqueue.DecodePush(r.b)
	if err != nil {
		return nil, err //nolint:wrapcheck // of this farm's own format
	}
	c.push = *push
	return c, nil
}

func encodeBlock(c *jobqueue.StoreBlob) []byte {
	b := append(appendBytes([]byte{mailVersion}, c.Wiki), c.ID[:]...)
	return append(appendCount(b, c.Chunk), c.Data...)
}

func decodeBlock(body []byte) (block, error) {
	r := letter{b: body}
	r.version()
	c := &jobqueue.StoreBlob{Wiki: string(r.bytes()), ID: r.suffix(), Chunk: r.number(), Late: true}
	c.Data = r.b
	return block{c}, r.err("block")
}

func encodePiece(c *eventlog.StorePiece) []byte {
	b := append([]byte{mailVersion}, c.Ref.ID[:]...)
	return append(appendCount(appendCount(b, c.Ref.Size), c.N), c.Data...)
}

func decodePiece(body []byte) (piece, error) {
	r := letter{b: body}
	r.version()
	id := r.suffix()
	c := &eventlog.StorePiece{Ref: eventlog.NewRef(id, r.number()), N: r.number()}
	c.Data = r.b
	return piece{c}, r.err("piece")
}

func encodeLearn(pairs []farm.Pair) []byte {
	b := appendCount([]byte{mailVersion}, len(pairs))
	for _, p := range pairs {
		b = appendBytes(appendBytes(b, p.Wiki), p.Domain)
	}
	return b
}

func decodeLearn(body []byte) (learning, error) {
	r := letter{b: body}
	r.version()
	c := &farm.Learn{Pairs: make([]farm.Pair, r.count(2))}
	for i := range c.Pairs {
		c.Pairs[i] = farm.Pair{Wiki: string(r.bytes()), Domain: string(r.bytes())}
	}
	r.end()
	return learning{c}, r.err("learn")
}

func encodeWhole(wiki string, ref jobqueue.BlobRef) []byte {
	return appendCount(append(appendBytes([]byte{mailVersion}, wiki), ref.ID[:]...), ref.Size)
}

func decodeWhole(body []byte) (*whole, error) {
	r := letter{b: body}
	r.version()
	c := &whole{wiki: string(r.bytes()), ref: jobqueue.BlobRef{ID: r.suffix(), Size: r.number()}}
	r.end()
	r.bad = r.bad || c.ref.Size == 0 || c.ref.Size > jobqueue.MaxChunks*jobqueue.ChunkSize
	return c, r.err("whole")
}

// letter reads the body of a message. After something malformed it is bad, and reads nothing more.
type letter struct {
	b   []byte
	bad bool
}

func (r *letter) take(n int) []byte {
	if r.bad = r.bad || n < 0 || n > len(r.b); r.bad {
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *letter) number() int {
	n, w := binary.Uvarint(r.b)
	if r.bad = r.bad || w <= 0 || n > 1<<30; r.bad {
		return 0
	}
	r.b = r.b[w:]
	return int(n) //nolint:gosec // bounded before
}

// count reads a number of things that have at least so many bytes each.
func (r *letter) count(least int) int {
	n := r.number()
	if r.bad = r.bad || n > len(r.b)/least; r.bad {
		return 0
	}
	return n
}

func (r *letter) bytes() []byte { return r.take(r.number()) }

func (r *letter) suffix() (id ident.Suffix) {
	copy(id[:], r.take(ident.SuffixLen))
	return id
}

func (r *letter) version() {
	v := r.take(1)
	r.bad = r.bad || v[0] != mailVersion
}

func (r *letter) end() { r.bad = r.bad || len(r.b) > 0 }

func (r *letter) err(what string) error {
	if r.bad {
		return r.malformed(what)
	}
	return nil
}

func (r *letter) malformed(what string) error {
	return fault.Newf(fault.Internal, "intake: a message of kind %s is malformed, %d bytes of it are left", what, len(r.b))
}
