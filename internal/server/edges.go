package server

import (
	"context"
	"net/http"
	"time"

	"auwai/internal/dispatch"
	"auwai/internal/httpapi"
	"auwai/internal/ident"
	"auwai/internal/inspect"
	"auwai/internal/jobqueue"
	"auwai/internal/node"
	"auwai/internal/partition"
	"auwai/internal/telemetry"
)

// state is what metrics ask for at a scrape. The inspector is there when the first one comes.
func (s *service) state() telemetry.State {
	return telemetry.State{
		Totals: func(ctx context.Context) (inspect.Totals, bool) { return s.inspector.Totals(ctx) },
		Store:  s.engine.Metrics,
	}
}

// handler is the HTTP interface over the parts.
func (s *service) handler() http.Handler {
	return httpapi.New(httpapi.Config{
		Intake:  s.intake,
		Queue:   s.inspector,
		Insight: s.inspector,
		Bulk:    s.inspector,
		Claims:  s.hub,
		Control: controls{s},
		Ready:   s.readiness,
		Metrics: s.metrics.Handler(),
		Access:  s.access,
		Pages:   s.pages,
		Listen:  s.o.Config.Listen, Version: s.o.Version, Logger: s.o.Logger,
		Hooks: httpapi.Hooks{OnRequest: s.metrics.Request},
	})
}

// readyWithin is how long the loop may take to say whether it can commit.
const readyWithin = time.Second

// readiness says whether this node can commit. Its configuration is active from the start: the one
// node of an embedded store reads its own file. A file that was changed and is not used is told.
func (s *service) readiness() (ok bool, reason string) {
	ctx, cancel := context.WithTimeout(context.Background(), readyWithin)
	defer cancel()
	live := false
	if err := s.loop.Ask(ctx, func(_ partition.Now, m *node.Machine) { live = m.Live() }); err != nil {
		return false, "the node's loop does not answer: " + err.Error()
	}
	if !live {
		return false, "this node cannot commit: its session is not live"
	}
	return true, s.live.trouble()
}

// dispatchHooks count, and log what an operator is looking for in a log: wikis that take no work, and
// jobs that died.
func (s *service) dispatchHooks() dispatch.Hooks {
	h := s.metrics.Dispatch()
	log := s.o.Logger.With("part", "dispatch")
	hold, section, finished, repaired, start := h.OnHold, h.OnSection, h.OnFinished, h.OnRepaired, h.OnStart
	h.OnStart = func(pair jobqueue.Pair, jobs int, waited time.Duration) {
		start(pair, jobs, waited)
		s.tally.started.Add(uint64(max(jobs, 0)))
	}
	h.OnHold = func(wiki, reason string) {
		hold(wiki, reason)
		if reason == "" {
			log.Info("wiki takes work again", "wiki", wiki)
			return
		}
		log.Warn("wiki takes no work, it is held and probed", "wiki", wiki, "reason", reason)
	}
	h.OnSection = func(name, reason string) {
		section(name, reason)
		if reason == "" {
			log.Info("database section takes work again", "section", name)
			return
		}
		log.Warn("database section takes no work, its wikis are held and one of them is probed", "section", name, "reason", reason)
	}
	h.OnFinished = func(f jobqueue.Finished) {
		finished(f)
		s.tally.end(f)
		if f.State == jobqueue.Dead {
			id := ident.ID{Wiki: f.Pair.Wiki, Suffix: f.ID}
			log.Info("job is dead", "job_id", id.String(), "queue", f.Pair.Queue, "attempts", f.Tries)
		}
	}
	h.OnRepaired = func(text string) {
		repaired(text)
		log.Error("a key that leads nowhere was removed", "what", text)
	}
	return h
}
