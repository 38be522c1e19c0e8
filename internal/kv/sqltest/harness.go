package sqltest

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"auwai/internal/kv"
	"auwai/internal/kv/kvtest"
	"auwai/internal/testenv"
)

// Prefixes keep the tables of a package's tests apart. The zero value is ready; safe for concurrent
// use.
type Prefixes struct{ n atomic.Int64 }

// Next returns a prefix that was not given before.
func (p *Prefixes) Next() string { return fmt.Sprintf("t%d_", p.n.Add(1)) }

// Server is a database server that a test may kill.
type Server interface {
	DSN() string
	DSNThrough(p *testenv.Proxy) string
	Socket() string
	Kill()
	Start(ctx context.Context) error
}

// OpenFunc opens an engine on the server of a DSN, with tables of a prefix.
type OpenFunc func(ctx context.Context, dsn, prefix string) (kv.Engine, error)

// Open opens an engine that ends with the test.
func Open[E kv.Engine, C any](t testing.TB, open func(context.Context, C) (E, error), cfg C) E {
	t.Helper()
	e, err := open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return e
}

// Harness gives package kvtest stores on the servers, client i on server i mod n.
func Harness[S Server](nodes []S, prefixes *Prefixes, open OpenFunc, lacks map[kvtest.Ability]string) kvtest.Harness {
	return kvtest.Harness{
		Lacks: lacks,
		NewStore: func(t testing.TB) kvtest.Store {
			prefix := prefixes.Next()
			proxy := testenv.NewProxy(t, nodes[0].Socket())
			store := kvtest.Store{
				Several: true,
				Open: func(ctx context.Context, client int) (kv.Engine, error) {
					return open(ctx, nodes[client%len(nodes)].DSN(), prefix)
				},
				Link: func(ctx context.Context) (kvtest.Link, error) {
					engine, err := open(ctx, nodes[0].DSNThrough(proxy), prefix)
					if err != nil {
						return kvtest.Link{}, err
					}
					return newLink(ctx, t, engine, proxy), nil
				},
			}
			if lacks[kvtest.Crash] == "" {
				store.Crash = func(t testing.TB) {
					nodes[0].Kill()
					if err := nodes[0].Start(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			}
			return store
		},
	}
}

func newLink(ctx context.Context, t testing.TB, engine kv.Engine, proxy *testenv.Proxy) kvtest.Link {
	// A read leaves a connection in the pool, so that the next bytes are the commit's.
	arm := func(fault testenv.Fault, bytes int) *testenv.Caught {
		if _, err := engine.Get(ctx, kv.Key("warm")); err != nil {
			t.Fatalf("Get: %v", err)
		}
		return proxy.Arm(fault, bytes)
	}
	return kvtest.Link{
		Engine:     engine,
		LoseReply:  func() { arm(testenv.LoseReply, 0) },
		CutRequest: func() { arm(testenv.CutRequest, 60) },
		DeliverLate: func() func() error {
			caught := arm(testenv.HoldRequest, 0)
			return func() error {
				caught.Release()
				<-caught.Over()
				return nil
			}
		},
		Freeze: func() (<-chan struct{}, func()) {
			caught := arm(testenv.Freeze, 60)
			return caught.Caught(), caught.Release
		},
	}
}
