package pebblekv

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"auwai/internal/fault"
	"auwai/internal/kv"
)

// failNth is an injector that fails the nth operation of a kind, and all after it when lasting.
type failNth struct {
	is      func(errorfs.Op) bool
	nth     int64
	lasting bool
	armed   atomic.Bool
	seen    atomic.Int64
}

func (f *failNth) String() string { return "fail the nth" }

func (f *failNth) MaybeError(op errorfs.Op) error {
	if !f.armed.Load() || !f.is(op) {
		return nil
	}
	if n := f.seen.Add(1); n == f.nth || f.lasting && n > f.nth {
		return errorfs.ErrInjected
	}
	return nil
}

func isSync(op errorfs.Op) bool {
	return op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
}

func isWrite(op errorfs.Op) bool { return op.Kind == errorfs.OpFileWrite }

func isNameChange(op errorfs.Op) bool {
	switch op.Kind {
	case errorfs.OpCreate, errorfs.OpReuseForWrite, errorfs.OpRename, errorfs.OpLink, errorfs.OpRemove:
		return true
	default:
		return false
	}
}

// TestAFailedWriteIsNeverAcknowledged fails the nth write of each kind, once and for good. From then
// on no commit is acknowledged and every call is refused; after a power loss everything acknowledged
// is there.
func TestAFailedWriteIsNeverAcknowledged(t *testing.T) {
	t.Parallel()
	for name, is := range map[string]func(errorfs.Op) bool{
		"sync": isSync, "write": isWrite, "name change": isNameChange,
		"sync of the log":      func(op errorfs.Op) bool { return isSync(op) && strings.HasSuffix(op.Path, ".log") },
		"write of a table":     func(op errorfs.Op) bool { return isWrite(op) && strings.HasSuffix(op.Path, ".sst") },
		"sync of a table":      func(op errorfs.Op) bool { return isSync(op) && strings.HasSuffix(op.Path, ".sst") },
		"write of a manifest":  func(op errorfs.Op) bool { return isWrite(op) && strings.Contains(op.Path, "MANIFEST") },
		"sync of a manifest":   func(op errorfs.Op) bool { return isSync(op) && strings.Contains(op.Path, "MANIFEST") },
		"sync of a directory":  func(op errorfs.Op) bool { return isSync(op) && strings.HasSuffix(op.Path, "store") },
		"creation of a log":    func(op errorfs.Op) bool { return isNameChange(op) && strings.HasSuffix(op.Path, ".log") },
		"creation of a table":  func(op errorfs.Op) bool { return op.Kind == errorfs.OpCreate && strings.HasSuffix(op.Path, ".sst") },
		"removal of a file":    func(op errorfs.Op) bool { return op.Kind == errorfs.OpRemove },
		"everything that fits": func(op errorfs.Op) bool { return isSync(op) || isWrite(op) || isNameChange(op) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			met := 0
			for _, nth := range []int64{1, 2, 3, 5, 8, 13, 21, 34, 55} {
				for _, lasting := range []bool{false, true} {
					if failAt(t, &failNth{is: is, nth: nth, lasting: lasting}) {
						met++
					}
				}
			}
			if met < 2 {
				t.Errorf("the failure was met %d times: too few to prove anything", met)
			}
		})
	}
}

// failAt commits a history until it ends or the store fails, and says whether it failed.
func failAt(t *testing.T, inject *failNth) (failed bool) {
	t.Helper()
	c := &crashRun{history: newCrashHistory(uint64(inject.nth), 60), mem: vfs.NewCrashableMem()} //nolint:gosec // small
	var causes []error
	var mu sync.Mutex
	e := mustOpen(t, Config{
		Dir: "data/store", FS: errorfs.Wrap(c.mem, inject), MemTableBytes: minMemTable,
		OnFailure: func(err error) { mu.Lock(); defer mu.Unlock(); causes = append(causes, err) },
	})
	inject.armed.Store(true)
	for i, b := range c.history.batches {
		c.started.Add(1)
		if err := e.Commit(t.Context(), b); err != nil {
			wantFailed(t, i, e, err)
			break
		}
		c.acked.Add(1)
	}
	acked := c.acked.Load() // what Close may still save is not owed
	closed := e.Close()
	mu.Lock()
	defer mu.Unlock()
	failed = len(causes) > 0
	if len(causes) > 1 || failed && !errors.Is(causes[0], errorfs.ErrInjected) {
		t.Errorf("OnFailure was called with %v, want once the injected error", causes)
	}
	if failed != errors.Is(closed, ErrFailed) {
		t.Errorf("Close = %v after failures %v", closed, causes)
	}
	for _, percent := range []int{0, 50, 100} {
		if err := c.check(crashClone(c.mem, percent, 1), acked, c.started.Load()); err != nil {
			t.Errorf("failure %d, lasting %v, %d%% survives: %v", inject.nth, inject.lasting, percent, err)
		}
	}
	return failed
}

