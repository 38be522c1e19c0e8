package remote_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"auwai/internal/dispatch"
	"auwai/internal/jobqueue"
	"auwai/internal/runner"
	"auwai/internal/runner/remote"
)

// chaos is a dispatch that tries to start a fixed set of jobs, and workers that ask, vanish, beat, end
// jobs and let them expire, at random.
type chaos struct {
	*rig

	random *rand.Rand

	mu   sync.Mutex
	hand map[string]string // by job: the token of whose hands it is in. Guarded by mu.
	done map[string]int    // by job: how often it was done. Guarded by mu.
	left []string          // jobs that are ready. Guarded by mu.
}

func (c *chaos) chance(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.random.IntN(n)
}

// next takes a ready job.
func (c *chaos) next() (job string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.left) == 0 {
		return ""
	}
	job, c.left = c.left[0], c.left[1:]
	return job
}

func (c *chaos) ready(job string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = append(c.left, job)
}

// dispatch starts what it can, and makes outcomes durable after a while.
func (c *chaos) dispatch(ctx context.Context) {
	for ctx.Err() == nil {
		newest, waiting := c.Waits()
		for waiting {
			job := c.next()
			if job == "" {
				break
			}
			d := demand("encode", "aawiki")
			d.Needs = *has(float64(1 + job[len(job)-1]%3))
			res, ok := c.Reserve(time.Now(), d)
			if !ok {
				c.ready(job)
				break
			}
			if c.chance(10) == 0 {
				c.Return(res.Holder)
				c.ready(job)
				continue
			}
			c.runs.Go(func() { c.carry(job, res) })
		}
		c.Looked(newest)
		pass(time.Duration(1+c.chance(200)) * time.Millisecond)
	}
}

func (c *chaos) carry(job string, res dispatch.Reservation) {
	pass(time.Duration(c.chance(300)) * time.Millisecond) // its claim is stored
	ended := false
	err := c.Run(context.Background(), runner.Work{
		Wiki: "aawiki", Queue: "encode", Timeout: time.Minute, Holder: res.Holder,
		Deadline: time.Now().Add(max(res.Period, time.Second)), Jobs: []runner.Item{{ID: job}},
	}, func(_ int, r runner.Result) {
		ended = true
		c.mu.Lock()
		delete(c.hand, job)
		if r.Outcome == jobqueue.OutcomeDone {
			c.done[job]++
		}
		c.mu.Unlock()
		if r.Outcome != jobqueue.OutcomeDone {
			c.ready(job)
		}
		if r.Waits != nil {
			r.Waits.Settled(nil)
		}
	})
	if err != nil || !ended {
		c.t.Errorf("Run of %s = %v, ended %v", job, err, ended)
	}
}

// work is a worker's life.
func (c *chaos) work(ctx context.Context, name string) {
	for ctx.Err() == nil {
		asking, gone := context.WithCancel(ctx)
		if c.chance(4) == 0 {
			time.AfterFunc(time.Duration(c.chance(400))*time.Millisecond, gone)
		}
		limit := 1 + c.chance(4)
		jobs, err := c.Claim(asking, remote.Request{
			Limit: limit, Wait: time.Duration(c.chance(3)) * time.Second, Worker: name, Timeout: 2 * time.Second, Capacity: has(4),
		})
		gone()
		if err != nil && len(jobs) > 0 || len(jobs) > limit {
			c.t.Errorf("%d jobs, %v", len(jobs), err)
		}
		for _, j := range jobs {
			c.mu.Lock()
			if other := c.hand[j.Item.ID]; other != "" {
				c.t.Errorf("job %s is in two hands", j.Item.ID)
			}
			c.hand[j.Item.ID] = j.Token
			c.mu.Unlock()
		}
		for _, j := range jobs {
			c.end(ctx, j)
		}
	}
}

func (c *chaos) end(ctx context.Context, j remote.Job) {
	job := j.Item.ID
	for c.chance(3) == 0 {
		pass(time.Duration(c.chance(1900)) * time.Millisecond)
		_, _ = c.Heartbeat(ctx, job, j.Token, remote.Beat{}) // it may be late
	}
	switch c.chance(5) {
	case 0: // it says nothing, and the job expires
	case 1:
		_ = c.Release(ctx, job, j.Token, "", 0)
	case 2:
		_ = c.Fail(ctx, job, j.Token, remote.Failure{Error: "no"})
	default:
		_ = c.Finish(ctx, job, j.Token, "", "")
		_ = c.Finish(ctx, job, j.Token, "", "")
	}
}

func TestWhateverWorkersDoEveryJobIsDoneOnceAndInOneHandAtATime(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			in(t, func(t *testing.T, r *rig) {
				c := &chaos{rig: r, random: rand.New(rand.NewPCG(seed, 0)), hand: map[string]string{}, done: map[string]int{}} //nolint:gosec // a run must be repeatable
				const jobs = 60
				for n := range jobs {
					c.left = append(c.left, id("aawiki", n))
				}
				ctx, cancel := context.WithCancel(t.Context())
				var all sync.WaitGroup
				all.Go(func() { c.dispatch(ctx) })
				for n := range 5 {
					all.Go(func() { c.work(ctx, fmt.Sprintf("w%d", n)) })
				}
				pass(20 * time.Minute)
				cancel()
				all.Wait()
				synctest.Wait()
				for n := range jobs {
					if got := c.done[id("aawiki", n)]; got != 1 {
						t.Errorf("job %d was done %d times", n, got)
					}
				}
			})
		})
	}
}
