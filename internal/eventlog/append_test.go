package eventlog_test

import (
	"errors"
	"testing"
	"time"

	"auwai/internal/eventlog"
	"auwai/internal/eventlog/eventlogtest"
	"auwai/internal/partition"
)

func appendOne(stream string, data []byte, pos *uint64) partition.Command {
	return eventlogtest.Func(func(tx *partition.Tx) error {
		p := eventlog.Append(tx, stream, tx.Now(), data)
		if pos != nil {
			*pos = p
		}
		return nil
	})
}

func TestPositionsCountAllRecordsOfThePartition(t *testing.T) {
	h := eventlogtest.New(t, 3, eventlog.Domain{})
	var got []uint64
	for i, stream := range []string{"a", "b", "a", "c", "b"} {
		var pos uint64
		if err := h.Do("w", appendOne(stream, []byte("data"), &pos)); err != nil {
			t.Fatal(err)
		}
		got = append(got, pos)
		if i == 2 {
			h.Reopen(3)
		}
	}
	for i, pos := range got {
		if pos != uint64(i+1) {
			t.Fatalf("positions %v, want 1 to 5", got)
		}
	}
}

func TestACommandThatFailsLeavesNoRecordAndNoGap(t *testing.T) {
	h := eventlogtest.New(t, 3, eventlog.Domain{})
	failing := eventlogtest.Func(func(tx *partition.Tx) error {
		eventlog.Append(tx, "a", tx.Now(), []byte("lost"))
		eventlog.Append(tx, "b", tx.Now(), []byte("lost"))
		return errors.New("refused")
	})
	var first, second uint64
	err := h.Do("w", appendOne("a", []byte("one"), &first), failing, appendOne("a", []byte("two"), &second))
	if err == nil || first != 1 || second != 2 {
		t.Fatalf("error %v, positions %d and %d", err, first, second)
	}
}

// bench appends records in groups of commands, as many records to a command as batch says.
func bench(b *testing.B, size, batch int) {
	h := eventlogtest.New(b, 3, eventlog.Domain{})
	h.Discard = true
	data := make([]byte, size)
	at := time.Now()
	b.ReportAllocs()
	b.SetBytes(int64(size))
	b.ResetTimer()
	const group = 2_000
	for n := 0; n < b.N; n += group {
		c := eventlogtest.Func(func(tx *partition.Tx) error {
			for range batch {
				eventlog.Append(tx, "job-history", at, data)
			}
			return nil
		})
		commands := make([]partition.Command, 0, group/batch)
		for range min(group, b.N-n) / batch {
			commands = append(commands, c)
		}
		if err := h.Do("w", commands...); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppend100Bytes(b *testing.B)           { bench(b, 100, 1) }
func BenchmarkAppend100BytesBatchOf100(b *testing.B) { bench(b, 100, 100) }
func BenchmarkAppend1KiBBatchOf100(b *testing.B)     { bench(b, 1024, 100) }
