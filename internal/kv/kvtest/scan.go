package kvtest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"auwai/internal/kv"
)

func scanCases() []testCase {
	return []testCase{
		{name: "Scan includes From, excludes To, and nil is no bound", run: scanBounds},
		{name: "Scan in reverse reads downwards from To", run: scanReverse},
		{name: "an empty range gives an empty page", run: scanEmpty},
		{name: "Limit bounds a page and More is exact", run: scanLimit},
		{name: "MaxBytes bounds a page and lets one entry through", run: scanMaxBytes},
		{name: "KeysOnly leaves values nil and out of MaxBytes", run: scanKeysOnly},
		{name: "a range without Limit gives DefaultLimit entries", run: scanDefaultLimit},
		{name: "several ranges answer in the order asked", run: scanSeveral},
		{name: "hundreds of ranges are read in one call", run: scanHundreds},
		{name: "pages chained by cursor give every entry once", run: scanChained},
		{name: "Prefix reads exactly the keys with the prefix", run: scanPrefix},
		{name: "scans over freshly deleted ranges are right", run: scanDeleted},
		{name: "a queue that only advances reads from its cursor", run: scanQueue},
	}
}

func scanBounds(e *env) {
	e.set("a", "1", "b", "2", "b\x00", "3", "c", "4")
	e.wantPage(kv.Range{From: []byte("b"), To: []byte("c")}, false, "b", "b\x00")
	e.wantPage(kv.Range{From: []byte("b\x00")}, false, "b\x00", "c")
	e.wantPage(kv.Range{To: []byte("b\x00")}, false, "a", "b")
	e.wantPage(kv.Range{}, false, "a", "b", "b\x00", "c")
	e.wantPage(kv.Range{From: []byte("aa"), To: []byte("bb")}, false, "b", "b\x00")
	e.wantPage(kv.Range{From: []byte{}, To: []byte("b")}, false, "a")
}

func scanReverse(e *env) {
	e.set("a", "1", "b", "2", "c", "3", "d", "4")
	e.wantPage(kv.Range{Reverse: true}, false, "d", "c", "b", "a")
	e.wantPage(kv.Range{From: []byte("b"), To: []byte("d"), Reverse: true}, false, "c", "b")
	e.wantPage(kv.Range{To: []byte("d"), Reverse: true, Limit: 2}, true, "c", "b")
	e.wantPage(kv.Range{To: []byte("b"), Reverse: true, Limit: 2}, false, "a")
	e.wantPage(kv.Range{From: []byte("d"), Reverse: true, Limit: 1}, false, "d")
}

func scanEmpty(e *env) {
	e.set("a", "1", "c", "3")
	for _, reverse := range []bool{false, true} {
		e.wantPage(kv.Range{From: []byte("b"), To: []byte("b"), Reverse: reverse}, false)
		e.wantPage(kv.Range{From: []byte("c"), To: []byte("a"), Reverse: reverse}, false)
		e.wantPage(kv.Range{From: []byte("b"), To: []byte("c"), Reverse: reverse}, false)
		e.wantPage(kv.Range{From: []byte("x"), Reverse: reverse}, false)
		e.wantPage(kv.Range{To: []byte("a"), Reverse: reverse}, false)
		// An empty To is a bound below every key, unlike a nil one.
		e.wantPage(kv.Range{To: []byte{}, Reverse: reverse}, false)
	}
}

func scanLimit(e *env) {
	e.set("a", "1", "b", "2", "c", "3")
	e.wantPage(kv.Range{Limit: 2}, true, "a", "b")
	e.wantPage(kv.Range{Limit: 3}, false, "a", "b", "c")
	e.wantPage(kv.Range{Limit: 4}, false, "a", "b", "c")
	e.wantPage(kv.Range{Limit: 3, Reverse: true}, false, "c", "b", "a")
	e.wantPage(kv.Range{Limit: 2, To: []byte("c")}, false, "a", "b")
}

