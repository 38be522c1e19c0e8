package server

import (
	"context"
	"log/slog"
	"time"

	"auwai/internal/config"
	"auwai/internal/fault"
	"auwai/internal/node"
	"auwai/internal/partition"
	"auwai/internal/runner"
	"auwai/internal/runner/cmdrunner"
	"auwai/internal/runner/remote"
)

// commands is the runner of queues whose jobs a command of this host carries out.
func commands(cfg *config.Config, logger *slog.Logger) runner.Runner {
	return cmdrunner.New(cmdrunner.Config{
		Command: func(queue string) []string { return cfg.Queue(queue).Command },
		Env:     config.CommandEnvironment(),
		Logger:  logger,
	})
}

// newHub returns what hands jobs to workers that come for them.
func (s *service) newHub() *remote.Hub {
	return remote.New(remote.Config{Extend: s.extend, Logger: s.o.Logger})
}

// extendWithin is how long a heartbeat is waited for to become durable. Its worker has time for another
// one: it sends one every third of what it has.
const extendWithin = 10 * time.Second

// extend stores the heartbeat of a worker.
func (s *service) extend(ctx context.Context, e remote.Extension) error {
	ctx, cancel := context.WithTimeout(ctx, extendWithin)
	defer cancel()
	done := make(chan error, 1)
	err := s.loop.Ask(ctx, func(partition.Now, *node.Machine) {
		s.driver.Extend(e.ID, e.Holder, e.Deadline, e.Progress, func(err error) { done <- err })
	})
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "store the heartbeat")
	}
	s.loop.Poke()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fault.Wrap(fault.Unknown, ctx.Err(), "store the heartbeat")
	}
}
