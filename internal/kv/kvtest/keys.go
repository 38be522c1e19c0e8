package kvtest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"auwai/internal/kv"
)

func keyCases() []testCase {
	return []testCase{
		{name: "odd keys are distinct and ordered bytewise", run: oddKeysAreOrdered},
		{name: "every byte is its own key", run: everyByteIsAKey},
		{name: "odd values come back byte for byte", run: oddValuesComeBack},
		{name: "a deleted odd key takes no neighbour along", run: deletedOddKeyIsAlone},
	}
}

// oddKeys are the keys that databases with collations, padding, escapes or C strings confuse.
func oddKeys() []string {
	return []string{
		"\x00", "\x00\x00", "\x00\xff", "\x01", "\t", " ", "  ", "\"", "'", "''", "\\", "\\'", "%", "_",
		";", "--", "a", "a\x00", "a\x00b", "a\x01", "a ", "a  ", "A", "a'", "aa", "ab", "B", "b", "z", "Z",
		"ä", "a\u0308", "Ä", "ß", "ss", "\x7f", "\x80", "\xc3", "\xfe", "\xff", "\xff\x00", "\xff\xff",
		"0x41", "x'41'", "NULL", strings.Repeat("k", kv.MaxKey), strings.Repeat("\xff", kv.MaxKey),
		strings.Repeat("\x00", kv.MaxKey),
	}
}

func oddKeysAreOrdered(e *env) {
	keys := oddKeys()
	e.commit(func(b *kv.Batch) {
		for i, k := range keys {
			b.Set([]byte(k), fmt.Append(nil, i))
		}
	})
	pairs := make([]string, 0, 2*len(keys))
	for i, k := range keys {
		pairs = append(pairs, k, fmt.Sprint(i))
	}
	e.wantValues(pairs...)

	sorted := slices.Sorted(slices.Values(keys))
	e.wantPage(kv.Range{}, false, sorted...)
	for i, from := range sorted {
		e.wantPage(kv.Range{From: []byte(from), Limit: 2}, i+2 < len(sorted), sorted[i:min(i+2, len(sorted))]...)
	}
	slices.Reverse(sorted)
	e.wantPage(kv.Range{Reverse: true}, false, sorted...)
}

func everyByteIsAKey(e *env) {
	var want []string
	e.commit(func(b *kv.Batch) {
		for c := range 256 {
			key := []byte{'k', byte(c)}
			b.Set(key, []byte{byte(c)})
			want = append(want, string(key))
		}
	})
	e.wantPage(kv.Prefix([]byte("k")), false, want...)
	for i, entry := range e.page(kv.Prefix([]byte("k"))).Entries {
		if !bytes.Equal(entry.Value, []byte{byte(i)}) {
			e.Errorf("value of %x = %x, want %02x", entry.Key, entry.Value, i)
		}
	}
}

func oddValuesComeBack(e *env) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	e.set("all", string(every), "quote", `it's "here"\`, "blank", "  x  ", "nul", "\x00", "bad utf-8", "\xc3\x28")
	e.wantValues("all", string(every), "quote", `it's "here"\`, "blank", "  x  ", "nul", "\x00", "bad utf-8", "\xc3\x28")
}

func deletedOddKeyIsAlone(e *env) {
	e.set("a", "1", "a ", "2", "a\x00", "3", "A", "4", "ä", "5", "a\u0308", "6")
	e.commit(func(b *kv.Batch) {
		b.Delete([]byte("a"))
		b.Delete([]byte("ä"))
	})
	e.wantAll("A", "4", "a\x00", "3", "a ", "2", "a\u0308", "6")
}
