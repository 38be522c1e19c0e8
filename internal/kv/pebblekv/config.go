package pebblekv

import (
	"errors"
	"log/slog"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"auwai/internal/fault"
)

// Sync says when a commit is acknowledged.
type Sync uint8

// The kinds of Sync.
const (
	// Durable acknowledges a commit after its sync.
	Durable Sync = iota
	// Relaxed acknowledges it before: a killed process or a lost machine may lose the last commits,
	// never the middle ones. For tests and benchmarks.
	Relaxed
)

// String returns the name that configuration uses.
func (s Sync) String() string {
	if s == Relaxed {
		return "relaxed"
	}
	return "durable"
}

// DefaultCacheBytes and DefaultMemTableBytes are chosen for a store of a million waiting jobs below
// 150 MB of resident memory. BenchmarkMillionJobs, with 300,000 jobs of 400 bytes that do not repeat each other, peak of
// the whole test process, and processor time of filling and draining:
//
//	memtable   with cgo        without cgo   processor (cgo)
//	16 MiB     63 MB           118 MB        3.6 s
//	32 MiB     94 MB           213 MB        2.9 s
//	64 MiB     122 to 152 MB   -             3.0 s
//
// Without cgo memtables are in Go's heap, and the collector lets the heap grow to twice what lives, so
// they are smaller there: see memtable_cgo.go and memtable_go.go. With 512 producers of single jobs the
// larger ones gave 1.2 times the jobs a second, since more keys are deleted before they are written
// out. A third memtable that may wait costs no memory until it is needed.
const DefaultCacheBytes = 16 << 20

// minMemTable is for tests. Below 8 MiB a batch may fill half a memtable, and Pebble then makes a
// table of it at once: right, but slow as a habit.
const minMemTable = 64 << 10

// Config says where a store is and what it may use. The zero value of each field but Dir works.
type Config struct {
	// Dir is the store's directory; it is made when it is missing. Required.
	Dir string
	// FS is the file system; nil is the machine's own.
	FS vfs.FS
	// Sync is Durable by default.
	Sync Sync
	// CacheBytes bounds the cache of uncompressed blocks; 0 is DefaultCacheBytes.
	CacheBytes int64
	// MemTableBytes is the size at which the table in memory is written out; 0 is
	// DefaultMemTableBytes. Up to three exist at a time.
	MemTableBytes int64
	// Logger takes what Pebble does (debug) and what it complains of; nil discards it.
	Logger *slog.Logger
	// OnFailure is called once, with the cause, when a write to the store has failed and the engine
	// has therefore ended. It is called by a goroutine of the store with locks held: it must not
	// block nor call the engine. The owner should close the engine and open it again, or end the
	// process.
	OnFailure func(error)
}

// Validate returns all faults of c.
func (c *Config) Validate() error {
	var all []error
	if c.Dir == "" {
		all = append(all, fault.Field("dir", "is empty; it names the store's directory"))
	}
	if c.Sync > Relaxed {
		all = append(all, fault.Field("sync", "is %d; it is durable or relaxed", c.Sync))
	}
	if c.CacheBytes < 0 {
		all = append(all, fault.Field("cache_bytes", "is %d; it is at least 0", c.CacheBytes))
	}
	if c.MemTableBytes != 0 && c.MemTableBytes < minMemTable {
		all = append(all, fault.Field("memtable_bytes", "is %d; it is at least %d", c.MemTableBytes, minMemTable))
	}
	return errors.Join(all...)
}

func (c *Config) withDefaults() Config {
	d := *c
	if d.FS == nil {
		d.FS = vfs.Default
	}
	if d.CacheBytes == 0 {
		d.CacheBytes = DefaultCacheBytes
	}
	if d.MemTableBytes == 0 {
		d.MemTableBytes = DefaultMemTableBytes
	}
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	return d
}

// memTables is how many memtables there are at most.
const memTables = 3

// pebbleOptions returns Pebble's settings.
func (c *Config) pebbleOptions() *pebble.Options {
	o := &pebble.Options{
		// Pebble takes the memory of memtables out of its cache: without it nothing is left for
		// blocks, and each key of a read unpacks its block anew (20 µs against 4 a key).
		CacheSize:    c.CacheBytes + memTables*c.MemTableBytes,
		MemTableSize: uint64(c.MemTableBytes), //nolint:gosec // checked by Validate
		// One is filled while another is written out; the third keeps a burst from stalling.
		MemTableStopWritesThreshold: memTables,
		// 2 and 8 took 10 to 20% more processor time than 4 in single runs, within the noise of them.
		L0CompactionThreshold: 4,
		L0StopWritesThreshold: 24,
		LBaseMaxBytes:         64 << 20,
		MaxOpenFiles:          512,
		// A queue deletes as much as it writes, so compaction must keep up; a second one only when
		// there is a backlog, since both cores also run the service.
		CompactionConcurrencyRange: func() (lower, upper int) { return 1, 2 },
		// Named, not "newest": a newer library must not change the format of stores on its own.
		FormatMajorVersion: pebble.FormatValueSeparation,
	}
	for i := range o.Levels {
		// Jobs look up keys that are mostly absent (de-duplication); 10 bits a key keep 99% of such
		// reads from touching a table.
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		// Blocks of 8, 16 and 32 KiB did not differ in the same runs; small ones make point reads cheap.
		o.Levels[i].BlockSize = 8 << 10
	}
	// The fastest codec halves the disk (321 against 628 bytes a job) for no more processor time than
	// none; zstd on the lower levels saves 8% more disk for 15% more processor time.
	o.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionFastest })
	return o
}
