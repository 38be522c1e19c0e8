package node_test

import (
	"testing"
	"time"

	"auwai/internal/ident"
	"auwai/internal/node"
	"auwai/internal/partition"
)

// brittle cannot open partition 7 while broken is set.
type brittle struct {
	counters
	broken bool
}

func (b *brittle) Open(o partition.Opening) (any, []partition.Command) {
	partition.Invariant(!b.broken || o.Partition != 7, "what stands there is malformed")
	return nil, nil
}

func TestAPartitionThatCannotBeOpenedIsTriedWithPausesAndOthersOpen(t *testing.T) {
	domain := &brittle{broken: true}
	registry, err := partition.NewRegistry(domain.Families()...)
	if err != nil {
		t.Fatal(err)
	}
	d := newManual(t)
	d.m = node.New(node.Config{
		Exclusive: true, Registry: registry, Domains: []partition.Domain{domain},
		NewSession: func() ident.Session { return 9 },
	})
	pass := func(total time.Duration) {
		for end := d.now.Mono + total; d.now.Mono < end; d.now.Mono += 10 * time.Millisecond {
			for d.step() {
			}
		}
	}
	pass(time.Minute)
	if d.opened != partition.Count-1 {
		t.Errorf("%d partitions are open, want all but one", d.opened)
	}
	if d.poisoned < 5 || d.poisoned > 20 {
		t.Errorf("the partition was tried %d times in a minute, want some ten", d.poisoned)
	}
	domain.broken = false
	pass(11 * time.Second)
	if d.opened != partition.Count {
		t.Errorf("%d partitions are open after the repair, want all", d.opened)
	}
}
