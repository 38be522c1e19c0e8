package server

import (
	"context"
	"net/http"
	"time"

	"auwai/internal/httpapi"
	"auwai/internal/inspect"
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
		Ready:   s.readiness,
		Metrics: s.metrics.Handler(),
		Listen:  s.o.Config.Listen, Version: s.o.Version, Logger: s.o.Logger,
		Hooks: httpapi.Hooks{OnRequest: s.metrics.Request},
	})
}

// readyWithin is how long the loop may take to say whether it can commit.
const readyWithin = time.Second

// readiness says whether this node can commit. Its configuration is active from the start: the one
// node of an embedded store reads its own file.
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
	return true, ""
}
