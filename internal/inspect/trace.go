package inspect

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"auwai/api"
	"auwai/internal/access"
	"auwai/internal/eventlog"
	"auwai/internal/farm"
	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/partition"
)

// MaxTrace is the number of jobs that a trace shows: more than anybody reads, and still one answer.
const MaxTrace = 10_000

// maxTraced bounds the jobs that are looked at to be counted.
const maxTraced = 200_000

// Trace returns all that followed from a request, which is named by its id, by the id of one of its
// events, or by the id of one of its jobs. reach is who asks, nil: all wikis are there for it. Errors:
// Invalid, NotFound, Unavailable.
func (i *Inspector) Trace(ctx context.Context, id string, reach *access.Grant) (api.Trace, error) {
	t := &tracer{lister: &lister{asker: i.asker(), f: JobFilter{Reach: reach}, limit: MaxTrace, budget: maxTraced, raw: rawBytes}}
	t.out = api.Trace{ID: id, Nodes: []api.TraceNode{}}
	request, alone, err := t.request(ctx, id)
	if err != nil {
		return t.out, err
	}
	t.out.RequestID, t.f.RequestID = request, request
	if request == "" {
		t.add(alone)
	} else if err := t.all(ctx); err != nil {
		return t.out, err
	}
	if t.seen == 0 {
		return t.out, fault.Newf(fault.NotFound,
			"no job of %s is known: it is neither a request nor an event nor a job of the last day; an event that no rule matched made none", fault.Short(id))
	}
	t.out.Nodes = tree(t.out.Nodes)
	t.out.Stale = t.stale
	return t.out, nil
}

// tracer gathers the jobs of a request.
type tracer struct {
	*lister

	out   api.Trace
	seen  int
	nodes map[string]struct{} // ids that were taken
}

// request finds out of which request an id speaks. alone is the job of the id where it is of none.
func (t *tracer) request(ctx context.Context, text string) (request string, alone *api.TraceNode, err error) {
	if text == "" || len(text) > jobqueue.MaxText {
		return "", nil, fault.Field("id", "%q is no id; give the id of a request, of an event or of a job", fault.Short(text))
	}
	if id, ok := ident.Parse(text); ok {
		node, request, err := t.job(ctx, id)
		if err != nil || node != nil {
			return request, node, err
		}
	}
	known, err := t.known(ctx, text)
	if err != nil || known {
		return text, nil, err
	}
	request, err = t.ofEvent(ctx, text)
	return cmp.Or(request, text), nil, err
}

// job finds one job; nil when there is none.
func (t *tracer) job(ctx context.Context, id ident.ID) (*api.TraceNode, string, error) {
	if !t.f.Reach.Reaches(id.Wiki) {
		return nil, "", nil
	}
	p := partition.Of(id.Wiki)
	f, err := t.find(ctx, p, id)
	switch {
	case err != nil:
		return nil, "", err
	case f.past != nil:
		n := pastNode(f.past)
		return &n, f.past.RequestID, nil
	case f.job == nil:
		return nil, "", nil
	}
	v, err := t.view(ctx, p, filter{wiki: id.Wiki})
	if err != nil {
		return nil, "", err
	}
	n := liveNode(f.job, v, t.now())
	return &n, f.job.RequestID, nil
}

// known reports whether there are jobs of a request.
func (t *tracer) known(ctx context.Context, request string) (bool, error) {
	for _, p := range t.f.filter().partitions() {
		ranges := jobqueue.RequestRanges(p, t.now(), request)
		for n := range ranges {
			ranges[n].Limit = 1
		}
		pages, err := t.engine.Scan(ctx, ranges...)
		if err != nil {
			return false, read(err, "requests")
		}
		for _, page := range pages {
			if len(page.Entries) > 0 {
				return true, nil
			}
		}
	}
	return false, nil
}

// eventsAtOnce bounds the keys of one Get, by which an event's job is looked for in each wiki.
const eventsAtOnce = 256

// ofEvent returns the request of the job that an event made, "" when none is known. An event is
// remembered by its wiki, which the id does not tell.
func (t *tracer) ofEvent(ctx context.Context, event string) (string, error) {
	wikis, err := t.wikisByPartition(ctx)
	if err != nil {
		return "", err
	}
	for _, p := range t.f.filter().partitions() {
		for chunk := range slices.Chunk(wikis[p], eventsAtOnce) {
			request, err := t.eventIn(ctx, p, chunk, event)
			if err != nil || request != "" {
				return request, err
			}
		}
	}
	return "", nil
}

