package jobqueue

import (
	"encoding/binary"
	"fmt"
	"time"

	"auwai/internal/fault"
	"auwai/internal/ident"
)

// A record, version 1:
//
//	version, state | band<<4, flags, seq (varint, from enq), enq, created, queue,
//	what the flags say is there, in their order, and the payload to the end
const (
	hasKey uint64 = 1 << iota
	hasRoot
	isRoot
	hasDomain
	isEvent
	hasRunAt
	hasDue
	hasDied
	hasTries
	hasCrashes
	hasAttempts
	hasError
	hasRequest
	hasClient
	hasBlob
	hasSerial
	hasWaits
	hasExpireAt
	hasCause
	hasNeeds
	hasSaid
	hasTwins
	hasFirst
	isNoRetry
	isAtMostOnce
	isExclusive
	isChained
	isWaited
)

// rare are the flags of fields that most records do not have.
const rare = ^(hasSerial - 1)

func (j *Job) flags() uint64 {
	var f uint64
	set := func(on bool, bit uint64) {
		if on {
			f |= bit
		}
	}
	set(j.Key != "", hasKey)
	set(j.Root.Signature != "", hasRoot)
	set(j.Root.IsRoot, isRoot)
	set(j.Domain != "", hasDomain)
	set(j.FromEvent, isEvent)
	set(!j.RunAt.IsZero(), hasRunAt)
	set(!j.Due.IsZero(), hasDue)
	set(!j.Died.IsZero(), hasDied)
	set(j.Tries > 0, hasTries)
	set(j.Crashes > 0, hasCrashes)
	set(len(j.Attempts) > 0, hasAttempts)
	set(j.LastError != "", hasError)
	set(j.RequestID != "", hasRequest)
	set(j.ClientID != "", hasClient)
	set(j.Blob.Size > 0, hasBlob)
	return f | j.rareFlags()
}

func (j *Job) rareFlags() uint64 {
	var f uint64
	set := func(on bool, bit uint64) {
		if on {
			f |= bit
		}
	}
	set(j.SerialKey != "", hasSerial)
	set(len(j.WaitsFor) > 0, hasWaits)
	set(!j.ExpireAt.IsZero(), hasExpireAt)
	set(j.Cause != nil, hasCause)
	set(j.Needs != Needs{}, hasNeeds)
	set(j.Message != "" || j.ResultURL != "", hasSaid)
	set(j.Twins != nil, hasTwins)
	set(j.Twins != nil && !j.Twins.First.IsZero(), hasFirst)
	set(j.NoRetry, isNoRetry)
	set(j.AtMostOnce, isAtMostOnce)
	set(j.Exclusive, isExclusive)
	set(j.Chained, isChained)
	set(j.Waited, isWaited)
	return f
}

// encodeJob returns the record of j.
func encodeJob(j *Job) []byte {
	size := 48 + len(j.Queue) + len(j.Key) + len(j.Root.Signature) + len(j.Root.Timestamp) + len(j.Domain) +
		len(j.LastError) + len(j.RequestID) + len(j.ClientID) + len(j.Payload)
	if len(j.Attempts) > 0 || !j.RunAt.IsZero() || j.Blob.Size > 0 {
		size += 64 + 64*len(j.Attempts)
	}
	f := j.flags()
	if f&rare != 0 {
		size += j.rareSize()
	}
	b := make([]byte, 0, size)
	b = append(b, formatVersion, byte(j.State)|byte(j.Band)<<4)
	b = binary.AppendUvarint(b, f)
	b = binary.AppendVarint(b, int64(j.Seq-j.Enq)) //nolint:gosec // read back the same way
	b = binary.AppendUvarint(b, j.Enq)
	b = appendTime(b, j.Created)
	b = appendText(b, j.Queue)
	if f&^isEvent != 0 {
		b = appendOptional(b, j, f)
	}
	return append(b, j.Payload...)
}

