package sqltest

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"auwai/internal/kv"
	"auwai/internal/testenv"
)

// patience is how long another client may be delayed by a stopped one: the two seconds of package
// kv, and one for the machine.
const patience = 3 * time.Second

// Store is an empty store on a server, with two ways to it.
type Store struct {
	// Open opens an engine that reaches the server directly.
	Open func(ctx context.Context) (kv.Engine, error)
	// Link opens an engine that reaches it through the proxy.
	Link  func(ctx context.Context) (kv.Engine, error)
	Proxy *testenv.Proxy
}

// Run holds the stores to this package's invariants. A commit must be one request.
func Run(t *testing.T, newStore func(t testing.TB) Store) {
	t.Helper()
	for _, c := range []struct {
		name string
		run  func(*env)
	}{
		{"every commit through a faulty network is accounted for", everyCommit},
		{"a client stopped at any byte of its commit delays nobody", stoppedClient},
		{"a request cut at any byte never applies", cutRequest},
		{"a context that ends in mid-commit is ErrUnknown, and the commit may land", endedContext},
		{"programs that open an empty store at once agree", openAtOnce},
		{"ten thousand requirements are certified", manyRequires},
		{"a batch of the longest keys, values and requirements is taken", longestBatch},
		{"ten thousand range deletes are taken", manyRanges},
		{"a set to the value that is required is a certificate", sameValue},
		{"thousands of keys are read, repeated ones too", manyKeys},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(&env{T: t, store: newStore(t)}) })
	}
}

// env is what a case works with.
type env struct {
	*testing.T
	store Store
}

// open opens an engine and closes it at the end.
func (e *env) open(opener func(context.Context) (kv.Engine, error)) kv.Engine {
	e.Helper()
	engine, err := opener(e.Context())
	if err != nil {
		e.Fatalf("Open: %v", err)
	}
	e.Cleanup(func() {
		if err := engine.Close(); err != nil {
			e.Errorf("Close: %v", err)
		}
	})
	return engine
}

func batch(fill func(b *kv.Batch)) *kv.Batch {
	var b kv.Batch
	fill(&b)
	return &b
}

// commit applies a batch that must succeed.
func (e *env) commit(engine kv.Engine, fill func(b *kv.Batch)) {
	e.Helper()
	if err := engine.Commit(e.Context(), batch(fill)); err != nil {
		e.Fatalf("Commit = %v, want nil", err)
	}
}

// value reads one key; "<nil>" stands for a missing one.
func value(t testing.TB, engine kv.Engine, key string) string {
	t.Helper()
	values, err := engine.Get(t.Context(), kv.Key(key))
	if err != nil {
		t.Fatalf("Get(%q): %v", key, err)
	}
	if values[0] == nil {
		return "<nil>"
	}
	return string(values[0])
}

// rows reads all keys of a prefix.
func rows(t testing.TB, engine kv.Engine, prefix string) map[string]string {
	t.Helper()
	r := kv.Prefix(kv.Key(prefix))
	r.Limit = 100_000
	pages, err := engine.Scan(t.Context(), r)
	if err != nil || pages[0].More {
		t.Fatalf("Scan(%q): %v, more %v", prefix, err, pages[0].More)
	}
	found := make(map[string]string, len(pages[0].Entries))
	for _, entry := range pages[0].Entries {
		found[string(entry.Key)] = string(entry.Value)
	}
	return found
}

func number(prefix string, i int) kv.Key { return fmt.Appendf(nil, "%s%06d", prefix, i) }

func openAtOnce(e *env) {
	const programs = 8
	engines := make([]kv.Engine, programs)
	errs := make([]error, programs)
	var group sync.WaitGroup
	for i := range programs {
		group.Go(func() { engines[i], errs[i] = e.store.Open(e.Context()) })
	}
	group.Wait()
	for i, engine := range engines {
		if errs[i] != nil {
			e.Errorf("Open = %v", errs[i])
			continue
		}
		if err := engine.Commit(e.Context(), batch(func(b *kv.Batch) { b.Set(number("k", i), nil) })); err != nil {
			e.Errorf("Commit = %v", err)
		}
		if err := engine.Close(); err != nil {
			e.Errorf("Close = %v", err)
		}
	}
	if got := rows(e.T, e.open(e.store.Open), "k"); len(got) != programs {
		e.Errorf("%d rows, want %d", len(got), programs)
	}
}

func manyRequires(e *env) {
	engine := e.open(e.store.Open)
	const n = kv.MaxBatchOps
	half := n / 2
	e.commit(engine, func(b *kv.Batch) {
		for i := range half {
			b.Set(number("k", i), []byte("old"))
		}
	})
	all := batch(func(b *kv.Batch) {
		for i := range n {
			b.Set(number("k", i), []byte("new"))
			if i < half {
				b.Require(number("k", i), []byte("old"))
			} else {
				b.Require(number("k", i), nil)
			}
		}
	})
	e.commit(engine, func(b *kv.Batch) { b.Set(number("k", half/2), []byte("other")) })
	if err := engine.Commit(e.Context(), all); !errors.Is(err, kv.ErrConflict) {
		e.Fatalf("Commit with one requirement that does not hold = %v, want ErrConflict", err)
	}
	if got := rows(e.T, engine, "k"); len(got) != half || got[string(number("k", 0))] != "old" {
		e.Fatalf("%d rows after a conflict, want the %d of before", len(got), half)
	}
	e.commit(engine, func(b *kv.Batch) { b.Set(number("k", half/2), []byte("old")) })
	if err := engine.Commit(e.Context(), all); err != nil {
		e.Fatalf("Commit = %v, want nil", err)
	}
	got := rows(e.T, engine, "k")
	for i := range n {
		if got[string(number("k", i))] != "new" {
			e.Fatalf("row %d = %q, want new", i, got[string(number("k", i))])
		}
	}
}

