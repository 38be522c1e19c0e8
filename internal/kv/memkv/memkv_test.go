package memkv_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"auwai/internal/kv"
	"auwai/internal/kv/kvtest"
	"auwai/internal/kv/memkv"
)

func TestMemkvKeepsTheContract(t *testing.T) {
	kvtest.Run(t, kvtest.Harness{NewStore: func(testing.TB) kvtest.Store {
		server := memkv.NewServer()
		return kvtest.Store{
			Open:    func(context.Context, int) (kv.Engine, error) { return server.Open(), nil },
			Several: true,
			Crash:   func(testing.TB) { server.Crash() },
			Link:    func(context.Context) (kvtest.Link, error) { return kvtest.LinkOver(server.Open()), nil },
		}
	}})
}

func set(key, value string) *kv.Batch {
	var b kv.Batch
	b.Set([]byte(key), []byte(value))
	return &b
}

func wantKeys(t *testing.T, s *memkv.Server, want ...string) {
	t.Helper()
	var got []string
	for _, entry := range s.Scan(kv.Range{})[0].Entries {
		got = append(got, string(entry.Key))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("keys %v, want %v", got, want)
	}
	if s.Len() != len(want) {
		t.Errorf("Len = %d, want %d", s.Len(), len(want))
	}
}

func TestCrashOfARelaxedServerDropsWhatWasNotSynced(t *testing.T) {
	s := memkv.NewRelaxedServer()
	for _, step := range []func() error{
		func() error { return s.Apply(set("a", "1")) },
		func() error { s.Sync(); return nil },
		func() error { return s.Apply(set("b", "2")) },
		func() error { s.Crash(); return nil },
		func() error { return s.Apply(set("c", "3")) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	wantKeys(t, s, "a", "c")
	s.Crash()
	wantKeys(t, s, "a")
}

func TestCrashOfAServerKeepsEverything(t *testing.T) {
	s := memkv.NewServer()
	if err := s.Apply(set("a", "1")); err != nil {
		t.Fatal(err)
	}
	s.Crash()
	s.Sync()
	wantKeys(t, s, "a")
}

func TestCrashEndsClientsAndSnapshotsOfBefore(t *testing.T) {
	s := memkv.NewServer()
	before := s.Open()
	snap, err := before.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.Crash()
	if _, err := before.Get(t.Context(), kv.Key("a")); !errors.Is(err, kv.ErrClosed) {
		t.Errorf("Get = %v, want ErrClosed", err)
	}
	if _, err := snap.Get(t.Context(), kv.Key("a")); !errors.Is(err, kv.ErrClosed) {
		t.Errorf("Get of the snapshot = %v, want ErrClosed", err)
	}
	if err := s.Open().Commit(t.Context(), set("a", "1")); err != nil {
		t.Errorf("Commit of a new client = %v", err)
	}
}

func TestALateBatchIsFencedByItsRequire(t *testing.T) {
	s := memkv.NewServer()
	var late kv.Batch
	late.Require([]byte("fence"), nil)
	late.Set([]byte("fence"), []byte("late"))
	if err := s.Apply(set("fence", "taken")); err != nil {
		t.Fatal(err)
	}
	if err := s.Apply(&late); !errors.Is(err, kv.ErrConflict) {
		t.Errorf("Apply = %v, want ErrConflict", err)
	}
	if got := s.Get(kv.Key("fence")); string(got[0]) != "taken" {
		t.Errorf("fence = %q", got[0])
	}
}

func TestApplyRefusesWhatTheContractForbids(t *testing.T) {
	s := memkv.NewServer()
	if err := s.Apply(set("", "x")); !errors.Is(err, kv.ErrInvalid) {
		t.Errorf("Apply = %v, want ErrInvalid", err)
	}
}

func BenchmarkMemkv(b *testing.B) {
	kvtest.Bench(b, func(*testing.B) kv.Engine { return memkv.NewServer().Open() })
}
