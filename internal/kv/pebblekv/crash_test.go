package pebblekv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"auwai/internal/kv"
)

// A crashHistory is a list of commits and of the states that the store goes through: states[k] is
// the store after k commits, written as one line.
type crashHistory struct {
	batches []*kv.Batch
	states  []string
}

// newCrashHistory makes commits of many shapes over few keys. Each also counts up the key "count",
// so that every state is different.
func newCrashHistory(seed uint64, n int) crashHistory {
	rng := rand.New(rand.NewPCG(seed, 5)) //nolint:gosec // repeatable
	model := map[string]string{}
	h := crashHistory{states: []string{showState(model)}}
	for i := range n {
		var b kv.Batch
		if i%9 == 5 {
			from := rng.IntN(20)
			b.DeleteRange(crashKey(from), crashKey(from+5))
			for k := from; k < from+5; k++ {
				delete(model, string(crashKey(k)))
			}
		}
		for range 1 + rng.IntN(6) {
			key := crashKey(rng.IntN(25))
			if rng.IntN(4) == 0 {
				b.Delete(key)
				delete(model, string(key))
				continue
			}
			value := bytes.Repeat([]byte{byte('a' + i%26)}, rng.IntN(6_000))
			b.Set(key, value)
			model[string(key)] = string(value)
		}
		count := fmt.Sprint(i + 1)
		b.Set([]byte("count"), []byte(count))
		model["count"] = count
		h.batches = append(h.batches, &b)
		h.states = append(h.states, showState(model))
	}
	return h
}

func crashKey(i int) kv.Key { return fmt.Appendf(nil, "key-%02d", i) }

func showState(m map[string]string) string {
	var out strings.Builder
	for i := range 26 {
		if v, ok := m[string(crashKey(i))]; ok {
			fmt.Fprintf(&out, "%d:%.1s*%d ", i, v, len(v))
		}
	}
	fmt.Fprintf(&out, "count:%s", m["count"])
	return out.String()
}

// readState opens the store on a disk and writes its content as showState does.
func readState(fs vfs.FS) (string, error) {
	ctx := context.Background()
	e, err := Open(ctx, Config{Dir: "data/store", FS: fs, MemTableBytes: minMemTable, CacheBytes: 1 << 16})
	if err != nil {
		return "", err
	}
	pages, err := e.Scan(ctx, kv.Range{})
	if err != nil {
		return "", errors.Join(err, e.Close())
	}
	m := map[string]string{}
	for _, entry := range pages[0].Entries {
		m[string(entry.Key)] = string(entry.Value)
	}
	return showState(m), e.Close()
}

// crashRun drives a history through a store on a machine that can be photographed at every write.
type crashRun struct {
	history crashHistory
	mem     *vfs.MemFS
	started atomic.Int64 // commits begun
	acked   atomic.Int64 // commits acknowledged
	at      func(o op, before bool)

	// writes is held shared by each write and exclusively by a photograph: the file system in memory
	// locks itself twice in some writes, and a photograph between the two would stand still for ever.
	writes sync.RWMutex
}

// photograph returns the disk as a power loss at this moment would leave it.
func (c *crashRun) photograph(percent int, seed int64) *vfs.MemFS {
	c.writes.Lock()
	defer c.writes.Unlock()
	return crashClone(c.mem, percent, uint64(seed)) //nolint:gosec // not negative
}

// run commits the whole history, with a flush or a compaction at times, and closes the store.
func (c *crashRun) run(t *testing.T) {
	t.Helper()
	gate := &gateFS{FS: c.mem, gate: func(o op, do func() error) error {
		c.at(o, true)
		c.writes.RLock()
		err := do()
		c.writes.RUnlock()
		c.at(o, false)
		return err
	}}
	e := mustOpen(t, Config{Dir: "data/store", FS: gate, MemTableBytes: minMemTable, CacheBytes: 1 << 16})
	for i, b := range c.history.batches {
		c.started.Add(1)
		if err := e.Commit(t.Context(), b); err != nil {
			t.Fatalf("commit %d: %v", i, err)
		}
		c.acked.Add(1)
		if i%40 == 30 {
			if err := e.db.Compact(t.Context(), []byte("a"), []byte("z"), false); err != nil {
				t.Fatal(err)
			}
		}
	}
	if m := e.Metrics(); m.Flushes < 3 || m.Compactions == 0 {
		t.Errorf("the history met %d flushes and %d compactions: too few to prove anything", m.Flushes, m.Compactions)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}

// check opens the store on a photographed disk. It must hold one of the states from the acknowledged
// one to the last begun, whole.
func (c *crashRun) check(fs vfs.FS, acked, started int64) error {
	got, err := readState(fs)
	if err != nil {
		return fmt.Errorf("the store does not open: %w", err)
	}
	for k := acked; k <= started; k++ {
		if c.history.states[k] == got {
			return nil
		}
	}
	for k, state := range c.history.states {
		if state == got {
			return fmt.Errorf("the store is at commit %d, acknowledged were %d, begun %d", k, acked, started)
		}
	}
	return fmt.Errorf("the store holds half of something: %s\nacknowledged was: %s", got, c.history.states[acked])
}

// TestPowerLossAtEverySyncKeepsWhatWasAcknowledged loses the power before and after every sync of
// files and directories, with none, half and all of the unsynced blocks and names surviving.
func TestPowerLossAtEverySyncKeepsWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	c := &crashRun{history: newCrashHistory(1, 100), mem: vfs.NewCrashableMem()}
	var points, directories, logs atomic.Int64
	c.at = func(o op, before bool) {
		if o.kind != "sync" {
			return
		}
		n := points.Add(1)
		if o.dir {
			directories.Add(1)
		}
		if strings.HasSuffix(o.name, ".log") {
			logs.Add(1)
		}
		for _, percent := range []int{0, 50, 100} {
			acked := c.acked.Load()
			disk := c.photograph(percent, n)
			if err := c.check(disk, acked, c.started.Load()); err != nil {
				t.Errorf("sync %d of %s (before: %v), %d%% of the unsynced survives: %v", n, o.name, before, percent, err)
			}
		}
	}
	c.run(t)
	t.Logf("%d points: %d of the log, %d of directories", points.Load(), logs.Load(), directories.Load())
	if logs.Load() < 200 || directories.Load() < 20 {
		t.Errorf("%d log syncs and %d directory syncs: too few to prove anything", logs.Load(), directories.Load())
	}
}

