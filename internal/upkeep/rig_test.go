package upkeep_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"auwai/internal/eventlog"
	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/kv"
	"auwai/internal/kv/memkv"
	"auwai/internal/node"
	"auwai/internal/partition"
	"auwai/internal/upkeep"
)

// rig is a node without a node: the real machines of partitions over a store in memory, upkeep as the
// tenant, and a clock that the test moves.
type rig struct {
	t        *testing.T
	clock    partition.Now
	store    *memkv.Server
	registry *partition.Registry
	view     *partition.View
	parts    map[partition.ID]*partition.Machine
	order    []partition.ID
	m        *upkeep.Machine
	minter   *ident.Minter
	batch    kv.Batch
	scans    []scan
	answers  []node.Answer
	errs     []error
	commands []string // types of those that upkeep has submitted
	asked    int      // scans that upkeep has asked for
	wake     time.Duration

	// refuse, where set, answers a command of upkeep with an error.
	refuse func(c partition.Command) error
	// readFails, where set, fails a scan.
	readFails func() error
	// holdReads and holdAnswers have them wait.
	holdReads, holdAnswers bool
}

type scan struct {
	token  uint64
	ranges []kv.Range
	digest func([]kv.Page)
}

func newRig(t *testing.T, cfg upkeep.Config, open ...partition.ID) *rig {
	t.Helper()
	registry, err := partition.NewRegistry(slices.Concat(eventlog.Families(), jobqueue.Families())...)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{
		t: t, store: memkv.NewServer(), registry: registry, view: partition.NewView(registry),
		parts: map[partition.ID]*partition.Machine{}, minter: ident.NewMinter(7),
		clock: partition.Now{Wall: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Mono: time.Hour},
	}
	cfg.OnError = func(err error) { r.errs = append(r.errs, err) }
	r.m = upkeep.New(cfg)
	r.m.Event(r.clock, node.Event{Kind: node.SessionStarted})
	for _, p := range open {
		r.open(p)
	}
	return r
}

func (r *rig) open(p partition.ID) {
	r.t.Helper()
	pm := partition.NewMachine(p, r.view)
	pm.Begin(1)
	for _, rng := range r.registry.ResidentRanges(p) {
		for _, e := range r.store.Scan(rng)[0].Entries {
			r.view.LearnResident(p, e)
		}
	}
	pm.Loaded(r.clock)
	r.parts[p] = pm
	r.order = append(r.order, p)
	slices.Sort(r.order)
	for _, d := range []partition.Domain{eventlog.Domain{}, jobqueue.Domain{}} {
		mem, _ := d.Open(partition.Opening{
			Partition: p, Epoch: 1, Now: r.clock,
			Resident: func(prefix kv.Key) []kv.Entry { return r.view.Resident(p, prefix) },
		})
		pm.SetMem(d.Slot(), mem)
	}
	pm.SetOpen()
	r.m.Event(r.clock, node.Event{Kind: node.Opened, Partition: p, Machine: pm})
}

func (r *rig) close(p partition.ID) {
	r.m.Event(r.clock, node.Event{Kind: node.Closing, Partition: p, Machine: r.parts[p]})
	for _, c := range r.parts[p].Close() {
		r.answer(c.Done, node.ErrNotOwner)
	}
	r.m.Event(r.clock, node.Event{Kind: node.Closed, Partition: p})
	delete(r.parts, p)
	r.order = slices.DeleteFunc(r.order, func(o partition.ID) bool { return o == p })
}

func (r *rig) answer(done func(error), err error) {
	if done != nil {
		r.answers = append(r.answers, node.Answer{Done: done, Err: err})
	}
}

// host is what upkeep sees of the rig.
type host struct{ *rig }

func (h host) SubmitOwn(_ partition.Now, p partition.ID, c *partition.Call) {
	h.rig.commands = append(h.rig.commands, strings.TrimPrefix(fmt.Sprintf("%T", c.Command), "*"))
	if h.refuse != nil {
		if err := h.refuse(c.Command); err != nil {
			h.answer(c.Done, err)
			return
		}
	}
	if err := h.parts[p].Submit(h.clock, c, true); err != nil {
		h.answer(c.Done, err)
	}
}

func (h host) ScanThen(token uint64, ranges []kv.Range, digest func([]kv.Page)) {
	h.rig.asked++
	h.rig.scans = append(h.rig.scans, scan{token, ranges, digest})
}

func (h host) Scan(uint64, []kv.Range) { h.t.Error("upkeep has nothing to scan in the loop") }
func (h host) Fetch(uint64, []kv.Key)  { h.t.Error("upkeep has nothing to fetch") }
func (h host) Settled(partition.ID)    { h.t.Error("upkeep does not settle partitions") }

