//go:build !cgo

package pebblekv

// DefaultMemTableBytes is the size of a memtable: in Go's heap, which grows to twice of it.
const DefaultMemTableBytes = 16 << 20
