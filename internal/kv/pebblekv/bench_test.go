package pebblekv

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"auwai/internal/kv"
	"auwai/internal/kv/kvtest"
)

func BenchmarkPebblekv(b *testing.B) {
	for _, sync := range []Sync{Durable, Relaxed} {
		b.Run(sync.String(), func(b *testing.B) {
			kvtest.Bench(b, func(b *testing.B) kv.Engine {
				return mustOpen(b, Config{Dir: b.TempDir(), Sync: sync})
			})
		})
	}
}

// BenchmarkConcurrentCommits shows how many commits share a sync.
func BenchmarkConcurrentCommits(b *testing.B) {
	for _, callers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("%d callers", callers), func(b *testing.B) {
			e := mustOpen(b, Config{Dir: b.TempDir()})
			before := e.Metrics().LogSyncs
			var group sync.WaitGroup
			for c := range callers {
				group.Go(func() {
					for i := c; i < b.N; i += callers {
						var batch kv.Batch
						batch.Set(fmt.Appendf(nil, "key-%09d", i), []byte("a small value"))
						if err := e.Commit(b.Context(), &batch); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			group.Wait()
			b.ReportMetric(float64(e.Metrics().LogSyncs-before)/float64(b.N), "syncs/op")
		})
	}
}

// BenchmarkMillionJobs holds a million jobs of 400 bytes with a ready key each, then works them off
// from the front with a cursor, a thousand at a time, and reports memory, disk and syncs.
func BenchmarkMillionJobs(b *testing.B) {
	const jobs, group = 1_000_000, 1_000
	for b.Loop() {
		e := mustOpen(b, Config{Dir: b.TempDir()})
		payload := []byte(strings.Repeat(`{"page":"Main Page"}`, 20))
		for from := 0; from < jobs; from += group {
			var batch kv.Batch
			for i := from; i < from+group; i++ {
				batch.Set(fmt.Appendf(nil, "job-%016d", i), payload)
				batch.Set(fmt.Appendf(nil, "ready-%016d", i), nil)
			}
			if err := e.Commit(b.Context(), &batch); err != nil {
				b.Fatal(err)
			}
		}
		full := e.Metrics()
		b.ReportMetric(residentMB(b), "rss_full_MB")
		b.ReportMetric(float64(full.DiskBytes)/jobs, "disk_bytes/job")
		drain(b, e, jobs, group)
		b.ReportMetric(residentMB(b), "rss_drained_MB")
		b.ReportMetric(float64(e.Metrics().LogSyncs), "log_syncs")
	}
}

func drain(b *testing.B, e *Engine, jobs, group int) {
	cursor := kv.Key("ready-")
	for done := 0; done < jobs; done += group {
		pages, err := e.Scan(b.Context(), kv.Range{From: cursor, To: kv.Key("ready."), Limit: group, KeysOnly: true})
		if err != nil || len(pages[0].Entries) != group {
			b.Fatalf("%d ready, %v", len(pages[0].Entries), err)
		}
		var batch kv.Batch
		for _, entry := range pages[0].Entries {
			batch.Delete(entry.Key)
			batch.Delete(append([]byte("job-"), entry.Key[len("ready-"):]...))
		}
		if err := e.Commit(b.Context(), &batch); err != nil {
			b.Fatal(err)
		}
		cursor = append(pages[0].Entries[group-1].Key, 0)
	}
}

// residentMB reads the peak of this process's resident memory.
func residentMB(b *testing.B) float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Logf("no figure of memory here: %v", err)
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmHWM:" {
			kB, err := strconv.ParseFloat(fields[1], 64)
			if err != nil {
				b.Fatal(err)
			}
			return kB / 1024
		}
	}
	return 0
}

// BenchmarkRequireOfTheSessionKey is what a Require costs for a key that the commit before wrote:
// the reason why required values are not remembered.
func BenchmarkRequireOfTheSessionKey(b *testing.B) {
	e := mustOpen(b, Config{Dir: b.TempDir(), Sync: Relaxed})
	var batch kv.Batch
	for i := range 9_000 {
		batch.Set(fmt.Appendf(nil, "row-%06d", i), []byte("a small value"))
	}
	batch.Set([]byte("session"), []byte("7"))
	if err := e.Commit(b.Context(), &batch); err != nil {
		b.Fatal(err)
	}
	r := kv.Requirement{Key: []byte("session"), Value: []byte("7")}
	b.ReportAllocs()
	for b.Loop() {
		if err := e.require(&r); err != nil {
			b.Fatal(err)
		}
	}
}
