package jobqueue

import (
	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/kv"
	"auwai/internal/partition"
)

// StoreBlob stores one block of a payload that is too large for its push, ahead of it. All blocks of
// a payload have ChunkSize bytes, but the last. When no Push names the payload within 12 hours, a
// sweep may remove it.
type StoreBlob struct {
	Wiki  string
	ID    ident.Suffix // minted for this payload, like a job's
	Chunk int          // number of the block, from 0
	Data  []byte
	// Late says that the block came by mail, however long that took: it was acknowledged, so its age
	// does not count.
	Late bool
}

// Apply stores the block.
func (c *StoreBlob) Apply(tx *partition.Tx) error {
	switch {
	case !validName(c.Wiki):
		return fault.Field("wiki", "must have 1 to %d bytes and no control characters", MaxName)
	case c.Chunk < 0 || c.Chunk >= MaxChunks:
		return fault.Newf(fault.TooLarge, "jobqueue: block %d of a payload, at most %d blocks", c.Chunk, MaxChunks)
	case len(c.Data) == 0 || len(c.Data) > ChunkSize:
		return fault.Newf(fault.TooLarge, "jobqueue: block of %d bytes, at most %d", len(c.Data), ChunkSize)
	case !c.Late && blobBucket(c.ID) < bucketOf(tx.Now()):
		return fault.Newf(fault.Invalid, "jobqueue: payload %s was begun too long ago", c.ID)
	}
	tx.Set(blobKey(tx.Partition(), c.Wiki, c.ID, c.Chunk), c.Data)
	tx.Set(blobExpiryKey(tx.Partition(), c.Wiki, c.ID), []byte{})
	return nil
}

// chunks is the number of a payload's blocks.
func (b BlobRef) chunks() int { return (b.Size + ChunkSize - 1) / ChunkSize }

// adoptBlob makes a payload stored ahead the job's own: it does not expire by itself any more.
func (w *work) adoptBlob(n *New) error {
	mark := blobExpiryKey(w.p, n.Wiki, n.Blob.ID)
	if w.tx.Get(mark) == nil && !w.tx.Missed() {
		return fault.Newf(fault.Conflict, "jobqueue: payload %s, stored ahead, has expired or has a job already", n.Blob.ID)
	}
	w.tx.Delete(mark)
	return nil
}

// blockWeight is what the removal of a block weighs in a command, so that one command removes about
// a thousand at most.
const blockWeight = 1 << 10

func (w *work) removeBlob(j *Job) {
	for n := range j.Blob.chunks() {
		w.tx.Delete(blobKey(w.p, j.Wiki, j.Blob.ID, n))
		w.weight += blockWeight
	}
}

// BlobKeys returns the keys of a payload's blocks, in their order.
func BlobKeys(p partition.ID, wiki string, b BlobRef) []kv.Key {
	keys := make([]kv.Key, b.chunks())
	for n := range keys {
		keys[n] = blobKey(p, wiki, b.ID, n)
	}
	return keys
}

// AppendBlobReads names the keys that TakeBlob reads.
func AppendBlobReads(dst []kv.Key, p partition.ID, wiki string, b BlobRef) []kv.Key {
	return append(append(dst, blobExpiryKey(p, wiki, b.ID)), BlobKeys(p, wiki, b)...)
}

// TakeBlob returns the bytes of what was stored ahead, and removes it: for what is no job's payload. After
// a miss it returns nothing. An error has kind Conflict: it has expired, or was taken.
func TakeBlob(tx *partition.Tx, wiki string, b BlobRef) ([]byte, error) {
	p := tx.Partition()
	mark := blobExpiryKey(p, wiki, b.ID)
	gone := tx.Get(mark) == nil
	data := make([]byte, 0, b.Size)
	for _, key := range BlobKeys(p, wiki, b) {
		data = append(data, tx.Get(key)...)
		tx.Delete(key)
	}
	tx.Delete(mark)
	switch {
	case tx.Missed():
		return nil, nil
	case gone || len(data) != b.Size:
		return nil, fault.Newf(fault.Conflict, "jobqueue: what was stored ahead as %s has expired or was taken", b.ID)
	}
	return data, nil
}
