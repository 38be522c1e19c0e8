package pebblekv

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// disk is the file system under Pebble. It counts, and it stops at the first write that fails: from
// then on nothing reaches the real file system, and writes go to limbo (see the package comment).
// Reads go on.
type disk struct {
	vfs.FS // the real one; what is not overridden here only reads

	failure *failure
	limbo   *vfs.MemFS

	logSyncs, syncs, logBytes, otherBytes atomic.Int64
}

var (
	_ vfs.FS   = (*disk)(nil)
	_ vfs.File = (*diskFile)(nil)
)

func newDisk(under vfs.FS, dir string, f *failure) (*disk, error) {
	d := &disk{FS: under, failure: f, limbo: vfs.NewMem()}
	if err := d.limbo.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("limbo: %w", err)
	}
	return d, nil
}

// compaction is Pebble's name for writes that only tidy up. They fail after a failure instead of
// filling the memory with what nobody will read.
const compaction vfs.DiskWriteCategory = "pebble-compaction"

// marker begins the names of the files with which Pebble points at its current manifest. Pebble
// syncs the directory only after it made the marker, so a power loss in between could keep the
// marker's name and lose the manifest's, and the store would not open again (found by the test that
// loses power at every name change). Here what is pointed at is made durable first.
const marker = "marker."

// do runs a write to the real file system unless there has been a failure, and records one. It
// returns whether the write was made.
func (d *disk) do(what, name string, write func() error) bool {
	if d.failure.cause() != nil {
		return false
	}
	err := write()
	if err == nil {
		return true
	}
	d.failure.report(fmt.Errorf("%s %s: %w", what, name, err))
	return false
}

// Create implements vfs.FS.
func (d *disk) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	var file vfs.File
	done := d.do("create", name, func() (err error) {
		if strings.HasPrefix(d.FS.PathBase(name), marker) {
			if err := syncDir(d.FS, d.FS.PathDir(name)); err != nil {
				return err
			}
			d.syncs.Add(1)
		}
		file, err = d.FS.Create(name, category)
		return err
	})
	if done {
		return d.wrap(file, name), nil
	}
	if category == compaction {
		return nil, d.failure.err()
	}
	return d.limbo.Create(name, category)
}

// ReuseForWrite implements vfs.FS.
func (d *disk) ReuseForWrite(from, to string, category vfs.DiskWriteCategory) (vfs.File, error) {
	var file vfs.File
	done := d.do("reuse", from, func() (err error) {
		file, err = d.FS.ReuseForWrite(from, to, category)
		return err
	})
	if done {
		return d.wrap(file, to), nil
	}
	return d.limbo.Create(to, category)
}

// OpenReadWrite implements vfs.FS.
func (d *disk) OpenReadWrite(
	name string, category vfs.DiskWriteCategory, options ...vfs.OpenOption,
) (vfs.File, error) {
	var file vfs.File
	done := d.do("open", name, func() (err error) {
		file, err = d.FS.OpenReadWrite(name, category, options...)
		return err
	})
	if done {
		return d.wrap(file, name), nil
	}
	return d.limbo.OpenReadWrite(name, category, options...)
}

// OpenDir implements vfs.FS. A directory is opened to be synced.
func (d *disk) OpenDir(name string) (vfs.File, error) {
	file, err := d.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return d.wrap(file, name), nil
}

// Open implements vfs.FS.
func (d *disk) Open(name string, options ...vfs.OpenOption) (vfs.File, error) {
	if d.failure.cause() != nil {
		if file, err := d.limbo.Open(name, options...); err == nil {
			return file, nil
		}
	}
	return d.FS.Open(name, options...)
}

// Stat implements vfs.FS.
func (d *disk) Stat(name string) (vfs.FileInfo, error) {
	if d.failure.cause() != nil {
		if info, err := d.limbo.Stat(name); err == nil {
			return info, nil
		}
	}
	return d.FS.Stat(name)
}