func scanMaxBytes(e *env) {
	big := strings.Repeat("x", 100)
	e.set("a", big, "b", big, "c", big)
	e.wantPage(kv.Range{MaxBytes: 1}, true, "a")
	e.wantPage(kv.Range{MaxBytes: 201}, true, "a")
	e.wantPage(kv.Range{MaxBytes: 202}, true, "a", "b")
	e.wantPage(kv.Range{MaxBytes: 303}, false, "a", "b", "c")
	e.wantPage(kv.Range{MaxBytes: 302, Reverse: true}, true, "c", "b")
	e.wantPage(kv.Range{MaxBytes: 303, Limit: 1}, true, "a")
	e.wantPage(kv.Range{MaxBytes: 1, From: []byte("c")}, false, "c")
}

func scanKeysOnly(e *env) {
	big := strings.Repeat("x", 1_000)
	e.set("a", big, "b", big, "c", big)
	page := e.page(kv.Range{KeysOnly: true, MaxBytes: 2})
	if diff := cmp.Diff([]string{"a", "b"}, keysOf(page)); diff != "" || !page.More {
		e.Errorf("KeysOnly with MaxBytes of two keys: More %v (-want +got):\n%s", page.More, diff)
	}
	for _, entry := range page.Entries {
		if entry.Value != nil {
			e.Errorf("KeysOnly gave a value of %d bytes", len(entry.Value))
		}
	}
}

func scanDefaultLimit(e *env) {
	e.fill("k", kv.DefaultLimit+1)
	page := e.page(kv.Range{})
	if len(page.Entries) != kv.DefaultLimit || !page.More {
		e.Errorf("%d entries, More %v, want %d and true", len(page.Entries), page.More, kv.DefaultLimit)
	}
	page = e.page(kv.Range{Limit: kv.DefaultLimit + 5})
	if len(page.Entries) != kv.DefaultLimit+1 || page.More {
		e.Errorf("%d entries, More %v, want %d and false", len(page.Entries), page.More, kv.DefaultLimit+1)
	}
}

func scanSeveral(e *env) {
	e.set("a", "1", "b", "2", "c", "3", "d", "4")
	pages, err := e.kv.Scan(e.ctx,
		kv.Range{From: []byte("c")},
		kv.Range{To: []byte("c"), Reverse: true, Limit: 1},
		kv.Range{From: []byte("x")},
		kv.Range{From: []byte("a"), To: []byte("c"), KeysOnly: true},
		kv.Range{From: []byte("c")},
	)
	if err != nil {
		e.Fatalf("Scan: %v", err)
	}
	var got []string
	for _, p := range pages {
		got = append(got, fmt.Sprintf("%v %v", keysOf(p), p.More))
	}
	want := []string{"[c d] false", "[b] true", "[] false", "[a b] false", "[c d] false"}
	if diff := cmp.Diff(want, got); diff != "" {
		e.Errorf("pages (-want +got):\n%s", diff)
	}
}

func scanHundreds(e *env) {
	const n = 300
	e.fill("k", n)
	ranges := make([]kv.Range, n)
	for i := range ranges {
		ranges[i] = kv.Range{From: numbered("k", n-1-i), Limit: 1}
	}
	pages, err := e.kv.Scan(e.ctx, ranges...)
	if err != nil || len(pages) != n {
		e.Fatalf("Scan = %d pages, %v, want %d", len(pages), err, n)
	}
	for i, p := range pages {
		if len(p.Entries) != 1 || !bytes.Equal(p.Entries[0].Key, ranges[i].From) || p.More != (i > 0) {
			e.Fatalf("page %d = %q, More %v", i, keysOf(p), p.More)
		}
	}
}

func scanChained(e *env) {
	const n = 1_234
	e.fill("k", n)
	var want []string
	for i := range n {
		want = append(want, string(numbered("k", i)))
	}
	for _, reverse := range []bool{false, true} {
		var got []string
		r := kv.Range{From: []byte("k"), To: []byte("l"), Limit: 100, MaxBytes: 1_500, Reverse: reverse}
		for {
			page := e.page(r)
			got = append(got, keysOf(page)...)
			if !page.More {
				break
			}
			last := page.Entries[len(page.Entries)-1].Key
			if reverse {
				r.To = last
			} else {
				r.From = append(bytes.Clone(last), 0)
			}
		}
		if reverse {
			slices.Reverse(got)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			e.Errorf("chained pages, reverse %v (-want +got):\n%s", reverse, diff)
		}
	}
}

