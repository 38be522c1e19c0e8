package server

import (
	"log/slog"

	"auwai/internal/config"
	"auwai/internal/runner"
	"auwai/internal/runner/cmdrunner"
)

// commands is the runner of queues whose jobs a command of this host carries out.
func commands(cfg *config.Config, logger *slog.Logger) runner.Runner {
	return cmdrunner.New(cmdrunner.Config{
		Command: func(queue string) []string { return cfg.Queue(queue).Command },
		Env:     config.CommandEnvironment(),
		Logger:  logger,
	})
}
