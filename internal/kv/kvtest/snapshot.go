package kvtest

import (
	"errors"
	"fmt"

	"github.com/google/go-cmp/cmp"

	"auwai/internal/kv"
)

func snapshotCases() []testCase {
	return []testCase{
		{name: "a snapshot stays as it was under later commits", run: snapshotStays},
		{name: "two snapshots each keep their moment", run: snapshotTwo},
		{name: "a snapshot's pages are of one moment", run: snapshotPages},
		{name: "a closed snapshot and one of a closed engine answer ErrClosed", run: snapshotClosed},
	}
}

func (e *env) snapshot() kv.Snapshot {
	e.Helper()
	snap, err := e.kv.Snapshot(e.ctx)
	if err != nil {
		e.Fatalf("Snapshot: %v", err)
	}
	return snap
}

func (e *env) closeSnapshot(snap kv.Snapshot) {
	e.Helper()
	if err := snap.Close(); err != nil {
		e.Errorf("Close of the snapshot = %v", err)
	}
}

func (e *env) wantSnapshot(snap kv.Snapshot, pairs ...string) {
	e.Helper()
	pages, err := snap.Scan(e.ctx, kv.Range{}, kv.Range{Reverse: true, KeysOnly: true})
	if err != nil {
		e.Fatalf("Scan of the snapshot: %v", err)
	}
	var got []string
	for _, entry := range pages[0].Entries {
		got = append(got, string(entry.Key), show(entry.Value))
		values, err := snap.Get(e.ctx, entry.Key, kv.Key("missing"))
		if err != nil || show(values[0]) != show(entry.Value) || values[1] != nil {
			e.Errorf("Get(%q, missing) of the snapshot = %q, %v", entry.Key, values, err)
		}
	}
	if diff := cmp.Diff(pairs, got); diff != "" {
		e.Errorf("the snapshot (-want +got):\n%s", diff)
	}
	if len(pages[1].Entries) != len(pages[0].Entries) {
		e.Errorf("%d entries upwards, %d downwards", len(pages[0].Entries), len(pages[1].Entries))
	}
}

func snapshotStays(e *env) {
	e.set("a", "1", "b", "2", "c", "3")
	snap := e.snapshot()
	defer e.closeSnapshot(snap)
	e.commit(func(b *kv.Batch) {
		b.Set([]byte("a"), []byte("changed"))
		b.Delete([]byte("b"))
		b.Set([]byte("d"), []byte("new"))
	})
	e.wantSnapshot(snap, "a", "1", "b", "2", "c", "3")
	e.commit(func(b *kv.Batch) { b.DeleteRange([]byte("a"), []byte("z")) })
	e.wantSnapshot(snap, "a", "1", "b", "2", "c", "3")
	e.wantAll()
}

func snapshotTwo(e *env) {
	e.set("a", "1")
	first := e.snapshot()
	defer e.closeSnapshot(first)
	e.set("a", "2", "b", "2")
	second := e.snapshot()
	e.set("a", "3")
	e.wantSnapshot(first, "a", "1")
	e.wantSnapshot(second, "a", "2", "b", "2")
	e.closeSnapshot(second)
	e.set("a", "4")
	e.wantSnapshot(first, "a", "1")
	e.wantAll("a", "4", "b", "2")
}

// snapshotPages reads a snapshot page by page while every page is rewritten in the store.
func snapshotPages(e *env) {
	const n, perPage = 500, 50
	e.fill("k", n)
	snap := e.snapshot()
	defer e.closeSnapshot(snap)
	r := kv.Range{Limit: perPage}
	seen := 0
	for {
		pages, err := snap.Scan(e.ctx, r)
		if err != nil {
			e.Fatalf("Scan: %v", err)
		}
		for _, entry := range pages[0].Entries {
			if want := fmt.Sprintf("value %d", seen); string(entry.Value) != want {
				e.Fatalf("%q = %q, want %q", entry.Key, entry.Value, want)
			}
			seen++
		}
		if !pages[0].More {
			break
		}
		e.commit(func(b *kv.Batch) {
			b.DeleteRange(numbered("k", seen), numbered("k", seen+perPage/2))
			for i := seen + perPage/2; i < min(seen+perPage, n); i++ {
				b.Set(numbered("k", i), []byte("changed"))
			}
		})
		r.From = append(pages[0].Entries[perPage-1].Key, 0)
	}
	if seen != n {
		e.Errorf("%d entries, want %d", seen, n)
	}
}

func snapshotClosed(e *env) {
	e.set("a", "1")
	closed, open := e.snapshot(), e.snapshot()
	e.closeSnapshot(closed)
	e.wantClosed("closed snapshot", closed)
	if err := e.kv.Close(); err != nil {
		e.Fatalf("Close with an open snapshot = %v", err)
	}
	e.wantClosed("snapshot of a closed engine", open)
	if err := open.Close(); err != nil && !errors.Is(err, kv.ErrClosed) {
		e.Errorf("Close of a snapshot after its engine = %v", err)
	}
}

func (e *env) wantClosed(what string, reader kv.Snapshot) {
	e.Helper()
	if _, err := reader.Get(e.ctx, kv.Key("a")); !errors.Is(err, kv.ErrClosed) {
		e.Errorf("Get of a %s = %v, want ErrClosed", what, err)
	}
	if _, err := reader.Scan(e.ctx, kv.Range{}); !errors.Is(err, kv.ErrClosed) {
		e.Errorf("Scan of a %s = %v, want ErrClosed", what, err)
	}
}
