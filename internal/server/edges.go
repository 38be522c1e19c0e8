package server

import (
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"auwai/internal/dispatch"
	"auwai/internal/httpapi"
	"auwai/internal/inspect"
	"auwai/internal/intake"
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

// live is what the loop last said of itself, for requests that must not wait for it.
type live struct {
	ok     atomic.Bool
	reason atomic.Value
}

func (s *service) readiness() (ok bool, reason string) { return true, "" }

func (s *service) dispatchHooks() dispatch.Hooks { return dispatch.Hooks{} }

func (s *service) intakeHooks() intake.Hooks { return intake.Hooks{} }
