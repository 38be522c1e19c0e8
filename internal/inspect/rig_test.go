package inspect_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"auwai/api"
	"auwai/internal/dispatch"
	"auwai/internal/eventlog"
	"auwai/internal/farm"
	"auwai/internal/ident"
	"auwai/internal/inspect"
	"auwai/internal/jobqueue"
	"auwai/internal/kv/memkv"
	"auwai/internal/limit"
	"auwai/internal/node"
	"auwai/internal/partition"
	"auwai/internal/runner"
)

// rig is a node over a store in memory, with dispatch and a runner that does what the test says.
type rig struct {
	*inspect.Inspector
	t      *testing.T
	loop   *node.Loop
	policy *policy
	run    *run
	minter *ident.Minter
	ended  sync.WaitGroup

	secrets map[string][]byte
	wikis   []inspect.Wiki
	stop    func()
}

// policy lets jobs of the queues in open start.
type policy struct {
	mu   sync.Mutex
	open map[string]bool // Guarded by mu.
}

func (p *policy) Concurrency() int { return 10 }
func (p *policy) Queue(pair jobqueue.Pair) dispatch.QueuePolicy {
	if pair.Queue == "twice" {
		return dispatch.QueuePolicy{Retry: jobqueue.Policy{Attempts: 2, RetryDelay: time.Hour, RetryFactor: 1}}
	}
	return dispatch.QueuePolicy{Retry: jobqueue.Policy{Attempts: 1}}
}
func (p *policy) Limits(jobqueue.Pair) []string         { return nil }
func (p *policy) Limit(string) limit.Limit              { return limit.Limit{} }
func (p *policy) Paused(jobqueue.Pair) string           { return "" }
func (p *policy) Mismatch(jobqueue.Pair, string) string { return "" }
func (p *policy) Held(pair jobqueue.Pair) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open[pair.Queue] {
		return ""
	}
	return "the test holds it"
}

// run is a runner: jobs of the queue "hang" run until release is closed, those of "fail" fail.
type run struct {
	started chan string
	release chan struct{}
}

func (r *run) Batch(string) int { return 1 }

func (r *run) Run(ctx context.Context, w runner.Work, report func(int, runner.Result)) error {
	switch w.Queue {
	case "hang":
		r.started <- w.Jobs[0].ID
		select {
		case <-r.release:
		case <-ctx.Done():
			return ctx.Err()
		}
	case "twice":
		report(0, runner.Result{Outcome: jobqueue.OutcomeFailed, Error: "it will be better"})
		return nil
	case "fail":
		report(0, runner.Result{Outcome: jobqueue.OutcomePermanent, Error: "it cannot be done"})
		return nil
	}
	report(0, runner.Result{Outcome: jobqueue.OutcomeDone})
	return nil
}

func newRig(t *testing.T, open ...string) *rig {
	t.Helper()
	return newRigOn(t, memkv.NewServer(), open...)
}

// newRigWith returns a rig that knows secrets of wikis.
func newRigWith(t *testing.T, secrets map[string][]byte) *rig {
	t.Helper()
	r := newRig(t)
	r.secrets = secrets
	return r
}

func newRigOn(t *testing.T, server *memkv.Server, open ...string) *rig {
	t.Helper()
	return newRigOver(t, server, nil, open...)
}

// newRigWithDispatch returns a rig that asks another dispatch why jobs wait.
func newRigWithDispatch(t *testing.T, d *told) *rig {
	t.Helper()
	return newRigOver(t, memkv.NewServer(), d)
}

