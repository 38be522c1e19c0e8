// Package main is scratch.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime/pprof"

	"auwai/internal/bench"
)

func main() {
	var o bench.QueueOptions
	flag.IntVar(&o.Jobs, "jobs", 100000, "")
	flag.IntVar(&o.Batch, "batch", 1, "")
	flag.IntVar(&o.Producers, "producers", 64, "")
	flag.IntVar(&o.Consumers, "consumers", 64, "")
	flag.IntVar(&o.Payload, "payload", 400, "")
	flag.StringVar(&o.Sync, "sync", "durable", "")
	flag.StringVar(&o.Profile, "profile", "", "")
	flag.Parse()
	f, _ := os.Create("/tmp/bq/whole")
	pprof.StartCPUProfile(f)
	defer pprof.StopCPUProfile()
	if _, err := bench.Queue(context.Background(), o, os.Stdout); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
