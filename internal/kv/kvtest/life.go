package kvtest

import (
	"errors"
	"fmt"
	"strconv"
	"sync"

	"auwai/internal/kv"
)

func lifeCases() []testCase {
	return []testCase{
		{name: "a closed engine answers ErrClosed", run: lifeClosed},
		{name: "Close waits for running calls", run: lifeCloseWaits},
		{name: "a reopened store has everything", run: lifeReopen},
		{name: "one client closed leaves the others alone", needs: []Ability{Clients}, run: lifeCloseOne},
		{name: "a crashed store has everything acknowledged", needs: []Ability{Crash}, run: lifeCrash},
		{name: "a store that crashes under load keeps every acknowledged commit whole", needs: []Ability{Crash}, run: lifeCrashUnderLoad},
	}
}

func lifeClosed(e *env) {
	e.set("a", "1")
	if err := e.kv.Close(); err != nil {
		e.Fatalf("Close = %v", err)
	}
	if _, err := e.kv.Get(e.ctx, kv.Key("a")); !errors.Is(err, kv.ErrClosed) {
		e.Errorf("Get = %v, want ErrClosed", err)
	}
	if _, err := e.kv.Scan(e.ctx, kv.Range{}); !errors.Is(err, kv.ErrClosed) {
		e.Errorf("Scan = %v, want ErrClosed", err)
	}
	if _, err := e.kv.Snapshot(e.ctx); !errors.Is(err, kv.ErrClosed) {
		e.Errorf("Snapshot = %v, want ErrClosed", err)
	}
	e.refuse(kv.ErrClosed, func(b *kv.Batch) { b.Set([]byte("a"), []byte("2")) })
	if err := e.kv.Close(); err != nil && !errors.Is(err, kv.ErrClosed) {
		e.Errorf("a second Close = %v, want nil or ErrClosed", err)
	}
}

// lifeCloseWaits closes an engine under commits: each answers nil or ErrClosed, and what was
// acknowledged is there afterwards.
func lifeCloseWaits(e *env) {
	const writers = 4
	acked := make([]int, writers)
	started := make(chan struct{}, writers) // one message each, so that no writer waits
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := 0; ; i++ {
				err := e.kv.Commit(e.ctx, batch(func(b *kv.Batch) { b.Set(numbered(fmt.Sprint(w), i), []byte("x")) }))
				if i == 0 {
					started <- struct{}{}
				}
				if err != nil {
					if !errors.Is(err, kv.ErrClosed) {
						e.Errorf("Commit while closing = %v, want nil or ErrClosed", err)
					}
					return
				}
				acked[w]++
			}
		})
	}
	for range writers {
		<-started
	}
	if err := e.kv.Close(); err != nil {
		e.Errorf("Close = %v", err)
	}
	group.Wait()
	e.kv = e.open(0)
	for w, n := range acked {
		page := e.page(kv.Range{From: numbered(fmt.Sprint(w), 0), To: numbered(fmt.Sprint(w+1), 0), Limit: n + 1})
		if len(page.Entries) != n {
			e.Errorf("writer %d: %d keys, %d acknowledged", w, len(page.Entries), n)
		}
	}
}

func lifeReopen(e *env) {
	e.fill("k", 3_000)
	e.commit(func(b *kv.Batch) {
		b.DeleteRange(numbered("k", 0), numbered("k", 2_000))
		b.Delete(numbered("k", 2_500))
		b.Set([]byte("empty"), nil)
	})
	if err := e.kv.Close(); err != nil {
		e.Fatalf("Close = %v", err)
	}
	e.kv = e.open(0)
	e.wantAfterReopen()
}

func (e *env) wantAfterReopen() {
	e.Helper()
	e.wantPage(kv.Range{Limit: 2}, true, "empty", string(numbered("k", 2_000)))
	e.wantValues("empty", "", string(numbered("k", 1_999)), missing, string(numbered("k", 2_500)), missing,
		string(numbered("k", 2_999)), "value 2999")
	if page := e.page(kv.Range{}); len(page.Entries) != 1_000 || page.More {
		e.Errorf("%d entries, More %v, want 1000 and false", len(page.Entries), page.More)
	}
	e.refuse(kv.ErrConflict, func(b *kv.Batch) {
		b.Require([]byte("empty"), nil)
		b.Set([]byte("empty"), []byte("x"))
	})
	e.commit(func(b *kv.Batch) {
		b.Require([]byte("empty"), []byte{})
		b.Set([]byte("empty"), []byte("x"))
	})
}

func lifeCloseOne(e *env) {
	other := e.open(1)
	if err := other.Close(); err != nil {
		e.Fatalf("Close = %v", err)
	}
	e.set("a", "1")
	e.wantAll("a", "1")
}

func lifeCrash(e *env) {
	e.fill("k", 3_000)
	e.commit(func(b *kv.Batch) {
		b.DeleteRange(numbered("k", 0), numbered("k", 2_000))
		b.Delete(numbered("k", 2_500))
		b.Set([]byte("empty"), nil)
	})
	e.store.Crash(e)
	e.kv = e.open(0)
	e.wantAfterReopen()
}

// lifeCrashUnderLoad crashes a store under commits of three keys each. Afterwards there is a prefix
// of the commits of each writer, each whole, at least as long as what was acknowledged.
func lifeCrashUnderLoad(e *env) {
	const writers, parts, before = 3, 3, 20
	acked := make([]int, writers)
	warm := make(chan struct{}, writers) // one message each, so that no writer waits
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := 0; ; i++ {
				if err := e.kv.Commit(e.ctx, batch(func(b *kv.Batch) {
					for p := range parts {
						b.Set(fmt.Appendf(nil, "%d-%06d-%d", w, i, p), []byte("x"))
					}
					b.Set(fmt.Appendf(nil, "last-%d", w), fmt.Append(nil, i))
				})); err != nil {
					if i < before {
						warm <- struct{}{}
					}
					return // any error will do: the store is gone
				}
				acked[w]++
				if acked[w] == before {
					warm <- struct{}{}
				}
			}
		})
	}
	for range writers {
		<-warm
	}
	e.store.Crash(e)
	group.Wait()
	e.kv = e.open(0)
	for w, n := range acked {
		e.wantWholePrefix(w, n, parts)
	}
}

func (e *env) wantWholePrefix(writer, acked, parts int) {
	e.Helper()
	page := e.page(kv.Range{
		From: fmt.Appendf(nil, "%d-", writer), To: fmt.Appendf(nil, "%d.", writer),
		Limit: (acked + 2) * parts, KeysOnly: true,
	})
	n := len(page.Entries)
	if n%parts != 0 || n/parts < acked || n/parts > acked+1 || page.More {
		e.Fatalf("writer %d: %d keys after the crash, want %d commits of %d keys, or one more",
			writer, n, acked, parts)
	}
	for i, entry := range page.Entries {
		if want := fmt.Sprintf("%d-%06d-%d", writer, i/parts, i%parts); string(entry.Key) != want {
			e.Fatalf("writer %d: key %d is %q, want %q", writer, i, entry.Key, want)
		}
	}
	values, err := e.kv.Get(e.ctx, fmt.Appendf(nil, "last-%d", writer))
	if err != nil {
		e.Fatalf("Get: %v", err)
	}
	if last, err := strconv.Atoi(show(values[0])); n > 0 && (err != nil || last != n/parts-1) {
		e.Errorf("writer %d: last is %q, want %d", writer, show(values[0]), n/parts-1)
	}
}
