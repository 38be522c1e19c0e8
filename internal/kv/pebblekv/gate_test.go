package pebblekv

import (
	"io/fs"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// op is one write to a file system, as a gate sees it.
type op struct {
	kind string // create, write, sync, rename, remove, link, mkdir
	name string
	dir  bool // a sync of a directory
}

// gateFS lets a test stand at every write of a file system: gate may do things before and after do,
// or return an error without calling it.
type gateFS struct {
	vfs.FS

	gate func(o op, do func() error) error
}

func (g *gateFS) file(o op, open func() (vfs.File, error)) (vfs.File, error) {
	var file vfs.File
	err := g.gate(o, func() (err error) {
		file, err = open()
		return err
	})
	if err != nil {
		return nil, err
	}
	return &gateFile{File: file, fs: g, name: o.name}, nil
}

func (g *gateFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return g.file(op{kind: "create", name: name}, func() (vfs.File, error) { return g.FS.Create(name, c) })
}

func (g *gateFS) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return g.file(op{kind: "create", name: to}, func() (vfs.File, error) { return g.FS.ReuseForWrite(from, to, c) })
}

func (g *gateFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	return g.file(op{kind: "create", name: name}, func() (vfs.File, error) { return g.FS.OpenReadWrite(name, c, o...) })
}

func (g *gateFS) OpenDir(name string) (vfs.File, error) {
	file, err := g.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &gateFile{File: file, fs: g, name: name, dir: true}, nil
}

func (g *gateFS) Remove(name string) error {
	return g.gate(op{kind: "remove", name: name}, func() error { return g.FS.Remove(name) })
}

func (g *gateFS) RemoveAll(name string) error {
	return g.gate(op{kind: "remove", name: name}, func() error { return g.FS.RemoveAll(name) })
}

func (g *gateFS) Rename(from, to string) error {
	return g.gate(op{kind: "rename", name: to}, func() error { return g.FS.Rename(from, to) })
}

func (g *gateFS) Link(from, to string) error {
	return g.gate(op{kind: "link", name: to}, func() error { return g.FS.Link(from, to) })
}

func (g *gateFS) MkdirAll(dir string, perm fs.FileMode) error {
	return g.gate(op{kind: "mkdir", name: dir}, func() error { return g.FS.MkdirAll(dir, perm) })
}

func (g *gateFS) Unwrap() vfs.FS { return g.FS }

type gateFile struct {
	vfs.File

	fs   *gateFS
	name string
	dir  bool
}

func (f *gateFile) Write(p []byte) (n int, err error) {
	err = f.fs.gate(op{kind: "write", name: f.name}, func() (err error) {
		n, err = f.File.Write(p)
		return err
	})
	return n, err
}

func (f *gateFile) Sync() error {
	return f.fs.gate(op{kind: "sync", name: f.name, dir: f.dir}, f.File.Sync)
}

func (f *gateFile) SyncData() error {
	return f.fs.gate(op{kind: "sync", name: f.name, dir: f.dir}, f.File.SyncData)
}

func (f *gateFile) SyncTo(length int64) (full bool, err error) {
	err = f.fs.gate(op{kind: "sync", name: f.name, dir: f.dir}, func() (err error) {
		full, err = f.File.SyncTo(length)
		return err
	})
	return full, err
}
