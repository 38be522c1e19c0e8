package eventlog

import (
	"fmt"

	"auwai/internal/kv"
	"auwai/internal/partition"
	"auwai/internal/tuple"
)

// The families of the log.
const (
	FamNext     partition.FamilyID = 0x60 // resident: the partition's next position
	FamHead     partition.FamilyID = 0x61 // resident: what is kept of a stream
	FamTail     partition.FamilyID = 0x62 // records of one group, of one stream
	FamBlock    partition.FamilyID = 0x63 // records of many groups, compressed
	FamChunk    partition.FamilyID = 0x64 // a piece of a large record
	FamChunkDue partition.FamilyID = 0x65 // a large record that nothing refers to yet
	FamSeen     partition.FamilyID = 0x66 // an event id of a wiki
	FamSeenDue  partition.FamilyID = 0x67 // event ids to be forgotten, by hour
)

// Families declares the keys of the log.
func Families() []partition.Family {
	return []partition.Family{
		{ID: FamNext, Name: "log-next", Resident: true, Deleted: "never: one key a partition", Describe: describeNothing},
		{ID: FamHead, Name: "log-head", Resident: true, Deleted: "by Expire, when the stream has no record left", Describe: describeStream},
		{ID: FamTail, Name: "log-tail", Deleted: "by Fold, after 10 s or 64 KiB", Describe: describeRecords("tail")},
		{ID: FamBlock, Name: "log-block", Deleted: "by Expire, at the end of the stream's retention", Describe: describeRecords("up to position")},
		{ID: FamChunk, Name: "log-chunk", Deleted: "by Expire with the block that refers to it, or by SweepPieces", Describe: describeChunk},
		{ID: FamChunkDue, Name: "log-chunk-due", Deleted: "by the append that refers to the chunks, or by SweepPieces", Describe: describeChunkDue},
		{ID: FamSeen, Name: "event-id", PerWiki: true, Deleted: "by SweepSeen, after 24 h", Describe: describeHex},
		{ID: FamSeenDue, Name: "event-id-due", Deleted: "by SweepSeen, after 24 h", Describe: describeSeenDue},
	}
}

func nextKey(p partition.ID) kv.Key { return partition.Key(p, FamNext) }

func headKey(p partition.ID, stream string) kv.Key {
	return tuple.String(partition.Key(p, FamHead), stream)
}

func tailKey(p partition.ID, stream string, number uint64) kv.Key {
	return tuple.Uint64(tuple.String(partition.Key(p, FamTail), stream), number)
}

func blockKey(p partition.ID, stream string, last uint64) kv.Key {
	return tuple.Uint64(tuple.String(partition.Key(p, FamBlock), stream), last)
}

// lastOf reads the number at the end of a tail's or block's key.
func lastOf(key kv.Key) (stream string, number uint64, ok bool) {
	_, _, _, rest, ok := partition.SplitKey(key)
	if !ok {
		return "", 0, false
	}
	stream, rest, ok = tuple.TakeString(rest)
	if !ok {
		return "", 0, false
	}
	number, rest, ok = tuple.TakeUint64(rest)
	return stream, number, ok && len(rest) == 0
}

func describeNothing([]byte) string  { return "" }
func describeHex(rest []byte) string { return fmt.Sprintf("%x", rest) }

func describeStream(rest []byte) string {
	s, _, ok := tuple.TakeString(rest)
	if !ok {
		return fmt.Sprintf("malformed %x", rest)
	}
	return s
}

func describeRecords(word string) func([]byte) string {
	return func(rest []byte) string {
		s, rest, ok := tuple.TakeString(rest)
		n, _, okNumber := tuple.TakeUint64(rest)
		if !ok || !okNumber {
			return fmt.Sprintf("malformed %x", rest)
		}
		return fmt.Sprintf("%s %s %d", s, word, n)
	}
}
