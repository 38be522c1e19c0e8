package kvtest_test

import (
	"context"
	"testing"

	"auwai/internal/kv"
	"auwai/internal/kv/kvtest"
	"auwai/internal/kv/memkv"
)

// The model is what engines are compared with, so it is held to the suite itself.
func TestTheModelKeepsTheContract(t *testing.T) {
	kvtest.Run(t, kvtest.Harness{
		NewStore: func(testing.TB) kvtest.Store {
			store := &sharedModel{}
			return kvtest.Store{
				Open: func(context.Context, int) (kv.Engine, error) { return &modelClient{sharedModel: store}, nil },
				Link: func(context.Context) (kvtest.Link, error) {
					return kvtest.LinkOver(&modelClient{sharedModel: store}), nil
				},
			}
		},
		Lacks: map[kvtest.Ability]string{
			kvtest.Clients: "the model is one map; its clients exist only for the links",
			kvtest.Crash:   "the model has no durability to lose",
		},
	})
}

// sharedModel outlives its clients, so that closing one of them is not the end of the data.
type sharedModel struct{ model kvtest.Model }

type modelClient struct {
	*sharedModel
	gate kvtest.Model // an empty model that is closed with the client
}

func (c *modelClient) open(ctx context.Context) error {
	_, err := c.gate.Get(ctx)
	return err
}

func (c *modelClient) Get(ctx context.Context, keys ...kv.Key) ([][]byte, error) {
	if err := c.open(ctx); err != nil {
		return nil, err
	}
	return c.model.Get(ctx, keys...)
}

func (c *modelClient) Scan(ctx context.Context, ranges ...kv.Range) ([]kv.Page, error) {
	if err := c.open(ctx); err != nil {
		return nil, err
	}
	return c.model.Scan(ctx, ranges...)
}

func (c *modelClient) Commit(ctx context.Context, b *kv.Batch) error {
	if err := b.Check(); err != nil {
		return err
	}
	if err := c.open(ctx); err != nil {
		return err
	}
	return c.model.Commit(ctx, b)
}

func (c *modelClient) Snapshot(ctx context.Context) (kv.Snapshot, error) {
	if err := c.open(ctx); err != nil {
		return nil, err
	}
	snap, err := c.model.Snapshot(ctx)
	return &modelSnapshot{Snapshot: snap, client: c}, err
}

func (c *modelClient) Close() error { return c.gate.Close() }

type modelSnapshot struct {
	kv.Snapshot
	client *modelClient
}

func (s *modelSnapshot) Get(ctx context.Context, keys ...kv.Key) ([][]byte, error) {
	if err := s.client.open(ctx); err != nil {
		return nil, err
	}
	return s.Snapshot.Get(ctx, keys...)
}

func (s *modelSnapshot) Scan(ctx context.Context, ranges ...kv.Range) ([]kv.Page, error) {
	if err := s.client.open(ctx); err != nil {
		return nil, err
	}
	return s.Snapshot.Scan(ctx, ranges...)
}

func TestManyRandomHistoriesAgreeBetweenModelAndMemory(t *testing.T) {
	for seed := range uint64(60) {
		h := kvtest.NewHistory(seed, 200)
		want, err := kvtest.Replay(t.Context(), &kvtest.Model{}, h)
		if err != nil {
			t.Fatal(err)
		}
		got, err := kvtest.Replay(t.Context(), memkv.NewServer().Open(), h)
		if err != nil {
			t.Fatal(err)
		}
		if diff := kvtest.FirstDifference(want, got); diff != "" {
			t.Fatalf("seed %d:\n%s", seed, diff)
		}
	}
}

func TestAHistoryIsTheSameForTheSameSeed(t *testing.T) {
	run := func(seed uint64) kvtest.Trace {
		trace, err := kvtest.Replay(t.Context(), &kvtest.Model{}, kvtest.NewHistory(seed, 100))
		if err != nil {
			t.Fatal(err)
		}
		return trace
	}
	if diff := kvtest.FirstDifference(run(3), run(3)); diff != "" {
		t.Errorf("the same seed gave two histories:\n%s", diff)
	}
	if kvtest.FirstDifference(run(3), run(4)) == "" {
		t.Error("two seeds gave the same history")
	}
}

func TestFirstDifferenceFindsWhereTracesPart(t *testing.T) {
	for _, c := range []struct {
		a, b kvtest.Trace
		same bool
	}{
		{nil, nil, true},
		{kvtest.Trace{"x"}, kvtest.Trace{"x"}, true},
		{kvtest.Trace{"x"}, kvtest.Trace{"y"}, false},
		{kvtest.Trace{"x"}, kvtest.Trace{"x", "y"}, false},
	} {
		if got := kvtest.FirstDifference(c.a, c.b); (got == "") != c.same {
			t.Errorf("FirstDifference(%q, %q) = %q", c.a, c.b, got)
		}
	}
}
