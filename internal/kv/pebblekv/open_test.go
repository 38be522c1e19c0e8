package pebblekv

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"auwai/internal/fault"
	"auwai/internal/kv"
)

func TestASecondOpenNamesTheDirectory(t *testing.T) {
	for name, fs := range map[string]vfs.FS{"memory": vfs.NewMem(), "disk": vfs.Default} {
		dir := filepath.Join(t.TempDir(), "store")
		first := mustOpen(t, Config{Dir: dir, FS: fs})
		_, err := Open(t.Context(), Config{Dir: dir, FS: fs})
		if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: a second Open = %v, want ErrInUse with %s", name, err, dir)
		}
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		mustOpen(t, Config{Dir: dir, FS: fs})
	}
}

// childDir tells the test binary that it is the second process of the test below.
const childDir = "PEBBLEKV_TEST_CHILD_DIR"

func TestASecondProcessNamesTheDirectory(t *testing.T) {
	if dir := os.Getenv(childDir); dir != "" {
		_, err := Open(t.Context(), Config{Dir: dir})
		if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), dir) {
			t.Errorf("Open beside another process = %v, want ErrInUse with %s", err, dir)
		}
		return
	}
	dir := t.TempDir()
	mustOpen(t, Config{Dir: dir})
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestASecondProcessNamesTheDirectory$", "-test.count=1")
	child.Env = append(os.Environ(), childDir+"="+dir)
	if out, err := child.CombinedOutput(); err != nil {
		t.Errorf("the second process: %v\n%s", err, out)
	}
}

func TestANewerOrForeignFormatIsRefused(t *testing.T) {
	for _, c := range []struct{ content, want string }{
		{"auwai store, format 2\n", "format is 2"},
		{"auwai store, format 99999\n", "format is 99999"},
		{"auwai store, format 0\n", formatFile},
		{"auwai store, format x\n", formatFile},
		{"something else", formatFile},
		{"", formatFile},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, formatFile), []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(t.Context(), Config{Dir: dir})
		if !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("Open with format %q = %v, want ErrFormat with %q and the directory", c.content, err, c.want)
		}
	}
}

func TestADatabaseThatIsNotOursIsRefused(t *testing.T) {
	fs := vfs.NewMem()
	db, err := pebble.Open("store", &pebble.Options{FS: fs, Logger: pebbleLog{log: discard()}})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Config{Dir: "store", FS: fs}); !errors.Is(err, ErrFormat) {
		t.Errorf("Open of a foreign database = %v, want ErrFormat", err)
	}
}

func TestTheFormatFileSaysTheFormat(t *testing.T) {
	dir := t.TempDir()
	mustOpen(t, Config{Dir: dir})
	content, err := os.ReadFile(filepath.Join(dir, formatFile))
	if err != nil || string(content) != "auwai store, format 1\n" {
		t.Errorf("%s = %q, %v", formatFile, content, err)
	}
}

func TestConfigNamesEachFault(t *testing.T) {
	_, err := Open(t.Context(), Config{Sync: 7, CacheBytes: -1, MemTableBytes: 5})
	for _, field := range []string{"dir", "sync", "cache_bytes", "memtable_bytes"} {
		if err == nil || !strings.Contains(err.Error(), field+": ") {
			t.Errorf("Open = %v, want a word on %s", err, field)
		}
	}
	if fault.KindOf(err) != fault.Invalid {
		t.Errorf("kind = %v, want invalid", fault.KindOf(err))
	}
}

func TestOpenWithAnEndedContextDoesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	fs := vfs.NewMem()
	if _, err := Open(ctx, Config{Dir: "store", FS: fs}); !errors.Is(err, context.Canceled) {
		t.Errorf("Open = %v, want context.Canceled", err)
	}
	if _, err := fs.Stat("store"); err == nil {
		t.Error("Open made the directory")
	}
}

func TestMetricsCountOneLogSyncForEachLoneCommit(t *testing.T) {
	e := mustOpen(t, Config{Dir: "store", FS: vfs.NewMem()})
	before := e.Metrics()
	for range 10 {
		var b kv.Batch
		b.Set([]byte("k"), make([]byte, 100))
		if err := e.Commit(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
	}
	after := e.Metrics()
	if n := after.LogSyncs - before.LogSyncs; n != 10 {
		t.Errorf("%d syncs of the log for 10 commits", n)
	}
	if n := after.LogBytes - before.LogBytes; n < 1_000 || n > 2_000 {
		t.Errorf("%d bytes of log for 10 commits of 101 bytes", n)
	}
	if after.DiskBytes == 0 || after.MemTableBytes == 0 {
		t.Errorf("disk %d, memtables %d: want figures", after.DiskBytes, after.MemTableBytes)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if got := e.Metrics(); got != (Metrics{}) {
		t.Errorf("Metrics of a closed engine = %+v", got)
	}
}

func TestRelaxedCommitsSyncNothing(t *testing.T) {
	e := mustOpen(t, Config{Dir: "store", FS: vfs.NewMem(), Sync: Relaxed})
	before := e.Metrics().LogSyncs
	for range 10 {
		var b kv.Batch
		b.Set([]byte("k"), make([]byte, 100))
		if err := e.Commit(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
	}
	if n := e.Metrics().LogSyncs - before; n != 0 {
		t.Errorf("%d syncs of the log", n)
	}
}
