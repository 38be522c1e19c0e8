package partition

import (
	"fmt"

	"auwai/internal/ident"
	"auwai/internal/kv"
	"auwai/internal/tuple"
)

// Sender names who writes into a lane: a partition, or a session. Each (sender, receiver) is a lane
// of its own. A sender has one commit in flight, so its lanes have no gaps.
type Sender string

const (
	senderPartition = 'p'
	senderSession   = 's'
)

// PartitionSender returns the sender that is a partition, whatever its owner.
func PartitionSender(p ID) Sender { return Sender(tuple.Uint16([]byte{senderPartition}, uint16(p))) }

// SessionSender returns the sender that is one life of a node.
func SessionSender(s ident.Session) Sender {
	return Sender(tuple.Uint64([]byte{senderSession}, uint64(s)))
}

// Session returns the session that a sender is, if it is one.
func (s Sender) Session() (ident.Session, bool) {
	if len(s) != 9 || s[0] != senderSession {
		return 0, false
	}
	n, _, ok := tuple.TakeUint64([]byte(s[1:]))
	return ident.Session(n), ok
}

// String puts the sender into words.
func (s Sender) String() string {
	if n, ok := s.Session(); ok {
		return fmt.Sprintf("session %010x", uint64(n))
	}
	if len(s) == 3 && s[0] == senderPartition {
		n, _, _ := tuple.TakeUint16([]byte(s[1:]))
		return fmt.Sprintf("partition %d", n)
	}
	return fmt.Sprintf("%x", string(s))
}

func senderLen(kind byte) int {
	switch kind {
	case senderPartition:
		return 3
	case senderSession:
		return 9
	default:
		return 0
	}
}

func takeSender(rest []byte) (Sender, []byte, bool) {
	if len(rest) == 0 {
		return "", rest, false
	}
	n := senderLen(rest[0])
	if n == 0 || len(rest) < n {
		return "", rest, false
	}
	return Sender(rest[:n]), rest[n:], true
}

func laneSeqKey(p, to ID) kv.Key       { return tuple.Uint16(Key(p, FamilyLaneSeq), uint16(to)) }
func laneCurKey(p ID, s Sender) kv.Key { return append(Key(p, FamilyLaneCur), s...) }

func laneOpenKey(to ID, s Sender) kv.Key { return append(Key(to, FamilyLaneOpen), s...) }

func mailKey(to ID, s Sender, seq uint64) kv.Key {
	return tuple.Uint64(append(Key(to, FamilyMail), s...), seq)
}

// The bounds of a lane: how far its sender may be ahead of its receiver.
const (
	MaxLaneMessages = 10_000
	MaxLaneBytes    = 64 << 20
)

// progress is how far a lane has come, at its sender or at its receiver: the last message, and the
// bytes of all up to it. Only their differences mean something; bytes may wrap.
type progress struct{ seq, bytes uint64 }

func (p *progress) add(body []byte) {
	p.seq++
	p.bytes += uint64(MailSize(body)) //nolint:gosec // a length
}

func (p progress) encode() []byte { return tuple.Uint64(tuple.Uint64(nil, p.seq), p.bytes) }

// readProgress reads the value of a lane's two ends; what is absent is 0.
func readProgress(v []byte) (p progress) {
	p.seq, v, _ = tuple.TakeUint64(v)
	p.bytes, _, _ = tuple.TakeUint64(v)
	return p
}

func encodeMail(kind byte, body []byte) []byte {
	return append([]byte{kind}, body...)
}

// MailWrites appends to b's group the writes that put a message into the lane of a session to
// partition to. first says that it is the lane's first message.
func (v *View) MailWrites(to ID, s Sender, seq uint64, kind byte, body []byte) {
	v.building.mark()
	if seq == 1 {
		v.building.put(kv.Op{Kind: kv.KindSet, Key: laneOpenKey(to, s), Value: []byte{1}})
	}
	v.building.put(kv.Op{Kind: kv.KindSet, Key: mailKey(to, s, seq), Value: encodeMail(kind, body)})
}

// MailSize is what a message of a body costs in a group.
func MailSize(body []byte) int { return len(body) + 48 }

// LanesRange is the range in which the senders with a lane to p stand; LaneSender reads an entry.
func LanesRange(p ID) kv.Range {
	r := kv.Prefix(Key(p, FamilyLaneOpen))
	r.KeysOnly = true
	return r
}

// LaneSender returns the sender of a key of LanesRange.
func LaneSender(key kv.Key) (Sender, bool) {
	_, _, f, rest, ok := SplitKey(key)
	if !ok || f != FamilyLaneOpen {
		return "", false
	}
	s, rest, ok := takeSender(rest)
	return s, ok && len(rest) == 0
}

// MailRange is the range of the messages of a lane after a sequence number.
func MailRange(to ID, s Sender, after uint64) kv.Range {
	return kv.Range{From: mailKey(to, s, after+1), To: kv.PrefixEnd(append(Key(to, FamilyMail), s...)), Limit: 500, MaxBytes: 1 << 20}
}

// MailSender returns the sender of a message's key.
func MailSender(key kv.Key) (Sender, bool) {
	_, _, f, rest, ok := SplitKey(key)
	if !ok || f != FamilyMail {
		return "", false
	}
	s, _, ok := takeSender(rest)
	return s, ok
}

// LaneCursor returns the last message of a lane that is applied, in an open partition.
func (v *View) LaneCursor(p ID, s Sender) uint64 {
	value, _ := v.lookup(laneCurKey(p, s))
	return readProgress(value).seq
}

// CursorRange is the range of one key, in which a lane's cursor stands; CursorOf reads it.
func CursorRange(p ID, s Sender) kv.Range {
	key := laneCurKey(p, s)
	return kv.Range{From: key, To: append(key[:len(key):len(key)], 0), Limit: 1}
}

// CursorOf reads the entry of CursorRange.
func CursorOf(e kv.Entry) uint64 { return readProgress(e.Value).seq }

// Message is one message of a lane.
type Message struct {
	Sender Sender
	Seq    uint64
	Kind   byte
	Body   []byte
}

// ReadMessage reads an entry of MailRange.
func ReadMessage(e kv.Entry) (Message, bool) {
	_, _, f, rest, ok := SplitKey(e.Key)
	if !ok || f != FamilyMail || len(e.Value) == 0 {
		return Message{}, false
	}
	s, rest, ok := takeSender(rest)
	if !ok {
		return Message{}, false
	}
	seq, rest, ok := tuple.TakeUint64(rest)
	return Message{Sender: s, Seq: seq, Kind: e.Value[0], Body: e.Value[1:]}, ok && len(rest) == 0
}

func describeLane(rest []byte) string {
	s, rest, ok := takeSender(rest)
	if !ok {
		return fmt.Sprintf("malformed %x", rest)
	}
	if len(rest) == 0 {
		return "from " + s.String()
	}
	seq, _, ok := tuple.TakeUint64(rest)
	if !ok {
		return fmt.Sprintf("from %s malformed %x", s, rest)
	}
	return fmt.Sprintf("from %s number %d", s, seq)
}
