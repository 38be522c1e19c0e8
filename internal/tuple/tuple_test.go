package tuple_test

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"auwai/internal/tuple"
)

func strs() []string {
	return []string{
		"", "\x00", "\x00\x00", "\x00\x01", "\x00\xff", "\x01", "a", "a\x00", "a\x00\x00", "a\x00b", "a\x00\xff",
		"a\x01", "aa", "ab", "b", "é", "\xfe", "\xff", "\xff\x00", "\xff\xff", strings.Repeat("x", 600),
	}
}

func TestNumbersComeBackAndSort(t *testing.T) {
	unsigned := []uint64{0, 1, 255, 256, math.MaxUint32, 1 << 63, math.MaxUint64 - 1, math.MaxUint64}
	for _, a := range unsigned {
		enc := tuple.Uint64([]byte("p"), a)
		if got, rest, ok := tuple.TakeUint64(enc[1:]); !ok || got != a || len(rest) != 0 {
			t.Errorf("TakeUint64(%x) = %d, %x, %v, want %d", enc, got, rest, ok, a)
		}
		for _, b := range unsigned {
			if got := bytes.Compare(tuple.Uint64(nil, a), tuple.Uint64(nil, b)); got != cmp.Compare(a, b) {
				t.Errorf("order of %d and %d = %d", a, b, got)
			}
		}
	}
	signed := []int64{math.MinInt64, math.MinInt64 + 1, -256, -1, 0, 1, 255, math.MaxInt64}
	for _, a := range signed {
		enc := tuple.Int64(nil, a)
		if got, rest, ok := tuple.TakeInt64(enc); !ok || got != a || len(rest) != 0 {
			t.Errorf("TakeInt64(%x) = %d, %x, %v, want %d", enc, got, rest, ok, a)
		}
		for _, b := range signed {
			if got := bytes.Compare(enc, tuple.Int64(nil, b)); got != cmp.Compare(a, b) {
				t.Errorf("order of %d and %d = %d", a, b, got)
			}
		}
	}
	for _, v := range []uint16{0, 1, 255, 256, math.MaxUint16} {
		if got, rest, ok := tuple.TakeUint16(tuple.Uint16(nil, v)); !ok || got != v || len(rest) != 0 {
			t.Errorf("TakeUint16 of %d = %d, %x, %v", v, got, rest, ok)
		}
	}
	for v := range 256 {
		if got, rest, ok := tuple.TakeByte(tuple.Byte(nil, byte(v))); !ok || got != byte(v) || len(rest) != 0 {
			t.Errorf("TakeByte of %d = %d, %x, %v", v, got, rest, ok)
		}
	}
}

func TestStringsComeBackAndSortWhateverFollows(t *testing.T) {
	for _, a := range strs() {
		enc := tuple.Uint16(tuple.String(nil, a), 0xffff)
		got, rest, ok := tuple.TakeString(enc)
		if !ok || got != a || !bytes.Equal(rest, []byte{0xff, 0xff}) {
			t.Errorf("TakeString(%x) = %q, %x, %v, want %q", enc, got, rest, ok, a)
		}
		for _, b := range strs() {
			other := tuple.Uint16(tuple.String(nil, b), 0)
			if want := cmp.Compare(a, b); want != 0 && bytes.Compare(enc, other) != want {
				t.Errorf("%q and %q are in the wrong order", a, b)
			}
		}
	}
}

func TestShortInputIsRefusedAndLeftAlone(t *testing.T) {
	take := map[string]func([]byte) ([]byte, bool){
		"TakeByte":   func(b []byte) ([]byte, bool) { _, rest, ok := tuple.TakeByte(b); return rest, ok },
		"TakeUint16": func(b []byte) ([]byte, bool) { _, rest, ok := tuple.TakeUint16(b); return rest, ok },
		"TakeUint64": func(b []byte) ([]byte, bool) { _, rest, ok := tuple.TakeUint64(b); return rest, ok },
		"TakeInt64":  func(b []byte) ([]byte, bool) { _, rest, ok := tuple.TakeInt64(b); return rest, ok },
		"TakeString": func(b []byte) ([]byte, bool) { _, rest, ok := tuple.TakeString(b); return rest, ok },
	}
	for _, c := range []struct{ name, in string }{
		{"TakeByte", ""},
		{"TakeUint16", ""},
		{"TakeUint16", "x"},
		{"TakeUint64", "1234567"},
		{"TakeInt64", "1234567"},
		{"TakeString", ""},
		{"TakeString", "abc"},
		{"TakeString", "abc\x00"},
		{"TakeString", "a\x00\xff"},
		{"TakeString", "a\x00\xffb"},
		{"TakeString", "a\x00\xff\x00"},
		{"TakeString", "a\x00\x02"},
		{"TakeString", "a\x00\x00"},
		{"TakeString", "a\x00\xffb\x00\x7f"},
	} {
		if rest, ok := take[c.name]([]byte(c.in)); ok || string(rest) != c.in {
			t.Errorf("%s(%q) = rest %q, %v, want refused", c.name, c.in, rest, ok)
		}
	}
}