func scanPrefix(e *env) {
	e.set("a", "", "a\x00", "", "a\xff", "", "a\xff\xff", "", "b", "", "\xff", "", "\xff\xff", "", "\xff\xffx", "")
	e.wantPage(kv.Prefix([]byte("a")), false, "a", "a\x00", "a\xff", "a\xff\xff")
	e.wantPage(kv.Prefix([]byte("a\xff")), false, "a\xff", "a\xff\xff")
	e.wantPage(kv.Prefix([]byte("\xff\xff")), false, "\xff\xff", "\xff\xffx")
	e.wantPage(kv.Prefix(nil), false, "a", "a\x00", "a\xff", "a\xff\xff", "b", "\xff", "\xff\xff", "\xff\xffx")
}

// scanDeleted reads around holes that were deleted a moment ago, by key and by range: log-structured
// stores must step over what marks the deletion, SQL stores over dead rows.
func scanDeleted(e *env) {
	const n, perBatch = 20_000, 5_000
	e.fill("k", n+10)
	e.set("a", "before", "z", "after")
	for from := 0; from < n/2; from += perBatch {
		e.commit(func(b *kv.Batch) {
			for i := from; i < from+perBatch; i++ {
				b.Delete(numbered("k", i))
			}
		})
	}
	for from := n / 2; from < n; from += perBatch {
		e.commit(func(b *kv.Batch) { b.DeleteRange(numbered("k", from), numbered("k", from+perBatch)) })
	}
	first, last := string(numbered("k", n)), string(numbered("k", n+9))
	e.wantPage(kv.Range{Limit: 2}, true, "a", first)
	e.wantPage(kv.Range{From: []byte("k"), Limit: 1}, true, first)
	e.wantPage(kv.Range{From: numbered("k", n-1), Limit: 1}, true, first)
	e.wantPage(kv.Range{From: numbered("k", n/2), To: numbered("k", n)}, false)
	e.wantPage(kv.Range{To: numbered("k", n), Reverse: true}, false, "a")
	e.wantPage(kv.Range{Reverse: true, Limit: 2}, true, "z", last)
	e.wantValues(string(numbered("k", 0)), missing, string(numbered("k", n-1)), missing, first, "value 20000")

	e.commit(func(b *kv.Batch) { b.Set(numbered("k", 7), []byte("again")) })
	e.wantPage(kv.Range{From: []byte("k"), Limit: 2}, true, string(numbered("k", 7)), first)
	e.commit(func(b *kv.Batch) { b.DeleteRange([]byte("k"), []byte("l")) })
	e.wantAll("a", "before", "z", "after")
}

// scanQueue works as a queue does: new keys at the end, old ones deleted, reads from a cursor.
func scanQueue(e *env) {
	const rounds, perRound = 40, 250
	cursor := []byte("q")
	for round := range rounds {
		e.commit(func(b *kv.Batch) {
			for i := range perRound {
				b.Set(numbered("q", round*perRound+i), []byte("job"))
			}
		})
		page := e.page(kv.Range{From: cursor, To: []byte("r"), Limit: perRound, KeysOnly: true})
		if len(page.Entries) != perRound || page.More {
			e.Fatalf("round %d: %d entries, More %v", round, len(page.Entries), page.More)
		}
		if want := numbered("q", round*perRound); !bytes.Equal(page.Entries[0].Key, want) {
			e.Fatalf("round %d begins at %s, want %s", round, page.Entries[0].Key, want)
		}
		e.commit(func(b *kv.Batch) {
			for _, entry := range page.Entries {
				b.Delete(entry.Key)
			}
		})
		cursor = append(page.Entries[perRound-1].Key, 0)
	}
	e.wantAll()
}
