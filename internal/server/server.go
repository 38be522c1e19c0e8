package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"auwai/internal/config"
	"auwai/internal/dispatch"
	"auwai/internal/eventlog"
	"auwai/internal/farm"
	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/inspect"
	"auwai/internal/intake"
	"auwai/internal/jobqueue"
	"auwai/internal/kv/pebblekv"
	"auwai/internal/node"
	"auwai/internal/origin/udp"
	"auwai/internal/partition"
	"auwai/internal/runner/mwrunner"
	"auwai/internal/runner/phppool"
	"auwai/internal/runner/purgerunner"
	"auwai/internal/runner/remote"
	"auwai/internal/stock"
	"auwai/internal/telemetry"
	"auwai/internal/upkeep"
	"auwai/internal/web"
)

// Options of a service.
type Options struct {
	Config  *config.Config
	Drain   time.Duration
	Logger  *slog.Logger
	Version string
	// Listener, if not nil, is served instead of the configured address.
	Listener net.Listener
	// Reload, if not nil, reads the configuration again: when a file of it changes, and when Hangup
	// says so. An error leaves what is active as it is.
	Reload func() (*config.Config, error)
	Hangup <-chan os.Signal
	// OnReady, if not nil, is called once when requests are answered, with the address.
	OnReady func(addr net.Addr)
}

// Registry returns all families of keys, for "auwai keys" and the service.
func Registry() (*partition.Registry, error) {
	families := farm.Families()
	for _, d := range domains() {
		families = append(families, d.Families()...)
	}
	return partition.NewRegistry(families...)
}

func domains() []partition.Domain {
	return []partition.Domain{eventlog.Domain{}, jobqueue.Domain{}, intake.Domain{}}
}

// Run serves until ctx ends, then stops in order. It returns nil after an orderly stop.
func Run(ctx context.Context, o Options) error {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	open, err := o.listen(ctx)
	if err != nil {
		return err
	}
	s, err := o.build(ctx, open)
	if err != nil {
		_ = open.close() // the error that ends the service is told
		return err
	}
	return s.run(ctx, open.http)
}

// service is everything that runs.
type service struct {
	o       Options
	log     *slog.Logger
	engine  *pebblekv.Engine
	failed  chan error // a write to the store failed
	loop    *node.Loop
	machine *node.Machine
	driver  *dispatch.Driver
	intake  *intake.Intake
	client  *mwrunner.Client
	workers *phppool.Pool
	live    *live
	changed chan struct{}       // what is controlled at run time has changed
	purge   *purgerunner.Runner // with layers, changed with the configuration only
	caches  config.CDN          // that purge is for
	spools  *spoolRounds
	front   *front
	wires   *wires
	hub     *remote.Hub
	waker   *stock.Waker
	feed    *udp.Receiver // nil: RCFeed packets are not taken

	metrics   *telemetry.Metrics
	inspector *inspect.Inspector
	tally     tally
	pages     *web.Web
}

func (o *Options) build(ctx context.Context, open *sockets) (*service, error) {
	s := &service{o: *o, log: o.Logger.With("part", "server"), failed: make(chan error, 1), changed: make(chan struct{}, 1)}
	if err := os.MkdirAll(o.Config.Data, 0o750); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "make the data folder; name another one with --data")
	}
	var err error
	s.engine, err = pebblekv.Open(ctx, pebblekv.Config{
		Dir: o.Config.Data, Logger: o.Logger.With("part", "store"),
		OnFailure: func(err error) {
			select {
			case s.failed <- err:
			default:
			}
		},
	})
	if err != nil {
		return nil, err
	}
	learned, err := farm.Wikis(ctx, s.engine)
	var controls []farm.Control
	if err == nil {
		controls, err = farm.Controls(ctx, s.engine) // before anything can start: it may be paused
	}
	if err == nil {
		err = s.assemble(learned, controls)
	}
	if err == nil {
		s.wires, err = s.openWires(ctx, open)
	}
	if err == nil {
		if s.feed, err = s.openFeed(ctx); err != nil {
			err = errors.Join(err, s.wires.abandon())
		}
	}
	if err != nil {
		_ = s.engine.Close()
		return nil, err
	}
	return s, nil
}