// wikisByPartition returns the wikis that are configured or learned, and reached.
func (t *tracer) wikisByPartition(ctx context.Context) (map[partition.ID][]string, error) {
	learned, err := farm.Wikis(ctx, t.engine)
	if err != nil {
		return nil, read(err, "the learned wikis")
	}
	out := map[partition.ID][]string{}
	take := func(name string) {
		if p := partition.Of(name); t.f.Reach.Reaches(name) {
			out[p] = append(out[p], name)
		}
	}
	for _, w := range t.wikis() {
		take(w.Name)
	}
	for i := range learned {
		take(learned[i].Name)
	}
	return out, nil
}

func (t *tracer) eventIn(ctx context.Context, p partition.ID, wikis []string, event string) (string, error) {
	var keys [][]byte
	var of []string
	for _, wiki := range wikis {
		for _, key := range jobqueue.SourceKeys(p, t.now(), wiki, "e:"+event) {
			keys, of = append(keys, key), append(of, wiki)
		}
	}
	values, err := t.engine.Get(ctx, keys...)
	if err != nil {
		return "", read(err, "events")
	}
	for n, value := range values {
		entries, err := jobqueue.DecodeSource(value)
		if err != nil {
			return "", err
		}
		for _, e := range entries {
			if _, request, err := t.job(ctx, ident.ID{Wiki: of[n], Suffix: e.ID}); err != nil || request != "" {
				return request, err
			}
		}
	}
	return "", nil
}

// all takes every job of the request.
func (t *tracer) all(ctx context.Context) error {
	t.nodes = map[string]struct{}{}
	for _, p := range t.f.filter().partitions() {
		c, err := t.cascade(ctx, p)
		if err != nil {
			return err
		}
		if len(c.live)+len(c.ended)+len(c.elsewhere) == 0 {
			continue
		}
		if err := t.lives(ctx, p, c); err != nil {
			return err
		}
	}
	return nil
}

// lives takes the jobs of a partition: those with a record, those that ended, and at last those that
// ended between the two looks.
func (t *tracer) lives(ctx context.Context, p partition.ID, c *cascade) error {
	v, err := t.view(ctx, p, t.f.filter())
	if err != nil {
		return err
	}
	var gone []ref
	refs := make([]ref, 0, len(c.live))
	for id, wiki := range c.live {
		refs = append(refs, ref{pair: jobqueue.Pair{Wiki: wiki}, id: id})
	}
	slices.SortFunc(refs, func(a, b ref) int { return strings.Compare(string(a.id[:]), string(b.id[:])) })
	for chunk := range slices.Chunk(refs, fetchBatch) {
		jobs, err := t.records(ctx, p, chunk)
		if err != nil {
			return err
		}
		for n, j := range jobs {
			if j == nil {
				gone = append(gone, chunk[n])
				continue
			}
			node := liveNode(j, v, t.now())
			if j.RequestID != t.f.RequestID {
				node.RequestID = j.RequestID
			}
			t.add(&node)
		}
	}
	if err := t.ended(ctx, p, c); err != nil {
		return err
	}
	for _, r := range gone {
		id := ident.ID{Wiki: r.pair.Wiki, Suffix: r.id}
		if _, have := t.nodes[id.String()]; have {
			continue
		}
		f, err := t.find(ctx, p, id)
		if err != nil {
			return err
		}
		if f.past != nil {
			t.addPast(f.past)
		}
	}
	return nil
}

// ended takes the finished jobs of a partition by their positions in the history.
func (t *tracer) ended(ctx context.Context, p partition.ID, c *cascade) error {
	positions := make([]uint64, 0, len(c.ended)+len(c.elsewhere))
	for pos := range c.ended {
		positions = append(positions, pos)
	}
	for pos := range c.elsewhere {
		positions = append(positions, pos)
	}
	slices.Sort(positions)
	reader := eventlog.Reader{Source: t.engine, Partition: p, Stream: jobqueue.HistoryStream}
	for len(positions) > 0 {
		from := positions[0]
		records, next, err := reader.Forward(ctx, from, eventlog.Bound{Records: scanBatch})
		if err != nil {
			return read(err, "the history")
		}
		if len(records) == 0 || next <= from {
			return nil // what is left has been forgotten
		}
		for _, r := range records {
			at, wanted := slices.BinarySearch(positions, r.Pos)
			positions = positions[at:] // what was passed over has been forgotten
			if !wanted {
				continue
			}
			positions = positions[1:]
			h, err := jobqueue.DecodeHistory(r.Data)
			if err != nil {
				return err
			}
			_, own := c.ended[r.Pos]
			if _, moved := c.moved[h.ID]; own || moved {
				t.addPast(&h)
			}
		}
		if at, _ := slices.BinarySearch(positions, next); at > 0 {
			positions = positions[at:]
		}
	}
	return nil
}

