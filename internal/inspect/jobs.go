package inspect

import (
	"context"
	"slices"
	"strings"

	"auwai/api"
	"auwai/internal/access"
	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/partition"
)

// JobFilter says which jobs to list; "" is any.
type JobFilter struct {
	State, Queue, Wiki, RequestID, ClientID string

	Raw    bool // with the payloads
	Limit  int  // 0: DefaultLimit
	Cursor string
	// Reach is who asks: wikis that it does not reach are not there. nil: all are.
	Reach *access.Grant
}

func (f *JobFilter) filter() filter { return filter{f.Queue, f.Wiki, f.Reach} }

// Bounds of a page.
const (
	pageBudget = 20_000 // entries that one page reads at most
	fetchBatch = 64     // records of one Get: each may have half a megabyte
	scanBatch  = 512    // entries of one Scan

	rawBatch = 8       // records of one Get where payloads are wanted too
	rawBytes = 4 << 20 // payloads of one page, but for the last
)

// stage lists the jobs of one kind in a partition, after a place. It returns the place after what it
// has looked at, and whether that was the end.
type stage struct {
	list func(ctx context.Context, l *lister, p partition.ID, v *view, from place) (next place, done bool, err error)
	// memory says that it asks what the owner knows; otherwise the view is empty.
	memory bool
}

// lister is one page on its way.
type lister struct {
	*asker
	f      JobFilter
	limit  int
	budget int
	rows   []api.Job
	raw    int // bytes of payloads that the page may still take
	match  func(j *api.Job) bool
}

// Jobs lists jobs: those that live, then those that have finished; see the package comment for the
// order.
func (i *Inspector) Jobs(ctx context.Context, f JobFilter) (api.JobPage, error) {
	page := api.JobPage{Jobs: []api.Job{}}
	limit, err := checkLimit(f.Limit)
	if err != nil {
		return page, err
	}
	stages, err := f.stages()
	if err != nil {
		return page, err
	}
	c, err := parseCursor(f.Cursor, question("jobs", f.State, f.Queue, f.Wiki, f.RequestID, f.ClientID), max(len(stages), 1))
	if err != nil {
		return page, err
	}
	l := &lister{asker: i.asker(), f: f, limit: limit, budget: pageBudget, rows: page.Jobs, raw: rawBytes}
	end, err := l.list(ctx, stages, c)
	if err != nil {
		return page, err
	}
	page.Jobs, page.Stale = l.rows, l.stale
	if end != nil {
		page.Cursor = end.String()
	}
	return page, nil
}

// stages returns where the jobs of a filter are found.
func (f JobFilter) stages() ([]stage, error) {
	if f.State != "" && !slices.Contains(api.States(), f.State) {
		return nil, fault.Field("state", "%q is no state; use one of %s", fault.Short(f.State), strings.Join(api.States(), ", "))
	}
	switch {
	case f.ClientID != "" && f.Wiki != "":
		return []stage{{byClient, true}}, nil
	case f.RequestID != "":
		return []stage{{byRequest, true}}, nil
	}
	switch f.State {
	case "":
		return []stage{{running, true}, {ready, true}, {blocked, true}, {delayed, true}, {dead, true}, {past, false}}, nil
	case api.StateRunning:
		return []stage{{running, true}}, nil
	case api.StateReady:
		return []stage{{ready, true}}, nil
	case api.StateDelayed:
		return []stage{{delayed, true}}, nil
	case api.StateDead:
		return []stage{{dead, true}}, nil
	case api.StateBlocked:
		return []stage{{blocked, true}}, nil
	case api.StateAccepted:
		return nil, nil // in a lane there is no record yet
	default:
		return []stage{{past, false}}, nil
	}
}

