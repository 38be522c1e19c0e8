package node_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"testing"

	"auwai/internal/ident"
	"auwai/internal/kv"
	"auwai/internal/kv/memkv"
	"auwai/internal/node"
	"auwai/internal/partition"
)

const familyCounter partition.FamilyID = 0x70

// counters is a domain with one number for each wiki.
type counters struct{}

func (counters) Families() []partition.Family {
	return []partition.Family{{ID: familyCounter, Name: "counter", PerWiki: true, Deleted: "never"}}
}

func (counters) Open(partition.Opening) (any, []partition.Command) { return nil, nil }
func (counters) Slot() partition.Slot                              { return partition.SlotEvents }
func (counters) Decode(kind byte, body []byte) (partition.Command, bool, error) {
	return &add{wiki: string(body)}, kind == 'a', nil
}

type add struct {
	wiki   string
	result uint64
	fail   error
	panics bool
}

func (c *add) Apply(tx *partition.Tx) error {
	key := partition.WikiKey(tx.Partition(), c.wiki, familyCounter)
	old := tx.Get(key)
	if tx.Missed() {
		return nil
	}
	if old != nil {
		c.result = binary.BigEndian.Uint64(old)
	} else {
		c.result = 0
	}
	c.result++
	tx.Set(key, binary.BigEndian.AppendUint64(nil, c.result))
	if c.panics {
		partition.Invariant(false, "asked for")
	}
	return c.fail
}

func newMachine(t *testing.T, exclusive bool, session ident.Session) *node.Machine {
	t.Helper()
	registry, err := partition.NewRegistry(counters{}.Families()...)
	if err != nil {
		t.Fatal(err)
	}
	return node.New(node.Config{
		Name: "test", Exclusive: exclusive, Registry: registry,
		Domains:    []partition.Domain{counters{}},
		NewSession: func() ident.Session { session++; return session },
	})
}

// running starts a loop over the server and returns it with the function that stops it in order.
func running(t *testing.T, server *memkv.Server, session ident.Session) (*node.Loop, func()) {
	t.Helper()
	l := node.NewLoop(node.LoopConfig{Machine: newMachine(t, true, session), Engine: server.Open()})
	var ended sync.WaitGroup
	ended.Go(func() {
		if err := l.Run(t.Context()); err != nil {
			t.Errorf("Run() = %v, want nil", err)
		}
	})
	return l, func() { l.Stop(); ended.Wait() }
}

// do repeats a command while its partition is not open yet.
func do(t *testing.T, l *node.Loop, c *add) error {
	t.Helper()
	for {
		err := l.Do(t.Context(), partition.Of(c.wiki), c.wiki, c)
		if !errors.Is(err, partition.ErrNotOpen) && !errors.Is(err, partition.ErrPoisoned) {
			return err
		}
	}
}

func TestCommandsOfManyCallersAreAllApplied(t *testing.T) {
	server := memkv.NewServer()
	l, stop := running(t, server, 10)
	var callers sync.WaitGroup
	for i := range 50 {
		callers.Go(func() {
			for range 20 {
				if err := do(t, l, &add{wiki: fmt.Sprintf("wiki%d", i%7)}); err != nil {
					t.Errorf("Do() = %v, want nil", err)
				}
			}
		})
	}
	callers.Wait()
	stop()
	l, stop = running(t, server, 20)
	defer stop()
	var sum uint64
	for i := range 7 {
		c := &add{wiki: fmt.Sprintf("wiki%d", i)}
		if err := do(t, l, c); err != nil {
			t.Fatal(err)
		}
		sum += c.result - 1
	}
	if sum != 1000 {
		t.Errorf("counters sum to %d after a restart, want 1000", sum)
	}
}

func TestAFailedCommandLeavesNoTrace(t *testing.T) {
	l, stop := running(t, memkv.NewServer(), 1)
	defer stop()
	want := errors.New("asked for")
	if err := do(t, l, &add{wiki: "a", fail: want}); !errors.Is(err, want) {
		t.Fatalf("Do() = %v, want %v", err, want)
	}
	c := &add{wiki: "a"}
	if err := do(t, l, c); err != nil || c.result != 1 {
		t.Errorf("Do() = %v with counter %d, want nil with 1", err, c.result)
	}
}

func TestAFailedInvariantClosesThePartitionAndReadsItAgain(t *testing.T) {
	l, stop := running(t, memkv.NewServer(), 1)
	defer stop()
	if err := do(t, l, &add{wiki: "a"}); err != nil {
		t.Fatal(err)
	}
	if err := do(t, l, &add{wiki: "a", panics: true}); err == nil {
		t.Fatal("Do() = nil for a command that breaks an invariant")
	}
	c := &add{wiki: "a"}
	if err := do(t, l, c); err != nil || c.result != 2 {
		t.Errorf("Do() = %v with counter %d, want nil with 2", err, c.result)
	}
}

func TestMailIsAppliedExactlyOnce(t *testing.T) {
	l, stop := running(t, memkv.NewServer(), 1)
	defer stop()
	if err := do(t, l, &add{wiki: "a"}); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if err := l.Mail(t.Context(), partition.Of("a"), partition.Letter{Kind: 'a', Body: []byte("a")}); err != nil {
			t.Fatal(err)
		}
	}
	for {
		c := &add{wiki: "a", fail: errors.New("only looking")}
		_ = do(t, l, c) // fails on purpose
		if c.result == 102 {
			break
		}
		if c.result > 102 {
			t.Fatalf("counter is %d, more than was sent", c.result-1)
		}
	}
}

func TestAMessageThatNoStoreTakesIsRefusedAndHarmsNothing(t *testing.T) {
	l, stop := running(t, memkv.NewServer(), 1)
	defer stop()
	if err := l.Mail(t.Context(), partition.Of("a"), partition.Letter{Kind: 'a', Body: make([]byte, kv.MaxValue)}); !errors.Is(err, kv.ErrTooLarge) {
		t.Errorf("Mail() = %v, want %v", err, kv.ErrTooLarge)
	}
	if err := l.Mail(t.Context(), partition.Of("a"), partition.Letter{Kind: 'a', Body: []byte("a")}); err != nil {
		t.Errorf("Mail() = %v after a refused message, want nil", err)
	}
}
