package inspect

import (
	"context"
	"fmt"
	"slices"
	"time"

	"auwai/api"
	"auwai/internal/dispatch"
	"auwai/internal/farm"
	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/node"
	"auwai/internal/partition"
)

// Explain says why a job is where it is. Errors: Invalid, NotFound, Unavailable.
func (i *Inspector) Explain(ctx context.Context, text string) (api.Explanation, error) {
	out := api.Explanation{ID: text, Reasons: []api.Reason{}}
	id, err := parseID(text)
	if err != nil {
		return out, err
	}
	e := &explainer{asker: i.asker(), p: partition.Of(id.Wiki), out: &out}
	v, err := e.view(ctx, e.p, filter{wiki: id.Wiki})
	if err != nil {
		return out, err
	}
	f, err := e.find(ctx, e.p, id)
	switch {
	case err != nil:
		return out, err
	case f.past != nil:
		row := history(f.past)
		out.Queue, out.Wiki, out.State, out.Attempts = row.Queue, row.Wiki, row.State, row.Attempts
		e.past(&row, f.past)
	case f.job != nil:
		row := record(f.job, v)
		out.Queue, out.Wiki, out.State, out.Attempts = row.Queue, row.Wiki, row.State, row.Attempts
		err = e.live(ctx, f.job, v)
	default:
		return out, NoJob(text)
	}
	out.Stale = e.stale
	e.summarize()
	return out, err
}

// explainer gathers the reasons of one job.
type explainer struct {
	*asker

	p   partition.ID
	out *api.Explanation
}

func (e *explainer) add(r api.Reason) { e.out.Reasons = append(e.out.Reasons, r) }

// live explains a job that has a record.
func (e *explainer) live(ctx context.Context, j *jobqueue.Job, v *view) error {
	switch e.out.State {
	case api.StateRunning:
		e.runs(j, v.running[j.ID])
	case api.StateDelayed:
		e.delayed(j)
		return e.pair(ctx, j, v) // it will meet these too
	case api.StateReady:
		return e.pair(ctx, j, v)
	case api.StateBlocked:
		return e.blocked(ctx, j)
	case api.StateDead:
		e.dead(j)
	}
	return nil
}

// pair explains what keeps a job's queue of its wiki from starting, and where a ready job stands.
func (e *explainer) pair(ctx context.Context, j *jobqueue.Job, v *view) error {
	if e.purged(j, v) {
		e.add(api.Reason{Cause: api.CausePurged, Text: "its queue was purged; it is not started any more, and is ended in a moment"})
		return nil
	}
	// Its own memory: a loop that is silent may write to it later.
	why := &dispatch.Explanation{}
	ready := e.out.State == api.StateReady
	id := j.ID
	if !ready {
		id = ident.Suffix{}
	}
	asked := e.ask(ctx, func(now partition.Now, _ *node.Machine) { *why = e.dispatch.Explain(now, j.Pair, id) })
	if !asked {
		e.stale = true
		why = &dispatch.Explanation{}
	}
	if err := e.reasons(ctx, j.Pair, why); err != nil {
		return err
	}
	if !ready {
		return nil
	}
	ahead, more, err := e.ahead(ctx, j, v)
	if err != nil {
		return err
	}
	e.out.Position = &api.Position{
		Priority: j.Band.String(), Ahead: ahead, AtLeast: more, Wikis: why.Wikis,
		Running: why.Running, Slots: why.NodeSlots, Used: why.NodeRunning,
	}
	if len(e.out.Reasons) == 0 {
		e.add(api.Reason{Cause: api.CauseTurn, Text: turnWords(e.out.Position, &e.out.Stale)})
	}
	return nil
}

// purged reports whether the job waits only to be swept.
func (e *explainer) purged(j *jobqueue.Job, v *view) bool {
	for i := range v.pairs {
		if v.pairs[i].Pair == j.Pair {
			return j.Enq < v.pairs[i].PurgedBefore
		}
	}
	return false
}

// aheadMost bounds the ready jobs that are counted before one.
const aheadMost = 100_000

// ahead counts the ready jobs of a job's pair and band that go before it. What is claimed in memory
// stands in the ready order too, and is left out.
func (e *explainer) ahead(ctx context.Context, j *jobqueue.Job, v *view) (n int, more bool, err error) {
	from := uint64(0)
	for i := range v.pairs {
		if v.pairs[i].Pair == j.Pair {
			from = max(v.pairs[i].Cursor[j.Band], 1) - 1
		}
	}
	r := jobqueue.ReadyRange(e.p, j.Pair, j.Band, from)
	r.To, r.Limit = jobqueue.ReadyKey(e.p, j.Pair, j.Band, j.Seq), scanBatch
	for n < aheadMost {
		pages, err := e.engine.Scan(ctx, r)
		if err != nil {
			return 0, false, read(err, "the order of jobs")
		}
		for _, entry := range pages[0].Entries {
			ready, err := jobqueue.DecodeReady(entry)
			if err != nil {
				return 0, false, err
			}
			if _, runs := v.running[ready.ID]; !runs {
				n++
			}
			r.From = after(entry.Key)
		}
		if !pages[0].More || len(pages[0].Entries) == 0 {
			return n, false, nil
		}
	}
	return n, true, nil
}