// list goes through stages and partitions and returns where it stopped, nil at the end.
func (l *lister) list(ctx context.Context, stages []stage, c cursor) (*cursor, error) {
	flt := l.f.filter()
	for n := c.Stage; n < len(stages); n++ {
		for _, p := range flt.partitions() {
			if n == c.Stage && p < c.Partition {
				continue
			}
			from := place{}
			if n == c.Stage && p == c.Partition {
				from = c.place
			}
			at := cursor{Version: cursorVersion, Filter: c.Filter, Stage: n, Partition: p, place: from}
			if l.full() {
				return &at, nil
			}
			l.budget-- // so that a list of nothing ends too
			v := &view{}
			var err error
			if stages[n].memory {
				if v, err = l.view(ctx, p, flt); err != nil {
					return nil, err
				}
			}
			next, done, err := stages[n].list(ctx, l, p, v, from)
			if err != nil {
				return nil, err
			}
			if !done {
				at.place = next
				at.On = true
				return &at, nil
			}
		}
	}
	return nil, nil //nolint:nilnil // no cursor is the end of the list
}

// full reports whether the page takes no more.
func (l *lister) full() bool { return len(l.rows) >= l.limit || l.budget <= 0 || l.raw <= 0 }

// takeLive appends a job that lives, with its payload where that is asked for.
func (l *lister) takeLive(ctx context.Context, p partition.ID, j *jobqueue.Job, row api.Job) (err error) {
	if l.take(row) && l.f.Raw {
		l.rows[len(l.rows)-1].Raw, err = l.rawPayload(ctx, p, j)
	}
	return err
}

// take appends a job that the filter wants, and reports whether it does.
func (l *lister) take(j api.Job) bool {
	f := &l.f
	if f.State != "" && f.State != j.State || f.Queue != "" && f.Queue != j.Queue || f.Wiki != "" && f.Wiki != j.Wiki ||
		f.ClientID != "" && f.ClientID != j.ClientID || !f.Reach.Reaches(j.Wiki) || l.match != nil && !l.match(&j) {
		return false
	}
	// The request is not compared: a job that took the bytes of a newer event is of two.
	l.rows = append(l.rows, j)
	return true
}

// ref names a job whose record is to be read.
type ref struct {
	pair jobqueue.Pair // the queue may be ""
	id   ident.Suffix
	at   place // after it
}

// records reads records; those that are gone are nil.
func (a *asker) records(ctx context.Context, p partition.ID, refs []ref) ([]*jobqueue.Job, error) {
	keys := make([][]byte, len(refs))
	for i, r := range refs {
		keys[i] = jobqueue.JobKey(p, r.pair.Wiki, r.id)
	}
	values, err := a.engine.Get(ctx, keys...)
	if err != nil {
		return nil, read(err, "jobs")
	}
	jobs := make([]*jobqueue.Job, len(refs))
	for i, value := range values {
		if value == nil {
			continue
		}
		if jobs[i], err = jobqueue.DecodeJob(jobqueue.Pair{Wiki: refs[i].pair.Wiki}, refs[i].id, value); err != nil {
			return nil, err
		}
	}
	return jobs, nil
}

// takeAll reads the records of refs and takes those that are in the state, as the view has it. It
// returns the place after the last one that it looked at, and whether that was the last of refs.
func (l *lister) takeAll(ctx context.Context, p partition.ID, v *view, refs []ref, states ...string) (last place, all bool, err error) {
	for len(refs) > 0 {
		if l.full() {
			return last, false, nil
		}
		n := min(len(refs), fetchBatch, max(l.limit-len(l.rows), 1))
		if l.f.Raw {
			n = min(n, rawBatch)
		}
		jobs, err := l.records(ctx, p, refs[:n])
		if err != nil {
			return last, false, err
		}
		for i, j := range jobs {
			l.budget--
			last = refs[i].at
			if j == nil {
				continue
			}
			row := record(j, v)
			if len(states) > 0 && !slices.Contains(states, row.State) {
				continue
			}
			if err := l.takeLive(ctx, p, j, row); err != nil {
				return last, false, err
			}
		}
		refs = refs[n:]
	}
	return last, true, nil
}
