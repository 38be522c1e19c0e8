package jobqueue

import (
	"encoding/binary"
	"time"

	"auwai/internal/eventlog"
	"auwai/internal/fault"
	"auwai/internal/ident"
)

// HistoryStream is the stream of finished jobs. Its retention, by age and size, is the event log's.
const HistoryStream = "auwai.history"

// History is what is kept of a job that ended.
type History struct {
	ID ident.Suffix
	Pair
	State     State // Done, Cancelled, Superseded, Expired or Duplicate
	Created   time.Time
	Finished  time.Time
	Tries     int
	Key       string
	RequestID string
	ClientID  string
	// DuplicateOf is the job that it was merged into.
	DuplicateOf ident.Suffix
	Root        Root
	// Generation is the timestamp of the root that superseded it.
	Generation string
	LastError  string
	Attempts   []Attempt
	Cause      *Cause // nil for none
	Message    string // the last that an attempt said of itself
	ResultURL  string
	Holder     string // the remote worker that had the last attempt; "" for none
}

// closing says how a job's life ends.
type closing struct {
	state      State
	twin       ident.Suffix
	generation string
	attempt    *Attempt // the last one, when it is not in the job
	holder     string
	reason     string // in words, where the job's own last error does not say it
	settles    bool
}

// lastError is what the history says went wrong last.
func (c *closing) lastError(j *Job) string {
	if c.reason != "" {
		return c.reason
	}
	return j.LastError
}

// close ends a job's life: its history is written, found by its request, and reported; it leaves its
// chain, and those that wait for it go on, or end with it.
func (w *work) close(j *Job, c closing) {
	tries := j.Tries
	if c.state == Done {
		tries++
	}
	b := w.appendHistory(w.scratch[:0], j, &c, tries)
	position := eventlog.Append(w.tx, HistoryStream, w.now, b)
	w.scratch = b
	w.indexEnded(j, position)
	w.effect(Finished{ID: j.ID, Pair: j.Pair, State: c.state, Tries: tries, Created: j.Created, Settles: c.settles})
	if j.Chained {
		w.leave(j)
	}
	w.letGo(j, c.state)
}

// The flags of a history record, version 1:
//
//	version, state, flags, id, wiki, queue, created, finished (from created), tries,
//	what the flags say is there, in their order
const (
	pastKey uint64 = 1 << iota
	pastRequest
	pastClient
	pastTwin
	pastRoot
	pastIsRoot
	pastGeneration
	pastError
	pastAttempts
	pastCause
	pastSaid
	pastHolder
)

func (w *work) appendHistory(b []byte, j *Job, c *closing, tries int) []byte {
	f := pastFlags(j, c)
	b = append(b, formatVersion, byte(c.state))
	b = binary.AppendUvarint(b, f)
	b = append(b, j.ID[:]...)
	b = appendText(appendText(b, j.Wiki), j.Queue)
	b = appendTime(b, j.Created)
	b = binary.AppendVarint(b, w.now.UnixMilli()-j.Created.UnixMilli())
	b = binary.AppendUvarint(b, uint64(tries)) //nolint:gosec // positive
	if f&pastKey != 0 {
		b = appendText(b, j.Key)
	}
	if f&pastRequest != 0 {
		b = appendText(b, j.RequestID)
	}
	if f&pastClient != 0 {
		b = appendText(b, j.ClientID)
	}
	if f&pastTwin != 0 {
		b = append(b, c.twin[:]...)
	}
	if f&pastRoot != 0 {
		b = appendText(appendText(b, j.Root.Signature), j.Root.Timestamp)
	}
	if f&pastGeneration != 0 {
		b = appendText(b, c.generation)
	}
	if f&pastError != 0 {
		b = appendText(b, c.lastError(j))
	}
	if f&pastAttempts != 0 {
		b = appendPastAttempts(b, j.Attempts, c.attempt)
	}
	if f&pastCause != 0 {
		b = appendCause(b, j.Cause)
	}
	if f&pastSaid != 0 {
		b = appendText(appendText(b, j.Message), j.ResultURL)
	}
	if f&pastHolder != 0 {
		b = appendText(b, c.holder)
	}
	return b
}

// appendPastAttempts is appendAttempts of the list with one more at its end, without building it.
func appendPastAttempts(b []byte, list []Attempt, last *Attempt) []byte {
	if last == nil {
		return appendAttempts(b, list)
	}
	list = list[max(0, len(list)-MaxAttempts+1):]
	b = binary.AppendUvarint(b, uint64(len(list)+1))
	for i := range list {
		b = appendAttempt(b, &list[i])
	}
	return appendAttempt(b, last)
}

func pastFlags(j *Job, c *closing) uint64 {
	var f uint64
	set := func(on bool, bit uint64) {
		if on {
			f |= bit
		}
	}
	set(j.Key != "", pastKey)
	set(j.RequestID != "", pastRequest)
	set(j.ClientID != "", pastClient)
	set(!c.twin.IsZero(), pastTwin)
	set(j.Root.Signature != "", pastRoot)
	set(j.Root.IsRoot, pastIsRoot)
	set(c.generation != "", pastGeneration)
	set(c.lastError(j) != "", pastError)
	set(len(j.Attempts) > 0 || c.attempt != nil, pastAttempts)
	set(j.Cause != nil, pastCause)
	set(j.Message != "" || j.ResultURL != "", pastSaid)
	set(c.holder != "", pastHolder)
	return f
}

// DecodeHistory reads a record of HistoryStream.
func DecodeHistory(data []byte) (History, error) {
	r := reader{b: data}
	r.version()
	var h History
	h.State = State(r.byte())
	f := r.uvarint()
	h.ID = r.suffix()
	h.Wiki, h.Queue = r.text(), r.text()
	h.Created = r.time()
	h.Finished = time.UnixMilli(h.Created.UnixMilli() + r.varint()).UTC()
	h.Tries = r.small()
	r.past(&h, f)
	if !r.end() || f >= pastHolder<<1 {
		return History{}, fault.Newf(fault.Internal, "jobqueue: history record of %d bytes is malformed", len(data))
	}
	return h, nil
}

func (r *reader) past(h *History, f uint64) {
	h.Root.IsRoot = f&pastIsRoot != 0
	if f&pastKey != 0 {
		h.Key = r.text()
	}
	if f&pastRequest != 0 {
		h.RequestID = r.text()
	}
	if f&pastClient != 0 {
		h.ClientID = r.text()
	}
	if f&pastTwin != 0 {
		h.DuplicateOf = r.suffix()
	}
	if f&pastRoot != 0 {
		h.Root.Signature, h.Root.Timestamp = r.text(), r.text()
	}
	if f&pastGeneration != 0 {
		h.Generation = r.text()
	}
	if f&pastError != 0 {
		h.LastError = r.text()
	}
	if f&pastAttempts != 0 {
		h.Attempts = r.attempts()
	}
	if f&pastCause != 0 {
		h.Cause = r.cause()
	}
	if f&pastSaid != 0 {
		h.Message, h.ResultURL = r.text(), r.text()
	}
	if f&pastHolder != 0 {
		h.Holder = r.text()
	}
}
