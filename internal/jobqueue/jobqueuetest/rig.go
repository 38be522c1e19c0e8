// Package jobqueuetest drives the job queue of one partition in memory, for tests of the queue and of
// what stands on it: commands go in, groups are committed to a store in memory, effects come out, and
// the store can be checked against the queue's invariants.
//
// Nothing here has a goroutine or a clock; a Rig is used by one goroutine.
package jobqueuetest

import (
	"strings"
	"testing"
	"time"

	"auwai/internal/eventlog"
	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/kv"
	"auwai/internal/kv/memkv"
	"auwai/internal/partition"
)

// Rig is one partition with its job queue and event log.
type Rig struct {
	Clock partition.Now
	Store *memkv.Server
	// Discard has commits succeed without being kept, for benchmarks of the queue alone.
	Discard bool
	// OnEffect, where set, gets each effect after Mem has observed it.
	OnEffect func(any)

	// KeepMail has what the partition mails to itself wait for Deliver.
	KeepMail bool

	mailed   bool
	tb       testing.TB
	id       partition.ID
	domains  []partition.Domain
	registry *partition.Registry
	view     *partition.View
	machine  *partition.Machine
	batch    kv.Batch
	effects  []any
	minter   *ident.Minter
}

// Start is the moment at which a new rig's wall clock stands.
func Start() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// New opens the queue of a partition on an empty store.
func New(tb testing.TB, id partition.ID) *Rig {
	tb.Helper()
	r := &Rig{
		Clock: partition.Now{Wall: Start()}, Store: memkv.NewServer(), tb: tb, id: id,
		domains: []partition.Domain{eventlog.Domain{}, jobqueue.Domain{}},
		minter:  ident.NewMinter(7),
	}
	var families []partition.Family
	for _, d := range r.domains {
		families = append(families, d.Families()...)
	}
	registry, err := partition.NewRegistry(families...)
	if err != nil {
		tb.Fatal(err)
	}
	r.registry = registry
	r.Reopen()
	return r
}

// Reopen drops all memory, what was not committed too, and opens the partition again from the store,
// as after a crash. The commands of the opening are committed.
func (r *Rig) Reopen() {
	r.tb.Helper()
	var epoch uint64
	if r.machine != nil {
		epoch = r.machine.Epoch()
	}
	r.view = partition.NewView(r.registry)
	r.machine = partition.NewMachine(r.id, r.view)
	r.machine.Begin(epoch + 1)
	for _, resident := range r.registry.ResidentRanges(r.id) {
		for _, e := range r.Scan(resident) {
			r.view.LearnResident(r.id, e)
		}
	}
	r.machine.Loaded(r.Clock)
	for _, d := range r.domains {
		mem, first := d.Open(partition.Opening{
			Partition: r.id, Epoch: epoch + 1, Now: r.Clock,
			Resident: func(prefix kv.Key) []kv.Entry { return r.view.Resident(r.id, prefix) },
		})
		r.machine.SetMem(d.Slot(), mem)
		for _, c := range first {
			if err := r.Do(c); err != nil {
				r.tb.Fatal(err)
			}
		}
	}
	r.machine.SetOpen()
	r.mailed = true // perhaps
	if !r.KeepMail {
		r.Deliver()
	}
}

// Partition returns the number of the partition.
func (r *Rig) Partition() partition.ID { return r.id }

// Mem returns the queue's memory.
func (r *Rig) Mem() *jobqueue.Mem {
	m, ok := r.machine.Mem(partition.SlotJobs).(*jobqueue.Mem)
	if !ok {
		r.tb.Fatal("the partition has no job queue")
	}
	return m
}

// Mint returns a new id of the rig's session.
func (r *Rig) Mint() ident.Suffix { return r.minter.Next(r.Clock.Wall) }

// Advance moves both clocks.
func (r *Rig) Advance(d time.Duration) {
	r.Clock.Wall = r.Clock.Wall.Add(d)
	r.Clock.Mono += d
}

// Do applies a command and commits it.
func (r *Rig) Do(c partition.Command) error {
	r.tb.Helper()
	err := r.Apply(c)
	r.Commit()
	return err
}

// Must is Do of a command that has to succeed.
func (r *Rig) Must(c partition.Command) {
	r.tb.Helper()
	if err := r.Do(c); err != nil {
		r.tb.Fatalf("%T: %v", c, err)
	}
}

