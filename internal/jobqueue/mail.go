package jobqueue

import (
	"encoding/binary"

	"auwai/internal/fault"
)

// The body of MailPush, version 1: version, number of jobs, and for each: id, band | flags, queue,
// wiki, key, root, run_at (0: none), request id, client id, domain, source, payload or blob.
const (
	mailIsRoot byte = 1 << (iota + 4)
	mailFromEvent
	mailRunAt
	mailBlob
)

// EncodePush returns the body of a message that pushes the jobs in another partition.
func EncodePush(jobs []New) []byte {
	b := binary.AppendUvarint([]byte{formatVersion}, uint64(len(jobs)))
	for i := range jobs {
		b = appendNew(b, &jobs[i])
	}
	return b
}

func appendNew(b []byte, n *New) []byte {
	f := byte(n.Band) & 0x0f
	for _, flag := range [...]struct {
		on  bool
		bit byte
	}{{n.Root.IsRoot, mailIsRoot}, {n.FromEvent, mailFromEvent}, {!n.RunAt.IsZero(), mailRunAt}, {n.Blob.Size > 0, mailBlob}} {
		if flag.on {
			f |= flag.bit
		}
	}
	b = append(append(b, n.ID[:]...), f)
	for _, s := range [...]string{n.Queue, n.Wiki, n.Key, n.Root.Signature, n.Root.Timestamp, n.RequestID, n.ClientID, n.Domain, n.Source.Name} {
		b = appendText(b, s)
	}
	b = append(b, n.Source.Hash[:]...)
	if f&mailRunAt != 0 {
		b = appendTime(b, ceilMilli(n.RunAt))
	}
	if f&mailBlob != 0 {
		b = append(b, n.Blob.ID[:]...)
		return binary.AppendUvarint(b, uint64(n.Blob.Size)) //nolint:gosec // positive
	}
	b = binary.AppendUvarint(b, uint64(len(n.Payload)))
	return append(b, n.Payload...)
}

// DecodePush reads the body of a MailPush.
func DecodePush(body []byte) (*Push, error) {
	r := reader{b: body}
	r.version()
	const least = 16 + 1 + 9 + 8 + 1
	c := &Push{Jobs: make([]New, r.count(least))}
	for i := range c.Jobs {
		r.readNew(&c.Jobs[i])
	}
	if !r.end() {
		return nil, fault.Newf(fault.Internal, "jobqueue: message with jobs is malformed, %d bytes", len(body))
	}
	return c, nil
}

func (r *reader) readNew(n *New) {
	n.ID = r.suffix()
	f := r.byte()
	n.Band = Band(f & 0x0f)
	n.Root.IsRoot, n.FromEvent = f&mailIsRoot != 0, f&mailFromEvent != 0
	for _, s := range [...]*string{&n.Queue, &n.Wiki, &n.Key, &n.Root.Signature, &n.Root.Timestamp, &n.RequestID, &n.ClientID, &n.Domain, &n.Source.Name} {
		*s = r.text()
	}
	copy(n.Source.Hash[:], r.take(len(n.Source.Hash)))
	if f&mailRunAt != 0 {
		n.RunAt = r.time()
	}
	if f&mailBlob != 0 {
		n.Blob.ID, n.Blob.Size = r.suffix(), r.small()
		r.bad = r.bad || n.Blob.Size == 0
		return
	}
	n.Payload = r.bytes()
}