// turn does what can be done now and reports whether that was anything.
func (r *rig) turn() (busy bool) {
	for _, p := range r.order {
		r.parts[p].Apply(r.clock)
		if err := r.parts[p].Poisoned(); err != nil {
			r.t.Fatal(err)
		}
	}
	if keys := r.view.Wanted(); keys != nil {
		busy = true
		r.view.Learn(keys, r.store.Get(keys...))
		for _, p := range r.order {
			r.parts[p].Wake()
		}
	}
	if r.view.Pending() {
		busy = true
		r.commit()
	}
	r.release()
	if !r.holdAnswers {
		answers := r.answers
		r.answers = nil
		for _, a := range answers {
			busy = true
			a.Done(a.Err)
		}
	}
	if !r.holdReads {
		busy = r.answerReads() || busy
	}
	r.wake = r.m.Step(r.clock, host{r})
	for _, p := range r.order {
		busy = busy || r.parts[p].HasFresh()
	}
	return busy || len(r.scans) > 0 && !r.holdReads || len(r.answers) > 0 && !r.holdAnswers
}

func (r *rig) commit() {
	r.batch.Reset()
	r.view.Seal(&r.batch)
	for _, p := range r.order {
		r.parts[p].Sealed()
	}
	if err := r.store.Apply(&r.batch); err != nil {
		r.t.Fatal(err)
	}
	r.view.Durable()
}

func (r *rig) release() {
	for _, p := range r.order {
		calls, effects := r.parts[p].Released()
		r.m.Effects(r.clock, r.parts[p], effects)
		for _, e := range effects {
			if mem, ok := r.parts[p].Mem(partition.SlotJobs).(*jobqueue.Mem); ok {
				mem.Observe(e)
			}
		}
		for _, c := range calls {
			r.answer(c.Done, c.Err())
		}
	}
}

func (r *rig) answerReads() (busy bool) {
	scans := r.scans
	r.scans = nil
	for _, s := range scans {
		busy = true
		if r.readFails != nil {
			if err := r.readFails(); err != nil {
				r.m.Scanned(r.clock, s.token, nil, err)
				continue
			}
		}
		pages := r.store.Scan(s.ranges...)
		s.digest(pages)
		r.m.Scanned(r.clock, s.token, pages, nil)
	}
	return busy
}

func (r *rig) settle() {
	r.t.Helper()
	for range 10_000 {
		if !r.turn() {
			return
		}
	}
	r.t.Fatal("the node does not come to rest")
}

// advance moves both clocks on, by steps.
func (r *rig) advance(d, step time.Duration) {
	r.t.Helper()
	for left := d; left > 0; left -= step {
		r.clock.Wall = r.clock.Wall.Add(min(step, left))
		r.clock.Mono += min(step, left)
		r.settle()
	}
}

// do applies a command of a caller.
func (r *rig) do(p partition.ID, wiki string, c partition.Command) {
	r.t.Helper()
	var answer error
	answered := false
	err := r.parts[p].Submit(r.clock, &partition.Call{Wiki: wiki, Command: c, Done: func(err error) { answer, answered = err, true }}, false)
	if err != nil {
		r.t.Fatal(err)
	}
	r.settle()
	if answer != nil || !answered {
		r.t.Fatalf("%T was answered %v (%t)", c, answer, answered)
	}
}

// appendTo is a command that appends a record to a stream.
type appendTo struct{ stream, text string }

func (c *appendTo) Apply(tx *partition.Tx) error {
	eventlog.Append(tx, c.stream, tx.Now(), []byte(c.text))
	return nil
}

// families counts the keys of a partition by family.
func (r *rig) families(p partition.ID) map[string]int {
	out := map[string]int{}
	names := map[partition.FamilyID]string{}
	for _, f := range r.registry.Families() {
		names[f.ID] = f.Name
	}
	for _, e := range r.store.Scan(kv.Range{Limit: 1 << 30})[0].Entries {
		if id, _, f, _, ok := partition.SplitKey(e.Key); ok && id == p {
			out[names[f]]++
		}
	}
	return out
}

// records reads a stream.
func (r *rig) records(p partition.ID, stream string) (out []string) {
	r.t.Helper()
	reader := eventlog.Reader{Source: r.store.Open(), Partition: p, Stream: stream}
	for from := uint64(0); ; {
		list, next, err := reader.Forward(r.t.Context(), from, eventlog.Bound{})
		if err != nil {
			r.t.Fatal(err)
		}
		if len(list) == 0 {
			return out
		}
		for _, rec := range list {
			out = append(out, string(rec.Data))
		}
		from = next
	}
}

var errAsked = fault.New(fault.Unavailable, "asked for")
