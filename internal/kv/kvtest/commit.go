package kvtest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"auwai/internal/kv"
)

func commitCases() []testCase {
	return []testCase{
		{name: "a batch applies whole and is seen at once", run: commitWhole},
		{name: "the last write of a key in a batch wins", run: commitLastWins},
		{name: "range deletes take effect before the sets of the batch", run: commitRangeFirst},
		{name: "a range delete takes From and leaves To", run: commitRangeBounds},
		{name: "deleting a missing key or an empty range is no error", run: commitDeleteMissing},
		{name: "an empty batch commits", run: commitEmpty},
		{name: "Commit neither keeps nor changes the batch", run: commitKeepsNothing},
		{name: "a malformed batch is refused and nothing is applied", run: commitMalformed},
		{name: "a Get never sees half of a batch", run: commitIsAtomicToGet},
		{name: "concurrent commits of one client all apply", run: commitConcurrent},
		{name: "a commit whose context ended before is not applied", run: commitCancelledBefore},
		{name: "a commit whose context ends at any moment can be resolved", run: commitCancelledDuring},
	}
}

func commitWhole(e *env) {
	e.set("a", "1", "b", "2")
	e.commit(func(b *kv.Batch) {
		b.Set([]byte("b"), []byte("two"))
		b.Delete([]byte("a"))
		b.Set([]byte("c"), []byte("3"))
	})
	e.wantAll("b", "two", "c", "3")
}

func commitLastWins(e *env) {
	e.set("kept", "old", "gone", "old")
	e.commit(func(b *kv.Batch) {
		b.Set([]byte("k"), []byte("1"))
		b.Set([]byte("k"), []byte("2"))
		b.Delete([]byte("kept"))
		b.Set([]byte("kept"), []byte("new"))
		b.Set([]byte("gone"), []byte("new"))
		b.Delete([]byte("gone"))
		b.Set([]byte("k"), []byte("3"))
	})
	e.wantAll("k", "3", "kept", "new")
}

func commitRangeFirst(e *env) {
	e.set("a", "old", "b", "old", "c", "old", "d", "old")
	e.commit(func(b *kv.Batch) {
		b.Set([]byte("b"), []byte("set before"))
		b.DeleteRange([]byte("a"), []byte("d"))
		b.Set([]byte("c"), []byte("set after"))
		b.DeleteRange([]byte("c"), []byte("c\x00"))
	})
	e.wantAll("b", "set before", "c", "set after", "d", "old")
}

func commitRangeBounds(e *env) {
	e.set("a", "", "b", "", "b\x00", "", "c", "", "c\x00", "", "\xff\xff", "")
	e.commit(func(b *kv.Batch) { b.DeleteRange([]byte("b"), []byte("c")) })
	e.wantPage(kv.Range{}, false, "a", "c", "c\x00", "\xff\xff")
	e.commit(func(b *kv.Batch) {
		b.DeleteRange([]byte("\x00"), []byte("b"))
		b.DeleteRange([]byte("a"), []byte("c\x00")) // overlaps the first
	})
	e.wantPage(kv.Range{}, false, "c\x00", "\xff\xff")
	e.commit(func(b *kv.Batch) { b.DeleteRange([]byte("c"), []byte("\xff\xff\x00")) })
	e.wantAll()
}

func commitDeleteMissing(e *env) {
	e.set("a", "1")
	e.commit(func(b *kv.Batch) {
		b.Delete([]byte("missing"))
		b.DeleteRange([]byte("x"), []byte("y"))
	})
	e.wantAll("a", "1")
}

func commitEmpty(e *env) {
	e.set("a", "1")
	e.commit(func(*kv.Batch) {})
	e.wantAll("a", "1")
}

func commitKeepsNothing(e *env) {
	e.set("fence", "0", "old", "x")
	value := []byte("first")
	b := batch(func(b *kv.Batch) {
		b.Require([]byte("fence"), []byte("0"))
		b.Set([]byte("fence"), []byte("1"))
		b.Set([]byte("k"), value)
		b.DeleteRange([]byte("o"), []byte("p"))
	})
	before := fmt.Sprintf("%q %q %d", b.Ops(), b.Requires(), b.Bytes())
	if err := e.kv.Commit(e.ctx, b); err != nil {
		e.Fatalf("Commit = %v", err)
	}
	if after := fmt.Sprintf("%q %q %d", b.Ops(), b.Requires(), b.Bytes()); after != before {
		e.Errorf("Commit changed the batch from %s to %s", before, after)
	}
	copy(value, "XXXXX")
	b.Reset()
	b.Set([]byte("other"), []byte("y"))
	e.wantAll("fence", "1", "k", "first")
}

