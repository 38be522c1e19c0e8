package bench

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // EventBus signs with it
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"auwai/internal/config"
	"auwai/internal/jobqueue"
	"auwai/internal/kv/pebblekv"
	"auwai/internal/partition"
	"auwai/internal/runner"
	"auwai/internal/runner/mwrunner"
	"auwai/internal/runner/phppool"
)

// service measures a kind in which Auwai has the jobs: the real queue and dispatcher on a durable
// store, and the real runner. The jobs are there before the clock starts, and workers are warm.
func (m *mediaWiki) service(ctx context.Context, kind string, l load) (s sample, err error) {
	jobs := m.runnerOf(ctx, kind)
	if err := m.warmUp(ctx, kind, jobs, l); err != nil {
		return sample{}, err
	}
	dir, err := os.MkdirTemp(m.dir, "store-")
	if err != nil {
		return sample{}, err
	}
	counted := &countingRunner{Runner: jobs, left: int64(len(l.jobs)), over: make(chan struct{})}
	r := newRig(m.o.AtOnce, jobs.Batch(""))
	if err := r.open(ctx, dir, pebblekv.Durable, counted); err != nil {
		return sample{}, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := m.push(ctx, r, kind, l); err != nil {
		return sample{}, err
	}
	done := m.clock()
	r.resume()
	select {
	case <-counted.over:
	case <-ctx.Done():
		return sample{}, ctx.Err()
	}
	s = done(len(l.jobs))
	return s, counted.failure()
}

// runnerOf returns the runner of a kind, the same for all rounds: workers live as long as web servers.
func (m *mediaWiki) runnerOf(ctx context.Context, kind string) runner.Runner {
	if jobs := m.runners[kind]; jobs != nil {
		return jobs
	}
	jobs, stop := m.newRunner(ctx, kind)
	m.runners[kind], m.stops = jobs, append(m.stops, stop)
	return jobs
}

// newRunner returns the runner of a kind and what ends it.
func (m *mediaWiki) newRunner(ctx context.Context, kind string) (jobs runner.Runner, stop func()) {
	if kind == KindWorker {
		pool := phppool.New(phppool.Config{
			Wikis: func(string) (phppool.Wiki, bool) {
				return phppool.Wiki{Path: m.o.Path, Script: m.o.Script, Args: m.o.Args}, true
			},
			PHP: m.o.PHP, Processes: m.o.AtOnce, Env: config.WorkerEnvironment(), Cgroup: phppool.CgroupOff,
		})
		ctx, cancel := context.WithCancel(ctx)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = pool.Run(ctx) // returns nil
		}()
		return pool.Runner(), func() { cancel(); <-ended }
	}
	of := mwrunner.Kind(kind)
	secret := m.o.Secret
	if of == mwrunner.EventBus {
		secret = m.o.Key
	}
	client := mwrunner.New(mwrunner.Config{Wikis: func(string) (mwrunner.Wiki, bool) {
		return mwrunner.Wiki{URL: m.o.URL, ScriptPath: m.o.ScriptPath, Host: m.o.Host, Kind: of, Secret: secret}, true
	}})
	return client.Runner(of), client.Close
}

// warmUp runs a job in each worker at once, before the clock starts.
func (m *mediaWiki) warmUp(ctx context.Context, kind string, jobs runner.Runner, l load) error {
	var all sync.WaitGroup
	errs := make([]error, m.o.AtOnce)
	for n := range errs {
		all.Go(func() {
			payload, event, err := m.payload(kind, l.jobs[n%len(l.jobs)])
			if err != nil {
				errs[n] = err
				return
			}
			w := runner.Work{Wiki: m.o.Wiki, Queue: l.jobs[0].Type, Jobs: []runner.Item{{ID: "warm-up", Attempt: 1, Payload: payload, FromEvent: event}}}
			result := runner.Result{Error: "no result"}
			err = jobs.Run(ctx, w, func(_ int, r runner.Result) { result = r })
			if err == nil && result.Outcome != jobqueue.OutcomeDone {
				err = errors.New(result.Error)
			}
			errs[n] = err
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// push puts the jobs into the queue.
func (m *mediaWiki) push(ctx context.Context, r *rig, kind string, l load) error {
	const atOnce = 500
	for from := 0; from < len(l.jobs); from += atOnce {
		part := l.jobs[from:min(from+atOnce, len(l.jobs))]
		push := &jobqueue.Push{}
		for i, id := range r.ids(len(part)) {
			payload, event, err := m.payload(kind, part[i])
			if err != nil {
				return err
			}
			push.Jobs = append(push.Jobs, jobqueue.New{
				ID: id, Pair: jobqueue.Pair{Queue: part[i].Type, Wiki: m.o.Wiki}, Band: jobqueue.Normal, Payload: payload, FromEvent: event,
			})
		}
		if err := r.loop.Do(ctx, partition.Of(m.o.Wiki), m.o.Wiki, push); err != nil {
			return fmt.Errorf("push: %w", err)
		}
	}
	return nil
}

// payload writes a job as its kind gets it: for eventbus, as the extension would have sent it.
func (m *mediaWiki) payload(kind string, j benchJob) (payload []byte, event bool, err error) {
	if kind != KindEventBus {
		payload, err = json.Marshal(j)
		return payload, false, err
	}
	params, err := json.Marshal(j.Params)
	if err != nil {
		return nil, true, err
	}
	text := fmt.Sprintf(`{"$schema":"/mediawiki/job/1.0.0","meta":{"uri":"https://placeholder.invalid/wiki/Special:Badtitle","request_id":"bench",`+
		`"id":"00000000-0000-4000-8000-000000000000","dt":"2026-01-01T00:00:00Z","domain":%q,"stream":"mediawiki.job.%s"},"database":%q,"type":%q,"params":%s`,
		m.o.Host, j.Type, m.o.Wiki, j.Type, params)
	mac := hmac.New(sha1.New, m.o.Key)
	mac.Write([]byte(text + "}"))
	return []byte(text + `,"mediawiki_signature":"` + hex.EncodeToString(mac.Sum(nil)) + `"}`), true, nil
}

// countingRunner says when all jobs have ended.
type countingRunner struct {
	runner.Runner
	left int64 // atomic
	over chan struct{}

	mu    sync.Mutex
	first string // guarded by mu: error of the first job that did not succeed
}

// Run implements runner.Runner.
func (c *countingRunner) Run(ctx context.Context, w runner.Work, report func(int, runner.Result)) error {
	return c.Runner.Run(ctx, w, func(i int, r runner.Result) {
		report(i, r)
		if r.Outcome != jobqueue.OutcomeDone {
			c.mu.Lock()
			if c.first == "" {
				c.first = r.Error
			}
			c.mu.Unlock()
		}
		if r.Outcome != jobqueue.OutcomeUncounted && atomic.AddInt64(&c.left, -1) == 0 {
			close(c.over)
		}
	})
}

func (c *countingRunner) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.first != "" {
		return errors.New("a job did not succeed: " + c.first)
	}
	return nil
}
