package pebblekv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"auwai/internal/fault"
)

// Format is the format of the stores that this package writes.
const Format = 1

const (
	formatFile   = "AUWAI-FORMAT"
	formatTemp   = "AUWAI-FORMAT.new"
	formatPrefix = "auwai store, format "
)

var (
	// ErrInUse is the answer to a second Open of a directory.
	ErrInUse = fault.New(fault.Unavailable, "pebblekv: the directory is in use by another process")
	// ErrFormat is the answer to a directory that holds something else, or a newer store.
	ErrFormat = fault.New(fault.Invalid, "pebblekv: not a store of this version")
)

// Open opens the store in cfg.Dir, or makes one. It replays the log, which takes up to about a
// second for each memtable of it.
func Open(ctx context.Context, cfg Config) (*Engine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("pebblekv: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("pebblekv: open %s: %w", cfg.Dir, err)
	}
	cfg = cfg.withDefaults()
	engine, err := open(&cfg)
	if err != nil {
		return nil, fmt.Errorf("open the store in %s: %w", cfg.Dir, err)
	}
	return engine, nil
}

func open(cfg *Config) (*Engine, error) {
	if err := makeDir(cfg.FS, cfg.Dir); err != nil {
		return nil, err
	}
	lock, err := pebble.LockDirectory(cfg.Dir, cfg.FS)
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInUse, err)
	}
	engine, err := openLocked(cfg, lock)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return engine, nil
}

func openLocked(cfg *Config, lock *pebble.Lock) (*Engine, error) {
	if err := checkFormat(cfg.FS, cfg.Dir); err != nil {
		return nil, err
	}
	failed := &failure{log: cfg.Logger, hook: cfg.OnFailure}
	disk, err := newDisk(cfg.FS, cfg.Dir, failed)
	if err != nil {
		return nil, err
	}
	e := &Engine{
		disk: disk, failure: failed, lock: lock, relaxed: cfg.Sync == Relaxed,
		closing: make(chan struct{}), snapshots: map[*Snapshot]struct{}{},
	}
	options := cfg.pebbleOptions()
	options.FS = disk
	options.Lock = lock
	options.Logger = pebbleLog{log: cfg.Logger, failure: failed}
	options.EventListener = failed.listener(e.closing)
	if e.db, err = pebble.Open(cfg.Dir, options); err != nil {
		return nil, errors.Join(err, failed.err())
	}
	if err := failed.err(); err != nil {
		close(e.closing)
		return nil, errors.Join(err, e.db.Close())
	}
	return e, nil
}

// makeDir makes dir and the directories above it that are missing, and syncs the parent of each: a
// store whose directory is lost is lost.
func makeDir(fsys vfs.FS, dir string) error {
	if _, err := fsys.Stat(dir); err == nil {
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := fsys.PathDir(dir)
	if parent != dir && parent != "" {
		if err := makeDir(fsys, parent); err != nil {
			return err
		}
	}
	if err := fsys.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return syncDir(fsys, parent)
}

func syncDir(fsys vfs.FS, dir string) error {
	if dir == "" {
		dir = "."
	}
	d, err := fsys.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// checkFormat reads the format file, or writes it into a directory that has no store yet.
func checkFormat(fsys vfs.FS, dir string) error {
	content, err := readFile(fsys, fsys.PathJoin(dir, formatFile))
	if errors.Is(err, fs.ErrNotExist) {
		return startFormat(fsys, dir)
	}
	if err != nil {
		return err
	}
	number, found := strings.CutPrefix(strings.TrimSpace(content), formatPrefix)
	format, err := strconv.Atoi(number)
	if !found || err != nil || format < 1 {
		return fmt.Errorf("%w: %s says %.60q", ErrFormat, formatFile, content)
	}
	if format > Format {
		return fmt.Errorf("%w: its format is %d, this program knows up to %d", ErrFormat, format, Format)
	}
	return nil
}

func startFormat(fsys vfs.FS, dir string) error {
	names, err := fsys.List(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasPrefix(name, "MANIFEST-") || strings.HasPrefix(name, "marker.") || name == "CURRENT" {
			return fmt.Errorf("%w: the directory holds a database (%s) but no %s", ErrFormat, name, formatFile)
		}
	}
	temp := fsys.PathJoin(dir, formatTemp)
	if err := writeFile(fsys, temp, fmt.Sprintf("%s%d\n", formatPrefix, Format)); err != nil {
		return err
	}
	if err := fsys.Rename(temp, fsys.PathJoin(dir, formatFile)); err != nil {
		return err
	}
	return syncDir(fsys, dir)
}

func readFile(fsys vfs.FS, name string) (string, error) {
	const most = 1 << 10 // a format file is a line
	file, err := fsys.Open(name)
	if err != nil {
		return "", err
	}
	content, err := io.ReadAll(io.LimitReader(file, most))
	return string(content), errors.Join(err, file.Close())
}

func writeFile(fsys vfs.FS, name, content string) error {
	file, err := fsys.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = file.Write([]byte(content))
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}
