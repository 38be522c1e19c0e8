package jobqueue_test

import (
	"bytes"
	"fmt"
	"syscall"
	"testing"
	"time"

	"auwai/internal/jobqueue"
	"auwai/internal/jobqueue/jobqueuetest"
	"auwai/internal/partition"
)

// BenchmarkPushFinish measures a job's whole life in commands of a batch of jobs, groups of about a
// thousand jobs, on a store that keeps nothing: the queue, the event log's append and the partition's
// own work. The last kind has everything that costs.
func BenchmarkPushFinish(b *testing.B) {
	for _, batch := range []int{1, 100} {
		for _, kind := range []string{"plain", "key", "request", "all"} {
			b.Run(fmt.Sprintf("%s/batch=%d", kind, batch), func(b *testing.B) { benchLife(b, kind, batch) })
		}
	}
}

func benchLife(b *testing.B, kind string, batch int) {
	const group = 1_000
	b.ReportAllocs()
	rig := jobqueuetest.New(b, partition.Of("enwiki"))
	rig.Discard = true
	var ready []*jobqueue.Job
	rig.OnEffect = func(e any) {
		if r, ok := e.(jobqueue.BecameReady); ok {
			ready = append(ready, r.Job)
		}
	}
	payload := bytes.Repeat([]byte{'x'}, 400)
	pair := jobqueue.Pair{Wiki: "enwiki", Queue: "refreshLinks"}
	b.ResetTimer()
	before := cpu(b)
	lives := 0
	for done := 0; done < b.N; done += group {
		for n := 0; n < group; n += batch {
			push := &jobqueue.Push{Jobs: make([]jobqueue.New, batch)}
			for i := range push.Jobs {
				job := &push.Jobs[i]
				*job = jobqueue.New{ID: rig.Mint(), Pair: pair, Band: jobqueue.Normal, Payload: payload}
				if kind == "key" || kind == "all" {
					job.Key = fmt.Sprintf("%040d", n+i)
				}
				if kind == "request" || kind == "all" {
					job.RequestID = fmt.Sprintf("%024d", n/10)
				}
				if kind == "all" {
					job.Root = jobqueue.Root{Signature: "f628445490e657a3bbd1d4d62a6447bcc215899c", Timestamp: "20260102030405"}
					job.Source.Name = fmt.Sprintf("e:%036d", done+n+i)
				}
			}
			if err := rig.Apply(push); err != nil {
				b.Fatal(err)
			}
		}
		rig.Commit()
		lives += group
		for len(ready) > 0 {
			finish := &jobqueue.Finish{}
			for range min(batch, len(ready)) {
				c, ok := rig.Mem().Claim(ready[0])
				if !ok {
					b.Fatal("a job that is ready cannot be claimed")
				}
				ready = ready[1:]
				finish.Outcomes = append(finish.Outcomes, jobqueue.Ended{Claim: c, Outcome: jobqueue.OutcomeDone, Start: rig.Clock.Wall, End: rig.Clock.Wall})
			}
			if err := rig.Apply(finish); err != nil {
				b.Fatal(err)
			}
		}
		rig.Commit()
	}
	b.ReportMetric(float64((cpu(b)-before).Nanoseconds())/float64(lives), "cpu-ns/life")
}

// cpu is the time that the process has used on all cores, collection of garbage included: on a busy
// machine it says more than the clock.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
