package phppool

import (
	"cmp"
	"context"
	"log/slog"
	"runtime"
	"strconv"
	"sync"
	"time"

	"auwai/internal/runner"
)

// Defaults of Config.
const (
	// DefaultMaxJobs is so high that the start of a process is nothing beside them.
	DefaultMaxJobs = 10_000
	// DefaultMaxAge bounds for how long a process can be of yesterday's code.
	DefaultMaxAge = time.Hour
	// DefaultIdle keeps a small wiki's worker over the pauses between two edits.
	DefaultIdle = 5 * time.Minute
	// DefaultMaxMemory is above what PHP needs for the largest pages of most wikis.
	DefaultMaxMemory = 512 << 20
	// DefaultMaxBatch keeps the end of a burst from lying with one worker while others are idle; more
	// saves nothing that can be measured.
	DefaultMaxBatch = 50
	// DefaultBatchTime is after how long a worker starts no further job of a request.
	DefaultBatchTime = 30 * time.Second
	// DefaultScript is the extension's worker script, below the wiki's folder.
	DefaultScript = "extensions/Auwai/maintenance/worker.php"
	// DefaultPHP is found by PATH.
	DefaultPHP = "php"
	// DefaultPatience is a few times what a worker needs to start.
	DefaultPatience = time.Second
)

// Bounds.
const (
	// Headroom is what a worker's cgroup has above PHP's own limit, for what its jobs start.
	Headroom = 256 << 20
	// MaxOutput is how much of a job's output is kept, from its end, in bytes.
	MaxOutput = 16 << 10

	startTime   = time.Minute     // for a worker to load its wiki
	endTime     = 2 * time.Second // for a worker to end by itself when its input ends
	maxFailures = 20              // in a row, after which a new process may do better
	maxChanges  = 3               // of settings, while workers of a request start
	maxBody     = 4 << 20         // bytes of payload of a request with several jobs
	maxLine     = 256 << 10       // bytes of a line of an answer
	maxQuoted   = 600             // bytes of output in an error
)

// Wiki is what has to be known of a wiki to start its workers.
type Wiki struct {
	// Path is the folder of MediaWiki; workers run in it, and get it as MW_INSTALL_PATH.
	Path string
	// Script is the worker script; empty: DefaultScript. Relative: below Path.
	Script string
	// Args come after the script's own: --wiki=enwiki.
	Args []string
}

// Config is what New needs. Zero values give the defaults.
type Config struct {
	// Wikis returns the present settings of a wiki. Required; safe for concurrent use.
	Wikis func(name string) (Wiki, bool)
	// PHP is the program, with a path or found by PATH.
	PHP string
	// Processes is the number of workers of this host; 0: two for each processor, at least 4, since
	// jobs wait for databases more than they compute.
	Processes int
	// MaxJobs and MaxAge are when a worker is replaced, Idle when one that has nothing to do ends.
	MaxJobs int
	MaxAge  time.Duration
	Idle    time.Duration
	// MaxMemory is PHP's memory limit in bytes. Above 80 % of it a worker is replaced between jobs.
	MaxMemory int64
	// MaxBatch, BatchTime: see the defaults. The time is at most half of the work's time-out.
	MaxBatch  int
	BatchTime time.Duration
	// Patience is how long work of another wiki waits for a place that has work of its own.
	Patience time.Duration
	// Cgroup is "auto", "off", or the path of a cgroup folder that is the service's. Empty: auto.
	Cgroup string
	// Env is the environment of workers, beside MW_INSTALL_PATH. The caller leaves out what is secret.
	Env    []string
	Logger *slog.Logger // nil: discard
}

// Pool is the workers of a host. Safe for concurrent use.
type Pool struct {
	cfg Config
	log *slog.Logger

	running chan struct{} // closed by Run
	starts  chan func()   // carried out by the one thread that starts workers
	closed  chan struct{} // closed when Run ends
	group   *cgroup       // set before running is closed; nil: none
	workers sync.WaitGroup

	mu     sync.Mutex
	roster *roster              // Guarded by mu.
	live   map[*worker]struct{} // Guarded by mu.
	count  uint64               // Guarded by mu. Workers started, for their names.
}

