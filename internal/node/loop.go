package node

import (
	"context"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"auwai/internal/kv"
	"auwai/internal/partition"
)

// Loop drives a Machine and its tenant: one goroutine applies inputs and carries out outputs, one
// commits, and reads have a goroutine each. All its methods but Run are safe for concurrent use.
type Loop struct {
	machine *Machine
	tenant  Tenant
	engine  kv.Engine
	log     *slog.Logger

	mu      sync.Mutex
	calls   []submission                          // Guarded by mu.
	inputs  []func(now partition.Now, m *Machine) // Guarded by mu.
	ended   bool                                  // Guarded by mu.
	nudge   chan struct{}                         // capacity 1: a nudge that is not taken yet stands for all
	commits chan *kv.Batch                        // capacity 1: one commit is in flight at most
	stopped chan struct{}                         // closed when Run has ended
	reads   sync.WaitGroup
	unclean bool      // reported already; used by Run's goroutine
	waiters sync.Pool // channels for Do
}

type submission struct {
	p    partition.ID
	call *partition.Call
}

// LoopConfig says what a loop drives.
type LoopConfig struct {
	Machine *Machine
	Tenant  Tenant // nil: none
	Engine  kv.Engine
	Logger  *slog.Logger // nil: discard
}

// NewLoop returns a loop that does not run yet.
func NewLoop(cfg LoopConfig) *Loop {
	if cfg.Tenant == nil {
		cfg.Tenant = NoTenant{}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Loop{
		machine: cfg.Machine, tenant: cfg.Tenant, engine: cfg.Engine, log: cfg.Logger.With("part", "node"),
		nudge: make(chan struct{}, 1), commits: make(chan *kv.Batch, 1), stopped: make(chan struct{}),
		waiters: sync.Pool{New: func() any { return make(chan error, 1) }},
	}
}

// Clock returns the moment on both clocks.
func Clock() partition.Now { return partition.Now{Wall: time.Now().UTC(), Mono: mono()} }

// Run drives the machine until Stop is complete, or ctx ends (then nothing is given up: the next
// start finds the session). It returns after all its goroutines have ended.
func (l *Loop) Run(ctx context.Context) error {
	var committer sync.WaitGroup
	committer.Go(func() { l.commitAll(context.WithoutCancel(ctx)) })
	defer func() {
		l.end()
		close(l.commits)
		committer.Wait()
		l.reads.Wait()
		close(l.stopped)
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-l.nudge:
		case <-timer.C:
		}
		wake, done := l.turn(ctx)
		if done {
			return nil
		}
		timer.Reset(max(wake-mono(), time.Millisecond))
	}
}

// turn takes all inputs and works until nothing is left to do now.
func (l *Loop) turn(ctx context.Context) (wake time.Duration, done bool) {
	now := Clock()
	l.take(now)
	for {
		out := l.machine.Flush(now)
		done = l.carryOut(ctx, now, out)
		if out.Yield {
			// The goroutines that were answered, and the handlers that were started, are runnable: they
			// run before this one does again. It is no wait for those that have other things to do.
			l.tenant.Step(now, l.machine)
			runtime.Gosched()
			now = Clock()
			l.take(now)
		}
		wake = min(out.Wake, l.tenant.Step(now, l.machine))
		if done || !l.machine.HasWork() {
			return wake, done
		}
	}
}

// take gives the machine what has come in.
func (l *Loop) take(now partition.Now) {
	l.mu.Lock()
	calls, inputs := l.calls, l.inputs
	l.calls, l.inputs = nil, nil
	l.mu.Unlock()
	for _, f := range inputs {
		f(now, l.machine)
	}
	for _, s := range calls {
		l.machine.Submit(now, s.p, s.call)
	}
}

func (l *Loop) carryOut(ctx context.Context, now partition.Now, out *Output) (stopped bool) {
	for _, e := range out.Events {
		l.report(e)
		l.tenant.Event(now, e)
		stopped = stopped || e.Kind == Stopped
	}
	for _, r := range out.Released {
		l.tenant.Effects(now, r.Partition, r.Effects)
	}
	if out.Commit != nil {
		l.commits <- out.Commit
	}
	for _, a := range out.Answers {
		a.Done(a.Err)
	}
	if out.Get != nil {
		l.get(ctx, out.Get)
	}
	for _, s := range out.Scans {
		l.scan(ctx, s)
	}
	return stopped
}

func (l *Loop) commitAll(ctx context.Context) {
	for b := range l.commits {
		err := l.engine.Commit(ctx, b)
		l.Inspect(func(now partition.Now, m *Machine) { m.Committed(now, err) })
	}
}

// readRetry is the pause after a failed read, before the machine asks again.
const readRetry = 100 * time.Millisecond

func (l *Loop) get(ctx context.Context, keys []kv.Key) {
	l.reads.Go(func() {
		values, err := l.engine.Get(ctx, keys...)
		l.pause(ctx, err, "get")
		l.Inspect(func(now partition.Now, m *Machine) { m.Got(now, keys, values, err) })
	})
}