func appendOptional(b []byte, j *Job, f uint64) []byte {
	if f&hasKey != 0 {
		b = appendText(b, j.Key)
	}
	if f&hasRoot != 0 {
		b = appendText(appendText(b, j.Root.Signature), j.Root.Timestamp)
	}
	if f&hasDomain != 0 {
		b = appendText(b, j.Domain)
	}
	if f&hasRunAt != 0 {
		b = appendTime(b, j.RunAt)
	}
	if f&hasDue != 0 {
		b = appendTime(b, j.Due)
	}
	if f&hasDied != 0 {
		b = appendTime(b, j.Died)
	}
	if f&hasTries != 0 {
		b = binary.AppendUvarint(b, uint64(j.Tries)) //nolint:gosec // positive
	}
	if f&hasCrashes != 0 {
		b = binary.AppendUvarint(b, uint64(j.Crashes)) //nolint:gosec // positive
	}
	if f&hasAttempts != 0 {
		b = appendAttempts(b, j.Attempts)
	}
	if f&hasError != 0 {
		b = appendText(b, j.LastError)
	}
	if f&hasRequest != 0 {
		b = appendText(b, j.RequestID)
	}
	if f&hasClient != 0 {
		b = appendText(b, j.ClientID)
	}
	if f&hasBlob != 0 {
		b = append(b, j.Blob.ID[:]...)
		b = binary.AppendUvarint(b, uint64(j.Blob.Size)) //nolint:gosec // positive
	}
	if f&rare != 0 {
		b = appendRare(b, j, f)
	}
	return b
}

// rareSize is about what the rare fields add to a record.
func (j *Job) rareSize() int {
	n := 96 + len(j.SerialKey) + ident.SuffixLen*len(j.WaitsFor) + len(j.Message) + len(j.ResultURL)
	if j.Cause != nil {
		n += len(j.Cause.Parent) + 8*len(j.Cause.Chain)
	}
	return n
}

func appendRare(b []byte, j *Job, f uint64) []byte {
	if f&hasSerial != 0 {
		b = appendText(b, j.SerialKey)
	}
	if f&hasWaits != 0 {
		b = appendSuffixes(b, j.WaitsFor)
	}
	if f&hasExpireAt != 0 {
		b = appendTime(b, j.ExpireAt)
	}
	if f&hasCause != 0 {
		b = appendCause(b, j.Cause)
	}
	if f&hasNeeds != 0 {
		b = appendNeeds(b, j.Needs)
	}
	if f&hasSaid != 0 {
		b = appendText(appendText(b, j.Message), j.ResultURL)
	}
	if f&hasTwins != 0 {
		b = appendMillis(append(b, byte(j.Twins.Mode)), j.Twins.For)
	}
	if f&hasFirst != 0 {
		b = appendTime(b, j.Twins.First)
	}
	return b
}

// DecodeJob reads a record. The wiki and the id are those of its key; queue is what the reader
// expects, "" for any. The job's payload is a part of value. A job that runs is still Ready here.
func DecodeJob(p Pair, id ident.Suffix, value []byte) (*Job, error) {
	r := reader{b: value}
	j := &Job{ID: id, Pair: Pair{Wiki: p.Wiki}}
	r.version()
	b := r.byte()
	j.State, j.Band = State(b&0x0f), Band(b>>4)
	f := r.uvarint()
	delta := r.varint()
	j.Enq = r.uvarint()
	j.Seq = j.Enq + uint64(delta) //nolint:gosec // the difference may be negative
	j.Created = r.time()
	j.Queue = r.name(p.Queue)
	r.optional(j, f)
	if r.bad || f >= isWaited<<1 || j.Band >= Bands || !j.State.kept() {
		return nil, fault.Newf(fault.Internal, "jobqueue: record of job %s of wiki %q is malformed, %d bytes", id, p.Wiki, len(value))
	}
	if len(r.b) > 0 {
		j.Payload = r.b
	}
	return j, nil
}

// kept reports whether a record may be in the state.
func (s State) kept() bool { return s == Ready || s == Delayed || s == Blocked || s == Dead }

