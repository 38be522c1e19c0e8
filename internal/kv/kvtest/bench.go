package kvtest

import (
	"bytes"
	"encoding/binary"
	"testing"

	"auwai/internal/kv"
)

// Bench measures the engine that open returns, which is empty for each benchmark and closed by its
// own b.Cleanup. Sizes follow a job: a key of 40 bytes, a payload of 400. One operation is one call.
func Bench(b *testing.B, open func(b *testing.B) kv.Engine) {
	b.Run("commit of 1 small set", func(b *testing.B) { benchCommit(b, open(b), 1, 32, false) })
	b.Run("commit of 100 small sets", func(b *testing.B) { benchCommit(b, open(b), 100, 32, false) })
	b.Run("commit of 100 small sets and the session key", func(b *testing.B) { benchCommit(b, open(b), 100, 32, true) })
	b.Run("commit of 1000 payloads and the session key", func(b *testing.B) { benchCommit(b, open(b), 1_000, 400, true) })
	b.Run("get of 1 key", func(b *testing.B) { benchGet(b, open(b), 1) })
	b.Run("get of 100 keys", func(b *testing.B) { benchGet(b, open(b), 100) })
	b.Run("scan of 1000 entries", func(b *testing.B) { benchScan(b, open(b), 1_000) })
	b.Run("scan of 64 ranges of one entry", benchRanges(open))
}

const benchKeys = 20_000

func benchKey(i int) kv.Key {
	key := make([]byte, 40)
	binary.BigEndian.PutUint64(key[32:], uint64(i)) //nolint:gosec // not negative
	return key
}

func benchCommit(b *testing.B, engine kv.Engine, sets, valueBytes int, session bool) {
	value := bytes.Repeat([]byte("payload "), valueBytes/8)
	old := make([]byte, 8)
	if err := engine.Commit(b.Context(), batch(func(b *kv.Batch) { b.Set([]byte("session"), old) })); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var write kv.Batch
	next := 0
	for b.Loop() {
		write.Reset()
		if session {
			moved := binary.BigEndian.AppendUint64(nil, binary.BigEndian.Uint64(old)+1)
			write.Require([]byte("session"), old)
			write.Set([]byte("session"), moved)
			old = moved
		}
		for range sets {
			write.Set(benchKey(next), value)
			next++
		}
		if err := engine.Commit(b.Context(), &write); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(next)/b.Elapsed().Seconds(), "sets/s")
}

func benchFill(b *testing.B, engine kv.Engine) {
	value := bytes.Repeat([]byte("payload "), 50)
	const perBatch = 5_000
	for from := 0; from < benchKeys; from += perBatch {
		err := engine.Commit(b.Context(), batch(func(b *kv.Batch) {
			for i := from; i < from+perBatch; i++ {
				b.Set(benchKey(i), value)
			}
		}))
		if err != nil {
			b.Fatal(err)
		}
	}
}

func benchGet(b *testing.B, engine kv.Engine, n int) {
	benchFill(b, engine)
	keys := make([]kv.Key, n)
	b.ReportAllocs()
	at := 0
	for b.Loop() {
		for i := range keys {
			keys[i] = benchKey(at * 1_009 % benchKeys)
			at++
		}
		if _, err := engine.Get(b.Context(), keys...); err != nil {
			b.Fatal(err)
		}
	}
}

func benchScan(b *testing.B, engine kv.Engine, n int) {
	benchFill(b, engine)
	b.ReportAllocs()
	at := 0
	for b.Loop() {
		r := kv.Range{From: benchKey(at * 1_009 % (benchKeys - n)), Limit: n}
		at++
		pages, err := engine.Scan(b.Context(), r)
		if err != nil || len(pages[0].Entries) != n {
			b.Fatalf("%d entries, %v", len(pages[0].Entries), err)
		}
	}
}

func benchRanges(open func(b *testing.B) kv.Engine) func(b *testing.B) {
	return func(b *testing.B) {
		engine := open(b)
		benchFill(b, engine)
		b.ReportAllocs()
		ranges := make([]kv.Range, 64)
		at := 0
		for b.Loop() {
			for i := range ranges {
				ranges[i] = kv.Range{From: benchKey(at * 1_009 % (benchKeys - 1)), Limit: 1}
				at++
			}
			if _, err := engine.Scan(b.Context(), ranges...); err != nil {
				b.Fatal(err)
			}
		}
	}
}
