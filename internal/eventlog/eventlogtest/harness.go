// Package eventlogtest drives one partition in memory, for tests of the event log and of what stands
// on it: commands go in, groups are committed, the store can be looked at.
package eventlogtest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"auwai/internal/kv"
	"auwai/internal/partition"
)

// Harness is one partition over a store in memory. It is used by one goroutine.
type Harness struct {
	Clock   partition.Now
	Store   *Store
	Effects []any
	// Discard has commits succeed without being kept, for benchmarks that only write.
	Discard bool

	tb       testing.TB
	domains  []partition.Domain
	registry *partition.Registry
	view     *partition.View
	machine  *partition.Machine
}

// New opens partition id with the given domains on an empty store.
func New(tb testing.TB, id partition.ID, domains ...partition.Domain) *Harness {
	tb.Helper()
	return NewWith(tb, id, nil, domains...)
}

// NewWith is New with further families of keys.
func NewWith(tb testing.TB, id partition.ID, families []partition.Family, domains ...partition.Domain) *Harness {
	tb.Helper()
	h := &Harness{
		Clock:   partition.Now{Wall: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)},
		Store:   &Store{},
		tb:      tb,
		domains: domains,
	}
	for _, d := range domains {
		families = append(families, d.Families()...)
	}
	r, err := partition.NewRegistry(families...)
	if err != nil {
		tb.Fatal(err)
	}
	h.registry = r
	h.Reopen(id)
	return h
}

// Reopen drops all memory and opens the partition again from the store.
func (h *Harness) Reopen(id partition.ID) {
	h.tb.Helper()
	var epoch uint64
	if h.machine != nil {
		epoch = h.machine.Epoch()
	}
	h.view = partition.NewView(h.registry)
	h.machine = partition.NewMachine(id, h.view)
	h.machine.Begin(epoch + 1)
	for _, r := range h.registry.ResidentRanges(id) {
		r.Limit = 1 << 30
		pages, err := h.Store.Scan(h.tb.Context(), r)
		if err != nil {
			h.tb.Fatal(err)
		}
		for _, e := range pages[0].Entries {
			h.view.LearnResident(id, e)
		}
	}
	h.machine.Loaded(h.Clock)
	for _, d := range h.domains {
		mem, first := d.Open(partition.Opening{
			Partition: id,
			Epoch:     h.machine.Epoch(),
			Now:       h.Clock,
			Resident:  func(prefix kv.Key) []kv.Entry { return h.view.Resident(id, prefix) },
		})
		h.machine.SetMem(d.Slot(), mem)
		for _, c := range first {
			if err := h.Do("", c); err != nil {
				h.tb.Fatal(err)
			}
		}
	}
	h.machine.SetOpen()
}

// Mem returns a domain's memory.
func (h *Harness) Mem(s partition.Slot) any { return h.machine.Mem(s) }

// Partition returns the partition's number.
func (h *Harness) Partition() partition.ID { return h.machine.ID() }

// Advance moves both clocks.
func (h *Harness) Advance(d time.Duration) {
	h.Clock.Wall = h.Clock.Wall.Add(d)
	h.Clock.Mono += d
}

// Do applies the commands in one group and returns the first error.
func (h *Harness) Do(wiki string, commands ...partition.Command) error {
	h.tb.Helper()
	var first error
	left := len(commands)
	for _, c := range commands {
		call := &partition.Call{Wiki: wiki, Command: c, Done: func(error) {}}
		if err := h.machine.Submit(h.Clock, call, true); err != nil {
			h.tb.Fatal(err)
		}
	}
	for range 10_000 {
		if left == 0 {
			return first
		}
		h.machine.Apply(h.Clock)
		if keys := h.view.Wanted(); len(keys) > 0 {
			values, err := h.Store.Get(h.tb.Context(), keys...)
			if err != nil {
				h.tb.Fatal(err)
			}
			h.view.Learn(keys, values)
			h.machine.Wake()
			continue
		}
		for _, c := range h.commit() {
			left--
			if first == nil {
				first = c.Err()
			}
		}
		if err := h.machine.Poisoned(); err != nil {
			h.tb.Fatal(err)
		}
	}
	h.tb.Fatalf("%d commands were not answered", left)
	return nil
}

