package inspect

import (
	"bytes"
	"context"
	"slices"
	"time"

	"auwai/internal/access"
	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/kv"
	"auwai/internal/node"
	"auwai/internal/partition"
)

// asker looks into the owner's memory for one request. Once the owner was silent, it is not asked
// again.
type asker struct {
	*Inspector
	silent bool
	stale  bool // some answer came from the store alone
}

func (i *Inspector) asker() *asker { return &asker{Inspector: i} }

// view is what is known of a partition at a moment.
type view struct {
	open    bool       // the partition is open here
	pairs   []pairView // in the order of wiki and queue
	running map[ident.Suffix]attempt
	index   map[jobqueue.Pair]int // of pairs; made when it is needed
}

type pairView struct {
	jobqueue.PairInfo // counts as they are
	held              string
	head              time.Time // zero: not in memory
}

// attempt is a claim.
type attempt struct {
	pair            jobqueue.Pair
	start, deadline time.Time
	holder          string // the worker that has it; "": this node
	progress        jobqueue.Progress
	cancelled       bool // it is being stopped
}

// filter is what a question is about; "" is any. What its asker does not reach is not there.
type filter struct {
	queue, wiki string
	reach       *access.Grant
}

func (f filter) has(p jobqueue.Pair) bool {
	return (f.queue == "" || f.queue == p.Queue) && (f.wiki == "" || f.wiki == p.Wiki) && f.reach.Reaches(p.Wiki)
}

// partitions returns those that the filter leaves.
func (f filter) partitions() []partition.ID {
	if f.wiki != "" {
		return []partition.ID{partition.Of(f.wiki)}
	}
	if !f.reach.AllWikis() {
		var some []partition.ID
		for _, wiki := range f.reach.Wikis() {
			some = append(some, partition.Of(wiki))
		}
		slices.Sort(some)
		return slices.Compact(some)
	}
	all := make([]partition.ID, partition.Count)
	for i := range all {
		all[i] = partition.ID(i)
	}
	return all
}

// ask runs f in the loop; false when the loop is silent. What f has written may be read only after
// true.
func (a *asker) ask(ctx context.Context, f func(now partition.Now, m *node.Machine)) bool {
	if a.silent {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	a.silent = a.loop.Ask(ctx, f) != nil
	return !a.silent
}

// view asks the owner of a partition, else the store.
func (a *asker) view(ctx context.Context, p partition.ID, f filter) (*view, error) {
	v := &view{running: map[ident.Suffix]attempt{}}
	if a.ask(ctx, func(now partition.Now, m *node.Machine) {
		pm := m.Partition(p)
		mem, ok := pm.Mem(partition.SlotJobs).(*jobqueue.Mem)
		if v.open = ok && pm.State() == partition.StateOpen; v.open {
			a.remember(now, v, m, p, mem, f)
		}
	}) && v.open {
		return v, nil
	}
	a.stale = true
	return a.storedView(ctx, p, f)
}

// remember fills a view in the loop.
func (a *asker) remember(now partition.Now, v *view, m *node.Machine, p partition.ID, mem *jobqueue.Mem, f filter) {
	for _, e := range m.Entries(p, jobqueue.PairRange(p).From) {
		info, err := jobqueue.DecodePair(e)
		if err != nil || !f.has(info.Pair) {
			continue // a malformed record is reported where the partition is opened
		}
		info.Counts = mem.Counts(info.Pair, info.Counts)
		pv := pairView{PairInfo: info, held: a.dispatch.Held(now, info.Pair)}
		if head, ok := a.dispatch.Head(info.Pair); ok {
			pv.head = head
		}
		v.pairs = append(v.pairs, pv)
	}
	mem.Each(func(c *jobqueue.Claim) {
		if f.has(c.Job.Pair) {
			v.running[c.Job.ID] = attempt{c.Job.Pair, c.Start, c.Deadline, c.Holder, c.Progress, c.Cancelled}
		}
	})
}

func (a *asker) storedView(ctx context.Context, p partition.ID, f filter) (*view, error) {
	v := &view{running: map[ident.Suffix]attempt{}}
	err := a.each(ctx, jobqueue.PairRange(p), func(e kv.Entry) error {
		info, err := jobqueue.DecodePair(e)
		if err == nil && f.has(info.Pair) {
			v.pairs = append(v.pairs, pairView{PairInfo: info})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	err = a.each(ctx, jobqueue.RunningRange(p), func(e kv.Entry) error {
		c, err := jobqueue.DecodeRunning(e)
		if err == nil && f.has(c.Pair) {
			v.running[c.ID] = attempt{c.Pair, c.Start, c.Deadline, c.Holder, c.Progress, c.Cancelled}
		}
		return err
	})
	return v, err
}

// each reads a whole range, page by page.
func (a *asker) each(ctx context.Context, r kv.Range, f func(kv.Entry) error) error {
	for {
		pages, err := a.engine.Scan(ctx, r)
		if err != nil {
			return read(err, "the store")
		}
		for _, e := range pages[0].Entries {
			if err := f(e); err != nil {
				return err
			}
		}
		if !pages[0].More || len(pages[0].Entries) == 0 {
			return nil
		}
		r.From = after(pages[0].Entries[len(pages[0].Entries)-1].Key)
	}
}

// after returns the first key after another.
func after(key kv.Key) kv.Key { return append(bytes.Clone(key), 0) }

// ids returns what runs, in the order of the ids.
func (v *view) ids() []ident.Suffix {
	out := make([]ident.Suffix, 0, len(v.running))
	for id := range v.running {
		out = append(out, id)
	}
	slices.SortFunc(out, func(a, b ident.Suffix) int { return bytes.Compare(a[:], b[:]) })
	return out
}

// held returns why a pair starts nothing, "" when it does, or when that is not known.
func (v *view) held(p jobqueue.Pair) string {
	if v.index == nil {
		v.index = make(map[jobqueue.Pair]int, len(v.pairs))
		for i := range v.pairs {
			v.index[v.pairs[i].Pair] = i
		}
	}
	if i, ok := v.index[p]; ok {
		return v.pairs[i].held
	}
	return ""
}