// Remove implements vfs.FS. Removing what is not there is the caller's mistake, not the disk's.
func (d *disk) Remove(name string) error {
	return d.remove("remove", name, d.FS.Remove)
}

// RemoveAll implements vfs.FS.
func (d *disk) RemoveAll(name string) error {
	return d.remove("remove", name, d.FS.RemoveAll)
}

func (d *disk) remove(what, name string, remove func(string) error) error {
	var missing error
	d.do(what, name, func() error {
		err := remove(name)
		if errors.Is(err, fs.ErrNotExist) {
			missing, err = err, nil
		}
		return err
	})
	return missing
}

// Rename implements vfs.FS.
func (d *disk) Rename(from, to string) error {
	if d.do("rename", from, func() error { return d.FS.Rename(from, to) }) {
		return nil
	}
	if err := d.limbo.Rename(from, to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Link implements vfs.FS. Pebble links only for what this package does not use.
func (d *disk) Link(from, to string) error {
	if d.do("link", from, func() error { return d.FS.Link(from, to) }) {
		return nil
	}
	return d.failure.err()
}

// MkdirAll implements vfs.FS.
func (d *disk) MkdirAll(dir string, perm fs.FileMode) error {
	if d.do("create directory", dir, func() error { return d.FS.MkdirAll(dir, perm) }) {
		return nil
	}
	return d.failure.err()
}

// Unwrap implements vfs.FS.
func (d *disk) Unwrap() vfs.FS { return d.FS }

func (d *disk) wrap(file vfs.File, name string) vfs.File {
	return &diskFile{File: file, disk: d, name: name, log: strings.HasSuffix(name, ".log")}
}

// diskFile is a file that was opened for writing, or a directory. After a failure its writes and
// syncs do nothing and say that all is well.
type diskFile struct {
	vfs.File

	disk *disk
	name string
	log  bool
}

// Write implements vfs.File.
func (f *diskFile) Write(p []byte) (int, error) {
	if f.disk.do("write", f.name, func() error {
		_, err := f.File.Write(p)
		return err
	}) {
		f.count(len(p))
	}
	return len(p), nil
}

// WriteAt implements vfs.File.
func (f *diskFile) WriteAt(p []byte, offset int64) (int, error) {
	if f.disk.do("write", f.name, func() error {
		_, err := f.File.WriteAt(p, offset)
		return err
	}) {
		f.count(len(p))
	}
	return len(p), nil
}

func (f *diskFile) count(n int) {
	if f.log {
		f.disk.logBytes.Add(int64(n))
		return
	}
	f.disk.otherBytes.Add(int64(n))
}

// Preallocate implements vfs.File. It is a hint; Pebble ignores its error, and so does the failure.
func (f *diskFile) Preallocate(offset, length int64) error {
	if f.disk.failure.cause() == nil {
		return f.File.Preallocate(offset, length)
	}
	return nil
}

// Sync implements vfs.File.
func (f *diskFile) Sync() error { return f.sync(f.File.Sync) }

// SyncData implements vfs.File.
func (f *diskFile) SyncData() error { return f.sync(f.File.SyncData) }

func (f *diskFile) sync(sync func() error) error {
	if f.disk.do("sync", f.name, sync) {
		f.disk.syncs.Add(1)
		if f.log {
			f.disk.logSyncs.Add(1)
		}
	}
	return nil
}

// SyncTo implements vfs.File.
func (f *diskFile) SyncTo(length int64) (full bool, err error) {
	f.disk.do("sync", f.name, func() error {
		full, err = f.File.SyncTo(length)
		return err
	})
	return full, nil
}

// Close implements vfs.File. Some file systems report a lost write only here.
func (f *diskFile) Close() error {
	if !f.disk.do("close", f.name, f.File.Close) {
		_ = f.File.Close() // gives the descriptor back; its error adds nothing to the failure
	}
	return nil
}
