package farm

import (
	"context"
	"fmt"
	"time"

	"auwai/internal/fault"
	"auwai/internal/kv"
	"auwai/internal/partition"
	"auwai/internal/tuple"
)

// Wiki is a learned wiki.
type Wiki struct {
	Name    string
	Since   time.Time
	Domains []string // that belong to it, in the order of their first use
}

// Scanner is the part of an engine that reading needs.
type Scanner interface {
	Scan(ctx context.Context, ranges ...kv.Range) ([]kv.Page, error)
}

// Wikis reads all learned wikis, sorted by name.
func Wikis(ctx context.Context, s Scanner) ([]Wiki, error) {
	var out []Wiki
	prefix := partition.Key(Partition, FamWiki)
	for r, more := kv.Prefix(prefix), true; more; {
		pages, err := s.Scan(ctx, r)
		if err != nil {
			return nil, fmt.Errorf("read the learned wikis: %w", err)
		}
		for _, e := range pages[0].Entries {
			name, _, ok := tuple.TakeString(e.Key[len(prefix):])
			w, okValue := decodeWiki(e.Value)
			if !ok || !okValue {
				return nil, fault.Newf(fault.Internal, "farm: learned wiki at key %x is malformed: %x", e.Key, e.Value)
			}
			w.Name = name
			out = append(out, w)
			r.From = append(e.Key, 0)
		}
		more = pages[0].More
	}
	return out, nil
}

// maxMillis is the last millisecond of the year 9999.
const maxMillis = 253402300799999

func millis(ms uint64) time.Time {
	return time.UnixMilli(int64(min(ms, maxMillis))).UTC()
}
