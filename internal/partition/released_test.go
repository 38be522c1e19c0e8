package partition_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"auwai/internal/kv"
	"auwai/internal/partition"
)

// tell has effects, and writes only when it is asked to.
type tell struct {
	effects []any
	write   bool
}

func (c *tell) Apply(tx *partition.Tx) error {
	if c.write {
		tx.Set(partition.Key(tx.Partition(), 0x70), []byte{1})
	}
	for _, e := range c.effects {
		tx.Effect(e)
	}
	return nil
}

func TestEffectsThatWereReleasedAreNotOverwrittenByACommandThatWritesNothing(t *testing.T) {
	registry, err := partition.NewRegistry(partition.Family{ID: 0x70, Name: "test", Deleted: "never"})
	if err != nil {
		t.Fatal(err)
	}
	v := partition.NewView(registry)
	m := partition.NewMachine(1, v)
	now := partition.Now{Wall: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Mono: time.Hour}
	m.Begin(1)
	m.Loaded(now)
	m.SetOpen()
	submit := func(c partition.Command) {
		t.Helper()
		if err := m.Submit(now, &partition.Call{Wiki: "aawiki", Command: c}, false); err != nil {
			t.Fatal(err)
		}
		m.Apply(now)
	}
	submit(&tell{effects: []any{"first", "second"}, write: true})
	var b kv.Batch
	v.Seal(&b)
	m.Sealed()
	v.Durable()
	_, released := m.Released() // the node hands these out after the next Apply
	submit(&tell{effects: []any{"third"}})
	if diff := cmp.Diff([]any{"first", "second"}, released); diff != "" {
		t.Errorf("the effects that were released first have changed (-want +got):\n%s", diff)
	}
	_, third := m.Released()
	submit(&tell{effects: []any{"fourth"}, write: true})
	b.Reset()
	v.Seal(&b)
	m.Sealed()
	if diff := cmp.Diff([]any{"first", "second"}, released); diff != "" {
		t.Errorf("the effects that were released first have changed at a seal (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]any{"third"}, third); diff != "" {
		t.Errorf("effects of a command that wrote nothing (-want +got):\n%s", diff)
	}
}
