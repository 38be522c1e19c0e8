package pebblekv

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"auwai/internal/kv"
	"auwai/internal/kv/kvtest"
)

func mustOpen(t testing.TB, cfg Config) *Engine {
	t.Helper()
	e, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil && !errors.Is(err, ErrFailed) {
			t.Errorf("Close: %v", err)
		}
	})
	return e
}

// machine is one computer with a store in memory, whose power can be lost.
type machine struct {
	mem    *vfs.MemFS
	cfg    Config
	engine *Engine

	mu  sync.RWMutex // held shared by each write, exclusively to cut the power
	off bool
}

func newMachine(cfg Config) *machine {
	m := &machine{mem: vfs.NewCrashableMem(), cfg: cfg}
	m.cfg.Dir = "data/store"
	return m
}

var errNoPower = errors.New("no power")

func (m *machine) open(ctx context.Context) (*Engine, error) {
	if m.engine != nil && !m.engine.isClosed() {
		return m.engine, nil // one process has the directory: all clients of the machine share it
	}
	cfg := m.cfg
	cfg.FS = &gateFS{FS: m.mem, gate: func(_ op, do func() error) error {
		m.mu.RLock()
		defer m.mu.RUnlock()
		if m.off {
			return errNoPower
		}
		return do()
	}}
	var err error
	m.engine, err = Open(ctx, cfg)
	return m.engine, err
}

func (e *Engine) isClosed() bool {
	e.life.RLock()
	defer e.life.RUnlock()
	return e.closed
}

// crash cuts the power under the running engine and starts the machine again with what its disk
// has; of what was not synced, each block is there with a chance of percent.
func (m *machine) crash(t testing.TB, percent int) {
	t.Helper()
	m.mu.Lock()
	m.off = true
	m.mu.Unlock()
	if err := m.engine.Close(); err != nil && !errors.Is(err, ErrFailed) {
		t.Errorf("Close without power: %v", err)
	}
	m.mem = crashClone(m.mem, percent, 1)
	m.engine = nil
	m.mu.Lock()
	m.off = false
	m.mu.Unlock()
}

func crashClone(mem *vfs.MemFS, percent int, seed uint64) *vfs.MemFS {
	return mem.CrashClone(vfs.CrashCloneCfg{
		UnsyncedDataPercent: percent, RNG: rand.New(rand.NewPCG(seed, 0)), //nolint:gosec // repeatable
	})
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// suiteConfig is small, so that the suite meets flushes and compactions.
func suiteConfig() Config { return Config{MemTableBytes: 256 << 10, CacheBytes: 1 << 20} }

func TestPebblekvKeepsTheContractInMemory(t *testing.T) {
	kvtest.Run(t, kvtest.Harness{
		NewStore: func(testing.TB) kvtest.Store {
			m := newMachine(suiteConfig())
			return kvtest.Store{
				Open:  func(ctx context.Context, _ int) (kv.Engine, error) { return m.open(ctx) },
				Crash: func(t testing.TB) { m.crash(t, 50) },
				Link: func(ctx context.Context) (kvtest.Link, error) {
					engine, err := m.open(ctx)
					return kvtest.LinkOver(engine), err
				},
			}
		},
		Lacks: map[kvtest.Ability]string{kvtest.Clients: "the file lock admits one process, and it one engine"},
	})
}

func TestPebblekvKeepsTheContractOnDisk(t *testing.T) {
	kvtest.Run(t, kvtest.Harness{
		NewStore: func(t testing.TB) kvtest.Store {
			cfg := Config{Dir: filepath.Join(t.TempDir(), "a", "store")}
			return kvtest.Store{
				Open: func(ctx context.Context, _ int) (kv.Engine, error) { return Open(ctx, cfg) },
			}
		},
		Lacks: map[kvtest.Ability]string{
			kvtest.Clients:     "the file lock admits one process, and it one engine",
			kvtest.Crash:       "a real disk cannot lose power here; the store in memory does it",
			kvtest.LoseReply:   "no network between; the store in memory has a made link",
			kvtest.DeliverLate: "as for lost replies",
			kvtest.CutRequest:  "as for lost replies",
			kvtest.Freeze:      "as for lost replies",
		},
	})
}

func TestPebblekvAgreesWithTheModelOnManyHistories(t *testing.T) {
	for seed := uint64(100); seed < 130; seed++ {
		h := kvtest.NewHistory(seed, 300)
		want, err := kvtest.Replay(t.Context(), &kvtest.Model{}, h)
		if err != nil {
			t.Fatal(err)
		}
		e := mustOpen(t, Config{
			Dir: "store", FS: vfs.NewMem(), MemTableBytes: minMemTable, Sync: Sync(seed % 2),
		})
		got, err := kvtest.Replay(t.Context(), e, h)
		if err != nil {
			t.Fatal(err)
		}
		if diff := kvtest.FirstDifference(want, got); diff != "" {
			t.Fatalf("seed %d: the model (first) and the engine (second):\n%s", seed, diff)
		}
	}
}