func (h *Harness) commit() []*partition.Call {
	h.tb.Helper()
	if h.view.Pending() {
		var b kv.Batch
		h.view.Seal(&b)
		h.machine.Sealed()
		if !h.Discard {
			if err := h.Store.Commit(h.tb.Context(), &b); err != nil {
				h.tb.Fatal(err)
			}
		}
		h.view.Durable()
	}
	calls, effects := h.machine.Released()
	h.Effects = append(h.Effects, effects...)
	return slices.Clone(calls)
}

// Dump lists the keys of the store in words, with the lengths of their values.
func (h *Harness) Dump() []string {
	var out []string
	for _, e := range h.Store.entries {
		out = append(out, fmt.Sprintf("%s: %d bytes", h.registry.Describe(e.Key), len(e.Value)))
	}
	return out
}

// Store is an ordered map with the reading methods of kv.Engine and its Commit, without Require.
type Store struct{ entries []kv.Entry }

// Get returns the values of keys.
func (s *Store) Get(_ context.Context, keys ...kv.Key) ([][]byte, error) {
	out := make([][]byte, len(keys))
	for i, k := range keys {
		if at, ok := s.find(k); ok {
			out[i] = append([]byte{}, s.entries[at].Value...)
		}
	}
	return out, nil
}

// Scan reads ranges.
func (s *Store) Scan(_ context.Context, ranges ...kv.Range) ([]kv.Page, error) {
	pages := make([]kv.Page, len(ranges))
	for i, r := range ranges {
		pages[i] = s.page(r)
	}
	return pages, nil
}

func (s *Store) page(r kv.Range) (p kv.Page) {
	from, _ := s.find(r.From)
	to := len(s.entries)
	if r.To != nil {
		to, _ = s.find(r.To)
	}
	limit := r.Limit
	if limit == 0 {
		limit = kv.DefaultLimit
	}
	size := 0
	for n := range max(to-from, 0) {
		at := from + n
		if r.Reverse {
			at = to - 1 - n
		}
		e := kv.Entry{Key: slices.Clone(s.entries[at].Key)}
		if !r.KeysOnly {
			e.Value = append([]byte{}, s.entries[at].Value...)
		}
		size += len(e.Key) + len(e.Value)
		if n == limit || n > 0 && r.MaxBytes > 0 && size > r.MaxBytes {
			p.More = true
			return p
		}
		p.Entries = append(p.Entries, e)
	}
	return p
}

// Commit applies a batch.
func (s *Store) Commit(_ context.Context, b *kv.Batch) error {
	if err := b.Check(); err != nil {
		return err
	}
	plan := b.Plan()
	for _, r := range plan.Ranges {
		from, _ := s.find(r.Key)
		to, _ := s.find(r.Value)
		s.entries = slices.Delete(s.entries, from, to)
	}
	for _, d := range plan.Deletes {
		if at, ok := s.find(d.Key); ok {
			s.entries = slices.Delete(s.entries, at, at+1)
		}
	}
	for _, set := range plan.Sets {
		e := kv.Entry{Key: slices.Clone(set.Key), Value: append([]byte{}, set.Value...)}
		at, ok := s.find(set.Key)
		if ok {
			s.entries[at] = e
			continue
		}
		s.entries = slices.Insert(s.entries, at, e)
	}
	return nil
}

func (s *Store) find(key kv.Key) (at int, ok bool) {
	return slices.BinarySearchFunc(s.entries, key, func(e kv.Entry, k kv.Key) int { return bytes.Compare(e.Key, k) })
}

// Func makes a command of a function.
type Func func(tx *partition.Tx) error

// Apply calls the function.
func (f Func) Apply(tx *partition.Tx) error { return f(tx) }
