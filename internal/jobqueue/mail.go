package jobqueue

import (
	"encoding/binary"

	"auwai/internal/fault"
)

// The body of MailPush, version 1: version, number of jobs, and for each: id, band | flags, queue,
// wiki, key, root, run_at (0: none), request id, client id, domain, source, payload or blob.
//
// Version 2 has, before the payload or blob, more flags and what they say is there. It is written
// only when a job needs it.
const (
	mailIsRoot byte = 1 << (iota + 4)
	mailFromEvent
	mailRunAt
	mailBlob
)

const mailVersion2 = 2

const (
	mailSerial uint64 = 1 << iota
	mailWaits
	mailExpireAt
	mailCause
	mailNeeds
	mailNoRetry
	mailRules
	mailDead
)

// more returns the flags of version 2.
func (n *New) more() uint64 {
	var f uint64
	for _, flag := range [...]struct {
		on  bool
		bit uint64
	}{
		{n.SerialKey != "", mailSerial},
		{len(n.WaitsFor) > 0, mailWaits},
		{!n.ExpireAt.IsZero(), mailExpireAt},
		{n.Cause != nil, mailCause},
		{n.Needs != Needs{}, mailNeeds},
		{n.NoRetry, mailNoRetry},
		{n.Rules != nil, mailRules},
		{n.Dead != "", mailDead},
	} {
		if flag.on {
			f |= flag.bit
		}
	}
	return f
}

// EncodePush returns the body of a message that pushes the jobs in another partition. MaxPending is
// left out: a message is applied after its jobs were acknowledged.
func EncodePush(jobs []New) []byte {
	version := byte(formatVersion)
	for i := range jobs {
		if jobs[i].more() != 0 {
			version = mailVersion2
			break
		}
	}
	b := binary.AppendUvarint([]byte{version}, uint64(len(jobs)))
	for i := range jobs {
		b = appendNew(b, &jobs[i], version)
	}
	return b
}

func appendNew(b []byte, n *New, version byte) []byte {
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
	if version == mailVersion2 {
		b = appendMore(b, n)
	}
	if f&mailBlob != 0 {
		b = append(b, n.Blob.ID[:]...)
		return binary.AppendUvarint(b, uint64(n.Blob.Size)) //nolint:gosec // positive
	}
	b = binary.AppendUvarint(b, uint64(len(n.Payload)))
	return append(b, n.Payload...)
}

func appendMore(b []byte, n *New) []byte {
	f := n.more()
	b = binary.AppendUvarint(b, f)
	if f&mailSerial != 0 {
		b = appendText(b, n.SerialKey)
	}
	if f&mailWaits != 0 {
		b = appendSuffixes(b, n.WaitsFor)
	}
	if f&mailExpireAt != 0 {
		b = appendTime(b, ceilMilli(n.ExpireAt))
	}
	if f&mailCause != 0 {
		b = appendCause(b, n.Cause)
	}
	if f&mailNeeds != 0 {
		b = appendNeeds(b, n.Needs)
	}
	if f&mailRules != 0 {
		b = appendRules(b, n.Rules)
	}
	if f&mailDead != 0 {
		b = appendText(b, n.Dead)
	}
	return b
}

// DecodePush reads the body of a MailPush.
func DecodePush(body []byte) (*Push, error) {
	r := reader{b: body}
	version := r.byte()
	r.bad = r.bad || version != formatVersion && version != mailVersion2
	const least = 16 + 1 + 9 + 8 + 1
	c := &Push{Jobs: make([]New, r.count(least)), accepted: true}
	for i := range c.Jobs {
		r.readNew(&c.Jobs[i], version)
	}
	if !r.end() {
		return nil, fault.Newf(fault.Internal, "jobqueue: message with jobs is malformed, %d bytes", len(body))
	}
	return c, nil
}

func (r *reader) readNew(n *New, version byte) {
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
	if version == mailVersion2 {
		r.readMore(n)
	}
	if f&mailBlob != 0 {
		n.Blob.ID, n.Blob.Size = r.suffix(), r.small()
		r.bad = r.bad || n.Blob.Size == 0
		return
	}
	n.Payload = r.bytes()
}

func (r *reader) readMore(n *New) {
	f := r.uvarint()
	r.bad = r.bad || f >= mailDead<<1
	if f&mailSerial != 0 {
		n.SerialKey = r.text()
		r.bad = r.bad || n.SerialKey == ""
	}
	if f&mailWaits != 0 {
		n.WaitsFor = r.suffixes()
	}
	if f&mailExpireAt != 0 {
		n.ExpireAt = r.time()
	}
	if f&mailCause != 0 {
		n.Cause = r.cause()
	}
	if f&mailNeeds != 0 {
		n.Needs = r.needs()
	}
	n.NoRetry = f&mailNoRetry != 0
	if f&mailRules != 0 {
		n.Rules = r.rules()
	}
	if f&mailDead != 0 {
		n.Dead = r.text()
		r.bad = r.bad || n.Dead == ""
	}
}
