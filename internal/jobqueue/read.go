package jobqueue

import (
	"time"

	"auwai/internal/ident"
	"auwai/internal/kv"
	"auwai/internal/partition"
	"auwai/internal/tuple"
)

// Ranges for readers outside transactions: lists, windows, timers. What they give is a hint: a
// command looks at each key again.

// PairRange holds all pairs of the partition that have jobs; DecodePair reads an entry.
func PairRange(p partition.ID) kv.Range { return kv.Prefix(partition.Key(p, FamPair)) }

// ReadyRange holds the ready jobs of a band after a place, in their order; DecodeReady reads an
// entry. From PairInfo.Cursor it begins at the cursor with afterSeq = cursor − 1.
func ReadyRange(p partition.ID, pair Pair, band Band, afterSeq uint64) kv.Range {
	from := afterSeq + 1
	if from == 0 {
		from = afterSeq // nothing is after the greatest place
	}
	prefix := append(appendReadyPrefix(make([]byte, 0, readyKeySize(pair)), p, pair), byte(band))
	return kv.Range{From: ReadyKey(p, pair, band, from), To: kv.PrefixEnd(prefix)}
}

// DueRange holds the delayed jobs that are due at a moment, earliest first; DecodeDue reads an entry.
func DueRange(p partition.ID, upTo time.Time) kv.Range {
	prefix := partition.Key(p, FamDue)
	return kv.Range{From: prefix, To: tuple.Int64(appendKey(nil, p, FamDue), upTo.UnixMilli()+1), Limit: MaxPage}
}

// NextDueRange holds the first delayed jobs that are due after a moment, in their order.
func NextDueRange(p partition.ID, after time.Time) kv.Range {
	r := kv.Prefix(partition.Key(p, FamDue))
	r.From = DueRange(p, after).To
	r.Limit = 16 // one is wanted; the others are for when it cannot be read
	return r
}

// DeadRange holds the dead jobs of a pair after a place, oldest first; DecodeDead reads an entry.
func DeadRange(p partition.ID, pair Pair, afterSeq uint64) kv.Range {
	key := deadKey(p, pair, 0)
	return kv.Range{From: deadKey(p, pair, afterSeq+1), To: kv.PrefixEnd(key[:len(key)-8])}
}

// BlockedRange holds the blocked jobs of a pair after a place, in the order in which they were blocked;
// DecodeBlocked reads an entry.
func BlockedRange(p partition.ID, pair Pair, afterSeq uint64) kv.Range {
	key := blockedKey(p, pair, 0)
	return kv.Range{From: blockedKey(p, pair, afterSeq+1), To: kv.PrefixEnd(key[:len(key)-8])}
}

// JobRange holds the records of a wiki after an id, in the order of their ids; DecodeJobEntry reads
// an entry. Records carry their payloads: bound the range by MaxBytes.
func JobRange(p partition.ID, wiki string, after ident.Suffix) kv.Range {
	from := append(JobKey(p, wiki, after), 0)
	if after.IsZero() {
		from = partition.WikiKey(p, wiki, FamJob)
	}
	return kv.Range{From: from, To: kv.PrefixEnd(partition.WikiKey(p, wiki, FamJob)), MaxBytes: 1 << 20}
}

// DecodeJobEntry reads an entry of JobRange.
func DecodeJobEntry(wiki string, e kv.Entry) (*Job, error) {
	_, _, f, rest, ok := partition.SplitKey(e.Key)
	id, rest, ok2 := takeSuffix(rest)
	if !ok || !ok2 || f != FamJob || len(rest) != 0 {
		return nil, malformedValue(e.Key, "job")
	}
	return DecodeJob(Pair{Wiki: wiki}, id, e.Value)
}

// RunningRange holds the stored claims of the partition; DecodeRunning reads an entry.
func RunningRange(p partition.ID) kv.Range { return kv.Prefix(partition.Key(p, FamRunning)) }

// RequestRanges holds what is known of a request's jobs; DecodeRequest reads a value. Entries are
// kept for 24 to 36 hours after they were written.
func RequestRanges(p partition.ID, now time.Time, request string) []kv.Range {
	return RequestRangesOf(p, now, tuple.Hash(request))
}

// RequestRangesOf is RequestRanges for the hash of a request, as RequestMoved gives it.
func RequestRangesOf(p partition.ID, now time.Time, hash [16]byte) []kv.Range {
	b := bucketOf(now)
	out := make([]kv.Range, requestBuckets)
	for i := range out {
		out[i] = kv.Prefix(requestPrefix(p, b-requestBuckets+1+int64(i), hash))
	}
	return out
}

// SourceKeys returns the keys under which the job of a source may be found; DecodeSource reads a
// value. For a client id the name is "c:" + id.
func SourceKeys(p partition.ID, now time.Time, wiki, name string) []kv.Key {
	hash, b := sourceHash(wiki, name), bucketOf(now)
	keys := make([]kv.Key, sourceBuckets)
	for i := range keys {
		keys[i] = sourceKey(p, b-int64(i), hash)
	}
	return keys
}

// ChainKey is the key of the chain of a serial key; DecodeChain reads its value.
func ChainKey(p partition.ID, pair Pair, serial string) kv.Key {
	return chainKey(p, pair, tuple.Hash(serial))
}
