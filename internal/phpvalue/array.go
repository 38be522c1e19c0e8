package phpvalue

import (
	"cmp"
	"slices"
	"strconv"
)

// Key is a key of an Array: an integer, or a string when Text is set.
type Key struct {
	Int    int64
	Str    string
	IsText bool
}

// IntKey returns the key of an integer.
func IntKey(n int64) Key { return Key{Int: n} }

// TextKey returns the key that PHP makes of a string: a decimal integer in its shortest form becomes
// one.
func TextKey(s string) Key {
	if n, ok := integerKey(s); ok {
		return Key{Int: n}
	}
	return Key{Str: s, IsText: true}
}

// String returns the key's text.
func (k Key) String() string {
	if k.IsText {
		return k.Str
	}
	return strconv.FormatInt(k.Int, 10)
}

// integerKey reads what PHP takes for an integer key: no sign but a minus, no leading zero, no "-0".
func integerKey(s string) (int64, bool) {
	const longest = len("-9223372036854775808")
	if s == "" || len(s) > longest {
		return 0, false
	}
	digits := s
	if s[0] == '-' {
		digits = s[1:]
	}
	if digits == "" || digits[0] < '0' || digits[0] > '9' || digits[0] == '0' && s != "0" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// Array is an ordered map. Not safe for concurrent use. The zero value is empty.
type Array struct {
	keys   []Key
	values []any
	index  map[Key]int // of keys; nil while there are few
}

// indexFrom is the number of entries from which an index is worth its memory.
const indexFrom = 9

// Len returns the number of entries.
func (a *Array) Len() int { return len(a.keys) }

// At returns the entry at a position.
func (a *Array) At(i int) (Key, any) { return a.keys[i], a.values[i] }

// Get returns the value of a string key, and whether it is there.
func (a *Array) Get(key string) (any, bool) {
	i := a.find(TextKey(key))
	if i < 0 {
		return nil, false
	}
	return a.values[i], true
}

// Set puts a value under a key: in its old place if it is there, else at the end.
func (a *Array) Set(k Key, v any) {
	if i := a.find(k); i >= 0 {
		a.values[i] = v
		return
	}
	if a.index != nil {
		a.index[k] = len(a.keys)
	}
	a.keys, a.values = append(a.keys, k), append(a.values, v)
	if a.index == nil && len(a.keys) >= indexFrom {
		a.index = make(map[Key]int, 2*indexFrom)
		for i, k := range a.keys {
			a.index[k] = i
		}
	}
}

func (a *Array) find(k Key) int {
	if a.index == nil {
		return slices.Index(a.keys, k)
	}
	if i, ok := a.index[k]; ok {
		return i
	}
	return -1
}

// Without returns a copy without some string keys. The values are shared.
func (a *Array) Without(keys ...string) *Array {
	out := &Array{}
	for i, k := range a.keys {
		if !slices.Contains(keys, k.String()) {
			out.Set(k, a.values[i])
		}
	}
	return out
}

// IsList reports whether the keys are 0, 1, 2, … in this order. An empty array is a list.
func (a *Array) IsList() bool {
	for i, k := range a.keys {
		if k != IntKey(int64(i)) {
			return false
		}
	}
	return true
}

// Sorted returns a copy in which the entries of each array that is no list are in the order of their
// keys as strings, through all levels.
func (a *Array) Sorted() *Array {
	order := make([]int, len(a.keys))
	for i := range order {
		order[i] = i
	}
	if !a.IsList() {
		slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(a.keys[x].String(), a.keys[y].String()) })
	}
	out := &Array{keys: make([]Key, 0, len(a.keys)), values: make([]any, 0, len(a.keys))}
	for _, i := range order {
		v := a.values[i]
		if inner, ok := v.(*Array); ok {
			v = inner.Sorted()
		}
		out.Set(a.keys[i], v)
	}
	return out
}

// Truth is PHP's (bool) of a value.
func Truth(v any) bool {
	switch v := v.(type) {
	case bool:
		return v
	case int64:
		return v != 0
	case float64:
		return v != 0
	case string:
		return v != "" && v != "0"
	case *Array:
		return v.Len() > 0
	default:
		return false
	}
}

// Kind names the type of a value in PHP's words.
func Kind(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case int64:
		return "an integer"
	case float64:
		return "a float"
	case string:
		return "a string"
	case *Array:
		return "an array"
	default:
		return "no value of PHP"
	}
}
