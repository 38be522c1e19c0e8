package jobqueue

import (
	"encoding/binary"

	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/tuple"
)

// SourceEntry says which job a source made.
type SourceEntry struct {
	Hash [8]byte
	ID   ident.Suffix
}

const sourceEntrySize = 8 + ident.SuffixLen

func encodeSource(list []SourceEntry) []byte {
	b := append(make([]byte, 0, 1+len(list)*sourceEntrySize), formatVersion)
	for i := range list {
		b = append(append(b, list[i].Hash[:]...), list[i].ID[:]...)
	}
	return b
}

// DecodeSource reads the value of a key of SourceKeys; nil gives nothing.
func DecodeSource(value []byte) ([]SourceEntry, error) {
	if value == nil {
		return nil, nil
	}
	r := reader{b: value}
	r.version()
	var list []SourceEntry
	for len(r.b) > 0 {
		var e SourceEntry
		copy(e.Hash[:], r.take(len(e.Hash)))
		e.ID = r.suffix()
		list = append(list, e)
	}
	if !r.end() {
		return nil, fault.Newf(fault.Internal, "jobqueue: source entry %x is malformed", value)
	}
	return list, nil
}

// RequestKind tells the entries of the request index apart.
type RequestKind uint8

// The kinds of entries.
const (
	// RequestWaits: a job of the request was pushed, became ready late, or died. Its record tells
	// where it stands; when there is none, it has ended, and its history stands under its request.
	RequestWaits RequestKind = iota + 1
	// RequestEnded: the history record at Position is of a job of the request.
	RequestEnded
	// RequestMoved: the job took the bytes of a newer event and is of another request since, whose
	// hash is Request; see RequestRangesOf.
	RequestMoved
)

// RequestEntry is one entry of the request index.
type RequestEntry struct {
	Kind     RequestKind
	Wiki     string       // RequestWaits, RequestMoved
	ID       ident.Suffix // RequestWaits, RequestMoved
	Position uint64       // RequestEnded: in HistoryStream
	Request  [16]byte     // RequestMoved
}

// indexRequest appends to the group's entry of a request; one key for each (request, group).
func (w *work) indexRequest(request string, entry []byte) {
	w.tx.Append(requestKey(w.p, bucketOf(w.now), request, w.tx.Group()), entry)
}

// indexWaiting lets the job be found by its request while it waits. It is written when the job is
// pushed, and again when it became ready late or died, since entries expire.
func (w *work) indexWaiting(j *Job) {
	if j.RequestID == "" {
		return
	}
	b := append(w.scratch[:0], byte(RequestWaits))
	b = append(appendText(b, j.Wiki), j.ID[:]...)
	w.indexRequest(j.RequestID, b)
	w.scratch = b
}

func (w *work) indexMoved(j *Job, to string) {
	if j.RequestID == "" || to == "" {
		return
	}
	b := append(w.scratch[:0], byte(RequestMoved))
	b = append(appendText(b, j.Wiki), j.ID[:]...)
	h := tuple.Hash(to) // not the text: a group's entries of a request have to fit into one value
	b = append(b, h[:]...)
	w.indexRequest(j.RequestID, b)
	w.scratch = b
}

func (w *work) indexEnded(j *Job, position uint64) {
	if j.RequestID == "" {
		return
	}
	b := binary.AppendUvarint(append(w.scratch[:0], byte(RequestEnded)), position)
	w.indexRequest(j.RequestID, b)
	w.scratch = b
}

// DecodeRequest reads the value of an entry of RequestRanges.
func DecodeRequest(value []byte) ([]RequestEntry, error) {
	r := reader{b: value}
	var list []RequestEntry
	for len(r.b) > 0 {
		e := RequestEntry{Kind: RequestKind(r.byte())}
		switch e.Kind {
		case RequestWaits:
			e.Wiki, e.ID = r.text(), r.suffix()
		case RequestEnded:
			e.Position = r.uvarint()
		case RequestMoved:
			e.Wiki, e.ID = r.text(), r.suffix()
			copy(e.Request[:], r.take(len(e.Request)))
		default:
			r.fail()
		}
		list = append(list, e)
	}
	if !r.end() {
		return nil, fault.Newf(fault.Internal, "jobqueue: request entry of %d bytes is malformed", len(value))
	}
	return list, nil
}
