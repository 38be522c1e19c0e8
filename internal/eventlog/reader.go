package eventlog

import (
	"context"
	"fmt"
	"slices"

	"auwai/internal/kv"
	"auwai/internal/partition"
)

// Source is what a reader reads: an engine, or a snapshot of one.
type Source interface {
	Get(ctx context.Context, keys ...kv.Key) ([][]byte, error)
	Scan(ctx context.Context, ranges ...kv.Range) ([]kv.Page, error)
}

// Bound bounds a page of records. At least one record is returned when there is one.
type Bound struct {
	Records int // 0: 1,000
	Bytes   int // of data; 0: 4 MiB
}

func (b Bound) orDefault() Bound {
	if b.Records <= 0 {
		b.Records = 1_000
	}
	if b.Bytes <= 0 {
		b.Bytes = 4 << 20
	}
	return b
}

// Reader reads a stream of a partition, outside transactions. It is safe for concurrent use when its
// Source is.
type Reader struct {
	Source    Source
	Partition partition.ID
	Stream    string
}

const (
	readBlocks = 16      // blocks read at once
	readBytes  = 1 << 20 // of tails or blocks read at once
)

// Forward returns the records from a position on, in order, and the position to go on from. An empty
// page means that the stream has no more yet.
func (r Reader) Forward(ctx context.Context, from uint64, b Bound) (records []Record, next uint64, err error) {
	b = b.orDefault()
	h, ok, err := r.head(ctx)
	if err != nil || !ok {
		return nil, from, err
	}
	from = max(from, h.blockFrom)
	records, more, err := r.blocksFrom(ctx, from)
	if err != nil {
		return nil, from, err
	}
	if !more && len(records) < b.Records {
		after := nextAfter(records, from)
		// Tails first, then once more the blocks: what is folded in between is in both.
		tails, err := r.tails(ctx, h.first, after, b.Records)
		if err != nil {
			return nil, from, err
		}
		folded, more, err := r.blocksFrom(ctx, after)
		if err != nil {
			return nil, from, err
		}
		records = append(records, folded...)
		if !more {
			after = nextAfter(records, from)
			records = append(records, slices.DeleteFunc(tails, func(t Record) bool { return t.Pos < after })...)
		}
	}
	return r.finish(ctx, records, from, b)
}

func nextAfter(records []Record, from uint64) uint64 {
	if len(records) == 0 {
		return from
	}
	return records[len(records)-1].Pos + 1
}

// finish bounds the page and fetches the pieces of large records.
func (r Reader) finish(ctx context.Context, all []Record, next uint64, b Bound) ([]Record, uint64, error) {
	out := make([]Record, 0, min(len(all), b.Records))
	size := 0
	for _, rec := range all {
		if len(out) == b.Records || len(out) > 0 && size >= b.Bytes {
			break
		}
		ok, err := r.resolve(ctx, &rec)
		if err != nil {
			return nil, next, err
		}
		next = rec.Pos + 1
		if ok {
			size += len(rec.Data)
			out = append(out, rec)
		}
	}
	return out, next, nil
}

// resolve puts the data of a large record together; ok is false when it has expired meanwhile.
func (r Reader) resolve(ctx context.Context, rec *Record) (ok bool, err error) {
	if !rec.ref {
		return true, nil
	}
	ref, prefix, ok := takeRef(rec.Data)
	if !ok {
		return false, fmt.Errorf("stream %q position %d: %w", r.Stream, rec.Pos, errRecord)
	}
	keys := make([]kv.Key, ref.Pieces)
	for n := range keys {
		keys[n] = pieceKey(r.Partition, ref.ID, n)
	}
	values, err := r.Source.Get(ctx, keys...)
	if err != nil {
		return false, fmt.Errorf("read pieces of stream %q position %d: %w", r.Stream, rec.Pos, err)
	}
	data := append(make([]byte, 0, len(prefix)+ref.Size), prefix...)
	for _, v := range values {
		if v == nil {
			return false, nil
		}
		data = append(data, v...)
	}
	rec.Data, rec.ref = data, false
	return true, nil
}

func (r Reader) blockRange(from, to uint64) kv.Range {
	return kv.Range{
		From: blockKey(r.Partition, r.Stream, from), To: blockKey(r.Partition, r.Stream, to),
		Limit: readBlocks, MaxBytes: readBytes,
	}
}

// blocksFrom returns the records of a page of blocks, from a position on.
func (r Reader) blocksFrom(ctx context.Context, from uint64) (out []Record, more bool, err error) {
	pages, err := r.Source.Scan(ctx, r.blockRange(from, ^uint64(0)))
	if err != nil {
		return nil, false, fmt.Errorf("read blocks of stream %q: %w", r.Stream, err)
	}
	for _, e := range pages[0].Entries {
		_, records, err := readBlock(e.Value)
		if err != nil {
			return nil, false, fmt.Errorf("stream %q key %x: %w", r.Stream, e.Key, err)
		}
		for _, rec := range records {
			if rec.Pos >= from {
				out = append(out, rec)
			}
		}
	}
	return out, pages[0].More, nil
}

// head reads what is kept of the stream. Scans begin where it says: one that began before would step
// over all tails that were ever folded, or all blocks that have expired.
func (r Reader) head(ctx context.Context) (h head, ok bool, err error) {
	values, err := r.Source.Get(ctx, headKey(r.Partition, r.Stream))
	if err != nil {
		return head{}, false, fmt.Errorf("read head of stream %q: %w", r.Stream, err)
	}
	if values[0] == nil {
		return head{}, false, nil
	}
	h, ok = decodeHead(values[0])
	if !ok {
		return head{}, false, fmt.Errorf("head of stream %q: %w", r.Stream, errRecord)
	}
	return h, true, nil
}

// tails returns the records in the tails from number on that have a position from from on, at least
// limit of them when there are.
func (r Reader) tails(ctx context.Context, number, from uint64, limit int) (out []Record, err error) {
	for more := true; more && len(out) < limit; {
		rng := r.tailRange(number, ^uint64(0))
		pages, err := r.Source.Scan(ctx, rng)
		if err != nil {
			return nil, fmt.Errorf("read tails of stream %q: %w", r.Stream, err)
		}
		for _, e := range pages[0].Entries {
			records, err := r.readTail(e)
			if err != nil {
				return nil, err
			}
			for _, rec := range records {
				if rec.Pos >= from {
					out = append(out, rec)
				}
			}
			_, number, _ = lastOf(e.Key)
			number++
		}
		more = pages[0].More
	}
	return out, nil
}

func (r Reader) tailRange(from, to uint64) kv.Range {
	return kv.Range{
		From: tailKey(r.Partition, r.Stream, from), To: tailKey(r.Partition, r.Stream, to),
		MaxBytes: readBytes,
	}
}

func (r Reader) readTail(e kv.Entry) (out []Record, err error) {
	for tail := e.Value; len(tail) > 0; {
		var rec Record
		if rec, tail, err = takeRecord(tail); err != nil {
			return nil, fmt.Errorf("stream %q key %x: %w", r.Stream, e.Key, err)
		}
		out = append(out, rec)
	}
	return out, nil
}
