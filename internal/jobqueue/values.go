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
	// PurgedBefore is where the last purge stands in the order of arrival: what waits and arrived before
	// it is ended by a sweep, and is not started. 0: none.
	PurgedBefore uint64
}

// pairVersion2 has PurgedBefore after the cursors.
const pairVersion2 = 2

// encodePair: version, ready, delayed, blocked, running, dead, sweeping, cursors; then the names,
// where one is shortened in the key.
func encodePair(i *PairInfo) []byte {
	b := make([]byte, 0, 48)
	b = append(b, formatVersion)
	if i.PurgedBefore > 0 {
		b[0] = pairVersion2
	}
	c := &i.Counts
	for _, n := range [...]int64{c.Ready, c.Delayed, c.Blocked, c.Running, c.Dead, c.Sweeping} {
		b = binary.AppendUvarint(b, uint64(n)) //nolint:gosec // counts are not negative
	}
	for _, n := range i.Cursor {
		b = binary.AppendUvarint(b, n)
	}
	if i.PurgedBefore > 0 {
		b = binary.AppendUvarint(b, i.PurgedBefore)
	}
	if len(i.Pair.Wiki) > tuple.MaxShort || len(i.Pair.Queue) > tuple.MaxShort {
		b = appendText(appendText(b, i.Pair.Wiki), i.Pair.Queue)
	}
	return b
}

func (i *PairInfo) decode(value []byte) bool {
	r := reader{b: value}
	version := r.byte()
	c := &i.Counts
	for _, n := range [...]*int64{&c.Ready, &c.Delayed, &c.Blocked, &c.Running, &c.Dead, &c.Sweeping} {
		*n = int64(r.uvarint()) //nolint:gosec // written from an int64
	}
	for b := range i.Cursor {
		i.Cursor[b] = r.uvarint()
	}
	switch version {
	case formatVersion:
	case pairVersion2:
		i.PurgedBefore = r.uvarint()
	default:
		r.fail()
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

	Exclusive  bool
	AtMostOnce bool
	Cancelled  bool   // its job is to end as cancelled, unless it is done
	Holder     string // the remote worker that has it; "" for this node
	Progress   Progress
}

// The flags of a stored claim.
const (
	runOrderly byte = 1 << iota
	runExclusive
	runAtMostOnce
	runCancelled
	runHolder
	runProgress
	runFlags
)

func (c *Claim) runFlags(orderly, cancelled bool) byte {
	var f byte
	for _, flag := range [...]struct {
		on  bool
		bit byte
	}{
		{orderly, runOrderly},
		{c.Exclusive, runExclusive},
		{c.AtMostOnce, runAtMostOnce},
		{cancelled, runCancelled},
		{c.Holder != "", runHolder},
		{!c.Progress.IsZero(), runProgress},
	} {
		if flag.on {
			f |= flag.bit
		}
	}
	return f
}

func encodeRunning(c *Claim, orderly, cancelled bool) []byte {
	j := c.Job
	f := c.runFlags(orderly, cancelled)
	b := make([]byte, 0, len(j.Queue)+40)
	b = append(b, formatVersion, byte(j.Band), f)
	b = binary.AppendUvarint(b, j.Seq)
	b = appendText(b, j.Queue)
	b = appendTime(b, orEpoch(c.Start))
	b = appendTime(b, orEpoch(c.Deadline))
	b = binary.AppendUvarint(b, uint64(max(c.Attempts, 0)))
	b = binary.AppendUvarint(b, uint64(len(j.Payload)))
	if f&runHolder != 0 {
		b = appendText(b, c.Holder)
	}
	if f&runProgress != 0 {
		b = appendProgress(b, &c.Progress)
	}
	return b
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
	flags := r.byte()
	out.Orderly, out.Exclusive = flags&runOrderly != 0, flags&runExclusive != 0
	out.AtMostOnce, out.Cancelled = flags&runAtMostOnce != 0, flags&runCancelled != 0
	out.Seq = r.uvarint()
	out.Pair = Pair{Wiki: wiki, Queue: r.text()}
	out.Start, out.Deadline = orZero(r.time()), orZero(r.time())
	out.Attempts, out.Size = r.small(), r.small()
	if flags&runHolder != 0 {
		out.Holder = r.text()
	}
	if flags&runProgress != 0 {
		out.Progress = r.progress()
	}
	r.bad = r.bad || flags >= runFlags
	if !ok || !ok2 || !ok3 || f != FamRunning || len(rest) != 0 || !r.end() {
		return out, malformedValue(e.Key, "running")
	}
	return out, nil
}

// RootRecord is the newest generation of a root.
type RootRecord struct {
	Timestamp string // 14 digits, as in Root
	MinEnq    uint64 // of equal timestamp, what arrived before it is superseded too
	Cancelled bool   // this generation and all before it are cancelled
	Jobs      int64  // of this generation that were taken, where a budget asks for it
	bucket    int64  // of its expiry
}

// Older reports whether the job belongs to an older generation than the record. The job's signature
// must be the record's.
func (r *RootRecord) Older(j *Job) bool {
	return j.Root.Timestamp < r.Timestamp || j.Root.Timestamp == r.Timestamp && j.Enq < r.MinEnq
}

// Ends reports whether the job is not to be begun: it is older than the record, or cancelled by it.
// The job's signature must be the record's.
func (r *RootRecord) Ends(j *Job) bool { return r.Older(j) || r.Cancels(j) }

// Cancels reports whether the job's generation is cancelled.
func (r *RootRecord) Cancels(j *Job) bool { return r.Cancelled && j.Root.Timestamp <= r.Timestamp }

// rootVersion2 has, after the bucket, whether it is cancelled and how many jobs there are.
const rootVersion2 = 2

func encodeRoot(r *RootRecord) []byte {
	b := append(make([]byte, 0, len(r.Timestamp)+32), formatVersion)
	if r.Cancelled || r.Jobs > 0 {
		b[0] = rootVersion2
	}
	b = appendText(b, r.Timestamp)
	b = binary.AppendUvarint(b, r.MinEnq)
	b = binary.AppendVarint(b, r.bucket)
	if b[0] == formatVersion {
		return b
	}
	cancelled := byte(0)
	if r.Cancelled {
		cancelled = 1
	}
	return binary.AppendVarint(append(b, cancelled), r.Jobs)
}

// DecodeRoot reads the value of a RootKey.
func DecodeRoot(value []byte) (RootRecord, error) {
	r := reader{b: value}
	version := r.byte()
	out := RootRecord{Timestamp: r.text(), MinEnq: r.uvarint(), bucket: r.varint()}
	switch version {
	case formatVersion:
	case rootVersion2:
		out.Cancelled, out.Jobs = r.byte() == 1, r.varint()
	default:
		r.fail()
	}
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
