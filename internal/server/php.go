package server

import (
	"context"
	"log/slog"

	"auwai/internal/config"
	"auwai/internal/runner/phppool"
)

// newWorkers returns the PHP processes of this host, none of which runs before there is work for it.
func (s *service) newWorkers() *phppool.Pool {
	// Not s.live.config itself: what is active is there only when the pool is.
	return PHPWorkers(s.o.Config.Workers, func() *config.Config { return s.live.config() }, s.o.Logger)
}

// PHPWorkers returns the PHP processes that a configuration describes. present returns the active one,
// whose wikis with the runner worker they run; w is what holds for the processes themselves.
func PHPWorkers(w config.Workers, present func() *config.Config, logger *slog.Logger) *phppool.Pool {
	return phppool.New(phppool.Config{
		Wikis: func(name string) (phppool.Wiki, bool) {
			wiki := present().Wikis[name]
			if wiki == nil || wiki.Runner != config.RunnerWorker {
				return phppool.Wiki{}, false
			}
			return phppool.Wiki{Path: wiki.Path, Script: w.Script, Args: wiki.WorkerArgs}, true
		},
		PHP: w.PHP, Processes: w.Processes, MaxJobs: w.MaxJobs, MaxAge: w.MaxAge, MaxMemory: w.MaxMemory, Idle: w.Idle,
		Cgroup: w.Cgroup, Env: config.WorkerEnvironment(), Logger: logger,
	})
}

// startWorkers starts the pool and returns what ends it, when all attempts have ended.
func (s *service) startWorkers(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.workers.Run(ctx) // returns nil
	}()
	return func() {
		cancel()
		<-ended
	}
}
