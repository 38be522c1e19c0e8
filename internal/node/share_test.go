package node_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"auwai/internal/partition"
)

// bulk writes many keys of a wiki.
type bulk struct {
	wiki string
	keys int
}

func (b *bulk) Apply(tx *partition.Tx) error {
	for i := range b.keys {
		key := partition.WikiKey(tx.Partition(), b.wiki, familyCounter)
		tx.Set(binary.BigEndian.AppendUint32(key, uint32(i)), []byte{1})
	}
	return nil
}

func TestABusyWikiIsCommittedBetweenOthers(t *testing.T) {
	d := newManual(t)
	for d.step() {
	}
	var answers []string
	submit := func(wiki string, n, keys int) {
		d.m.Submit(d.now, partition.Of(wiki), &partition.Call{Wiki: wiki, Command: &bulk{wiki, keys}, Done: func(err error) {
			if err != nil {
				t.Errorf("a command of %s was answered %v", wiki, err)
			}
			answers = append(answers, fmt.Sprintf("%s%d", wiki, n))
		}})
	}
	submit("busy", 0, 1)
	submit("quiet", 0, 1)
	for d.step() {
	}
	answers = nil
	for n := range 5 {
		submit("busy", n, 1_200)
	}
	for n := range 3 {
		submit("quiet", n, 1)
		d.step()
	}
	for d.step() {
	}
	if got, want := fmt.Sprint(answers), "[busy0 quiet0 busy1 quiet1 busy2 quiet2 busy3 busy4]"; got != want {
		t.Errorf("answered in the order %v, want %v", got, want)
	}
}
