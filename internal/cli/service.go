package cli

import (
	"context"
	"io"

	"auwai/internal/bench"
	"auwai/internal/server"
)

// Service returns the commands of the program as it is shipped.
func Service() Deps {
	return Deps{
		Serve: func(ctx context.Context, o ServeOptions) error {
			return server.Run(ctx, server.Options{Config: o.Config, Drain: o.Drain, Logger: o.Logger, Version: o.Version, Reload: o.Reload, Hangup: o.Hangup})
		},
		BenchQueue: func(ctx context.Context, o BenchQueueOptions, w io.Writer) error {
			_, err := bench.Queue(ctx, bench.QueueOptions{
				Jobs: o.Jobs, Batch: o.Batch, Producers: o.Producers, Consumers: o.Consumers, Payload: o.Payload, Wikis: o.Wikis,
				Sync: o.Sync, Dir: o.Dir, JSON: o.JSON,
			}, w)
			return err
		},
		BenchFairness:  bench.Fairness,
		BenchMediaWiki: bench.MediaWiki,
		StartService:   server.Start,
		Registry:       server.Registry,
	}
}
