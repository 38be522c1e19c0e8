package limit

import "math"

// Limit is what the configuration says of a name. The zero value bounds nothing.
type Limit struct {
	Concurrency int     // slots; 0 or less: no bound
	Rate        float64 // items a second; 0 or less: no bound
	Burst       float64 // items that may be taken at once after a pause; below 1: the rate, at least 1
}

// micro is the unit in which buckets count: a millionth of an item.
const micro = 1_000_000

// Bounds, so that a bucket's arithmetic stays in 64 bits.
const (
	maxRate  = 1e9
	maxBurst = 1e9
)

// perSecond returns the rate in millionths of an item, 0 for no bound.
func (l Limit) perSecond() int64 {
	if !(l.Rate > 0) { // also what is not a number
		return 0
	}
	return max(int64(math.Round(min(l.Rate, maxRate)*micro)), 1)
}

// most returns what the bucket holds when it is full, in millionths.
func (l Limit) most() int64 {
	burst := l.Burst
	if !(burst >= 1) {
		burst = max(l.Rate, 1)
	}
	return int64(min(burst, maxBurst) * micro)
}

// Queue returns the name of a queue's limiter.
func Queue(queue string) string { return "queue:" + queue }

// Pair returns the name of the limiter of a queue of a wiki.
func Pair(queue, wiki string) string { return "pair:" + queue + "@" + wiki }

// Wiki returns the name of a wiki's limiter.
func Wiki(wiki string) string { return "wiki:" + wiki }

// Tag returns the name of a tag's limiter.
func Tag(name, value string) string { return "tag:" + name + "=" + value }