// wantFailed checks the answer to the commit that met the failure and to all that follow.
func wantFailed(t *testing.T, commit int, e *Engine, err error) {
	t.Helper()
	if !errors.Is(err, kv.ErrUnknown) && !errors.Is(err, ErrFailed) {
		t.Errorf("commit %d = %v, want ErrUnknown or ErrFailed", commit, err)
	}
	var b kv.Batch
	b.Set([]byte("later"), []byte("x"))
	if err := e.Commit(t.Context(), &b); !errors.Is(err, ErrFailed) || errors.Is(err, kv.ErrUnknown) {
		t.Errorf("a commit after the failure = %v, want ErrFailed", err)
	}
	if fault.KindOf(err) == fault.Internal {
		t.Errorf("the kind of %v is internal", err)
	}
	if _, err := e.Get(t.Context(), kv.Key("count")); !errors.Is(err, ErrFailed) {
		t.Errorf("Get after the failure = %v, want ErrFailed", err)
	}
	if _, err := e.Scan(t.Context(), kv.Range{}); !errors.Is(err, ErrFailed) {
		t.Errorf("Scan after the failure = %v, want ErrFailed", err)
	}
	if _, err := e.Snapshot(t.Context()); !errors.Is(err, ErrFailed) {
		t.Errorf("Snapshot after the failure = %v, want ErrFailed", err)
	}
}

// TestConcurrentCommitsOfAFailingStoreAllEnd: nobody hangs, and each acknowledged key is there.
func TestConcurrentCommitsOfAFailingStoreAllEnd(t *testing.T) {
	t.Parallel()
	const callers = 6
	for nth := int64(20); nth < 140; nth += 7 {
		mem := vfs.NewCrashableMem()
		inject := &failNth{nth: nth, is: func(op errorfs.Op) bool { return isSync(op) || isWrite(op) || isNameChange(op) }}
		e := mustOpen(t, Config{Dir: "data/store", FS: errorfs.Wrap(mem, inject), MemTableBytes: minMemTable})
		inject.armed.Store(true)
		acked := make([]int, callers)
		var group sync.WaitGroup
		for c := range callers {
			group.Go(func() {
				for {
					var b kv.Batch
					b.Set(fmt.Appendf(nil, "%d-%05d", c, acked[c]), make([]byte, 2_000))
					if err := e.Commit(t.Context(), &b); err != nil {
						return
					}
					acked[c]++
				}
			})
		}
		group.Wait()
		if err := e.Close(); !errors.Is(err, ErrFailed) {
			t.Errorf("Close = %v, want ErrFailed", err)
		}
		wantPrefixes(t, crashClone(mem, 0, 0), acked)
	}
}

func wantPrefixes(t *testing.T, fs vfs.FS, acked []int) {
	t.Helper()
	e, err := Open(t.Context(), Config{Dir: "data/store", FS: fs})
	if err != nil {
		t.Fatalf("Open after the failure: %v", err)
	}
	for c, n := range acked {
		r := kv.Prefix(fmt.Appendf(nil, "%d-", c))
		r.KeysOnly, r.Limit = true, n+2
		pages, err := e.Scan(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(pages[0].Entries); got < n || got > n+1 {
			t.Errorf("caller %d has %d keys, %d were acknowledged", c, got, n)
		}
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}

// TestAFailureDuringOpenIsReported fails each write of Open and Close once. One of them says so, and
// a second Open on a healthy disk works and has everything.
func TestAFailureDuringOpenIsReported(t *testing.T) {
	t.Parallel()
	for _, existing := range []bool{false, true} {
		failures := 0
		for nth := int64(1); openWithFailure(t, nth, existing); nth++ {
			failures++
		}
		if failures < 5 {
			t.Errorf("%d failures: too few to prove anything", failures)
		}
	}
}

// openWithFailure opens and closes a store while the nth write fails. It returns false when there
// are fewer writes.
func openWithFailure(t *testing.T, nth int64, existing bool) bool {
	t.Helper()
	c := &crashRun{history: newCrashHistory(9, 5), mem: vfs.NewCrashableMem()}
	if existing {
		commitAll(t, c)
	}
	inject := &failNth{nth: nth, is: func(op errorfs.Op) bool { return isSync(op) || isWrite(op) || isNameChange(op) }}
	inject.armed.Store(true)
	e, err := Open(t.Context(), Config{Dir: "data/store", FS: errorfs.Wrap(c.mem, inject)})
	if err == nil {
		err = e.Close()
	}
	met := inject.seen.Load() >= nth
	if met != errors.Is(err, errorfs.ErrInjected) || !met && err != nil {
		t.Errorf("write %d failed: %v, but Open and Close answered %v", nth, met, err)
	}
	if err := c.check(crashClone(c.mem, 100, 1), c.acked.Load(), c.acked.Load()); err != nil {
		t.Errorf("failure %d (existing store: %v): %v", nth, existing, err)
	}
	return met
}

func commitAll(t *testing.T, c *crashRun) {
	t.Helper()
	e := mustOpen(t, Config{Dir: "data/store", FS: c.mem})
	for _, b := range c.history.batches {
		if err := e.Commit(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		c.acked.Add(1)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}
