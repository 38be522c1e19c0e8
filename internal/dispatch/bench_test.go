package dispatch_test

import (
	"testing"
	"time"
)

// BenchmarkJobs measures what a job costs from its push to its end, the partition's commands and a
// store in memory included, with some wikis and queues, and limits that are met.
func BenchmarkJobs(b *testing.B) {
	for _, batch := range []int{1, 50} {
		b.Run(map[int]string{1: "one an attempt", 50: "fifty an attempt"}[batch], func(b *testing.B) {
			r := newRig(b, &policy{node: 64, batch: batch, queues: map[string]settings{"links": {Concurrency: 30, PerWiki: 10, Timeout: time.Minute}}})
			r.uncounted = true
			wikis := []string{"aawiki", "abwiki", "acwiki", "adwiki"}
			r.open(false, wikis...)
			b.ReportAllocs()
			for b.Loop() {
				for _, w := range wikis {
					r.pushOpen(pairOf("links", w), 25)
					r.pushOpen(pairOf("mail", w), 25)
				}
				r.settle()
				r.drainAll()
				r.started, r.commands = r.started[:0], r.commands[:0]
				clear(r.done)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/200, "ns/job")
		})
	}
}
