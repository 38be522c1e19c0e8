//go:build cgo

package pebblekv

// DefaultMemTableBytes is the size of a memtable: outside Go's heap, by malloc.
const DefaultMemTableBytes = 32 << 20
