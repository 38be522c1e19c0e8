package kvtest

import (
	"bytes"
	"fmt"

	"auwai/internal/kv"
)

func limitCases() []testCase {
	return []testCase{
		{name: "a key of MaxKey is taken, one byte more is not", run: limitKey},
		{name: "a value of MaxValue is taken, one byte more is not", run: limitValue},
		{name: "a batch of MaxBatchBytes is taken, one byte more is not", run: limitBytes},
		{name: "a batch of MaxBatchOps is taken, one more is not", run: limitOps},
		{name: "a batch of MaxBatchOps deletes is taken", run: limitDeletes},
	}
}

func limitKey(e *env) {
	longest := string(bytes.Repeat([]byte{0xff}, kv.MaxKey))
	e.set("a", "1", longest, "2")
	for _, fill := range []func(b *kv.Batch){
		func(b *kv.Batch) { b.Set([]byte(longest+"x"), nil) },
		func(b *kv.Batch) { b.Delete([]byte(longest + "x")) },
		func(b *kv.Batch) { b.DeleteRange([]byte(longest+"x"), []byte(longest+"y")) },
		func(b *kv.Batch) { b.DeleteRange([]byte("a"), []byte(longest+"x")) },
	} {
		e.refuse(kv.ErrTooLarge, func(b *kv.Batch) { b.Set([]byte("good"), nil); fill(b) })
	}
	e.wantAll("a", "1", longest, "2")
	e.wantPage(kv.Range{From: []byte(longest)}, false, longest)
	e.wantPage(kv.Range{To: []byte(longest), Reverse: true}, false, "a")
	e.commit(func(b *kv.Batch) {
		b.Require([]byte(longest), []byte("2"))
		b.Set([]byte(longest), []byte("3"))
	})
	e.commit(func(b *kv.Batch) { b.DeleteRange([]byte("a"), []byte(longest)) })
	e.wantAll(longest, "3")
}

// noise returns n bytes that no compression makes smaller, so that a limit is met in full.
func noise(n int) []byte {
	out := make([]byte, n)
	state := uint64(0x9e3779b97f4a7c15)
	for i := range out {
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
		out[i] = byte(state & 0xff)
	}
	return out
}

func limitValue(e *env) {
	longest := noise(kv.MaxValue)
	e.set("long", string(longest))
	e.refuse(kv.ErrTooLarge, func(b *kv.Batch) {
		b.Set([]byte("good"), nil)
		b.Set([]byte("longer"), make([]byte, kv.MaxValue+1))
	})
	e.refuse(kv.ErrTooLarge, func(b *kv.Batch) {
		b.Require([]byte("long"), make([]byte, kv.MaxValue+1))
		b.Delete([]byte("long"))
	})
	e.wantPage(kv.Range{}, false, "long")
	values, err := e.kv.Get(e.ctx, kv.Key("long"))
	if err != nil || !bytes.Equal(values[0], longest) {
		e.Errorf("the longest value came back as %d bytes, %v", len(values[0]), err)
	}
	e.commit(func(b *kv.Batch) {
		b.Require([]byte("long"), longest)
		b.Set([]byte("long"), []byte("short"))
	})
	e.wantAll("long", "short")
}

func limitBytes(e *env) {
	const pieces = 8
	fill := func(b *kv.Batch) {
		for i := range pieces {
			key := numbered("k", i)
			b.Set(key, noise(kv.MaxBatchBytes/pieces-len(key)))
		}
	}
	full := batch(fill)
	if full.Bytes() != kv.MaxBatchBytes {
		e.Fatalf("the batch has %d bytes", full.Bytes())
	}
	e.refuse(kv.ErrTooLarge, func(b *kv.Batch) { fill(b); b.Delete([]byte("x")) })
	e.wantAll()
	e.commit(fill)
	page := e.page(kv.Range{})
	size := 0
	for _, entry := range page.Entries {
		size += len(entry.Key) + len(entry.Value)
	}
	if size != kv.MaxBatchBytes {
		e.Errorf("%d bytes came back, want %d", size, kv.MaxBatchBytes)
	}
}

func limitOps(e *env) {
	fill := func(n int) func(b *kv.Batch) {
		return func(b *kv.Batch) {
			b.DeleteRange([]byte("a"), []byte("b"))
			for i := 1; i < n; i++ {
				b.Set(numbered("k", i), fmt.Append(nil, i))
			}
		}
	}
	e.refuse(kv.ErrTooLarge, fill(kv.MaxBatchOps+1))
	e.wantAll()
	e.commit(fill(kv.MaxBatchOps))
	page := e.page(kv.Range{Limit: kv.MaxBatchOps})
	if len(page.Entries) != kv.MaxBatchOps-1 || page.More {
		e.Errorf("%d entries, More %v", len(page.Entries), page.More)
	}
}

func limitDeletes(e *env) {
	e.fill("k", kv.MaxBatchOps+1)
	e.commit(func(b *kv.Batch) {
		for i := range kv.MaxBatchOps {
			b.Delete(numbered("k", i))
		}
	})
	e.wantPage(kv.Range{}, false, string(numbered("k", kv.MaxBatchOps)))
}