// Apply applies a command to the group being built, and returns what it answered. Nothing is durable
// before Commit.
func (r *Rig) Apply(c partition.Command) error {
	r.tb.Helper()
	call := &partition.Call{Command: c}
	if err := r.machine.Submit(r.Clock, call, true); err != nil {
		r.tb.Fatal(err)
	}
	for {
		r.machine.Apply(r.Clock)
		if err := r.machine.Poisoned(); err != nil {
			r.tb.Fatal(err)
		}
		if keys := r.view.Wanted(); len(keys) > 0 {
			r.view.Learn(keys, r.Store.Get(keys...))
			r.machine.Wake()
			continue
		}
		if !r.machine.HasFresh() {
			return call.Err()
		}
		r.Commit() // the group is full
	}
}

// Commit makes the group durable and releases its effects; what the partition has mailed to itself is
// applied and committed too, unless KeepMail is set.
func (r *Rig) Commit() {
	r.tb.Helper()
	r.Seal()
	r.Land()
	for r.mailed && !r.KeepMail {
		r.Deliver()
	}
}

// Deliver applies what the partition has mailed to itself, and commits it.
func (r *Rig) Deliver() {
	r.tb.Helper()
	r.mailed = false
	sender := partition.PartitionSender(r.id)
	for _, e := range r.Scan(partition.MailRange(r.id, sender, r.view.LaneCursor(r.id, sender))) {
		msg, ok := partition.ReadMessage(e)
		if !ok {
			r.tb.Fatalf("message at key %x is malformed", e.Key)
		}
		c, ok, err := jobqueue.Domain{}.Decode(msg.Kind, msg.Body)
		if !ok || err != nil {
			r.tb.Fatalf("message of kind %#x: %t, %v", msg.Kind, ok, err)
		}
		if err := r.Apply(&partition.MailCommand{Message: msg, Inner: c}); err != nil {
			r.tb.Fatal(err)
		}
	}
	r.Seal()
	r.Land()
}

// Seal puts the group in flight; commands applied from now on are of the next one. Land must follow.
func (r *Rig) Seal() {
	r.tb.Helper()
	if !r.view.Pending() || r.view.InFlight() {
		return
	}
	r.release() // of commands that wrote nothing
	r.batch.Reset()
	r.view.Seal(&r.batch)
	r.machine.Sealed()
}

// Land makes the group in flight durable, and releases its effects.
func (r *Rig) Land() {
	r.tb.Helper()
	if r.view.InFlight() {
		if !r.Discard {
			if err := r.Store.Apply(&r.batch); err != nil {
				r.tb.Fatal(err)
			}
		}
		r.view.Durable()
	}
	r.release()
}

func (r *Rig) release() {
	_, effects := r.machine.Released()
	mem, _ := r.machine.Mem(partition.SlotJobs).(*jobqueue.Mem) // nil early in an opening
	for _, e := range effects {
		switch e := e.(type) {
		case partition.Mailed:
			r.mailed = true
		case partition.MailRefused:
			r.tb.Fatalf("a message was refused: %v", e.Err)
		}
		if mem != nil {
			mem.Observe(e)
		}
		if r.OnEffect != nil {
			r.OnEffect(e)
		}
		if !r.Discard {
			r.effects = append(r.effects, e)
		}
	}
}

// Effects returns the effects since the last call.
func (r *Rig) Effects() []any {
	e := r.effects
	r.effects = nil
	return e
}

// Scan returns all entries of a range, page by page. Its Limit bounds a page only.
func (r *Rig) Scan(rng kv.Range) []kv.Entry {
	var out []kv.Entry
	for {
		page := r.Store.Scan(rng)[0]
		out = append(out, page.Entries...)
		if !page.More {
			return out
		}
		rng.From = append(append(kv.Key{}, page.Entries[len(page.Entries)-1].Key...), 0)
	}
}

// Describe puts a key into words.
func (r *Rig) Describe(key kv.Key) string { return r.registry.Describe(key) }

// Words is a key of the store in words.
type Words struct {
	Family    string
	Words     string
	Malformed bool
}

// Words puts all keys of the store into words.
func (r *Rig) Words() []Words {
	var out []Words
	for _, e := range r.Scan(kv.Range{}) {
		_, _, id, _, _ := partition.SplitKey(e.Key)
		text := r.registry.Describe(e.Key)
		w := Words{Words: text, Malformed: strings.Contains(text, "malformed")}
		for _, f := range r.registry.Families() {
			if f.ID == id {
				w.Family = f.Name
			}
		}
		out = append(out, w)
	}
	return out
}
