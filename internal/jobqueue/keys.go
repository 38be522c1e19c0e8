package jobqueue

import (
	"fmt"
	"time"

	"auwai/internal/ident"
	"auwai/internal/kv"
	"auwai/internal/partition"
	"auwai/internal/tuple"
)

// The families of keys. The names of wikis and queues are shortened in keys (tuple.Shorten) where
// two of them meet, so that a key stays below kv.MaxKey; the value then holds them whole.
const (
	FamPair       partition.FamilyID = 0x20 + iota // wiki, queue → counts and cursors
	FamJob                                         // suffix → record with payload
	FamReady                                       // queue, band, seq → suffix, created
	FamDue                                         // due ms, wiki, suffix → queue, size
	FamRunning                                     // wiki, suffix → a stored claim
	FamTwin                                        // queue, hash of the key → suffix
	FamRoot                                        // queue, signature → newest generation
	FamRootExpiry                                  // bucket, wiki, queue, signature → nothing
	FamSource                                      // bucket, hash of wiki and source → suffixes
	FamDead                                        // queue, seq → suffix
	FamDeadExpiry                                  // bucket, wiki, suffix → nothing
	FamRequest                                     // bucket, hash of the request id, group → entries
	FamBlob                                        // suffix, number → a block of a payload
	FamBlobExpiry                                  // bucket, wiki, suffix → nothing
	FamTwinExpiry                                  // bucket, wiki, queue, hash of the key → nothing
	FamBlocked                                     // queue, seq → suffix, created
	FamChain                                       // queue, hash of the serial key → first and last of a chain
	FamLink                                        // suffix → the jobs before and after it in its chain
	FamWaiters                                     // suffix, page → jobs that wait for it
	FamMissing                                     // suffix → how many jobs it waits for
)

// The kinds of messages. MailPush holds a Push; EncodePush makes its body. MailUnblock is what a
// partition sends to itself: what is left of the work that the end of a job makes.
const (
	MailPush    byte = 0x20
	MailUnblock byte = 0x21
)

// Families returns the families of this package.
func Families() []partition.Family {
	return []partition.Family{
		{ID: FamPair, Name: "pair", Resident: true, Describe: describePair, Deleted: "by the command that takes its last job away"},
		{ID: FamJob, Name: "job", PerWiki: true, Describe: describeJob, Deleted: "by the command that ends the job's life; a dead job's by the sweep, 30 days after its death"},
		{ID: FamReady, Name: "ready", PerWiki: true, Describe: describeReady, Deleted: "when the job leaves the ready order: its claim is stored, it ends, it is moved"},
		{ID: FamDue, Name: "due", Describe: describeDue, Deleted: "when the job becomes ready or is ended"},
		{ID: FamRunning, Name: "running", Resident: true, Describe: describeRunning, Deleted: "by the outcome of the attempt, or by the recovery of the next opening"},
		{ID: FamTwin, Name: "twin", PerWiki: true, Describe: describeTwin, Deleted: "when the job that it names ends or dies; of a job that is done and counts for a while, by the sweep after that"},
		{ID: FamRoot, Name: "root", PerWiki: true, Describe: describeRoot, Deleted: "by the sweep, 28 days after it moved, or as long as the queue says"},
		{ID: FamRootExpiry, Name: "root-expiry", Describe: describeRootExpiry, Deleted: "when the root moves to another bucket, or by the sweep"},
		{ID: FamSource, Name: "source", Describe: describeHashed, Deleted: "by the sweep, 24 to 36 hours after it was written"},
		{ID: FamDead, Name: "dead", PerWiki: true, Describe: describeDead, Deleted: "when the job is retried, or by the sweep, 30 days after its death"},
		{ID: FamDeadExpiry, Name: "dead-expiry", Describe: describeExpiry, Deleted: "with the dead job"},
		{ID: FamRequest, Name: "request", Describe: describeHashed, Deleted: "by the sweep, 24 to 36 hours after it was written"},
		{ID: FamBlob, Name: "blob", PerWiki: true, Describe: describeBlob, Deleted: "with the job, or by the sweep, 12 to 24 hours after it was stored, when no job came"},
		{ID: FamBlobExpiry, Name: "blob-expiry", Describe: describeExpiry, Deleted: "by the push of the job, or by the sweep"},
		{ID: FamTwinExpiry, Name: "twin-expiry", Describe: describeTwinExpiry, Deleted: "by the sweep, up to 12 hours after the window of a done job ended"},
		{ID: FamBlocked, Name: "blocked", PerWiki: true, Describe: describeDead, Deleted: "when what the job waits for has ended, or the job has"},
		{ID: FamChain, Name: "chain", PerWiki: true, Describe: describeTwin, Deleted: "when the last job of the chain ends or dies"},
		{ID: FamLink, Name: "link", PerWiki: true, Describe: describeJob, Deleted: "when the job ends or dies"},
		{ID: FamWaiters, Name: "waiters", PerWiki: true, Describe: describeWaiters, Deleted: "when the job that is waited for has ended, page by page"},
		{ID: FamMissing, Name: "missing", PerWiki: true, Describe: describeJob, Deleted: "when all that the job waits for has ended, or the job has"},
	}
}

