package jobqueue

import (
	"encoding/binary"
	"time"

	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/kv"
	"auwai/internal/partition"
	"auwai/internal/tuple"
)

func malformedValue(key kv.Key, family string) error {
	return fault.Newf(fault.Internal, "jobqueue: %s entry at key %x is malformed", family, key)
}

// PairInfo is what the store holds of a pair.
type PairInfo struct {
	Pair   Pair
	Counts Counts // as stored; see Mem.Counts
	// Cursor is, for each band, a place below which no ready job is left. Scans begin there, so they
	// never walk over what was deleted.
	Cursor [Bands]uint64
}

// encodePair: version, ready, delayed, blocked, running, dead, sweeping, cursors; then the names,
// where one is shortened in the key.
func encodePair(i *PairInfo) []byte {
	b := make([]byte, 0, 48)
	b = append(b, formatVersion)
	c := &i.Counts
	for _, n := range [...]int64{c.Ready, c.Delayed, c.Blocked, c.Running, c.Dead, c.Sweeping} {
		b = binary.AppendUvarint(b, uint64(n)) //nolint:gosec // counts are not negative
	}
	for _, n := range i.Cursor {
		b = binary.AppendUvarint(b, n)
	}
	if len(i.Pair.Wiki) > tuple.MaxShort || len(i.Pair.Queue) > tuple.MaxShort {
		b = appendText(appendText(b, i.Pair.Wiki), i.Pair.Queue)
	}
	return b
}

func (i *PairInfo) decode(value []byte) bool {
	r := reader{b: value}
	r.version()
	c := &i.Counts
	for _, n := range [...]*int64{&c.Ready, &c.Delayed, &c.Blocked, &c.Running, &c.Dead, &c.Sweeping} {
		*n = int64(r.uvarint()) //nolint:gosec // written from an int64
	}
	for b := range i.Cursor {
		i.Cursor[b] = r.uvarint()
	}
	if len(r.b) > 0 {
		i.Pair.Wiki, i.Pair.Queue = r.text(), r.text()
	}
	return r.end()
}

// DecodePair reads an entry of PairRange.
func DecodePair(e kv.Entry) (PairInfo, error) {
	var i PairInfo
	_, _, f, rest, ok := partition.SplitKey(e.Key)
	wiki, rest, ok2 := tuple.TakeString(rest)
	queue, rest, ok3 := tuple.TakeString(rest)
	i.Pair = Pair{Wiki: wiki, Queue: queue}
	if !ok || !ok2 || !ok3 || f != FamPair || len(rest) != 0 || !i.decode(e.Value) {
		return i, malformedValue(e.Key, "pair")
	}
	return i, nil
}

// ReadyEntry is a place in the ready order.
type ReadyEntry struct {
	Band    Band
	Seq     uint64
	ID      ident.Suffix
	Created time.Time
}

func appendReadyValue(b []byte, j *Job) []byte { return appendTime(append(b, j.ID[:]...), j.Created) }

const readyValueSize = ident.SuffixLen + 8

// DecodeReady reads an entry of ReadyRange.
func DecodeReady(e kv.Entry) (ReadyEntry, error) {
	n := len(e.Key) - 9
	r := reader{b: e.Value}
	out := ReadyEntry{ID: r.suffix(), Created: r.time()}
	if n < 5 || !r.end() {
		return out, malformedValue(e.Key, "ready")
	}
	out.Band = Band(e.Key[n])
	out.Seq = binary.BigEndian.Uint64(e.Key[n+1:])
	return out, nil
}

// DueRef is a delayed job's place in the order of time.
type DueRef struct {
	Due  time.Time
	Pair Pair
	ID   ident.Suffix
	Size int // of its payload beside the record
}

func encodeDue(j *Job) []byte {
	b := appendText(make([]byte, 0, len(j.Queue)+8), j.Queue)
	return binary.AppendUvarint(b, uint64(len(j.Payload)))
}

// DecodeDue reads an entry of DueRange.
func DecodeDue(e kv.Entry) (DueRef, error) {
	_, _, f, rest, ok := partition.SplitKey(e.Key)
	ms, wiki, id, ok2 := takeExpiry(rest)
	r := reader{b: e.Value}
	d := DueRef{Due: time.UnixMilli(ms).UTC(), Pair: Pair{Wiki: wiki, Queue: r.text()}, ID: id, Size: r.small()}
	if !ok || !ok2 || f != FamDue || !r.end() {
		return d, malformedValue(e.Key, "due")
	}
	return d, nil
}

