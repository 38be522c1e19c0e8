package inspect

import (
	"bytes"
	"context"
	"maps"
	"slices"

	"auwai/internal/eventlog"
	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/kv"
	"auwai/internal/partition"
)

// Bounds of following a request.
const (
	maxIndex = 100_000 // entries of a request's index that one page reads in a partition
	maxHops  = 4       // of a job that took the bytes of newer events
)

// cascade is what the index says of a request in one partition.
type cascade struct {
	live  map[ident.Suffix]string // wiki of jobs that may have a record
	ended map[uint64]struct{}     // positions of history records of the request
	// elsewhere are positions among which jobs of this request may be that became another's.
	elsewhere map[uint64]struct{}
	moved     map[ident.Suffix]struct{}
	read      int
}

// byRequest lists the jobs of a request: those with a record by id, then those that ended by position.
func byRequest(ctx context.Context, l *lister, p partition.ID, v *view, from place) (place, bool, error) {
	c, err := l.cascade(ctx, p)
	if err != nil {
		return from, false, err
	}
	if from.Seq == 0 {
		refs := make([]ref, 0, len(c.live))
		for id, wiki := range c.live {
			if start := from.suffix(); !from.On || bytes.Compare(id[:], start[:]) > 0 {
				refs = append(refs, ref{jobqueue.Pair{Wiki: wiki}, id, place{ID: id.String()}})
			}
		}
		slices.SortFunc(refs, func(a, b ref) int { return bytes.Compare(a.id[:], b.id[:]) })
		next, all, err := l.takeAll(ctx, p, v, refs)
		if err != nil {
			return from, false, err
		}
		if !all {
			if next.isZero() {
				next = from
			}
			return next, false, nil
		}
	}
	return l.takeEnded(ctx, p, c, from)
}

// takeEnded takes the finished jobs of a cascade after a position.
func (l *lister) takeEnded(ctx context.Context, p partition.ID, c *cascade, from place) (place, bool, error) {
	positions := make([]uint64, 0, len(c.ended)+len(c.elsewhere))
	for pos := range c.ended {
		positions = append(positions, pos)
	}
	for pos := range c.elsewhere {
		positions = append(positions, pos)
	}
	slices.Sort(positions)
	at, _ := slices.BinarySearch(positions, from.Seq+1)
	positions = positions[at:]
	last := from
	reader := eventlog.Reader{Source: l.engine, Partition: p, Stream: jobqueue.HistoryStream}
	for len(positions) > 0 {
		if l.full() {
			if last.Seq == 0 { // the next page begins with the first position, not with the records again
				last = place{Seq: positions[0] - 1}
			}
			if last.Seq == 0 {
				last = place{ID: ident.Suffix(bytes.Repeat([]byte{0xff}, ident.SuffixLen)).String()}
			}
			return last, false, nil
		}
		records, next, err := reader.Forward(ctx, positions[0], eventlog.Bound{Records: scanBatch})
		if err != nil {
			return last, false, read(err, "the history")
		}
		if len(records) == 0 || next <= positions[0] {
			return place{}, true, nil // what is left has been forgotten
		}
		for _, r := range records {
			l.budget--
			if len(positions) == 0 || r.Pos < positions[0] {
				continue
			}
			for len(positions) > 0 && positions[0] < r.Pos {
				positions = positions[1:] // forgotten
			}
			if len(positions) == 0 || positions[0] != r.Pos {
				continue
			}
			if len(l.rows) >= l.limit {
				break
			}
			positions = positions[1:]
			last = place{Seq: r.Pos}
			if err := l.takeHistory(c, r); err != nil {
				return last, false, err
			}
		}
	}
	return place{}, true, nil
}

func (l *lister) takeHistory(c *cascade, r eventlog.Record) error {
	h, err := jobqueue.DecodeHistory(r.Data)
	if err != nil {
		return err
	}
	_, own := c.ended[r.Pos]
	_, moved := c.moved[h.ID]
	if own || moved {
		l.take(history(&h))
	}
	return nil
}

// cascade reads the index of the filter's request in a partition.
func (l *lister) cascade(ctx context.Context, p partition.ID) (*cascade, error) {
	c := &cascade{
		live: map[ident.Suffix]string{}, ended: map[uint64]struct{}{},
		elsewhere: map[uint64]struct{}{}, moved: map[ident.Suffix]struct{}{},
	}
	others := map[[16]byte]struct{}{}
	err := l.index(ctx, c, jobqueue.RequestRanges(p, l.now(), l.f.RequestID), func(e jobqueue.RequestEntry) {
		switch e.Kind {
		case jobqueue.RequestWaits:
			c.live[e.ID] = e.Wiki
		case jobqueue.RequestMoved:
			c.live[e.ID] = e.Wiki
			c.moved[e.ID] = struct{}{}
			others[e.Request] = struct{}{}
		case jobqueue.RequestEnded:
			c.ended[e.Position] = struct{}{}
		}
	})
	seen := map[[16]byte]struct{}{}
	for hop := 0; hop < maxHops && err == nil && len(others) > 0; hop++ {
		next := map[[16]byte]struct{}{}
		for _, hash := range slices.SortedFunc(maps.Keys(others), func(a, b [16]byte) int { return bytes.Compare(a[:], b[:]) }) {
			if _, again := seen[hash]; again || err != nil {
				continue
			}
			seen[hash] = struct{}{}
			err = l.index(ctx, c, jobqueue.RequestRangesOf(p, l.now(), hash), func(e jobqueue.RequestEntry) {
				_, ours := c.moved[e.ID]
				switch {
				case e.Kind == jobqueue.RequestEnded:
					if _, own := c.ended[e.Position]; !own {
						c.elsewhere[e.Position] = struct{}{}
					}
				case e.Kind == jobqueue.RequestMoved && ours:
					next[e.Request] = struct{}{}
				}
			})
		}
		others = next
	}
	return c, err
}

// index reads ranges of the request index.
func (l *lister) index(ctx context.Context, c *cascade, ranges []kv.Range, f func(jobqueue.RequestEntry)) error {
	for _, r := range ranges {
		err := l.each(ctx, r, func(e kv.Entry) error {
			entries, err := jobqueue.DecodeRequest(e.Value)
			for _, one := range entries {
				if c.read++; c.read > maxIndex {
					break
				}
				f(one)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
