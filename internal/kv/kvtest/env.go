package kvtest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"auwai/internal/kv"
)

// env is what a case works with: an empty store and its client 0.
type env struct {
	*testing.T
	ctx   context.Context //nolint:containedctx // it is the test's own and lives as long as env
	store Store
	kv    kv.Engine
}

func newEnv(t *testing.T, store Store) *env {
	e := &env{T: t, ctx: t.Context(), store: store}
	e.kv = e.open(0)
	return e
}

// open returns another client and closes it at the end.
func (e *env) open(client int) kv.Engine {
	e.Helper()
	engine, err := e.store.Open(e.ctx, client)
	if err != nil {
		e.Fatalf("Open(%d): %v", client, err)
	}
	closeAtEnd(e.T, engine)
	return engine
}

func (e *env) link() Link {
	e.Helper()
	link, err := e.store.Link(e.ctx)
	if err != nil {
		e.Fatalf("Link: %v", err)
	}
	closeAtEnd(e.T, link.Engine)
	return link
}

// closeAtEnd closes engine; a case may have closed or crashed it already.
func closeAtEnd(t testing.TB, engine kv.Engine) {
	t.Cleanup(func() {
		if err := engine.Close(); err != nil && !errors.Is(err, kv.ErrClosed) {
			t.Errorf("Close = %v", err)
		}
	})
}

func batch(fill func(b *kv.Batch)) *kv.Batch {
	var b kv.Batch
	fill(&b)
	return &b
}

// commit applies a batch that must succeed.
func (e *env) commit(fill func(b *kv.Batch)) {
	e.Helper()
	if err := e.kv.Commit(e.ctx, batch(fill)); err != nil {
		e.Fatalf("Commit = %v, want nil", err)
	}
}

// refuse sends a batch that must end in want.
func (e *env) refuse(want error, fill func(b *kv.Batch)) {
	e.Helper()
	if err := e.kv.Commit(e.ctx, batch(fill)); !errors.Is(err, want) {
		e.Fatalf("Commit = %v, want %v", err, want)
	}
}

// set commits key = value pairs.
func (e *env) set(pairs ...string) {
	e.Helper()
	e.commit(func(b *kv.Batch) {
		for i := 0; i < len(pairs); i += 2 {
			b.Set([]byte(pairs[i]), []byte(pairs[i+1]))
		}
	})
}

// fill commits n keys of the form prefix-000123, each with a value, in several batches.
func (e *env) fill(prefix string, n int) {
	e.Helper()
	const perBatch = 2_000
	for from := 0; from < n; from += perBatch {
		e.commit(func(b *kv.Batch) {
			for i := from; i < min(from+perBatch, n); i++ {
				b.Set(numbered(prefix, i), fmt.Appendf(nil, "value %d", i))
			}
		})
	}
}

func numbered(prefix string, i int) kv.Key { return fmt.Appendf(nil, "%s-%06d", prefix, i) }

// wantValues compares the values of keys; "<nil>" stands for a missing key.
func (e *env) wantValues(pairs ...string) {
	e.Helper()
	wantValues(e.T, e.kv, pairs...)
}

func wantValues(t testing.TB, engine kv.Engine, pairs ...string) {
	t.Helper()
	keys := make([]kv.Key, 0, len(pairs)/2)
	want := make([]string, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		keys = append(keys, kv.Key(pairs[i]))
		want = append(want, pairs[i+1])
	}
	values, err := engine.Get(t.Context(), keys...)
	if err != nil {
		t.Fatalf("Get: %v", err)
	}
	got := make([]string, len(values))
	for i, v := range values {
		got[i] = show(v)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Get(%q) (-want +got):\n%s", keys, diff)
	}
}

const missing = "<nil>"

func show(value []byte) string {
	if value == nil {
		return missing
	}
	return string(value)
}

// page reads one range.
func (e *env) page(r kv.Range) kv.Page {
	e.Helper()
	pages, err := e.kv.Scan(e.ctx, r)
	if err != nil {
		e.Fatalf("Scan: %v", err)
	}
	if len(pages) != 1 {
		e.Fatalf("Scan of one range gave %d pages", len(pages))
	}
	return pages[0]
}

// wantPage compares the keys of a page, and whether there is more.
func (e *env) wantPage(r kv.Range, more bool, keys ...string) {
	e.Helper()
	got := e.page(r)
	if diff := cmp.Diff(keys, keysOf(got), cmpopts.EquateEmpty()); diff != "" {
		e.Errorf("Scan(%s): keys (-want +got):\n%s", showRange(r), diff)
	}
	if got.More != more {
		e.Errorf("Scan(%s): More = %v, want %v", showRange(r), got.More, more)
	}
}

// wantAll compares the whole store with key, value pairs in order.
func (e *env) wantAll(pairs ...string) {
	e.Helper()
	page := e.page(kv.Range{})
	got := make([]string, 0, 2*len(page.Entries))
	for _, entry := range page.Entries {
		got = append(got, string(entry.Key), show(entry.Value))
	}
	if diff := cmp.Diff(pairs, got, cmpopts.EquateEmpty()); diff != "" {
		e.Errorf("the store (-want +got):\n%s", diff)
	}
}

func keysOf(p kv.Page) []string {
	keys := make([]string, len(p.Entries))
	for i, entry := range p.Entries {
		keys[i] = string(entry.Key)
	}
	return keys
}

func showRange(r kv.Range) string {
	return fmt.Sprintf("%q to %q limit=%d bytes=%d reverse=%v keys=%v",
		r.From, r.To, r.Limit, r.MaxBytes, r.Reverse, r.KeysOnly)
}
