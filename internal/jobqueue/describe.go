package jobqueue

import (
	"fmt"
	"time"

	"auwai/internal/tuple"
)

// What "auwai keys" says of the keys of this package: the part after the family.

func describePair(rest []byte) string {
	wiki, rest, ok := tuple.TakeString(rest)
	queue, rest, ok2 := tuple.TakeString(rest)
	if !ok || !ok2 || len(rest) != 0 {
		return malformed(rest)
	}
	return fmt.Sprintf("wiki %s queue %s", wiki, queue)
}

func describeJob(rest []byte) string {
	id, more, ok := takeSuffix(rest)
	if !ok || len(more) != 0 {
		return malformed(rest)
	}
	return id.String()
}

func describeReady(rest []byte) string {
	queue, more, ok := tuple.TakeString(rest)
	if !ok || len(more) != 9 {
		return malformed(rest)
	}
	seq, _, _ := tuple.TakeUint64(more[1:])
	return fmt.Sprintf("queue %s band %s number %d", queue, Band(more[0]), seq)
}

func describeDue(rest []byte) string {
	ms, wiki, id, ok := takeExpiry(rest)
	if !ok {
		return malformed(rest)
	}
	return fmt.Sprintf("at %s wiki %s job %s", time.UnixMilli(ms).UTC().Format(time.RFC3339Nano), wiki, id)
}

func describeRunning(rest []byte) string {
	wiki, more, ok := tuple.TakeString(rest)
	id, more, ok2 := takeSuffix(more)
	if !ok || !ok2 || len(more) != 0 {
		return malformed(rest)
	}
	return fmt.Sprintf("wiki %s job %s", wiki, id)
}

func describeTwin(rest []byte) string {
	queue, more, ok := tuple.TakeString(rest)
	if !ok {
		return malformed(rest)
	}
	return fmt.Sprintf("queue %s key hash %x", queue, more)
}

func describeRoot(rest []byte) string {
	queue, more, ok := tuple.TakeString(rest)
	signature, more, ok2 := tuple.TakeString(more)
	if !ok || !ok2 || len(more) != 0 {
		return malformed(rest)
	}
	return fmt.Sprintf("queue %s signature %q", queue, signature)
}

func describeRootExpiry(rest []byte) string {
	bucket, more, ok := tuple.TakeInt64(rest)
	wiki, more, ok2 := tuple.TakeString(more)
	if !ok || !ok2 {
		return malformed(rest)
	}
	return fmt.Sprintf("%s wiki %s %s", describeBucket(bucket), wiki, describeRoot(more))
}

func describeHashed(rest []byte) string {
	bucket, more, ok := tuple.TakeInt64(rest)
	if !ok || len(more) < 16 {
		return malformed(rest)
	}
	text := fmt.Sprintf("%s hash %x", describeBucket(bucket), more[:16])
	if group, _, ok := tuple.TakeUint64(more[16:]); ok {
		text += fmt.Sprintf(" group %d", group)
	}
	return text
}

func describeDead(rest []byte) string {
	queue, more, ok := tuple.TakeString(rest)
	seq, more, ok2 := tuple.TakeUint64(more)
	if !ok || !ok2 || len(more) != 0 {
		return malformed(rest)
	}
	return fmt.Sprintf("queue %s number %d", queue, seq)
}

func describeExpiry(rest []byte) string {
	bucket, wiki, id, ok := takeExpiry(rest)
	if !ok {
		return malformed(rest)
	}
	return fmt.Sprintf("%s wiki %s job %s", describeBucket(bucket), wiki, id)
}

func describeBlob(rest []byte) string {
	id, more, ok := takeSuffix(rest)
	n, more, ok2 := tuple.TakeUint16(more)
	if !ok || !ok2 || len(more) != 0 {
		return malformed(rest)
	}
	return fmt.Sprintf("job %s block %d", id, n)
}

func describeBucket(b int64) string {
	return "bucket " + time.UnixMilli(b*bucketLength.Milliseconds()).UTC().Format("2006-01-02T15")
}

func describeTwinExpiry(rest []byte) string {
	bucket, more, ok := tuple.TakeInt64(rest)
	wiki, more, ok2 := tuple.TakeString(more)
	if !ok || !ok2 {
		return malformed(rest)
	}
	return fmt.Sprintf("%s wiki %s %s", describeBucket(bucket), wiki, describeTwin(more))
}

func describeWaiters(rest []byte) string {
	id, more, ok := takeSuffix(rest)
	page, more, ok2 := tuple.TakeUint64(more)
	if !ok || !ok2 || len(more) != 0 {
		return malformed(rest)
	}
	if page == 0 {
		return fmt.Sprintf("job %s pages", id)
	}
	return fmt.Sprintf("job %s page %d", id, page)
}