// reasons puts what dispatch says into words.
func (e *explainer) reasons(ctx context.Context, pair jobqueue.Pair, why *dispatch.Explanation) error {
	for i := range why.Reasons {
		r := &why.Reasons[i]
		switch r.Cause {
		case dispatch.CausePause:
			if err := e.pauses(ctx, pair, r.Text); err != nil {
				return err
			}
		case dispatch.CauseConfig:
			e.add(api.Reason{Cause: e.configCause(pair.Wiki), Text: r.Text})
		default:
			e.add(reasonOf(r, e.now()))
		}
	}
	return nil
}

// configCause tells a wiki that is not configured from all else.
func (e *explainer) configCause(wiki string) string {
	wikis := e.wikis()
	if len(wikis) > 0 && !slices.ContainsFunc(wikis, func(w Wiki) bool { return w.Name == wiki }) {
		return api.CauseUnknownWiki
	}
	return api.CauseConfig
}

// pauses names the pauses that hold for a pair; text is what the policy says of them.
func (e *explainer) pauses(ctx context.Context, pair jobqueue.Pair, text string) error {
	controls, err := farm.Controls(ctx, e.engine)
	if err != nil {
		return read(err, "what is controlled")
	}
	var tags map[string]string
	for _, w := range e.wikis() {
		if w.Name == pair.Wiki {
			tags = w.Tags
		}
	}
	found := false
	for i := range controls {
		c := &controls[i]
		if !c.PausedAt(e.now()) || !covers(c.Scope, pair, tags) {
			continue
		}
		found = true
		cause := api.CausePause
		if c.Scope.Kind == farm.ScopeMaintenance {
			cause = api.CauseMaintenance
		}
		e.add(api.Reason{
			Cause: cause, Name: c.Scope.String(), Text: pauseText(c), By: c.By, Since: moment(c.Since), Until: moment(c.Until),
		})
	}
	if !found { // it has ended since, or is not kept in the store
		e.add(api.Reason{Cause: api.CausePause, Text: text})
	}
	return nil
}

func covers(s farm.Scope, pair jobqueue.Pair, tags map[string]string) bool {
	switch s.Kind {
	case farm.ScopeAll, farm.ScopeMaintenance:
		return true
	case farm.ScopeQueue:
		return s.Queue == pair.Queue
	case farm.ScopeWiki:
		return s.Wiki == pair.Wiki
	case farm.ScopePair:
		return s.Queue == pair.Queue && s.Wiki == pair.Wiki
	case farm.ScopeTag:
		for name, value := range tags {
			if s.Tag == name+"="+value {
				return true
			}
		}
	}
	return false
}

func pauseText(c *farm.Control) string {
	what := c.Scope.String() + " is paused"
	switch c.Scope.Kind {
	case farm.ScopeAll:
		what = "everything is paused"
	case farm.ScopeMaintenance:
		what = "maintenance: work is taken and none is run"
	case farm.ScopeQueue, farm.ScopeWiki, farm.ScopePair, farm.ScopeTag:
	}
	if c.By != "" {
		what += " by " + c.By
	}
	if c.Reason != "" {
		what += ": " + c.Reason
	}
	if !c.Until.IsZero() {
		what += "; it ends at " + c.Until.UTC().Format(time.RFC3339)
	}
	return what
}

// blocked explains a job that waits for others.
func (e *explainer) blocked(ctx context.Context, j *jobqueue.Job) error {
	refs := make([]ref, len(j.WaitsFor))
	for n, id := range j.WaitsFor {
		refs[n] = ref{pair: jobqueue.Pair{Wiki: j.Wiki}, id: id}
	}
	jobs, err := e.records(ctx, e.p, refs)
	if err != nil {
		return err
	}
	var open, dead []string
	for n, other := range jobs {
		if other == nil {
			continue
		}
		id := ident.ID{Wiki: j.Wiki, Suffix: refs[n].id}.String()
		open = append(open, id)
		if other.State == jobqueue.Dead {
			dead = append(dead, id)
		}
	}
	if len(open) > 0 {
		text := "it waits for " + count(len(open), "job", "jobs") + " that has to end before: " + names(open)
		if len(open) > 1 {
			text = "it waits for " + count(len(open), "job", "jobs") + " that have to end before: " + names(open)
		}
		if len(dead) > 0 {
			text += "; dead is " + names(dead) + ": retry or drop it, or cancel this one"
		}
		e.add(api.Reason{Cause: api.CauseWaitsFor, Text: text, Jobs: open})
	}
	return e.serial(ctx, j)
}

// serial names the first of a job's chain.
func (e *explainer) serial(ctx context.Context, j *jobqueue.Job) error {
	if j.Chained {
		values, err := e.engine.Get(ctx, jobqueue.ChainKey(e.p, j.Pair, j.SerialKey))
		if err != nil {
			return read(err, "the order of a serial key")
		}
		if values[0] != nil {
			c, err := jobqueue.DecodeChain(values[0])
			if err != nil {
				return err
			}
			first := ident.ID{Wiki: j.Wiki, Suffix: c.First}.String()
			e.add(api.Reason{
				Cause: api.CauseSerial, Name: j.SerialKey, Jobs: []string{first},
				Text: fmt.Sprintf("jobs with the serial key %q run one after the other, and %s goes first", fault.Short(j.SerialKey), first),
			})
		}
	}
	if len(e.out.Reasons) == 0 {
		e.add(api.Reason{Cause: api.CauseWaitsFor, Text: "what it waited for has just ended; it goes on in a moment"})
	}
	return nil
}
