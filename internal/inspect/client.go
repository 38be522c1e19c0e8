package inspect

import (
	"context"

	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/partition"
)

// byClient lists the job that a client id of a wiki made within the last day.
func byClient(ctx context.Context, l *lister, p partition.ID, v *view, _ place) (place, bool, error) {
	values, err := l.engine.Get(ctx, jobqueue.SourceKeys(p, l.now(), l.f.Wiki, "c:"+l.f.ClientID)...)
	if err != nil {
		return place{}, false, read(err, "client ids")
	}
	for _, value := range values {
		entries, err := jobqueue.DecodeSource(value)
		if err != nil {
			return place{}, false, err
		}
		for _, e := range entries {
			f, err := l.find(ctx, p, ident.ID{Wiki: l.f.Wiki, Suffix: e.ID})
			if err != nil {
				return place{}, false, err
			}
			if err := l.takeFound(ctx, p, f, v); err != nil {
				return place{}, false, err
			}
		}
	}
	return place{}, true, nil
}

// takeFound takes a job that was looked up by itself.
func (l *lister) takeFound(ctx context.Context, p partition.ID, f found, v *view) error {
	ours := func(request string) bool { return l.f.RequestID == "" || l.f.RequestID == request }
	switch {
	case f.job != nil && ours(f.job.RequestID):
		return l.takeLive(ctx, p, f.job, record(f.job, v))
	case f.past != nil && ours(f.past.RequestID):
		l.take(history(f.past))
	}
	return nil
}
