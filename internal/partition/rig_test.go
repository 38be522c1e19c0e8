package partition_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	"auwai/internal/kv"
	"auwai/internal/kv/memkv"
	"auwai/internal/partition"
)

const (
	familyWiki partition.FamilyID = 0x70 + iota
	familyKept
)

// rig is some partitions of one node over a store in memory. The test decides when reads are answered
// and when groups are sealed and durable.
type rig struct {
	t        *testing.T
	clock    partition.Now
	store    *memkv.Server
	registry *partition.Registry
	view     *partition.View
	parts    map[partition.ID]*partition.Machine
	batch    kv.Batch
	answers  []string // of the calls, in the order of their release
	errs     map[string]error
	effects  []any
}

func newRig(t *testing.T) *rig {
	t.Helper()
	registry, err := partition.NewRegistry(
		partition.Family{ID: familyWiki, Name: "counter", PerWiki: true},
		partition.Family{ID: familyKept, Name: "kept", Resident: true},
	)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{
		t: t, store: memkv.NewServer(), registry: registry, errs: map[string]error{},
		clock: partition.Now{Wall: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Mono: time.Hour},
	}
	r.boot()
	return r
}

// boot drops all memory.
func (r *rig) boot() {
	r.view = partition.NewView(r.registry)
	r.parts = map[partition.ID]*partition.Machine{}
}

// open opens a partition under an epoch, and returns its machine.
func (r *rig) open(p partition.ID, epoch uint64) *partition.Machine {
	m := r.parts[p]
	if m == nil {
		m = partition.NewMachine(p, r.view)
		r.parts[p] = m
	}
	m.Begin(epoch)
	for _, rng := range r.registry.ResidentRanges(p) {
		for _, e := range r.store.Scan(rng)[0].Entries {
			r.view.LearnResident(p, e)
		}
	}
	m.Loaded(r.clock)
	m.SetOpen()
	return m
}

// call submits a command under a name, by which its answer is found.
func (r *rig) call(m *partition.Machine, name, wiki string, c partition.Command) {
	r.t.Helper()
	err := m.Submit(r.clock, &partition.Call{Wiki: wiki, Command: c, Done: r.done(name)}, false)
	if err != nil {
		r.t.Fatalf("Submit(%s) = %v", name, err)
	}
}

func (r *rig) done(name string) func(error) {
	return func(err error) {
		r.answers = append(r.answers, name)
		r.errs[name] = err
	}
}

// apply has all partitions apply what they have, in the order of their numbers.
func (r *rig) apply() {
	for p := range partition.ID(partition.Count) {
		if m := r.parts[p]; m != nil {
			m.Apply(r.clock)
		}
	}
}

// read answers what is missed.
func (r *rig) read() bool {
	keys := r.view.Wanted()
	if keys == nil {
		return false
	}
	r.view.Learn(keys, r.store.Get(keys...))
	for _, m := range r.parts {
		m.Wake()
	}
	return true
}

func (r *rig) seal() {
	r.t.Helper()
	r.batch.Reset()
	r.view.Seal(&r.batch)
	for _, m := range r.parts {
		m.Sealed()
	}
}

// land makes what is in flight durable and hands out answers and effects.
func (r *rig) land() {
	r.t.Helper()
	if err := r.store.Apply(&r.batch); err != nil {
		r.t.Fatal(err)
	}
	r.view.Durable()
	r.release()
}

func (r *rig) release() {
	for p := range partition.ID(partition.Count) {
		m := r.parts[p]
		if m == nil {
			continue
		}
		calls, effects := m.Released()
		r.effects = append(r.effects, effects...)
		for _, c := range calls {
			if c.Done != nil {
				c.Done(c.Err())
			}
		}
	}
}

// settle applies, reads and commits until nothing is left to do.
func (r *rig) settle() {
	r.t.Helper()
	for range 100 {
		r.apply()
		if r.read() {
			continue
		}
		if r.view.Pending() {
			r.seal()
			r.land()
			continue
		}
		r.release()
		fresh := false
		for _, m := range r.parts {
			fresh = fresh || m.HasFresh() && m.Poisoned() == nil
		}
		if !fresh {
			return
		}
	}
	r.t.Fatal("the partitions do not come to rest")
}

func (r *rig) wantAnswers(want ...string) {
	r.t.Helper()
	if got := fmt.Sprint(r.answers); got != fmt.Sprint(want) {
		r.t.Fatalf("answered are %v, want %v", got, want)
	}
}

func (r *rig) wantErr(name string, want error) {
	r.t.Helper()
	err, ok := r.errs[name]
	if !ok || !errors.Is(err, want) {
		r.t.Errorf("%s was answered %v (%t), want %v", name, err, ok, want)
	}
}

// do is a command made of functions.
type do struct {
	reads []kv.Key
	apply func(tx *partition.Tx) error
	tries int
}

func (c *do) Reads(dst []kv.Key, _ partition.ID) []kv.Key { return append(dst, c.reads...) }

func (c *do) Apply(tx *partition.Tx) error {
	c.tries++
	return c.apply(tx)
}

func wikiKey(p partition.ID, wiki string, n int) kv.Key {
	return binary.BigEndian.AppendUint32(partition.WikiKey(p, wiki, familyWiki), uint32(n)) //nolint:gosec // small
}

func keptKey(p partition.ID, n int) kv.Key {
	return binary.BigEndian.AppendUint32(partition.Key(p, familyKept), uint32(n)) //nolint:gosec // small
}

// add reads a number of a wiki, which misses at first, and appends a letter to it.
func add(wiki, letter string) *do {
	return &do{apply: func(tx *partition.Tx) error {
		key := wikiKey(tx.Partition(), wiki, 0)
		old := tx.Get(key)
		if tx.Missed() {
			return nil
		}
		tx.Set(key, append(append([]byte(nil), old...), letter...))
		tx.Effect(letter)
		return nil
	}}
}

// write sets a resident key, which never misses.
func write(n int, value string) *do {
	return &do{apply: func(tx *partition.Tx) error {
		tx.Set(keptKey(tx.Partition(), n), []byte(value))
		tx.Effect(value)
		return nil
	}}
}

func (r *rig) stored(key kv.Key) string {
	v := r.store.Get(key)[0]
	if v == nil {
		return "absent"
	}
	return string(v)
}

func (r *rig) wantStored(key kv.Key, want string) {
	r.t.Helper()
	if got := r.stored(key); got != want {
		r.t.Errorf("stored is %q, want %q", got, want)
	}
}

func (r *rig) wantEffects(want ...string) {
	r.t.Helper()
	if got := fmt.Sprint(r.effects); got != fmt.Sprint(want) {
		r.t.Errorf("effects are %v, want %v", got, want)
	}
}
