package cli

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"auwai/client"
	"auwai/internal/config"
	"auwai/internal/jobqueue"
	"auwai/internal/runner"
	"auwai/internal/runner/cmdrunner"
	"auwai/internal/runner/phppool"
	"auwai/internal/runner/remote"
	"auwai/internal/server"
	"auwai/internal/telemetry"
	"auwai/internal/worker"
)

// workerOptions is what "auwai worker" was asked for.
type workerOptions struct {
	queues              []string
	wiki, name          string
	capacity            string
	php                 string // configuration with the wikis; "": a command
	slots               int
	timeout, lease      time.Duration
	drain               time.Duration
	logFormat, logLevel string
}

func (a *app) worker() *cobra.Command {
	var o workerOptions
	c := a.withServer(&cobra.Command{
		Use:   "worker [flags] [-- PROGRAM [ARGUMENT…]]",
		Short: "Carry out jobs of a service on this host",
		Long: `Claim jobs of queues with "runner: remote" and carry them out by a command. A job comes on stdin as
one line of JSON, as a command of the service itself gets it; exit 0 is done, 75 is "not now", any
other end is a failure.

With --wiki it takes jobs of that wiki, whatever their runner is. With --php, in place of a program, it
runs MediaWiki's jobs on PHP processes of this host that stay alive: of the wikis that a configuration
file here gives the runner "worker" and a path.

At SIGTERM or SIGINT it claims nothing more, lets jobs end for as long as --drain says, gives back
what still runs, and exits 0. When it is killed, its jobs are tried again after --lease.`,
		Example: `  auwai worker --queue encode --concurrency 2 -- /usr/local/bin/encode --fast
  auwai worker --server http://auwai.example:8192 --queue dump --capacity cores=16,memory=64GiB --concurrency 16 -- /usr/bin/dump-chunk
  auwai worker --wiki aawiki --concurrency 4 --php /etc/auwai/worker.yaml`,
		RunE: func(c *cobra.Command, argv []string) error {
			// Before the two dashes nothing is expected: a flag of the program would be taken for ours.
			switch program := c.ArgsLenAtDash() == 0 && len(argv) > 0; {
			case o.php != "" && len(argv) > 0:
				return usage("a program is given beside --php; give one of them")
			case o.php == "" && !program:
				return usage("the program is missing; write it, with its arguments, after --")
			}
			return a.runWorker(c.Context(), &o, argv)
		},
	})
	f := c.Flags()
	f.StringArrayVar(&o.queues, "queue", nil, "take jobs of this queue; can be given again (default: of all)")
	f.StringVar(&o.wiki, "wiki", "", "take jobs of this wiki only, whatever their runner is")
	f.StringVar(&o.php, "php", "", "run MediaWiki's jobs, of the wikis in this configuration file")
	f.IntVar(&o.slots, "concurrency", 1, "jobs at once")
	f.StringVar(&o.capacity, "capacity", "", "what they may need together, as cores=4,memory=8GiB (default: any)")
	f.StringVar(&o.name, "name", "", "name of this worker (default: the host's, with the process's number)")
	f.DurationVar(&o.timeout, "timeout", 0, "how long a job may run (default: as long as it lives)")
	f.DurationVar(&o.lease, "lease", worker.DefaultPeriod, "when the service takes a job back that it hears nothing of")
	f.DurationVar(&o.drain, "drain", worker.DefaultDrain, "how long running jobs are waited for at a stop")
	f.StringVar(&o.logFormat, "log-format", "text", "text or json")
	f.StringVar(&o.logLevel, "log-level", "info", "debug, info, warn or error")
	return c
}

// check finds what the flags cannot mean.
func (o *workerOptions) check() error {
	switch {
	case o.slots < 1:
		return usage("--concurrency is %d; a number from 1 on is expected", o.slots)
	case len(o.queues) > remote.MaxQueues:
		return usage("--queue is given %d times; at most %d are allowed", len(o.queues), remote.MaxQueues)
	case o.timeout < 0:
		return usage("--timeout is %s; it cannot be negative", o.timeout)
	case o.lease < 3*remote.MinPeriod || o.lease > remote.MaxPeriod:
		return usage("--lease is %s; a duration from %s to %s is expected", o.lease, 3*remote.MinPeriod, remote.MaxPeriod)
	case o.drain < 0:
		return usage("--drain is %s; it cannot be negative", o.drain)
	}
	return nil
}

