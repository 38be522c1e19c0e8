package server

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"auwai/internal/config"
	"auwai/internal/fault"
	"auwai/internal/runner/mwrunner"
)

// spoolRounds asks each wiki with the extension, at the start and every minute, to send what its
// spool holds: work of a time when Auwai was away, of a wiki that nobody has edited since.
type spoolRounds struct {
	config func() *config.Config
	client *mwrunner.Client
	log    *slog.Logger
}

const (
	spoolEvery   = time.Minute
	spoolAtOnce  = 8
	spoolTimeout = 20 * time.Second
)

func newSpoolRounds(cfg func() *config.Config, client *mwrunner.Client, log *slog.Logger) *spoolRounds {
	return &spoolRounds{config: cfg, client: client, log: log.With("part", "spool")}
}

// wikis returns those with the extension, in a fixed order.
func (s *spoolRounds) wikis() []string {
	var names []string
	for name, w := range s.config().Wikis {
		if w.HasEndpoint() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Run goes round until ctx ends.
func (s *spoolRounds) Run(ctx context.Context) {
	ticker := time.NewTicker(spoolEvery)
	defer ticker.Stop()
	for {
		s.round(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (s *spoolRounds) round(ctx context.Context) {
	var g errgroup.Group
	g.SetLimit(spoolAtOnce)
	for _, wiki := range s.wikis() {
		g.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, spoolTimeout)
			defer cancel()
			left, err := s.client.Ping(ctx, wiki)
			switch {
			case ctx.Err() != nil:
			case fault.KindOf(err) == fault.Unavailable:
				s.log.Debug("wiki did not answer", "wiki", wiki, "err", err)
			case err != nil:
				s.log.Warn("wiki refused the spool round", "wiki", wiki, "err", err)
			case left > 0:
				s.log.Info("spool has work left", "wiki", wiki, "left", left)
			}
			return nil
		})
	}
	_ = g.Wait() // the functions return nil
}