// longestBatch has as many bytes as a batch may have, all in keys and values of the greatest length,
// and requires a value of the greatest length for each of them: required values do not count.
func longestBatch(e *env) {
	engine := e.open(e.store.Open)
	key := func(i int) kv.Key {
		k := bytes.Repeat([]byte{0xfe}, kv.MaxKey)
		return append(k[:kv.MaxKey-2], byte(i>>8), byte(i)) //nolint:gosec // the two bytes of a small number
	}
	long := bytes.Repeat([]byte{0xa5}, kv.MaxValue)
	const big = 3
	for i := range big {
		e.commit(engine, func(b *kv.Batch) { b.Set(key(i), long) })
	}
	changed := append(bytes.Clone(long[1:]), 0x5a)
	full := batch(func(b *kv.Batch) {
		for i := range big {
			b.Require(key(i), long)
			b.Set(key(i), changed)
		}
		for i := big; b.Bytes()+2*kv.MaxKey <= kv.MaxBatchBytes; i++ {
			b.Require(key(i), nil)
			b.Set(key(i), long[:kv.MaxKey])
		}
	})
	if err := engine.Commit(e.Context(), full); err != nil {
		e.Fatalf("Commit of %d operations and %d bytes = %v, want nil", full.Len(), full.Bytes(), err)
	}
	if err := engine.Commit(e.Context(), full); !errors.Is(err, kv.ErrConflict) {
		e.Fatalf("the same again = %v, want ErrConflict", err)
	}
	values, err := engine.Get(e.Context(), key(0), key(full.Len()-1))
	if err != nil || !bytes.Equal(values[0], changed) || !bytes.Equal(values[1], long[:kv.MaxKey]) {
		e.Errorf("Get: %d and %d bytes, %v", len(values[0]), len(values[1]), err)
	}
}

func manyRanges(e *env) {
	engine := e.open(e.store.Open)
	const n = kv.MaxBatchOps - 1
	e.commit(engine, func(b *kv.Batch) {
		for i := range n {
			b.Set(number("k", i), []byte("x"))
		}
	})
	e.commit(engine, func(b *kv.Batch) {
		for i := range n {
			b.DeleteRange(number("k", i), append(number("k", i), 0))
		}
		b.Set(number("k", 7), []byte("again"))
	})
	got := rows(e.T, engine, "k")
	if len(got) != 1 || got[string(number("k", 7))] != "again" {
		e.Errorf("%d rows, want the one that was set", len(got))
	}
}

// sameValue: the server must not take "set to what it is" for "no such row".
func sameValue(e *env) {
	engine := e.open(e.store.Open)
	same := func(b *kv.Batch) {
		b.Require([]byte("fence"), []byte("v"))
		b.Set([]byte("fence"), []byte("v"))
		b.Set([]byte("row"), []byte("1"))
	}
	if err := engine.Commit(e.Context(), batch(same)); !errors.Is(err, kv.ErrConflict) {
		e.Fatalf("Commit without the fence = %v, want ErrConflict", err)
	}
	e.commit(engine, func(b *kv.Batch) { b.Set([]byte("fence"), []byte("v")) })
	e.commit(engine, same)
	e.commit(engine, func(b *kv.Batch) { // also under a range that covers the fence
		same(b)
		b.DeleteRange([]byte("a"), []byte("z"))
	})
	if got := value(e.T, engine, "fence") + value(e.T, engine, "row"); got != "v1" {
		e.Errorf("fence and row = %q, want v1", got)
	}
	e.commit(engine, func(b *kv.Batch) { b.Set([]byte("fence"), []byte("w")) })
	if err := engine.Commit(e.Context(), batch(same)); !errors.Is(err, kv.ErrConflict) {
		e.Errorf("Commit with another fence = %v, want ErrConflict", err)
	}
}

func manyKeys(e *env) {
	engine := e.open(e.store.Open)
	const n = 12_000
	for from := 0; from < n; from += n / 2 {
		e.commit(engine, func(b *kv.Batch) {
			for i := from; i < from+n/2; i++ {
				b.Set(number("k", i), number("v", i))
			}
		})
	}
	keys := make([]kv.Key, 0, 2*n)
	for i := range n {
		keys = append(keys, number("k", n-1-i), number("k", i%100), number("missing", i))
	}
	values, err := engine.Get(e.Context(), keys...)
	if err != nil {
		e.Fatalf("Get: %v", err)
	}
	for i, key := range keys {
		want := ""
		if key[0] == 'k' {
			want = "v" + string(key[1:])
		}
		if string(values[i]) != want {
			e.Fatalf("Get(%q) = %s, want %q", key, hex.EncodeToString(values[i]), want)
		}
	}
	values[1][0] = '!'
	if string(values[1+3*100]) != "v000000" {
		e.Error("two answers for one key share their bytes")
	}
}
