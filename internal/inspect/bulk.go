package inspect

import (
	"context"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"auwai/api"
	"auwai/internal/access"
	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/partition"
)

// Bounds of bulk work.
const (
	bulkLimit  = 500 // jobs of one page, unless asked otherwise
	bulkAtOnce = 64  // commands under way: they share commits
)

// RequeueDead gives one page of dead jobs all their attempts again. A page that failed half-way may be
// sent again. Errors: Invalid, Unavailable, Unknown.
func (i *Inspector) RequeueDead(ctx context.Context, r *api.DeadRequest, reach *access.Grant) (api.BulkAnswer, error) {
	return i.deadPage(ctx, "requeue", r, reach, func(ctx context.Context, ids map[string][]ident.Suffix) (int, error) {
		var done atomic.Int64
		err := eachJob(ctx, ids, func(ctx context.Context, wiki string, id ident.Suffix) error {
			err := i.loop.Do(ctx, partition.Of(wiki), wiki, &jobqueue.Retry{Wiki: wiki, ID: id})
			switch fault.KindOf(err) {
			case fault.NotFound, fault.Conflict:
				return nil // somebody else was faster
			default:
			}
			if err == nil {
				done.Add(1)
			}
			return err
		})
		return int(done.Load()), err
	})
}

// DropDead ends one page of dead jobs for good. Errors: Invalid, Unavailable, Unknown.
func (i *Inspector) DropDead(ctx context.Context, r *api.DeadRequest, reach *access.Grant) (api.BulkAnswer, error) {
	return i.deadPage(ctx, "drop", r, reach, func(ctx context.Context, ids map[string][]ident.Suffix) (int, error) {
		var done atomic.Int64
		err := eachPage(ctx, ids, func(ctx context.Context, wiki string, page []ident.Suffix) (int, error) {
			c := &jobqueue.ExpireDead{Wiki: wiki, IDs: page}
			err := i.loop.Do(ctx, partition.Of(wiki), wiki, c)
			if err == nil {
				done.Add(int64(c.Expired))
			}
			return c.Done, err
		})
		return int(done.Load()), err
	})
}

// deadPage finds a page of dead jobs and does something to them.
func (i *Inspector) deadPage(ctx context.Context, verb string, r *api.DeadRequest, reach *access.Grant,
	do func(ctx context.Context, ids map[string][]ident.Suffix) (int, error),
) (api.BulkAnswer, error) {
	l := &lister{asker: i.asker(), budget: pageBudget, raw: rawBytes, f: JobFilter{
		State: api.StateDead, Queue: r.Queue, Wiki: r.Wiki, Reach: reach,
	}}
	part := strings.ToLower(r.Error)
	l.match = func(j *api.Job) bool { return strings.Contains(strings.ToLower(j.LastError), part) }
	var next string
	var err error
	if len(r.IDs) > 0 {
		err = l.byIDs(ctx, r.IDs)
	} else {
		next, err = l.page(ctx, &r.BulkRequest, []stage{{dead, true}}, "dead", verb, r.Queue, r.Wiki, r.Error)
	}
	if err != nil {
		return api.BulkAnswer{}, err
	}
	out := api.BulkAnswer{Matched: len(l.rows), Cursor: next}
	if !r.DryRun {
		out.Done, err = do(ctx, byWiki(l.rows))
	}
	return out, err
}

// byIDs takes the jobs with these ids, those that exist.
func (l *lister) byIDs(ctx context.Context, ids []string) error {
	if len(ids) > MaxLimit {
		return fault.Field("ids", "has %d ids; send at most %d at once", len(ids), MaxLimit)
	}
	seen := map[string]struct{}{}
	for n, text := range ids {
		id, ok := ident.Parse(text)
		if !ok {
			return fault.Field("ids", "%q, number %d, is no job's id; it looks like aawiki.01ARZ3NDEKTSV4RRFFQ69G5FAV", fault.Short(text), n)
		}
		if _, again := seen[text]; again {
			continue
		}
		seen[text] = struct{}{}
		p := partition.Of(id.Wiki)
		jobs, err := l.records(ctx, p, []ref{{pair: jobqueue.Pair{Wiki: id.Wiki}, id: id.Suffix}})
		if err != nil {
			return err
		}
		if jobs[0] != nil {
			l.take(record(jobs[0], &view{}))
		}
	}
	return nil
}