func (s *service) assemble(learned []farm.Wiki, controls []farm.Control) error {
	registry, err := Registry()
	if err != nil {
		return err
	}
	s.metrics = telemetry.New(s.o.Version, s.state())
	s.client = mwrunner.New(mwrunner.Config{
		Wikis: func(name string) (mwrunner.Wiki, bool) { return wikiOf(s.live.config(), name) }, Version: s.o.Version, Logger: s.o.Logger,
	})
	s.workers = s.newWorkers()
	s.waker = s.newWaker()
	s.hub = s.newHub()
	s.live = newLive(s.o.Config, controls, s.o.Logger, s.policyOf)
	pol := &loopPolicy{s.live.now.Load().policy}
	s.machine = node.New(node.Config{
		Name: hostname(), Exclusive: true, Registry: registry, Domains: domains(),
		NewSession: func() ident.Session { return ident.Session(rand.Uint64N(uint64(ident.MaxSession))) + 1 }, //nolint:gosec // no secret: it has to be new
	})
	s.driver = dispatch.NewDriver(dispatch.DriverConfig{
		Machine: dispatch.New(dispatch.Config{Policy: pol, Workers: s.hub, Random: rand.Float64, Hooks: s.dispatchHooks()}),
		Engine:  s.engine, Runners: s.live.runner, Remote: s.hub, Logger: s.o.Logger,
	})
	keeper := upkeep.New(upkeep.Config{OnError: func(err error) { s.log.Warn("upkeep failed, will be tried again", "err", err) }})
	s.loop = node.NewLoop(node.LoopConfig{
		Machine: s.machine, Tenant: node.Join(s.driver, keeper, &farmWatch{s.changed}), Engine: s.engine, Logger: s.o.Logger,
	})
	s.driver.Attach(s.loop.Poke)
	s.hub.Attach(s.loop.Poke)
	s.live.swapped = func(ctx context.Context, p *policy) error {
		return s.loop.Ask(ctx, func(now partition.Now, _ *node.Machine) {
			pol.policy = p
			s.driver.Changed(now)
		})
	}
	s.inspector = inspect.New(inspect.Config{Loop: s.loop, Engine: s.engine, Dispatch: s.driver, Secrets: s.secrets, Wikis: s.shownWikis})
	s.intake = intake.New(intake.Config{
		Node:     &entrance{loop: s.loop, silent: silentFor, minter: ident.NewMinter(s.machine.Session())},
		Settings: s.live.settings, Log: s.o.Logger, Hooks: s.metrics.Intake(),
	}, learned)
	s.spools = newSpoolRounds(s.live.config, s.client, s.o.Logger)
	s.pages = s.dashboard()
	s.front = newFront(&http.Server{
		Handler: s.handler(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 2 * time.Minute,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(s.o.Logger.With("part", "http").Handler(), slog.LevelWarn),
	})
	return nil
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "unnamed"
	}
	return name
}

// run starts everything, waits for the end, and stops in reverse.
func (s *service) run(ctx context.Context, listener net.Listener) error {
	work, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	stopIntake, intakeCancel := context.WithCancel(work)
	stopSpools, spoolsCancel := context.WithCancel(work)
	stopWires, wiresCancel := context.WithCancel(work)
	loopEnded := make(chan error, 1)
	var parts sync.WaitGroup
	go func() { loopEnded <- s.loop.Run(work) }()
	parts.Go(func() { _ = s.intake.Run(stopIntake) }) // returns nil
	stopWorkers := s.startWorkers(work)
	defer stopWorkers()
	err := s.opened(ctx)
	var asked time.Time
	if err == nil {
		go s.front.serve(listener)
		parts.Go(func() { s.spools.Run(stopSpools) })
		s.wires.start(stopWires, &parts, func(err error) { s.log.Warn("a wire could not end in order", "err", err) })
		s.startStock(stopSpools, &parts)
		parts.Go(func() { _ = s.pages.Run(stopSpools) }) // returns nil
		parts.Go(func() { s.follow(stopSpools) })
		s.ready(listener)
		err = s.wait(ctx, loopEnded)
		asked = time.Now()
		s.front.leave()
		s.wires.leave()
		_, _ = daemon.SdNotify(false, daemon.SdNotifyStopping)
		if err == nil {
			s.log.Info("stopping", "drain", s.o.Drain)
			s.hub.Drain()
			s.drain(work)
		} else {
			// Nothing can be committed any more, so there is nothing to wait for: the next start finds
			// the session and the claims.
			s.log.Error("stopping at once", "err", err)
			abandon()
		}
	} else {
		_ = errors.Join(listener.Close(), s.wires.abandon()) // the error that ends the service is told
		if ctx.Err() != nil {
			err = nil // asked to stop before it was ready
		}
	}
	spoolsCancel()
	s.closeFeed()
	cut := errors.Join(s.front.close(work, time.Since(asked)), s.wires.close(work, time.Since(asked)))
	if cut != nil {
		s.log.Warn("the HTTP server could not end in order", "err", cut)
	}
	wiresCancel()
	intakeCancel()
	parts.Wait()
	return errors.Join(err, s.end(loopEnded))
}