// RunningEntry is a stored claim.
type RunningEntry struct {
	ID       ident.Suffix
	Pair     Pair
	Band     Band
	Seq      uint64
	Start    time.Time
	Deadline time.Time // zero: none
	Attempts int       // that the queue allows; 0: not said
	Orderly  bool      // an orderly stop cut it short
	Size     int       // of the job's payload
}

func encodeRunning(c *Claim, orderly bool) []byte {
	j := c.Job
	b := make([]byte, 0, len(j.Queue)+40)
	b = append(b, formatVersion, byte(j.Band), 0)
	if orderly {
		b[2] = 1
	}
	b = binary.AppendUvarint(b, j.Seq)
	b = appendText(b, j.Queue)
	b = appendTime(b, orEpoch(c.Start))
	b = appendTime(b, orEpoch(c.Deadline))
	b = binary.AppendUvarint(b, uint64(max(c.Attempts, 0)))
	return binary.AppendUvarint(b, uint64(len(j.Payload)))
}

// orEpoch returns t, or the epoch for the zero time, which stands for "none" in values.
func orEpoch(t time.Time) time.Time {
	if t.IsZero() {
		return time.UnixMilli(0)
	}
	return t
}

func orZero(t time.Time) time.Time {
	if t.UnixMilli() == 0 {
		return time.Time{}
	}
	return t
}

// DecodeRunning reads an entry of RunningRange.
func DecodeRunning(e kv.Entry) (RunningEntry, error) {
	_, _, f, rest, ok := partition.SplitKey(e.Key)
	wiki, rest, ok2 := tuple.TakeString(rest)
	id, rest, ok3 := takeSuffix(rest)
	r := reader{b: e.Value}
	r.version()
	out := RunningEntry{ID: id, Band: Band(r.byte())}
	out.Orderly = r.byte() == 1
	out.Seq = r.uvarint()
	out.Pair = Pair{Wiki: wiki, Queue: r.text()}
	out.Start, out.Deadline = orZero(r.time()), orZero(r.time())
	out.Attempts, out.Size = r.small(), r.small()
	if !ok || !ok2 || !ok3 || f != FamRunning || len(rest) != 0 || !r.end() {
		return out, malformedValue(e.Key, "running")
	}
	return out, nil
}

// RootRecord is the newest generation of a root.
type RootRecord struct {
	Timestamp string // 14 digits, as in Root
	MinEnq    uint64 // of equal timestamp, what arrived before it is superseded too
	bucket    int64  // of its expiry
}

// Older reports whether the job belongs to an older generation than the record. The job's signature
// must be the record's.
func (r *RootRecord) Older(j *Job) bool {
	return j.Root.Timestamp < r.Timestamp || j.Root.Timestamp == r.Timestamp && j.Enq < r.MinEnq
}

func encodeRoot(r *RootRecord) []byte {
	b := append(make([]byte, 0, len(r.Timestamp)+24), formatVersion)
	b = appendText(b, r.Timestamp)
	b = binary.AppendUvarint(b, r.MinEnq)
	return binary.AppendVarint(b, r.bucket)
}

// DecodeRoot reads the value of a RootKey.
func DecodeRoot(value []byte) (RootRecord, error) {
	r := reader{b: value}
	r.version()
	out := RootRecord{Timestamp: r.text(), MinEnq: r.uvarint(), bucket: r.varint()}
	if !r.end() {
		return RootRecord{}, fault.Newf(fault.Internal, "jobqueue: root record %x is malformed", value)
	}
	return out, nil
}

// DecodeDead reads an entry of DeadRange.
func DecodeDead(e kv.Entry) (id ident.Suffix, seq uint64, err error) {
	r := reader{b: e.Value}
	id = r.suffix()
	if len(e.Key) < 8 || !r.end() {
		return id, 0, malformedValue(e.Key, "dead")
	}
	return id, binary.BigEndian.Uint64(e.Key[len(e.Key)-8:]), nil
}