func (l *Loop) scan(ctx context.Context, s Scan) {
	l.reads.Go(func() {
		pages, err := s.Read(ctx, l.engine)
		l.pause(ctx, err, "scan")
		l.Inspect(func(now partition.Now, m *Machine) {
			if token, ok := s.Token.Tenant(); ok {
				l.tenant.Scanned(now, token, pages, err)
				return
			}
			m.Scanned(now, s, pages, err)
		})
	})
}

func (l *Loop) pause(ctx context.Context, err error, what string) {
	if err == nil || ctx.Err() != nil {
		return
	}
	l.log.Warn("read failed, will be repeated", "read", what, "err", err)
	timer := time.NewTimer(readRetry)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (l *Loop) report(e Event) {
	switch e.Kind {
	case SessionStarted:
		l.unclean = false
		l.log.Info("session started", "session", uint64(l.machine.Session()))
	case SessionLost:
		l.log.Error("session lost, everything is read again", "err", e.Err)
	case Suspended:
		l.log.Error("no commit succeeded in time, dispatch is suspended")
	case Resumed:
		l.log.Info("commits succeed again, dispatch goes on")
	case Poisoned:
		l.log.Error("partition poisoned, it is read again", "partition", e.Partition, "err", e.Err)
	case Refused:
		l.log.Error("message could not be applied", "partition", e.Partition, "err", e.Err)
	case Opened, Closing, Closed, Stopped:
		if e.Unclean && !l.unclean {
			l.unclean = true
			l.log.Warn("the owner before ended without a word; claims are stored before jobs start, and jobs that were running go alone, for a minute")
		}
		l.log.Debug("partition", "partition", e.Partition, "event", e.Kind.String())
	}
}

// String names the kind in logs.
func (k EventKind) String() string {
	names := [...]string{"", "session started", "session lost", "suspended", "resumed", "opened", "closing", "closed", "poisoned", "refused", "stopped"}
	if int(k) < len(names) {
		return names[k]
	}
	return "unknown"
}

// Inspect has f run in the loop, soon, with nothing else running in it. f must not block. It returns
// false when the loop has ended, and f will not run.
func (l *Loop) Inspect(f func(now partition.Now, m *Machine)) bool {
	l.mu.Lock()
	if l.ended {
		l.mu.Unlock()
		return false
	}
	l.inputs = append(l.inputs, f)
	l.mu.Unlock()
	l.poke()
	return true
}

// Ask runs f in the loop and waits for it.
func (l *Loop) Ask(ctx context.Context, f func(now partition.Now, m *Machine)) error {
	done := make(chan struct{})
	if !l.Inspect(func(now partition.Now, m *Machine) { f(now, m); close(done) }) {
		return ErrStopping
	}
	select {
	case <-done:
		return nil
	case <-l.stopped:
		return ErrStopping
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Submit hands a call to a partition; its Done is called from the loop and must not block.
func (l *Loop) Submit(p partition.ID, c *partition.Call) {
	l.mu.Lock()
	if l.ended {
		l.mu.Unlock()
		c.Done(ErrStopping)
		return
	}
	l.calls = append(l.calls, submission{p, c})
	first := len(l.calls) == 1
	l.mu.Unlock()
	if first {
		l.poke()
	}
}

// Poke has the tenant's Step called soon.
func (l *Loop) Poke() { l.poke() }

func (l *Loop) poke() {
	select {
	case l.nudge <- struct{}{}:
	default:
	}
}

// Do applies a command in a partition and waits until it is durable. When ctx ends first, the
// outcome is unknown.
func (l *Loop) Do(ctx context.Context, p partition.ID, wiki string, c partition.Command) error {
	done, _ := l.waiters.Get().(chan error)
	l.Submit(p, &partition.Call{Wiki: wiki, Command: c, Done: func(err error) { done <- err }})
	select {
	case err := <-done:
		l.waiters.Put(done)
		return err
	case <-ctx.Done():
		return ctx.Err() // the channel is left to its late answer
	}
}

// Mail puts messages into this session's lane to a partition, as Machine.MailAll does, and waits until they
// are durable.
func (l *Loop) Mail(ctx context.Context, p partition.ID, letters ...partition.Letter) error {
	done := make(chan error, 1)
	if !l.Inspect(func(now partition.Now, m *Machine) {
		m.MailAll(now, p, letters, func(err error) { done <- err })
	}) {
		return ErrStopping
	}
	select {
	case err := <-done:
		return err
	case <-l.stopped:
		return ErrStopping
	case <-ctx.Done():
		return ctx.Err()
	}
}

// MailUnderWay is Machine.MailUnderWay, and whether the partition takes commands here.
func (l *Loop) MailUnderWay(ctx context.Context, p partition.ID) (mail, open bool, err error) {
	err = l.Ask(ctx, func(_ partition.Now, m *Machine) {
		mail, open = m.MailUnderWay(p), m.Partition(p).State() == partition.StateOpen
	})
	return mail, open, err
}

// Stop begins an orderly stop; Run returns when everything is given up.
func (l *Loop) Stop() {
	l.Inspect(func(now partition.Now, m *Machine) { m.Stop(now) })
}

// end answers what came too late.
func (l *Loop) end() {
	l.mu.Lock()
	calls := l.calls
	l.ended, l.calls, l.inputs = true, nil, nil
	l.mu.Unlock()
	for _, s := range calls {
		s.call.Done(ErrStopping)
	}
}