// wait returns when the service has to stop: nil when it was asked to.
func (s *service) wait(ctx context.Context, loopEnded chan error) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.front.served:
		s.front.served <- err
		return fmt.Errorf("serve HTTP: %w", err)
	case err := <-s.wires.served():
		s.wires.served() <- err
		return fmt.Errorf("serve PURGE: %w", err)
	case err := <-loopEnded:
		loopEnded <- err
		return errors.New("the node's loop has ended")
	case err := <-s.failed:
		return fault.Wrap(fault.Internal, err, "the store cannot be written; everything acknowledged is there, start again when the disk is right")
	}
}

// opened waits until every partition takes commands: until then connections wait in the socket.
func (s *service) opened(ctx context.Context) error {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		n := 0
		if err := s.loop.Ask(ctx, func(_ partition.Now, m *node.Machine) { n = m.OpenCount() }); err != nil {
			return fmt.Errorf("open the partitions: %w", err)
		}
		if n == partition.Count {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("open the partitions: %w", ctx.Err())
		case err := <-s.failed:
			return fault.Wrap(fault.Internal, err, "open the partitions")
		case <-ticker.C:
		}
	}
}

func (s *service) ready(listener net.Listener) {
	s.log.Info("ready", "listen", listener.Addr().String(), "data", s.o.Config.Data, "access", s.o.Config.Access.Words(), "wikis", len(s.o.Config.Wikis), "version", s.o.Version)
	_, _ = daemon.SdNotify(false, daemon.SdNotifyReady)
	if s.o.OnReady != nil {
		s.o.OnReady(listener.Addr())
	}
}

// drainExtra is the time after the drain in which cut short attempts are stored.
const drainExtra = 5 * time.Second

// drain ends dispatch: nothing starts, what runs may end until the drain time. Requests are answered
// meanwhile.
func (s *service) drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, s.o.Drain+drainExtra)
	defer cancel()
	if !s.loop.Inspect(func(now partition.Now, _ *node.Machine) { s.driver.Drain(now.Mono + s.o.Drain) }) {
		return
	}
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		done := false
		if err := s.loop.Ask(ctx, func(partition.Now, *node.Machine) { done = s.driver.Drained() }); err != nil || done {
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			s.log.Warn("running attempts could not be stored in time; they are found as claims")
			return
		}
	}
}

// loopStop bounds the time in which the node gives everything up.
const loopStop = 10 * time.Second

func (s *service) end(loopEnded chan error) error {
	s.loop.Stop()
	var err error
	timer := time.NewTimer(loopStop)
	defer timer.Stop()
	select {
	case err = <-loopEnded:
	case <-timer.C:
		err = errors.New("the node could not give its session up; the next start is cautious")
	}
	s.hub.Close()
	s.driver.Close()
	s.client.Close()
	if s.purge != nil {
		s.purge.Close()
	}
	if err != nil {
		return err
	}
	if err := s.engine.Close(); err != nil {
		return fmt.Errorf("close the store: %w", err)
	}
	s.log.Info("stopped")
	return nil
}
