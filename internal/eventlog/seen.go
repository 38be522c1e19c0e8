package eventlog

import (
	"fmt"
	"time"

	"auwai/internal/kv"
	"auwai/internal/partition"
	"auwai/internal/tuple"
)

// The ids of events are remembered for at least seenLife, so that an event that is sent again is
// kept once. They are forgotten by the hour: for each hour, wiki and group one key lists what
// became known in it.
const (
	seenLife   = 24 * time.Hour
	seenHashes = 16    // different contents remembered of one id
	maxSwept   = 4_000 // ids that one SweepSeen forgets
)

// Verdict is what Once knows of an event's id.
type Verdict uint8

// The verdicts.
const (
	First    Verdict = iota // not seen within the last 24 hours
	Repeated                // seen with the same bytes
	Changed                 // seen with other bytes only
)

// Once remembers that the wiki sent an event with the id, whose bytes have the hash, and reports
// what was known before.
func Once(tx *partition.Tx, wiki, id string, hash [8]byte) Verdict {
	idHash := tuple.Hash(id)
	key := seenKey(tx.Partition(), wiki, idHash)
	old := tx.Get(key)
	for i := 0; i+8 <= len(old); i += 8 {
		if [8]byte(old[i:i+8]) == hash {
			return Repeated
		}
	}
	if len(old) >= seenHashes*8 {
		return Changed
	}
	tx.Set(key, append(old[:len(old):len(old)], hash[:]...))
	if old != nil {
		return Changed
	}
	hour := uint64(max(tx.Now().Unix(), 0)) / 3600
	tx.Append(seenDueKey(tx.Partition(), hour, wiki, tx.Group()), idHash[:])
	return First
}

// SeenKey is the key that Once reads, for Hinter.
func SeenKey(p partition.ID, wiki, id string) kv.Key { return seenKey(p, wiki, tuple.Hash(id)) }

func seenKey(p partition.ID, wiki string, idHash [16]byte) kv.Key {
	return append(partition.WikiKey(p, wiki, FamSeen), idHash[:]...)
}

func seenDueKey(p partition.ID, hour uint64, wiki string, group uint64) kv.Key {
	k := tuple.Uint64(partition.Key(p, FamSeenDue), hour)
	return tuple.Uint64(tuple.String(k, tuple.Shorten(wiki)), group)
}

// SeenRange is the range of the lists of ids that may be forgotten now.
func SeenRange(p partition.ID, now time.Time) kv.Range {
	until := max(now.Add(-seenLife).Unix(), 0) / 3600
	from := partition.Key(p, FamSeenDue)
	return kv.Range{From: from, To: tuple.Uint64(partition.Key(p, FamSeenDue), uint64(until)), Limit: 256, MaxBytes: maxSwept * 16}
}

// SweepSeen forgets the event ids in the lists at Keys, which are from a page of SeenRange. It
// forgets at most 4,000; what is left stays listed.
type SweepSeen struct{ Keys []kv.Key }

// SweepableSeen returns the command for a page of SeenRange, nil when it is empty.
func SweepableSeen(entries []kv.Entry) *SweepSeen {
	if len(entries) == 0 {
		return nil
	}
	c := &SweepSeen{}
	for _, e := range entries {
		c.Keys = append(c.Keys, e.Key)
	}
	return c
}

// Reads names the lists.
func (c *SweepSeen) Reads(dst []kv.Key, _ partition.ID) []kv.Key { return append(dst, c.Keys...) }

// Apply forgets the ids.
func (c *SweepSeen) Apply(tx *partition.Tx) error {
	left := maxSwept
	for _, key := range c.Keys {
		list := tx.Get(key)
		_, _, _, rest, ok := partition.SplitKey(key)
		_, rest, okHour := tuple.TakeUint64(rest)
		wiki, _, okWiki := tuple.TakeString(rest)
		if list == nil || !ok || !okHour || !okWiki {
			continue
		}
		for ; len(list) >= 16 && left > 0; left-- {
			tx.Delete(seenKey(tx.Partition(), wiki, [16]byte(list[:16])))
			list = list[16:]
		}
		if len(list) >= 16 {
			tx.Set(key, list)
			return nil
		}
		tx.Delete(key)
	}
	return nil
}

func describeSeenDue(rest []byte) string {
	hour, rest, ok := tuple.TakeUint64(rest)
	wiki, rest, okWiki := tuple.TakeString(rest)
	group, _, okGroup := tuple.TakeUint64(rest)
	if !ok || !okWiki || !okGroup || hour > maxMillis/3_600_000 {
		return fmt.Sprintf("malformed %x", rest)
	}
	return fmt.Sprintf("hour %s wiki %s group %d", millis(hour*3_600_000).Format("2006-01-02T15Z"), wiki, group)
}