// appendKey and appendWikiKey are partition.Key and partition.WikiKey into memory of the caller.
func appendKey(dst []byte, p partition.ID, f partition.FamilyID) []byte {
	dst = tuple.Uint16(dst, uint16(p))
	return append(dst, 0x00, 0x01, byte(f))
}

func appendWikiKey(dst []byte, p partition.ID, wiki string, f partition.FamilyID) []byte {
	dst = tuple.Uint16(dst, uint16(p))
	dst = tuple.String(dst, tuple.Shorten(wiki))
	return append(dst, byte(f))
}

// bucketOf returns the bucket that a moment is in.
func bucketOf(t time.Time) int64 {
	ms, length := t.UnixMilli(), bucketLength.Milliseconds()
	b := ms / length
	if ms%length < 0 {
		b--
	}
	return b
}

// PairKey is the key of a pair's counts. It is resident.
func PairKey(p partition.ID, pair Pair) kv.Key {
	k := make([]byte, 0, 16+len(pair.Wiki)+len(pair.Queue))
	k = appendKey(k, p, FamPair)
	k = tuple.String(k, tuple.Shorten(pair.Wiki))
	return tuple.String(k, tuple.Shorten(pair.Queue))
}

// JobKey is the key of a job's record.
func JobKey(p partition.ID, wiki string, id ident.Suffix) kv.Key {
	return appendJobKey(make([]byte, 0, jobKeySize(wiki)), p, wiki, id)
}

func jobKeySize(wiki string) int { return len(wiki) + 5 + ident.SuffixLen }

func appendJobKey(dst []byte, p partition.ID, wiki string, id ident.Suffix) kv.Key {
	return append(appendWikiKey(dst, p, wiki, FamJob), id[:]...)
}

// ReadyKey is the key of a ready job's place.
func ReadyKey(p partition.ID, pair Pair, band Band, seq uint64) kv.Key {
	return appendReadyKey(make([]byte, 0, readyKeySize(pair)), p, pair, band, seq)
}

func readyKeySize(pair Pair) int { return len(pair.Wiki) + len(pair.Queue) + 16 }

func appendReadyKey(dst []byte, p partition.ID, pair Pair, band Band, seq uint64) kv.Key {
	return tuple.Uint64(append(appendReadyPrefix(dst, p, pair), byte(band)), seq)
}

func appendReadyPrefix(dst []byte, p partition.ID, pair Pair) []byte {
	return tuple.String(appendWikiKey(dst, p, pair.Wiki, FamReady), tuple.Shorten(pair.Queue))
}

func dueKey(p partition.ID, due time.Time, wiki string, id ident.Suffix) kv.Key {
	k := tuple.Int64(appendKey(make([]byte, 0, 32+len(wiki)), p, FamDue), due.UnixMilli())
	return append(tuple.String(k, wiki), id[:]...)
}

// RunningKey is the key of a stored claim. It is resident.
func RunningKey(p partition.ID, wiki string, id ident.Suffix) kv.Key {
	k := appendKey(make([]byte, 0, 24+len(wiki)), p, FamRunning)
	return append(tuple.String(k, wiki), id[:]...)
}

func twinKey(p partition.ID, pair Pair, key string) kv.Key {
	k := appendWikiKey(make([]byte, 0, 24+len(pair.Wiki)+len(pair.Queue)), p, pair.Wiki, FamTwin)
	h := tuple.Hash(key)
	return append(tuple.String(k, tuple.Shorten(pair.Queue)), h[:]...)
}

// RootKey is the key of a root's newest generation; DecodeRoot reads its value. A reader that loads
// ready jobs by itself reads it beside them, and drops what RootRecord.Older reports.
func RootKey(p partition.ID, pair Pair, signature string) kv.Key {
	k := appendWikiKey(make([]byte, 0, 64+len(pair.Wiki)+len(pair.Queue)), p, pair.Wiki, FamRoot)
	k = tuple.String(k, tuple.Shorten(pair.Queue))
	return tuple.String(k, shortText(signature))
}

func rootExpiryKey(p partition.ID, bucket int64, pair Pair, signature string) kv.Key {
	k := tuple.Int64(appendKey(make([]byte, 0, 80+len(pair.Wiki)+len(pair.Queue)), p, FamRootExpiry), bucket)
	k = tuple.String(k, tuple.Shorten(pair.Wiki))
	k = tuple.String(k, tuple.Shorten(pair.Queue))
	return tuple.String(k, shortText(signature))
}

// shortText shortens a text that may hold any bytes: a zero takes two bytes in a key.
func shortText(s string) string {
	for i := range len(s) {
		if s[i] == 0 {
			h := tuple.Hash(s)
			return string(h[:])
		}
	}
	return tuple.Shorten(s)
}

func sourceKey(p partition.ID, bucket int64, hash [16]byte) kv.Key {
	k := tuple.Int64(appendKey(make([]byte, 0, 32), p, FamSource), bucket)
	return append(k, hash[:]...)
}

