package server

import (
	"context"
	"os"
	"time"

	"auwai/internal/config"
	"auwai/internal/farm"
	"auwai/internal/kv"
	"auwai/internal/node"
	"auwai/internal/partition"
)

// farmWatch is a tenant that sees when what is controlled at run time has changed.
type farmWatch struct{ changed chan<- struct{} }

// Event implements node.Tenant.
func (w *farmWatch) Event(partition.Now, node.Event) {}

// Effects implements node.Tenant.
func (w *farmWatch) Effects(_ partition.Now, m *partition.Machine, effects []any) {
	if m.ID() != farm.Partition {
		return
	}
	for _, e := range effects {
		if _, ok := e.(farm.Controlled); ok {
			select {
			case w.changed <- struct{}{}:
			default: // one is waiting already
			}
			return
		}
	}
}

// Scanned implements node.Tenant.
func (w *farmWatch) Scanned(partition.Now, uint64, []kv.Page, error) {}

// Step implements node.Tenant.
func (w *farmWatch) Step(now partition.Now, _ node.Host) time.Duration { return now.Mono + time.Hour }

// watchEvery is how often the files of the configuration are looked at. A look by name sees what a
// notification of the file system does not: folders that are exchanged by a link, as containers do.
const watchEvery = 2 * time.Second

// farMoment is when nothing is expected.
const farMoment = 24 * time.Hour

// follow takes changes of the configuration and of controls until ctx ends.
func (s *service) follow(ctx context.Context) {
	s.published(ctx)
	seen := stamps(s.live.config().Files)
	look := time.NewTicker(watchEvery)
	defer look.Stop()
	ends := time.NewTimer(s.untilNextEnd())
	defer ends.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.o.Hangup:
			s.log.Info("asked to read the configuration again")
			s.reload(ctx)
			seen = stamps(s.live.config().Files)
		case <-look.C:
			if now := stamps(s.live.config().Files); !now.equal(seen) {
				seen = now
				s.reload(ctx)
			}
		case <-s.changed:
			s.logControls(ctx, s.takeControls(ctx))
			ends.Reset(s.untilNextEnd())
		case <-ends.C:
			s.endPauses(ctx)
			ends.Reset(s.untilNextEnd())
		}
	}
}

func (s *service) untilNextEnd() time.Duration {
	now := time.Now()
	next := nextEnd(s.live.now.Load().controls, now)
	if next.IsZero() {
		return farMoment
	}
	return min(max(next.Sub(now), 0), farMoment) // a clock that was put back is looked at again
}

// takeControls reads the controls and acts by them: when it returns nil, what starts starts by them.
func (s *service) takeControls(ctx context.Context) error {
	return s.live.takeControls(ctx, func(ctx context.Context) ([]farm.Control, error) { return farm.Controls(ctx, s.engine) })
}

func (s *service) logControls(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		s.log.Error("what was controlled could not be taken", "err", err)
	}
}

// endPauses removes pauses whose time has passed.
func (s *service) endPauses(ctx context.Context) {
	now, no := time.Now(), false
	for _, c := range s.live.now.Load().controls {
		if !c.Paused || c.PausedAt(now) {
			continue
		}
		s.log.Info("a pause has ended", "scope", c.Scope.String())
		cmd := &farm.SetControl{Scope: c.Scope, Change: farm.Change{Paused: &no, By: "its time has passed"}}
		if err := s.loop.Do(ctx, farm.Partition, partition.Farm, cmd); err != nil && ctx.Err() == nil {
			s.log.Error("a pause that has ended could not be removed", "scope", c.Scope.String(), "err", err)
		}
	}
	s.logControls(ctx, s.takeControls(ctx))
}

// reload reads the configuration again. One that is wrong changes nothing.
func (s *service) reload(ctx context.Context) {
	if s.o.Reload == nil {
		return
	}
	cfg, err := s.o.Reload()
	if err != nil {
		s.live.setTrouble("the configuration on disk is not used, what was active before is: " + err.Error())
		s.log.Error("the configuration was not taken; what was active is", "err", err)
		return
	}
	old := s.live.now.Load().file
	if err := s.live.setConfig(ctx, cfg); err != nil {
		s.log.Error("the configuration was not taken", "err", err)
		return
	}
	s.waker.Set(stockWikis(cfg))
	s.live.setTrouble(restartWords(old, cfg))
	for _, warning := range cfg.Summary().Warnings {
		s.log.Warn("configuration", "warning", warning)
	}
	if text := s.live.trouble(); text != "" {
		s.log.Warn("the configuration is used in part", "why", text)
	}
	s.published(ctx)
}

func (s *service) published(ctx context.Context) {
	err := s.live.publish(ctx, hostname(), func(ctx context.Context, c partition.Command) error {
		return s.loop.Do(ctx, farm.Partition, partition.Farm, c)
	})
	if err != nil && ctx.Err() == nil {
		s.log.Error("the configuration is used, and could not be recorded", "err", err)
	}
}

// restartWords says what of a configuration needs a restart; "" for nothing.
func restartWords(old, cfg *config.Config) string {
	switch {
	case old.Listen != cfg.Listen:
		return "listen is " + cfg.Listen + " now; it takes a restart, until then it stays " + old.Listen
	case old.Data != cfg.Data:
		return "data is " + cfg.Data + " now; it takes a restart, until then it stays " + old.Data
	case old.CDN.HTCPListen != cfg.CDN.HTCPListen || old.CDN.PurgeListen != cfg.CDN.PurgeListen:
		return "cdn.htcp_listen or cdn.purge_listen has changed; it takes a restart"
	case old.RCFeedListen != cfg.RCFeedListen:
		return "rcfeed_listen has changed; it takes a restart"
	case old.Workers != cfg.Workers:
		return "workers has changed; it takes a restart"
	}
	return ""
}

// fileStamp tells one state of a file from another.
type fileStamp struct {
	size     int64
	modified time.Time
}

type fileStamps map[string]fileStamp

func stamps(files []string) fileStamps {
	out := make(fileStamps, len(files))
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			out[f] = fileStamp{info.Size(), info.ModTime()}
		} // one that is away for a moment is being replaced
	}
	return out
}

// equal reports whether nothing has changed. Files that are not there count as unchanged.
func (a fileStamps) equal(b fileStamps) bool {
	for f, s := range a {
		if old, ok := b[f]; !ok || old != s {
			return false
		}
	}
	return true
}