// page fills the lister with a page of what a bulk request means, and returns the cursor after it.
func (l *lister) page(ctx context.Context, r *api.BulkRequest, stages []stage, words ...string) (string, error) {
	limit := r.Limit
	if limit == 0 {
		limit = bulkLimit
	}
	var err error
	if l.limit, err = checkLimit(limit); err != nil {
		return "", err
	}
	c, err := parseCursor(r.Cursor, question(words...), len(stages))
	if err != nil {
		return "", err
	}
	end, err := l.list(ctx, stages, c)
	if err != nil || end == nil {
		return "", err
	}
	return end.String(), nil
}

// CancelMany ends one page of jobs that wait, and with Running stops those that run. Errors: Invalid,
// Unavailable, Unknown.
func (i *Inspector) CancelMany(ctx context.Context, r *api.CancelRequest, reach *access.Grant) (api.BulkAnswer, error) {
	var out api.BulkAnswer
	if r.Queue == "" && r.Wiki == "" && r.Root == "" && r.RequestID == "" {
		return out, fault.New(fault.Invalid, "the request names no jobs; give queue, wiki, root or request_id")
	}
	l := &lister{asker: i.asker(), budget: pageBudget, raw: rawBytes, f: JobFilter{
		Queue: r.Queue, Wiki: r.Wiki, RequestID: r.RequestID, Reach: reach,
	}}
	stages := []stage{{ready, true}, {blocked, true}, {delayed, true}}
	if r.Running {
		stages = append([]stage{{running, true}}, stages...)
	}
	if r.RequestID != "" {
		stages = []stage{{byRequest, true}}
	}
	l.match = func(j *api.Job) bool {
		switch j.State {
		case api.StateReady, api.StateDelayed, api.StateBlocked:
		case api.StateRunning:
			if !r.Running {
				return false
			}
		default:
			return false
		}
		return (r.Root == "" || j.Root != nil && j.Root.Signature == r.Root) && (r.RequestID == "" || j.RequestID == r.RequestID)
	}
	words := []string{"cancel", r.Queue, r.Wiki, r.Root, r.RequestID}
	if r.Running {
		words = append(words, "running")
	}
	var err error
	if out.Cursor, err = l.page(ctx, &r.BulkRequest, stages, words...); err != nil {
		return out, err
	}
	if out.Matched = len(l.rows); r.DryRun {
		return out, nil
	}
	err = i.cancelRows(ctx, r, byWiki(l.rows), &out)
	return out, err
}

func (i *Inspector) cancelRows(ctx context.Context, r *api.CancelRequest, ids map[string][]ident.Suffix, out *api.BulkAnswer) error {
	var done, stopping atomic.Int64
	where := jobqueue.Where{Queue: r.Queue, Root: r.Root, RequestID: r.RequestID}
	err := eachPage(ctx, ids, func(ctx context.Context, wiki string, page []ident.Suffix) (int, error) {
		c := &jobqueue.CancelPage{Wiki: wiki, IDs: page, Where: where}
		err := i.loop.Do(ctx, partition.Of(wiki), wiki, c)
		if err == nil {
			done.Add(int64(c.Cancelled + c.Stopping))
			stopping.Add(int64(c.Stopping))
		}
		return c.Done, err
	})
	out.Done, out.Stopping = int(done.Load()), int(stopping.Load())
	return err
}

// byWiki sorts the ids of rows by their wikis.
func byWiki(rows []api.Job) map[string][]ident.Suffix {
	out := map[string][]ident.Suffix{}
	for n := range rows {
		if id, ok := ident.Parse(rows[n].ID); ok {
			out[id.Wiki] = append(out[id.Wiki], id.Suffix)
		}
	}
	return out
}

// eachJob does something to each job, several at once, until one fails.
func eachJob(ctx context.Context, ids map[string][]ident.Suffix, do func(ctx context.Context, wiki string, id ident.Suffix) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(bulkAtOnce)
	for wiki, list := range ids {
		for _, id := range list {
			g.Go(func() error { return do(ctx, wiki, id) })
		}
	}
	return g.Wait()
}

// eachPage does something to the jobs of each wiki, a page at a time; do says how many of its page it
// has dealt with.
func eachPage(ctx context.Context, ids map[string][]ident.Suffix, do func(ctx context.Context, wiki string, page []ident.Suffix) (int, error)) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(bulkAtOnce)
	for wiki, list := range ids {
		g.Go(func() error {
			for len(list) > 0 {
				n, err := do(ctx, wiki, list[:min(len(list), jobqueue.MaxPage)])
				if err != nil {
					return err
				}
				list = list[max(n, 1):]
			}
			return nil
		})
	}
	return g.Wait()
}
