package node_test

import (
	"encoding/binary"
	"testing"
	"time"

	"auwai/internal/kv"
	"auwai/internal/kv/memkv"
	"auwai/internal/node"
	"auwai/internal/partition"
)

// bench drives a machine by hand over a store; its Gets are kept for the test to answer.
type bench struct {
	t      *testing.T
	m      *node.Machine
	server *memkv.Server
	now    partition.Now
	gets   [][]kv.Key
	refuse bool // the next commit
}

// turn carries out everything but Gets, until nothing is left to do.
func (b *bench) turn() {
	b.t.Helper()
	for range 1000 {
		out := b.m.Flush(b.now)
		if out.Commit != nil {
			if b.refuse {
				b.m.Committed(b.now, kv.ErrInvalid)
			} else {
				b.m.Committed(b.now, b.server.Apply(out.Commit))
			}
			b.refuse = false
		}
		for _, a := range out.Answers {
			a.Done(a.Err)
		}
		if out.Get != nil {
			b.gets = append(b.gets, out.Get)
		}
		for _, s := range out.Scans {
			b.m.Scanned(b.now, s, b.server.Scan(s.Ranges...), nil)
		}
		if out.Commit == nil && len(out.Scans) == 0 && !b.m.HasWork() {
			return
		}
	}
	b.t.Fatal("the machine does not come to rest")
}

func TestAReadOfASessionThatIsOverTeachesTheNextOneNothing(t *testing.T) {
	b := &bench{t: t, m: newMachine(t, true, 1), server: memkv.NewServer(), now: partition.Now{Wall: time.Unix(1_800_000_000, 0)}}
	key := func(wiki string) kv.Key { return partition.WikiKey(0, wiki, familyCounter) }
	before := &kv.Batch{}
	before.Set(key("old"), binary.BigEndian.AppendUint64(nil, 41))
	if err := b.server.Apply(before); err != nil {
		t.Fatal(err)
	}
	b.turn()

	b.m.Submit(b.now, 0, &partition.Call{Command: &add{wiki: "old"}, Done: func(error) {}})
	b.turn()
	b.now.Mono += 4 * time.Second
	b.refuse = true
	b.turn() // the session ends with its sign of life, and a new one opens everything
	if len(b.gets) != 1 || b.m.OpenCount() != partition.Count {
		t.Fatalf("%d reads are under way and %d partitions open, want 1 and all", len(b.gets), b.m.OpenCount())
	}

	c := &add{wiki: "new"}
	var err error
	b.m.Submit(b.now, 0, &partition.Call{Command: c, Done: func(e error) { err = e }})
	b.turn()
	if len(b.gets) != 2 {
		t.Fatalf("%d reads were asked for, want 2", len(b.gets))
	}
	for _, keys := range b.gets {
		b.m.Got(b.now, keys, b.server.Get(keys...), nil)
		b.turn()
	}
	if err != nil || c.result != 1 {
		t.Errorf("the counter of a new wiki is %d, %v, want 1", c.result, err)
	}
}