func (a *app) runWorker(ctx context.Context, o *workerOptions, argv []string) error {
	if err := o.check(); err != nil {
		return err
	}
	capacity, err := parseCapacity(o.capacity)
	if err != nil {
		return err
	}
	logger, err := telemetry.NewLogger(a.stderr, o.logFormat, o.logLevel)
	if err != nil {
		return usage("--%s", err)
	}
	to, err := a.target()
	if err != nil {
		return err
	}
	to.Conns = o.slots + 2 // an outcome and a heartbeat of each at once, and a claim
	service, err := client.New(to)
	if err != nil {
		return err
	}
	defer service.Close()
	if o.name == "" {
		o.name = ownName()
	}
	cfg := worker.Config{
		Claims: service, Queues: o.queues, Wiki: o.wiki, Name: o.name, Slots: o.slots, Capacity: capacity,
		Timeout: o.timeout, Period: o.lease, Drain: drainOf(o.drain), Logger: logger,
	}
	var w *worker.Worker
	if o.php != "" {
		pool, end, err := startPHP(ctx, o.php, logger)
		if err != nil {
			return err
		}
		defer end()
		cfg.Runner = pool.Runner()
	} else {
		cfg.Runner = commandOf(argv, logger, func(job string, p jobqueue.Progress) { w.Progress(job, p) })
	}
	w = worker.New(cfg)
	logger.Info("worker claims jobs", slog.String("server", to.Server), slog.String("name", o.name),
		slog.Any("queues", o.queues), slog.String("wiki", o.wiki), slog.Int("concurrency", o.slots))
	err = w.Run(ctx)
	logger.Info("worker has stopped")
	return err
}

// commandOf runs a program for each job.
func commandOf(argv []string, logger *slog.Logger, progress func(job string, p jobqueue.Progress)) runner.Runner {
	return cmdrunner.New(cmdrunner.Config{
		Command: func(string) []string { return argv },
		Env:     config.CommandEnvironment(),
		OnProgress: func(job string, r cmdrunner.Report) {
			p := jobqueue.Progress{Message: r.Message, ResultURL: r.ResultURL}
			if r.Progress != nil {
				p.Percent = *r.Progress
			}
			progress(job, p)
		},
		Logger: logger,
	})
}

// startPHP starts the PHP processes of a configuration file. end is for when no job runs any more.
func startPHP(ctx context.Context, file string, logger *slog.Logger) (pool *phppool.Pool, end func(), err error) {
	cfg, err := config.Load(file)
	if err != nil {
		return nil, nil, err
	}
	if !slices.ContainsFunc(slices.Collect(maps.Values(cfg.Wikis)), func(w *config.Wiki) bool { return w.Runner == config.RunnerWorker }) {
		return nil, nil, usage("no wiki in %s has the runner worker; give one, with the path of its MediaWiki", file)
	}
	pool = server.PHPWorkers(cfg.Workers, func() *config.Config { return cfg }, logger)
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = pool.Run(ctx) // returns nil
	}()
	return pool, func() {
		cancel()
		<-ended
	}, nil
}

// drainOf is the drain as package worker has it: there 0 is the default.
func drainOf(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
}

// More than any host has.
const (
	endlessCores  = 1 << 20
	endlessMemory = 1 << 50
)

func ownName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "worker"
	}
	return host + "-" + strconv.Itoa(os.Getpid())
}

// parseCapacity reads cores=N,memory=SIZE. What is not stated is as good as endless; "" is nil.
func parseCapacity(text string) (*jobqueue.Needs, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // nothing is stated
	}
	n := jobqueue.Needs{Cores: endlessCores, Memory: endlessMemory}
	for part := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(part, "=")
		var err error
		switch name {
		case "cores":
			n.Cores, err = strconv.ParseFloat(value, 64)
			if err == nil && !(n.Cores > 0 && n.Cores <= endlessCores) {
				err = fmt.Errorf("%s is no number of cores", value)
			}
		case "memory":
			n.Memory, err = config.ParseSize(value)
		default:
			err = fmt.Errorf("%q is not known", name)
		}
		if err != nil {
			return nil, usage("--capacity is %q: %v; write it as cores=4,memory=8GiB", text, err)
		}
	}
	return &n, nil
}
