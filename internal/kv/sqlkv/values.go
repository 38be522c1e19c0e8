package sqlkv

import "auwai/internal/kv"

// LimitOf returns the number of entries that a page of the range has at most.
func LimitOf(r kv.Range) int {
	if r.Limit <= 0 {
		return kv.DefaultLimit
	}
	return r.Limit
}

// NotNil returns a value that a driver has read: an empty value is a value.
func NotNil(value []byte) []byte {
	if value == nil {
		return []byte{}
	}
	return value
}