func sourceHash(wiki, name string) [16]byte { return tuple.Hash(wiki + "\x00" + name) }

func deadKey(p partition.ID, pair Pair, seq uint64) kv.Key {
	k := appendWikiKey(make([]byte, 0, 24+len(pair.Wiki)+len(pair.Queue)), p, pair.Wiki, FamDead)
	return tuple.Uint64(tuple.String(k, tuple.Shorten(pair.Queue)), seq)
}

func blockedKey(p partition.ID, pair Pair, seq uint64) kv.Key {
	k := appendWikiKey(make([]byte, 0, 24+len(pair.Wiki)+len(pair.Queue)), p, pair.Wiki, FamBlocked)
	return tuple.Uint64(tuple.String(k, tuple.Shorten(pair.Queue)), seq)
}

// twinExpiryKey is of the window of a done job; hash is that of its key.
func twinExpiryKey(p partition.ID, until time.Time, pair Pair, hash [16]byte) kv.Key {
	k := tuple.Int64(appendKey(make([]byte, 0, 56+len(pair.Wiki)+len(pair.Queue)), p, FamTwinExpiry), bucketOf(until))
	k = tuple.String(tuple.String(k, tuple.Shorten(pair.Wiki)), tuple.Shorten(pair.Queue))
	return append(k, hash[:]...)
}

func chainKey(p partition.ID, pair Pair, hash [16]byte) kv.Key {
	k := appendWikiKey(make([]byte, 0, 24+len(pair.Wiki)+len(pair.Queue)), p, pair.Wiki, FamChain)
	return append(tuple.String(k, tuple.Shorten(pair.Queue)), hash[:]...)
}

func linkKey(p partition.ID, wiki string, id ident.Suffix) kv.Key {
	return append(appendWikiKey(make([]byte, 0, 24+len(wiki)), p, wiki, FamLink), id[:]...)
}

func missingKey(p partition.ID, wiki string, id ident.Suffix) kv.Key {
	return append(appendWikiKey(make([]byte, 0, 24+len(wiki)), p, wiki, FamMissing), id[:]...)
}

// waitersKey is a page of those that wait for a job; page 0 says which pages there are.
func waitersKey(p partition.ID, wiki string, id ident.Suffix, page uint64) kv.Key {
	k := append(appendWikiKey(make([]byte, 0, 32+len(wiki)), p, wiki, FamWaiters), id[:]...)
	return tuple.Uint64(k, page)
}

func deadExpiryKey(p partition.ID, died time.Time, wiki string, id ident.Suffix) kv.Key {
	return expiryKey(p, FamDeadExpiry, bucketOf(died.Add(DeadAge)), wiki, id)
}

func expiryKey(p partition.ID, f partition.FamilyID, bucket int64, wiki string, id ident.Suffix) kv.Key {
	k := tuple.Int64(appendKey(make([]byte, 0, 32+len(wiki)), p, f), bucket)
	return append(tuple.String(k, wiki), id[:]...)
}

func requestKey(p partition.ID, bucket int64, request string, group uint64) kv.Key {
	return tuple.Uint64(requestPrefix(p, bucket, tuple.Hash(request)), group)
}

func requestPrefix(p partition.ID, bucket int64, hash [16]byte) kv.Key {
	k := tuple.Int64(appendKey(make([]byte, 0, 40), p, FamRequest), bucket)
	return append(k, hash[:]...)
}

func blobKey(p partition.ID, wiki string, id ident.Suffix, n int) kv.Key {
	k := append(appendWikiKey(make([]byte, 0, 24+len(wiki)), p, wiki, FamBlob), id[:]...)
	return tuple.Uint16(k, uint16(n)) //nolint:gosec // at most MaxChunks
}

// blobBucket is the bucket after which a payload that no job came for is swept. It follows from the
// id, so that the push finds the mark without reading.
func blobBucket(id ident.Suffix) int64 { return bucketOf(id.Time()) + blobBuckets }

func blobExpiryKey(p partition.ID, wiki string, id ident.Suffix) kv.Key {
	return expiryKey(p, FamBlobExpiry, blobBucket(id), wiki, id)
}

func takeSuffix(rest []byte) (id ident.Suffix, more []byte, ok bool) {
	if len(rest) < ident.SuffixLen {
		return id, rest, false
	}
	return ident.Suffix(rest[:ident.SuffixLen]), rest[ident.SuffixLen:], true
}

// takeExpiry reads what follows the family in a key of FamDeadExpiry or FamBlobExpiry.
func takeExpiry(rest []byte) (bucket int64, wiki string, id ident.Suffix, ok bool) {
	bucket, rest, ok = tuple.TakeInt64(rest)
	if !ok {
		return 0, "", id, false
	}
	wiki, rest, ok = tuple.TakeString(rest)
	if !ok {
		return 0, "", id, false
	}
	id, rest, ok = takeSuffix(rest)
	return bucket, wiki, id, ok && len(rest) == 0
}

func malformed(rest []byte) string { return fmt.Sprintf("malformed %x", rest) }