// New returns a Pool. It does no I/O and starts nothing.
func New(cfg Config) *Pool {
	cfg.PHP = cmp.Or(cfg.PHP, DefaultPHP)
	cfg.Processes = cmp.Or(cfg.Processes, max(4, 2*runtime.NumCPU()))
	cfg.MaxJobs = cmp.Or(cfg.MaxJobs, DefaultMaxJobs)
	cfg.MaxAge = cmp.Or(cfg.MaxAge, DefaultMaxAge)
	cfg.Idle = cmp.Or(cfg.Idle, DefaultIdle)
	cfg.MaxMemory = cmp.Or(cfg.MaxMemory, DefaultMaxMemory)
	cfg.MaxBatch = cmp.Or(cfg.MaxBatch, DefaultMaxBatch)
	cfg.BatchTime = cmp.Or(cfg.BatchTime, DefaultBatchTime)
	cfg.Patience = cmp.Or(cfg.Patience, DefaultPatience)
	cfg.Cgroup = cmp.Or(cfg.Cgroup, CgroupAuto)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Pool{
		cfg: cfg, log: cfg.Logger.With("part", "phppool"),
		running: make(chan struct{}), starts: make(chan func()), closed: make(chan struct{}),
		roster: newRoster(cfg.Processes, cfg.Patience, cfg.Idle), live: map[*worker]struct{}{},
	}
}

// Run keeps the pool until ctx ends, then kills all workers and returns nil when they are gone. Work
// waits until it is called. It is called once.
func (p *Pool) Run(ctx context.Context) error {
	var threads sync.WaitGroup
	p.group = p.openGroup()
	threads.Go(p.startAll)
	close(p.running)
	timer := time.NewTimer(p.cfg.Idle)
	defer timer.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-timer.C:
			timer.Reset(p.endIdle(time.Now()))
		}
	}
	p.mu.Lock()
	close(p.closed) // nothing is started from here on
	p.mu.Unlock()
	p.killAll()
	threads.Wait()
	p.workers.Wait()
	p.group.remove()
	return nil
}

// startAll starts the workers, all by one thread that lives as long as the pool: the kernel kills a
// worker when the thread that started it ends.
func (p *Pool) startAll() {
	runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
	for {
		select {
		case start := <-p.starts:
			start()
		case <-p.closed:
			return
		}
	}
}

// Runner returns the runner of the wikis that Config.Wikis knows.
func (p *Pool) Runner() runner.Runner { return poolRunner{p} }

type poolRunner struct{ pool *Pool }

// Batch implements runner.Runner.
func (r poolRunner) Batch(string) int { return r.pool.cfg.MaxBatch }

// Run implements runner.Runner.
func (r poolRunner) Run(ctx context.Context, w runner.Work, report func(i int, res runner.Result)) error {
	if w.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, w.Timeout)
		defer cancel()
	}
	a := &attempt{pool: r.pool, work: w, report: report, settled: make([]bool, len(w.Jobs))}
	a.run(ctx)
	return nil
}

// Places returns how many workers there are at most.
func (p *Pool) Places() int { return p.cfg.Processes }

// Stats is what the pool does now.
type Stats struct {
	Busy, Idle, Waiting int
	Started             uint64 // workers, since New
}

// Stats returns what the pool does now.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	idle := p.roster.idleCount()
	return Stats{Busy: p.roster.taken - idle, Idle: idle, Waiting: len(p.roster.waiting), Started: p.count}
}

// args are the arguments of a worker. PHP's optimizer is off for programs of the command line, since
// most end before it pays.
func (w Wiki) args(maxMemory int64) []string {
	return append([]string{
		"-d", "opcache.enable_cli=1", w.script(), "--memory-limit=" + strconv.FormatInt(maxMemory, 10),
	}, w.Args...)
}
