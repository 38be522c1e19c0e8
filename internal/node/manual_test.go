package node_test

import (
	"testing"
	"time"

	"auwai/internal/kv/memkv"
	"auwai/internal/node"
	"auwai/internal/partition"
)

// manual drives a machine by its inputs alone: its clock stands still, so nothing is helped along by
// time.
type manual struct {
	t                *testing.T
	m                *node.Machine
	now              partition.Now
	client           *memkv.Client
	inputs           []func()
	stuck            bool // outcomes of commits go into late
	late             []func()
	opened, poisoned int // events of these kinds
}

func newManual(t *testing.T) *manual {
	t.Helper()
	return &manual{
		t: t, m: newMachine(t, true, 10), client: memkv.NewServer().Open(),
		now: partition.Now{Wall: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Mono: time.Hour},
	}
}

// step gives the machine one input and does what it asks for. It reports false when nothing is left.
func (d *manual) step() bool {
	if len(d.inputs) > 0 {
		d.inputs[0]()
		d.inputs = d.inputs[1:]
	}
	out := d.m.Flush(d.now)
	for _, e := range out.Events {
		switch e.Kind {
		case node.Opened:
			d.opened++
		case node.Poisoned:
			d.poisoned++
		default:
		}
	}
	for _, a := range out.Answers {
		a.Done(a.Err)
	}
	if b := out.Commit; b != nil {
		err := d.client.Commit(d.t.Context(), b)
		list := &d.inputs
		if d.stuck {
			list = &d.late
		}
		*list = append(*list, func() { d.m.Committed(d.now, err) })
	}
	if keys := out.Get; keys != nil {
		values, err := d.client.Get(d.t.Context(), keys...)
		d.inputs = append(d.inputs, func() { d.m.Got(d.now, keys, values, err) })
	}
	for _, s := range out.Scans {
		pages, err := s.Read(d.t.Context(), d.client)
		d.inputs = append(d.inputs, func() { d.m.Scanned(d.now, s, pages, err) })
	}
	return len(d.inputs) > 0 || d.m.HasWork()
}
