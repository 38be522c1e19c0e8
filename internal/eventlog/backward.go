package eventlog

import (
	"context"
	"fmt"
	"slices"

	"auwai/internal/kv"
)

// Backward returns the records before a position, the newest first, and the position to go on
// before. before 0 begins at the end. next 0 means that there is nothing older.
func (r Reader) Backward(ctx context.Context, before uint64, b Bound) (records []Record, next uint64, err error) {
	b = b.orDefault()
	if before == 0 {
		before = ^uint64(0)
	}
	h, ok, err := r.head(ctx)
	if err != nil || !ok {
		return nil, 0, err
	}
	all, err := r.tailsBefore(ctx, h.first, before, b.Records)
	if err != nil {
		return nil, before, err
	}
	end := false
	if len(all) < b.Records {
		bound := before
		if len(all) > 0 {
			bound = all[len(all)-1].Pos
		}
		var older []Record
		if older, end, err = r.blocksBefore(ctx, h.blockFrom, bound); err != nil {
			return nil, before, err
		}
		all = append(all, older...)
	}
	records, _, err = r.finish(ctx, all, before, b)
	if err != nil {
		return nil, before, err
	}
	if len(records) == 0 || end && records[len(records)-1].Pos == all[len(all)-1].Pos {
		return records, 0, nil
	}
	return records, records[len(records)-1].Pos, nil
}

// tailsBefore returns the records in the tails from number first on that stand before a position,
// the newest first, at least limit of them when there are.
func (r Reader) tailsBefore(ctx context.Context, first, before uint64, limit int) (out []Record, err error) {
	to := ^uint64(0)
	for more := true; more && len(out) < limit && first < to; {
		rng := r.tailRange(first, to)
		rng.Reverse = true
		pages, err := r.Source.Scan(ctx, rng)
		if err != nil {
			return nil, fmt.Errorf("read tails of stream %q: %w", r.Stream, err)
		}
		for _, e := range pages[0].Entries {
			records, err := r.readTail(e)
			if err != nil {
				return nil, err
			}
			out = appendBefore(out, records, before)
			_, to, _ = lastOf(e.Key)
		}
		more = pages[0].More
	}
	return out, nil
}

func appendBefore(out, records []Record, before uint64) []Record {
	for _, rec := range slices.Backward(records) {
		if rec.Pos < before {
			out = append(out, rec)
		}
	}
	return out
}

// blocksBefore returns the records of a page of blocks before a position, the newest first. end says
// that there is no older block.
func (r Reader) blocksBefore(ctx context.Context, oldest, before uint64) (out []Record, end bool, err error) {
	if before <= oldest || before <= 1 {
		return nil, true, nil
	}
	// A block stands at its last position: the one that holds before-1 is the first from there on.
	holds := r.blockRange(before-1, ^uint64(0))
	holds.Limit = 1
	ranges := []kv.Range{holds}
	if oldest < before-1 {
		older := r.blockRange(oldest, before-1)
		older.Reverse = true
		ranges = append(ranges, older)
	}
	pages, err := r.Source.Scan(ctx, ranges...)
	if err != nil {
		return nil, false, fmt.Errorf("read blocks of stream %q: %w", r.Stream, err)
	}
	for _, page := range pages {
		for _, e := range page.Entries {
			_, records, err := readBlock(e.Value)
			if err != nil {
				return nil, false, fmt.Errorf("stream %q key %x: %w", r.Stream, e.Key, err)
			}
			out = appendBefore(out, records, before)
		}
	}
	return out, len(pages) == 1 || !pages[1].More, nil
}

// Find returns the newest record with a tag. tag is the function that the stream's folds were built
// with. It reads the tails and, the newest first, the blocks; the tables at their heads tell which
// one is to be unpacked.
func (r Reader) Find(ctx context.Context, t Tag, tag Tagger) (rec Record, found bool, err error) {
	h, ok, err := r.head(ctx)
	if err != nil || !ok {
		return Record{}, false, err
	}
	tails, err := r.tailsBefore(ctx, h.first, ^uint64(0), 1<<30)
	if err != nil {
		return Record{}, false, err
	}
	if rec, ok := pick(tails, t, tag); ok {
		found, err = r.resolve(ctx, &rec)
		return rec, found, err
	}
	to := ^uint64(0)
	for more := true; more && h.blockFrom < to; {
		rng := r.blockRange(h.blockFrom, to)
		rng.Reverse = true
		pages, err := r.Source.Scan(ctx, rng)
		if err != nil {
			return Record{}, false, fmt.Errorf("read blocks of stream %q: %w", r.Stream, err)
		}
		for _, e := range pages[0].Entries {
			_, to, _ = lastOf(e.Key)
			rec, ok, err := findInBlock(e.Value, t, tag)
			if err != nil {
				return Record{}, false, fmt.Errorf("stream %q key %x: %w", r.Stream, e.Key, err)
			}
			if ok {
				found, err = r.resolve(ctx, &rec)
				return rec, found, err
			}
		}
		more = pages[0].More
	}
	return Record{}, false, nil
}

func findInBlock(value []byte, t Tag, tag Tagger) (rec Record, ok bool, err error) {
	info, err := ReadBlockInfo(value)
	if err != nil || !info.Has(t) {
		return Record{}, false, err
	}
	_, records, err := readBlock(value)
	slices.Reverse(records)
	rec, ok = pick(records, t, tag)
	return rec, ok, err
}

func pick(records []Record, t Tag, tag Tagger) (Record, bool) {
	for _, rec := range records {
		data := rec.Data
		if rec.ref {
			if _, prefix, ok := takeRef(data); ok {
				data = prefix
			}
		}
		if id, ok, _ := tag(data); ok && id == t {
			return rec, true
		}
	}
	return Record{}, false
}