// TestPowerLossAtEveryNameChangeKeepsWhatWasAcknowledged loses the power around creating, reusing,
// renaming and removing files: the directory's sync of the change never happened.
func TestPowerLossAtEveryNameChangeKeepsWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	c := &crashRun{history: newCrashHistory(2, 100), mem: vfs.NewCrashableMem()}
	var points atomic.Int64
	c.at = func(o op, before bool) {
		if o.kind == "sync" || o.kind == "write" {
			return
		}
		n := points.Add(1)
		percents := []int{0, 50, 100}
		if strings.Contains(o.name, marker) { // what it points at may be lost in many ways
			percents = append(percents, 50, 50, 50, 50, 50, 50, 50, 50, 50)
		}
		for i, percent := range percents {
			acked := c.acked.Load()
			disk := c.photograph(percent, 100*n+int64(i))
			if err := c.check(disk, acked, c.started.Load()); err != nil {
				t.Errorf("%s of %s (before: %v), %d%%: %v", o.kind, o.name, before, percent, err)
			}
		}
	}
	c.run(t)
	if points.Load() < 50 {
		t.Errorf("%d name changes: too few to prove anything", points.Load())
	}
}

// TestATornLastRecordIsDropped tears the part of the log that was written and not yet synced: cut
// at several places, one byte changed, or its blocks swapped for zeros.
func TestATornLastRecordIsDropped(t *testing.T) {
	t.Parallel()
	c := &crashRun{history: newCrashHistory(3, 45), mem: vfs.NewCrashableMem()}
	var torn atomic.Int64
	rng := rand.New(rand.NewPCG(3, 3)) //nolint:gosec // repeatable; used under the log's own goroutine
	c.at = func(o op, before bool) {
		if o.kind != "sync" || !before || !strings.HasSuffix(o.name, ".log") {
			return
		}
		acked, synced := c.acked.Load(), c.photograph(0, 0)
		written := c.photograph(100, 1)
		from, whole := unsynced(synced, written, o.name)
		if from < 0 {
			return
		}
		torn.Add(1)
		for _, damaged := range tear(rng, whole, from) {
			disk := c.photograph(100, 1)
			if err := overwrite(disk, o.name, damaged); err != nil {
				t.Error(err)
				return
			}
			if err := c.check(disk, acked, c.started.Load()); err != nil {
				t.Errorf("%s torn after byte %d of %d: %v", o.name, from, len(whole), err)
			}
		}
	}
	c.run(t)
	if torn.Load() < 30 {
		t.Errorf("%d torn records: too few to prove anything", torn.Load())
	}
}

// unsynced returns the content of a file and the offset from which it was not synced, or -1.
func unsynced(synced, written vfs.FS, name string) (from int, whole []byte) {
	whole, err := content(written, name)
	if err != nil {
		return -1, nil
	}
	old, err := content(synced, name)
	if err != nil {
		old = nil // even its name was not synced
	}
	for i := range whole {
		if i >= len(old) || old[i] != whole[i] {
			return i, whole
		}
	}
	return -1, nil
}

func tear(rng *rand.Rand, whole []byte, from int) (all [][]byte) {
	n := len(whole) - from
	for _, keep := range []int{0, 1, min(6, n-1), min(12, n-1), n / 2, n - 1} {
		all = append(all, bytes.Clone(whole[:from+keep]))
	}
	for range 3 {
		garbled := bytes.Clone(whole)
		garbled[from+rng.IntN(n)] ^= byte(1 + rng.IntN(255)) //nolint:gosec // 1 to 255
		all = append(all, garbled)
	}
	zeroed := bytes.Clone(whole)
	clear(zeroed[from+n/2:])
	return append(all, zeroed)
}

func content(fs vfs.FS, name string) ([]byte, error) {
	file, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	all, err := io.ReadAll(file)
	return all, errors.Join(err, file.Close())
}

func overwrite(fs vfs.FS, name string, content []byte) error {
	file, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Sync(), file.Close())
}

// TestRelaxedKeepsAPrefixOfTheCommits: what a relaxed store loses is only the end.
func TestRelaxedKeepsAPrefixOfTheCommits(t *testing.T) {
	t.Parallel()
	h := newCrashHistory(4, 150)
	m := newMachine(Config{MemTableBytes: minMemTable, Sync: Relaxed})
	for round, percent := range []int{0, 30, 60, 100} {
		m.mem, m.engine = vfs.NewCrashableMem(), nil
		e, err := m.open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range h.batches[:40+round*35] {
			if err := e.Commit(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
		m.crash(t, percent)
		c := &crashRun{history: h}
		if err := c.check(m.mem, 0, int64(40+round*35)); err != nil {
			t.Errorf("%d%%: %v", percent, err)
		}
	}
}