func (t *tracer) addPast(h *jobqueue.History) {
	node := pastNode(h)
	if h.RequestID != t.f.RequestID {
		node.RequestID = h.RequestID
	}
	t.add(&node)
}

// add takes a node once.
func (t *tracer) add(n *api.TraceNode) {
	if n == nil || !t.f.Reach.Reaches(n.Wiki) {
		return
	}
	if t.nodes != nil {
		if _, again := t.nodes[n.ID]; again {
			return
		}
		t.nodes[n.ID] = struct{}{}
	}
	t.seen++
	if n.Open {
		t.out.Open++
	}
	if len(t.out.Nodes) == MaxTrace {
		t.out.More++
		return
	}
	t.out.Nodes = append(t.out.Nodes, *n)
}

func liveNode(j *jobqueue.Job, v *view, now time.Time) api.TraceNode {
	row := record(j, v)
	n := api.TraceNode{
		ID: row.ID, Queue: j.Queue, Wiki: j.Wiki, State: row.State, Open: row.State != api.StateDead,
		CreatedAt: row.CreatedAt, Attempts: j.Tries, Error: row.LastError, Held: row.Held,
		Message: j.Message, ResultURL: j.ResultURL, EndedAt: row.FinishedAt,
	}
	if j.Cause != nil {
		n.Parent = j.Cause.Parent
	}
	if row.State == api.StateDelayed {
		n.RunAt = row.RunAt
	}
	var runs time.Time
	if a, ok := v.running[j.ID]; ok {
		runs = a.start
	}
	times(&n, j.Attempts, runs, now)
	return n
}

func pastNode(h *jobqueue.History) api.TraceNode {
	row := history(h)
	n := api.TraceNode{
		ID: row.ID, Queue: h.Queue, Wiki: h.Wiki, State: row.State, CreatedAt: row.CreatedAt, EndedAt: row.FinishedAt,
		Attempts: h.Tries, Error: h.LastError, DuplicateOf: row.DuplicateOf, Superseded: row.Superseded,
		Message: h.Message, ResultURL: h.ResultURL,
	}
	if h.Cause != nil {
		n.Parent = h.Cause.Parent
	}
	if h.State == jobqueue.Done {
		n.Error = failure(h)
	}
	times(&n, h.Attempts, time.Time{}, h.Finished)
	return n
}

// times says how long a job waited for its first attempt, and how long all of them took.
func times(n *api.TraceNode, attempts []jobqueue.Attempt, runs, now time.Time) {
	var ran time.Duration
	var first, last time.Time
	for i := range attempts {
		if first.IsZero() {
			first = attempts[i].Start
		}
		last = attempts[i].Start
		ran += max(attempts[i].End.Sub(attempts[i].Start), 0)
	}
	if !runs.IsZero() {
		if first.IsZero() {
			first = runs
		}
		last = runs
		ran += max(now.Sub(runs), 0)
	}
	if first.IsZero() {
		return
	}
	waited, took := max(first.Sub(n.CreatedAt), 0).Milliseconds(), ran.Milliseconds()
	n.StartedAt, n.WaitedMS, n.RanMS = moment(last), &waited, &took
}

// tree puts nodes into the order in which their tree is drawn, each with its level. Siblings are in the
// order of their creation. A job whose parents lead round in a circle, which only a forged cause can
// make, stands below the root.
func tree(nodes []api.TraceNode) []api.TraceNode {
	slices.SortFunc(nodes, func(a, b api.TraceNode) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(a.ID, b.ID))
	})
	at := make(map[string]int, len(nodes))
	for i := range nodes {
		at[nodes[i].ID] = i
	}
	children := make(map[string][]int, len(nodes))
	var roots []int
	for i := range nodes {
		if _, known := at[nodes[i].Parent]; known {
			children[nodes[i].Parent] = append(children[nodes[i].Parent], i)
		} else {
			roots = append(roots, i)
		}
	}
	out := make([]api.TraceNode, 0, len(nodes))
	draw := func(list []int) {
		type step struct{ index, level int }
		var stack []step
		push := func(list []int, level int) {
			for _, i := range slices.Backward(list) {
				stack = append(stack, step{i, level})
			}
		}
		push(list, 1)
		for len(stack) > 0 {
			s := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			n := nodes[s.index]
			if n.Level = s.level; nodes[s.index].Level > 0 {
				continue
			}
			nodes[s.index].Level = s.level
			out = append(out, n)
			push(children[n.ID], s.level+1)
		}
	}
	draw(roots)
	for i := range nodes {
		if nodes[i].Level == 0 {
			draw([]int{i})
		}
	}
	return out
}
