package node_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"auwai/internal/kv"
	"auwai/internal/partition"
)

// wide reads and writes many keys, as a push of many jobs with keys and roots does. What its keys say
// is read in a second round.
type wide struct {
	wiki  string
	n     uint32
	tries int
	made  []kv.Key
}

func (c *wide) keys(p partition.ID) []kv.Key {
	if c.made == nil {
		c.made = make([]kv.Key, 4_000)
		for i := range c.made {
			k := partition.WikiKey(p, c.wiki, familyCounter)
			k = binary.BigEndian.AppendUint32(k, c.n)
			c.made[i] = binary.BigEndian.AppendUint32(k, uint32(i))
		}
	}
	return c.made
}

func (c *wide) Reads(dst []kv.Key, p partition.ID) []kv.Key { return append(dst, c.keys(p)...) }

func (c *wide) Apply(tx *partition.Tx) error {
	c.tries++
	for i, k := range c.keys(tx.Partition()) {
		tx.Get(k)
		if i%100 == 0 {
			tx.Get(append(slices.Clone(k), 1))
		}
		if i%2 == 0 {
			tx.Set(k, []byte("x"))
		}
	}
	return nil
}

func TestManyWideCommandsAtOnceAreAppliedAndReadAboutOnce(t *testing.T) {
	d := newManual(t)
	for d.step() {
	}
	if d.opened != partition.Count {
		t.Fatalf("%d partitions are open", d.opened)
	}
	var commands []*wide
	answers := 0
	for i := range uint32(300) {
		c := &wide{wiki: fmt.Sprintf("wiki%d", i%100), n: i}
		commands = append(commands, c)
		d.m.Submit(d.now, partition.Of(c.wiki), &partition.Call{Wiki: c.wiki, Command: c, Done: func(err error) {
			answers++
			if err != nil {
				t.Errorf("a command was answered with %v, want nil", err)
			}
		}})
	}
	for d.step() {
	}
	if answers != len(commands) {
		t.Errorf("%d of %d commands were answered", answers, len(commands))
	}
	for _, c := range commands {
		if c.tries != 2 {
			t.Errorf("a command was applied %d times, want 2: at its hint, and at what that says", c.tries)
		}
	}
}