func (r *reader) optional(j *Job, f uint64) {
	j.Root.IsRoot, j.FromEvent = f&isRoot != 0, f&isEvent != 0
	if f&hasKey != 0 {
		j.Key = r.text()
	}
	if f&hasRoot != 0 {
		j.Root.Signature, j.Root.Timestamp = r.text(), r.text()
		r.bad = r.bad || j.Root.Signature == ""
	}
	if f&hasDomain != 0 {
		j.Domain = r.text()
	}
	if f&hasRunAt != 0 {
		j.RunAt = r.time()
	}
	if f&hasDue != 0 {
		j.Due = r.time()
	}
	if f&hasDied != 0 {
		j.Died = r.time()
	}
	if f&hasTries != 0 {
		j.Tries = r.small()
	}
	if f&hasCrashes != 0 {
		j.Crashes = r.small()
	}
	if f&hasAttempts != 0 {
		j.Attempts = r.attempts()
	}
	if f&hasError != 0 {
		j.LastError = r.text()
	}
	if f&hasRequest != 0 {
		j.RequestID = r.text()
	}
	if f&hasClient != 0 {
		j.ClientID = r.text()
	}
	if f&hasBlob != 0 {
		j.Blob.ID, j.Blob.Size = r.suffix(), r.small()
		r.bad = r.bad || j.Blob.Size == 0
	}
	if f&rare != 0 {
		r.rare(j, f)
	}
}

func (r *reader) rare(j *Job, f uint64) {
	if f&hasSerial != 0 {
		j.SerialKey = r.text()
		r.bad = r.bad || j.SerialKey == ""
	}
	if f&hasWaits != 0 {
		j.WaitsFor = r.suffixes()
	}
	if f&hasExpireAt != 0 {
		j.ExpireAt = r.time()
	}
	if f&hasCause != 0 {
		j.Cause = r.cause()
	}
	if f&hasNeeds != 0 {
		j.Needs = r.needs()
	}
	if f&hasSaid != 0 {
		j.Message, j.ResultURL = r.text(), r.text()
		r.bad = r.bad || j.Message == "" && j.ResultURL == ""
	}
	if f&hasTwins != 0 {
		j.Twins = &TwinRule{Mode: Dedup(r.byte()), For: r.millis()}
		r.bad = r.bad || j.Twins.Mode == DedupKeep || j.Twins.Mode >= dedups
		if f&hasFirst != 0 {
			j.Twins.First = r.time()
		}
	}
	r.bad = r.bad || f&hasFirst != 0 && j.Twins == nil
	j.NoRetry, j.AtMostOnce, j.Exclusive = f&isNoRetry != 0, f&isAtMostOnce != 0, f&isExclusive != 0
	j.Chained, j.Waited = f&isChained != 0, f&isWaited != 0
}

func appendAttempts(b []byte, list []Attempt) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for i := range list {
		b = appendAttempt(b, &list[i])
	}
	return b
}

func appendAttempt(b []byte, a *Attempt) []byte {
	b = append(b, byte(a.Outcome))
	b = appendTime(b, a.Start)
	b = binary.AppendVarint(b, a.End.UnixMilli()-a.Start.UnixMilli())
	return appendText(b, a.Error)
}

func (r *reader) attempts() []Attempt {
	n := r.count(4)
	if n == 0 || n > MaxAttempts {
		r.fail()
		return nil
	}
	list := make([]Attempt, n)
	for i := range list {
		a := &list[i]
		a.Outcome = Outcome(r.byte())
		a.Start = r.time()
		a.End = time.UnixMilli(a.Start.UnixMilli() + r.varint()).UTC()
		a.Error = r.text()
	}
	return list
}

// addAttempt appends to the record's attempts, without changing the old slice.
func (j *Job) addAttempt(a Attempt) {
	keep := j.Attempts[max(0, len(j.Attempts)-MaxAttempts+1):]
	list := make([]Attempt, 0, len(keep)+1)
	j.Attempts = append(append(list, keep...), a)
}

// String names the job for errors.
func (j *Job) String() string {
	return fmt.Sprintf("%s of queue %s of wiki %s", j.ID, j.Queue, j.Wiki)
}
