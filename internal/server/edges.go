package server

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"auwai/internal/dispatch"
	"auwai/internal/httpapi"
	"auwai/internal/inspect"
	"auwai/internal/intake"
	"auwai/internal/node"
	"auwai/internal/partition"
)

// handler is the HTTP interface over the parts.
func (s *service) handler() http.Handler {
	return httpapi.New(httpapi.Config{
		Intake:  s.intake,
		Queue:   inspect.New(inspect.Config{Loop: s.loop, Engine: s.engine, Dispatch: s.driver}),
		Ready:   s.readiness,
		Metrics: promhttp.HandlerFor(prometheus.NewRegistry(), promhttp.HandlerOpts{}),
		Listen:  s.o.Config.Listen, Version: s.o.Version, Logger: s.o.Logger,
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

func (s *service) dispatchHooks() dispatch.Hooks { return dispatch.Hooks{} }

func (s *service) intakeHooks() intake.Hooks { return intake.Hooks{} }