// inMem runs f with the memory of a wiki's owner, in the loop.
func (r *rig) inMem(wiki string, f func(*jobqueue.Mem)) {
	r.t.Helper()
	err := r.loop.Ask(r.t.Context(), func(_ partition.Now, m *node.Machine) {
		if mem, ok := m.Partition(partition.Of(wiki)).Mem(partition.SlotJobs).(*jobqueue.Mem); ok {
			f(mem)
		}
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

func newRigOver(t *testing.T, server *memkv.Server, d *told, open ...string) *rig {
	t.Helper()
	r := &rig{
		t: t, policy: &policy{open: map[string]bool{}}, minter: ident.NewMinter(5),
		run: &run{started: make(chan string, 100), release: make(chan struct{})},
	}
	for _, q := range open {
		r.policy.open[q] = true
	}
	domains := []partition.Domain{eventlog.Domain{}, jobqueue.Domain{}}
	families := farm.Families()
	for _, d := range domains {
		families = append(families, d.Families()...)
	}
	registry, err := partition.NewRegistry(families...)
	if err != nil {
		t.Fatal(err)
	}
	machine := node.New(node.Config{
		Name: "test", Exclusive: true, Registry: registry, Domains: domains,
		NewSession: func() ident.Session { return 5 },
	})
	engine := server.Open()
	driver := dispatch.NewDriver(dispatch.DriverConfig{
		Machine: dispatch.New(dispatch.Config{Policy: r.policy, Random: func() float64 { return 0 }}),
		Engine:  engine, Runners: func(jobqueue.Pair) runner.Runner { return r.run },
	})
	r.loop = node.NewLoop(node.LoopConfig{Machine: machine, Tenant: driver, Engine: engine})
	driver.Attach(r.loop.Poke)
	ctx, cancel := context.WithCancel(context.Background()) //nolint:usetesting // it ends at the cleanup, which comes after the test's context
	r.ended.Go(func() {
		if err := r.loop.Run(ctx); err != nil {
			t.Errorf("Run() = %v", err)
		}
	})
	r.stop = sync.OnceFunc(func() { cancel(); r.ended.Wait(); driver.Close() })
	t.Cleanup(r.stop)
	for open := 0; open < partition.Count; {
		if err := r.loop.Ask(t.Context(), func(_ partition.Now, m *node.Machine) { open = m.OpenCount() }); err != nil {
			t.Fatal(err)
		}
	}
	var asked inspect.Dispatch = driver.Machine
	if d != nil {
		d.Machine, asked = driver.Machine, d
	}
	r.Inspector = inspect.New(inspect.Config{
		Loop: r.loop, Engine: engine, Dispatch: asked, Secrets: func() map[string][]byte { return r.secrets },
		Wikis: func() []inspect.Wiki { return r.wikis },
	})
	return r
}

// do repeats a command while its partition is not open yet.
func (r *rig) do(wiki string, c partition.Command) error {
	for {
		err := r.loop.Do(r.t.Context(), partition.Of(wiki), wiki, c)
		if !errors.Is(err, partition.ErrNotOpen) {
			return err
		}
	}
}

// push pushes one job and returns its id. What is left out of n is filled in.
func (r *rig) push(n jobqueue.New) string {
	r.t.Helper()
	n.ID = r.minter.Next(time.Now())
	if n.Wiki == "" {
		n.Wiki = "aawiki"
	}
	if n.Queue == "" {
		n.Queue = "wait"
	}
	if n.Payload == nil && n.Blob.Size == 0 {
		n.Payload = []byte(`{"type":"null"}`)
	}
	if n.ClientID != "" {
		n.Source = jobqueue.Source{Name: "c:" + n.ClientID}
	}
	c := &jobqueue.Push{Jobs: []jobqueue.New{n}}
	if err := r.do(n.Wiki, c); err != nil {
		r.t.Fatalf("push: %v", err)
	}
	return ident.ID{Wiki: n.Wiki, Suffix: c.Results[0].ID}.String()
}

// list follows the cursor to the end.
func (r *rig) list(f inspect.JobFilter) []api.Job {
	r.t.Helper()
	var all []api.Job
	for {
		page, err := r.Jobs(r.t.Context(), f)
		if err != nil {
			r.t.Fatalf("Jobs(%+v) = %v", f, err)
		}
		if page.Stale {
			r.t.Errorf("Jobs(%+v) is stale", f)
		}
		if f.Limit > 0 && len(page.Jobs) > f.Limit {
			r.t.Errorf("Jobs(%+v) has %d rows", f, len(page.Jobs))
		}
		all = append(all, page.Jobs...)
		if page.Cursor == "" {
			return all
		}
		f.Cursor = page.Cursor
	}
}

func ids(jobs []api.Job) []string {
	out := []string{}
	for _, j := range jobs {
		out = append(out, j.ID)
	}
	return out
}

// await looks until the job is in the state.
func (r *rig) await(id, state string) api.JobDetail {
	r.t.Helper()
	for {
		d, err := r.Job(r.t.Context(), id)
		if err == nil && d.State == state {
			return d
		}
		if r.t.Context().Err() != nil {
			r.t.Fatalf("job %s is %s (%v), want %s", id, d.State, err, state)
		}
	}
}

func wikiName(n int) string { return fmt.Sprintf("wiki%d", n) }
