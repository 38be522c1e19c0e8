package server

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"auwai/internal/farm"
	"auwai/internal/ident"
	"auwai/internal/intake"
	"auwai/internal/jobqueue"
	"auwai/internal/kv"
	"auwai/internal/kv/memkv"
	"auwai/internal/node"
	"auwai/internal/partition"
)

// gated is a store in which a partition cannot be read until the gate is open: nobody owns it whole.
type gated struct {
	kv.Engine
	partition partition.ID
	open      chan struct{}
}

// Scan waits at the gate.
func (g *gated) Scan(ctx context.Context, ranges ...kv.Range) ([]kv.Page, error) {
	for _, r := range ranges {
		if p, _, _, _, ok := partition.SplitKey(append(slices.Clone(r.From), 0, 1, 0)); ok && p == g.partition {
			select {
			case <-g.open:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
	}
	return g.Engine.Scan(ctx, ranges...)
}

// startNode runs a node over an engine and returns the way into it; it ends with the test.
func startNode(t *testing.T, engine kv.Engine, session ident.Session) *entrance {
	t.Helper()
	registry, err := Registry()
	if err != nil {
		t.Fatal(err)
	}
	m := node.New(node.Config{
		Name: "test", Exclusive: true, Registry: registry, Domains: domains(),
		NewSession: func() ident.Session { return session },
	})
	l := node.NewLoop(node.LoopConfig{Machine: m, Engine: engine})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var ended sync.WaitGroup
	ended.Go(func() { _ = l.Run(ctx) }) // returns nil
	t.Cleanup(func() { cancel(); ended.Wait() })
	return &entrance{loop: l, silent: 20 * time.Millisecond, minter: ident.NewMinter(session)}
}

func pushTo(t *testing.T, e *entrance, body string) intake.JobsResult {
	t.Helper()
	return pushWithin(t.Context(), t, e, body)
}

func pushWithin(ctx context.Context, t *testing.T, e *entrance, body string) intake.JobsResult {
	t.Helper()
	in := intake.New(intake.Config{Node: e, Settings: func() *intake.Settings { return &intake.Settings{} }},
		[]farm.Wiki{{Name: "aawiki"}})
	ticket, err := in.Admit(1)
	if err != nil {
		t.Error(err)
	}
	return in.Jobs(ctx, ticket, []byte(body), intake.Source{})
}

// queued are the payloads of aawiki's ready jobs in their order.
func queued(t *testing.T, engine kv.Engine) (payloads []string) {
	t.Helper()
	p := partition.Of("aawiki")
	pages, err := engine.Scan(t.Context(), kv.Prefix(partition.WikiKey(p, "aawiki", jobqueue.FamReady)))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range pages[0].Entries {
		ready, err := jobqueue.DecodeReady(e)
		if err != nil {
			t.Fatal(err)
		}
		values, err := engine.Get(t.Context(), jobqueue.JobKey(p, "aawiki", ready.ID))
		if err != nil {
			t.Fatal(err)
		}
		j, err := jobqueue.DecodeJobEntry("aawiki", kv.Entry{Key: jobqueue.JobKey(p, "aawiki", ready.ID), Value: values[0]})
		if err != nil {
			t.Fatal(err)
		}
		payloads = append(payloads, string(j.Payload))
	}
	return payloads
}

func TestAPushToASilentPartitionIsAcceptedByMailAndNotOvertaken(t *testing.T) {
	store := memkv.NewServer().Open()
	engine := &gated{Engine: store, partition: partition.Of("aawiki"), open: make(chan struct{})}
	e := startNode(t, engine, 10)
	for n := range 3 {
		r := pushTo(t, e, fmt.Sprintf(`[{"wiki":"aawiki","queue":"q","payload":%d}]`, n))
		if r.Status != 202 || r.Places[0].State != "accepted" || r.Places[0].ID == "" {
			text, _ := json.Marshal(r.Places)
			t.Fatalf("status %d, %s, %v; want 202 and an accepted job", r.Status, text, r.Err)
		}
	}
	if got := queued(t, store); len(got) != 0 {
		t.Fatalf("jobs %q are in the queue of a partition without an owner", got)
	}
	close(engine.open)
	for n := 3; ; n++ {
		r := pushTo(t, e, fmt.Sprintf(`[{"wiki":"aawiki","queue":"q","payload":%d}]`, n))
		if r.Status != 201 && r.Status != 202 {
			t.Fatalf("status %d: %v %+v", r.Status, r.Err, r.Places)
		}
		if r.Status == 202 {
			continue // its owner is not there yet
		}
		got := queued(t, store)
		for i := range n + 1 {
			if len(got) != n+1 || got[i] != fmt.Sprint(i) {
				t.Fatalf("payloads %q in the queue, want 0 to %d in their order", got, n)
			}
		}
		return
	}
}