func commitMalformed(e *env) {
	e.set("a", "1")
	for name, fill := range map[string]func(b *kv.Batch){
		"an empty key":                 func(b *kv.Batch) { b.Set(nil, []byte("x")) },
		"a delete of an empty key":     func(b *kv.Batch) { b.Delete(kv.Key{}) },
		"an empty range":               func(b *kv.Batch) { b.DeleteRange([]byte("b"), []byte("b")) },
		"a range upside down":          func(b *kv.Batch) { b.DeleteRange([]byte("b"), []byte("a")) },
		"a range without an end":       func(b *kv.Batch) { b.DeleteRange([]byte("b"), nil) },
		"a require that is not set":    func(b *kv.Batch) { b.Require([]byte("a"), []byte("1")) },
		"a require in a range only":    func(b *kv.Batch) { b.DeleteRange([]byte("a"), []byte("b")); b.Require([]byte("a"), []byte("1")) },
		"two requires of the same key": func(b *kv.Batch) { b.Require([]byte("a"), nil); b.Require([]byte("a"), nil); b.Delete([]byte("a")) },
	} {
		b := batch(func(b *kv.Batch) { b.Set([]byte("good"), []byte("x")); fill(b) })
		if err := e.kv.Commit(e.ctx, b); !errors.Is(err, kv.ErrInvalid) {
			e.Errorf("Commit with %s = %v, want ErrInvalid", name, err)
		}
	}
	e.wantAll("a", "1")
}

// commitIsAtomicToGet writes pairs of equal values while others read them in one Get.
func commitIsAtomicToGet(e *env) {
	const rounds = 200
	e.set("left", "0", "right", "0")
	ctx, cancel := context.WithCancel(e.ctx)
	defer cancel()
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for ctx.Err() == nil {
				values, err := e.kv.Get(ctx, kv.Key("left"), kv.Key("right"))
				if err != nil {
					if ctx.Err() == nil {
						e.Errorf("Get: %v", err)
					}
					return
				}
				if string(values[0]) != string(values[1]) {
					e.Errorf("half of a batch: left %q, right %q", values[0], values[1])
					return
				}
			}
		})
	}
	for i := range rounds {
		v := fmt.Sprint(i)
		e.set("left", v, "right", v)
	}
	cancel()
	readers.Wait()
}

func commitConcurrent(e *env) {
	const writers, each = 8, 25
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range each {
				b := batch(func(b *kv.Batch) {
					b.Set(fmt.Appendf(nil, "w%d-%03d", w, i), []byte("x"))
					b.Set(fmt.Appendf(nil, "last%d", w), fmt.Append(nil, i))
				})
				if err := e.kv.Commit(e.ctx, b); err != nil {
					e.Errorf("Commit of writer %d: %v", w, err)
					return
				}
			}
		})
	}
	group.Wait()
	if page := e.page(kv.Prefix([]byte("w"))); len(page.Entries) != writers*each {
		e.Errorf("%d keys, want %d", len(page.Entries), writers*each)
	}
	for w := range writers {
		e.wantValues(fmt.Sprintf("last%d", w), fmt.Sprint(each-1))
	}
}

func commitCancelledBefore(e *env) {
	e.set("a", "1")
	ctx, cancel := context.WithCancel(e.ctx)
	cancel()
	err := e.kv.Commit(ctx, batch(func(b *kv.Batch) { b.Set([]byte("a"), []byte("2")) }))
	if err == nil || errors.Is(err, kv.ErrUnknown) || !errors.Is(err, context.Canceled) {
		e.Errorf("Commit = %v, want context.Canceled and not ErrUnknown", err)
	}
	if _, err := e.kv.Get(ctx, kv.Key("a")); !errors.Is(err, context.Canceled) {
		e.Errorf("Get = %v, want context.Canceled", err)
	}
	if _, err := e.kv.Scan(ctx, kv.Range{}); !errors.Is(err, context.Canceled) {
		e.Errorf("Scan = %v, want context.Canceled", err)
	}
	e.wantAll("a", "1")
}

// commitCancelledDuring ends the context while commits are on their way, and resolves each outcome
// as the kv page says.
func commitCancelledDuring(e *env) {
	const rounds = 60
	e.set("fence", "0")
	for i := range rounds {
		old, next := fmt.Append(nil, i), fmt.Append(nil, i+1)
		b := batch(func(b *kv.Batch) {
			b.Require([]byte("fence"), old)
			b.Set([]byte("fence"), next)
			b.Set(numbered("row", i), next)
		})
		ctx, cancel := context.WithCancel(e.ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			cancel()
		}()
		err := e.kv.Commit(ctx, b)
		<-done
		e.resolve(e.kv, b, err, string(next))
	}
	page := e.page(kv.Prefix([]byte("row")))
	if len(page.Entries) != rounds {
		e.Errorf("%d rows, want %d", len(page.Entries), rounds)
	}
	e.wantValues("fence", fmt.Sprint(rounds))
}

// resolve brings a batch that moves the key fence to value to the outcome "applied", whatever its
// first Commit answered, and checks that the first answer was no lie.
func (e *env) resolve(engine kv.Engine, b *kv.Batch, first error, value string) {
	e.Helper()
	if first == nil {
		wantValues(e.T, engine, "fence", value)
		return
	}
	if errors.Is(first, kv.ErrConflict) {
		e.Fatalf("Commit = %v, but nobody else writes the fence", first)
	}
	unknown := errors.Is(first, kv.ErrUnknown)
	again := engine.Commit(e.ctx, b)
	for errors.Is(again, kv.ErrUnknown) {
		unknown = true
		again = engine.Commit(e.ctx, b)
	}
	switch {
	case again == nil: // only the repetition applied
	case errors.Is(again, kv.ErrConflict) && unknown: // the first had applied
		wantValues(e.T, engine, "fence", value)
	default:
		e.Fatalf("Commit = %v, and repeated = %v", first, again)
	}
}