func TestKeysOfSeveralElementsSortByElements(t *testing.T) {
	type key struct {
		wiki string
		at   int64
	}
	var keys []key
	for _, s := range strs() {
		for _, at := range []int64{-5, 0, 7} {
			keys = append(keys, key{s, at})
		}
	}
	encode := func(k key) []byte { return tuple.Raw(tuple.Int64(tuple.String(nil, k.wiki), k.at), []byte("raw")) }
	want := slices.SortedFunc(slices.Values(keys), func(a, b key) int {
		return cmp.Or(cmp.Compare(a.wiki, b.wiki), cmp.Compare(a.at, b.at))
	})
	got := slices.SortedFunc(slices.Values(keys), func(a, b key) int { return bytes.Compare(encode(a), encode(b)) })
	if !slices.Equal(want, got) {
		t.Errorf("order of the keys = %v, want %v", got, want)
	}
}

func TestShortenKeepsShortStringsAndTellsLongOnesApart(t *testing.T) {
	short := strings.Repeat("s", tuple.MaxShort)
	if got := tuple.Shorten(short); got != short {
		t.Errorf("Shorten changed a string of %d bytes", len(short))
	}
	long := strings.Repeat("s", tuple.MaxShort+1)
	a, b := tuple.Shorten(long+"a"), tuple.Shorten(long+"b")
	if a == b || len(a) != tuple.MaxShort || len(b) != tuple.MaxShort {
		t.Errorf("Shorten gave %d and %d bytes, equal %v", len(a), len(b), a == b)
	}
	if !strings.HasPrefix(a, long[:tuple.MaxShort-17]) {
		t.Errorf("Shorten lost the beginning: %q", a)
	}
	if tuple.Shorten(a) != a {
		t.Error("shortening again changes it")
	}
	if utf8.ValidString(a) {
		t.Error("a text of that length could be equal to it")
	}
	if tuple.Shorten(long+"a") != a {
		t.Error("Shorten is not repeatable")
	}
}

// FuzzStringsRoundTripAndSort: what String writes, TakeString reads back, in order, whatever follows.
func FuzzStringsRoundTripAndSort(f *testing.F) {
	for _, s := range strs() {
		f.Add(s, "a", []byte("rest"))
	}
	f.Fuzz(func(t *testing.T, a, b string, tail []byte) {
		encA, encB := tuple.Raw(tuple.String(nil, a), tail), tuple.String(nil, b)
		got, rest, ok := tuple.TakeString(encA)
		if !ok || got != a || !bytes.Equal(rest, tail) {
			t.Fatalf("TakeString(%x) = %q, %x, %v", encA, got, rest, ok)
		}
		if want := cmp.Compare(a, b); want != 0 && bytes.Compare(encA, encB) != want {
			t.Fatalf("%q and %q are in the wrong order", a, b)
		}
	})
}

// FuzzTakeStringIsCanonical: whatever TakeString accepts is exactly what String writes.
func FuzzTakeStringIsCanonical(f *testing.F) {
	for _, s := range strs() {
		f.Add(tuple.String(nil, s))
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		s, rest, ok := tuple.TakeString(in)
		if !ok {
			if !bytes.Equal(rest, in) {
				t.Fatalf("a refused input was cut to %x", rest)
			}
			return
		}
		if again := tuple.Raw(tuple.String(nil, s), rest); !bytes.Equal(again, in) {
			t.Fatalf("%x was read as %q and %x, which is written %x", in, s, rest, again)
		}
	})
}
