package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"auwai/api"
	"auwai/internal/fault"
	"auwai/internal/jobqueue"
	"auwai/internal/runner"
	"auwai/internal/worker"
)

// service is one that has a list of jobs, and notes what it is told.
type service struct {
	came chan struct{}

	mu        sync.Mutex
	jobs      []api.ClaimedJob
	asked     []api.ClaimRequest
	queues    []string
	said      []string
	beats     []api.Heartbeat
	fails     map[string][]error // by verb: the next answers
	cancelled bool
}

func newService() *service {
	return &service{came: make(chan struct{}, 1), fails: map[string][]error{}}
}

func (s *service) add(jobs ...api.ClaimedJob) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.jobs = append(s.jobs, jobs...)
	select {
	case s.came <- struct{}{}:
	default:
	}
}

// next returns the next error of a verb, nil for none.
func (s *service) next(verb string) error {
	list := s.fails[verb]
	if len(list) == 0 {
		return nil
	}
	if len(list) > 1 { // the last one stays
		s.fails[verb] = list[1:]
	}
	return list[0]
}

func (s *service) take(limit int) (out []api.ClaimedJob) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(limit, len(s.jobs))
	out, s.jobs = s.jobs[:n], s.jobs[n:]
	return out
}

func (s *service) Claim(ctx context.Context, queue string, q api.ClaimRequest) ([]api.ClaimedJob, error) {
	s.mu.Lock()
	s.asked, s.queues = append(s.asked, q), append(s.queues, queue)
	err := s.next("claim")
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	d, err := time.ParseDuration(q.Wait)
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		if jobs := s.take(q.Limit); len(jobs) > 0 {
			return jobs, nil
		}
		select {
		case <-s.came:
		case <-timer.C:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (s *service) Heartbeat(_ context.Context, _ string, h api.Heartbeat) (api.HeartbeatAnswer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.beats = append(s.beats, h)
	return api.HeartbeatAnswer{Cancelled: s.cancelled}, s.next("heartbeat")
}

func (s *service) say(verb, id string, v any) (api.JobAction, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.next(verb); err != nil {
		return api.JobAction{}, err
	}
	text, err := json.Marshal(v)
	s.said = append(s.said, verb+" "+id+" "+string(text))
	return api.JobAction{}, err
}

func (s *service) Finish(_ context.Context, id string, f api.JobFinish) (api.JobAction, error) {
	return s.say("finish", id, f)
}

func (s *service) Fail(_ context.Context, id string, f api.JobFail) (api.JobAction, error) {
	return s.say("fail", id, f)
}

func (s *service) Release(_ context.Context, id string, f api.JobRelease) (api.JobAction, error) {
	return s.say("release", id, f)
}

// told returns what the service was told, and forgets it.
func (s *service) told() []string {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.said
	s.said = nil
	return out
}

// requests returns the requests for jobs, and the queues that they are of.
func (s *service) requests() ([]api.ClaimRequest, []string) {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked), slices.Clone(s.queues)
}

// heartbeats returns those that came.
func (s *service) heartbeats() []api.Heartbeat {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.beats)
}

// fail has the next answers of a verb be these.
func (s *service) fail(verb string, errs ...error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails[verb] = errs
}

// last returns the last request for jobs.
func (s *service) last() api.ClaimRequest {
	all, _ := s.requests()
	return all[len(all)-1]
}

// hands is a runner whose jobs end when the test says so.
type hands struct {
	batch int
	runs  chan *run
}

// run is one call of Run.
type run struct {
	work   runner.Work
	ctx    context.Context //nolint:containedctx // the test looks at it
	report func(int, runner.Result)
	end    chan error
}

func (h *hands) Batch(string) int { return max(h.batch, 1) }

func (h *hands) Run(ctx context.Context, w runner.Work, report func(int, runner.Result)) error {
	r := &run{work: w, ctx: ctx, report: report, end: make(chan error, 1)}
	h.runs <- r
	select {
	case err := <-r.end:
		return err
	case <-ctx.Done():
		return nil
	}
}

// done ends the only job of a run.
func (r *run) done(res runner.Result) {
	r.report(0, res)
	r.end <- nil
}

// rig is a worker that runs, in a bubble.
type rig struct {
	*service
	*worker.Worker

	hands *hands
	stop  context.CancelFunc
	ended chan error
}

func start(t *testing.T, cfg worker.Config, s *service) *rig {
	t.Helper()
	r := &rig{service: s, hands: &hands{runs: make(chan *run, 100)}, ended: make(chan error, 1)}
	if h, ok := cfg.Runner.(*hands); ok {
		r.hands = h
	}
	cfg.Claims, cfg.Runner, cfg.Name = s, r.hands, "w1"
	r.Worker = worker.New(cfg)
	var ctx context.Context
	ctx, r.stop = context.WithCancel(t.Context())
	t.Cleanup(r.stop)
	go func() { r.ended <- r.Run(ctx) }()
	synctest.Wait()
	return r
}

func job(n int) api.ClaimedJob {
	return api.ClaimedJob{
		ID: fmt.Sprintf("aawiki.%d", n), Queue: "encode", Wiki: "aawiki", Attempt: 1, Claim: fmt.Sprintf("c%d", n), Fence: 7,
		RequestID: "r1", Cause: "v1;x;1;", Payload: json.RawMessage(`{"n":1}`),
	}
}

func pass(d time.Duration) { <-time.After(d) }

func want(t *testing.T, got []string, lines ...string) {
	t.Helper()
	if diff := cmp.Diff(lines, got); diff != "" {
		t.Errorf("the service was told (-want +got):\n%s", diff)
	}
}

func TestAJobIsClaimedCarriedOutAndFinished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, worker.Config{Queues: []string{"encode"}, Timeout: time.Hour}, newService())
		ask := api.ClaimRequest{Limit: 1, Wait: "30s", Worker: "w1", Timeout: "1m0s"}
		_, queues := r.requests()
		if diff := cmp.Diff(ask, r.last()); diff != "" || queues[0] != "encode" {
			t.Errorf("asked for %s: %s", queues[0], diff)
		}
		pass(20 * time.Second)
		r.add(job(1))
		got := <-r.hands.runs
		item := runner.Item{ID: "aawiki.1", Attempt: 1, Payload: []byte(`{"n":1}`), RequestID: "r1", Cause: runner.Text("v1;x;1;")}
		w := runner.Work{Wiki: "aawiki", Queue: "encode", Fence: 7, Timeout: time.Hour, Jobs: []runner.Item{item}}
		if diff := cmp.Diff(w, got.work); diff != "" {
			t.Error(diff)
		}
		got.done(runner.Result{Outcome: jobqueue.OutcomeDone, Message: "12 made", ResultURL: "u"})
		want(t, r.told(), `finish aawiki.1 {"claim":"c1","message":"12 made","result_url":"u"}`)
		r.stop()
		if err := <-r.ended; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}

func TestOutcomesAreSaidAsTheRunnerHasThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, worker.Config{}, newService())
		for _, c := range []struct {
			end  func(*run)
			want string
		}{
			{
				func(r *run) {
					r.done(runner.Result{Outcome: jobqueue.OutcomeFailed, Error: "no", Class: "missing", RetryAfter: time.Minute})
				},
				`fail aawiki.1 {"claim":"c1","error":"no","class":"missing","retry_after":"1m0s"}`,
			},
			{
				func(r *run) { r.done(runner.Result{Outcome: jobqueue.OutcomePermanent, Error: "never"}) },
				`fail aawiki.1 {"claim":"c1","error":"never","permanent":true}`,
			},
			{
				func(r *run) { r.done(runner.Result{Outcome: jobqueue.OutcomeUncounted, Hold: "read-only"}) },
				`release aawiki.1 {"claim":"c1","reason":"read-only","retry_after":"10s"}`,
			},
			{
				func(r *run) {
					r.done(runner.Result{Outcome: jobqueue.OutcomeUncounted, Error: "busy", RetryAfter: 1e6 * time.Hour})
				},
				`release aawiki.1 {"claim":"c1","reason":"busy","retry_after":"168h0m0s"}`,
			},
			{func(r *run) { r.end <- errors.New("broken") }, `fail aawiki.1 {"claim":"c1","error":"broken"}`},
			{func(r *run) { r.end <- nil }, `release aawiki.1 {"claim":"c1"}`},
		} {
			r.add(job(1))
			c.end(<-r.hands.runs)
			want(t, r.told(), c.want)
		}
		r.stop()
		<-r.ended
	})
}

func TestNoMoreIsAskedForThanThereIsRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService()
		large := job(1)
		large.Needs = &api.Capacity{Cores: 3, Memory: 1 << 30}
		s.add(large)
		r := start(t, worker.Config{Slots: 2, Capacity: &jobqueue.Needs{Cores: 4, Memory: 2 << 30}}, s)
		first := <-r.hands.runs
		if q := r.last(); q.Limit != 1 || *q.Capacity != (api.Capacity{Cores: 1, Memory: 1 << 30}) {
			t.Errorf("with a job of 3 of 4 cores it asked for %+v %+v", q, q.Capacity)
		}
		r.add(job(2))
		second := <-r.hands.runs
		before, _ := r.requests()
		r.fail("finish", fault.New(fault.Unavailable, "later"), nil)
		first.done(runner.Result{Outcome: jobqueue.OutcomeDone})
		if now, _ := r.requests(); len(now) != len(before) {
			t.Error("it asked for more before the service had the outcome")
		}
		pass(time.Second)
		want(t, r.told(), `finish aawiki.1 {"claim":"c1"}`)
		if q := r.last(); q.Limit != 1 || *q.Capacity != (api.Capacity{Cores: 4, Memory: 2 << 30}) {
			t.Errorf("then it asked for %+v %+v", q, q.Capacity)
		}
		second.done(runner.Result{Outcome: jobqueue.OutcomeDone})
		r.stop()
		<-r.ended
	})
}

func TestHeartbeatsComeEveryThirdOfThePeriodAndTellTheProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService()
		s.add(job(1))
		r := start(t, worker.Config{Period: 30 * time.Second}, s)
		got := <-r.hands.runs
		pass(11 * time.Second)
		r.Progress("aawiki.1", jobqueue.Progress{Percent: 40, Message: "half"})
		r.fail("heartbeat", fault.New(fault.Unavailable, "later"), nil)
		pass(20 * time.Second)
		percent := 40.0
		if diff := cmp.Diff([]api.Heartbeat{
			{Claim: "c1", Timeout: "30s"},
			{Claim: "c1", Timeout: "30s", Progress: &percent, Message: "half"},
			{Claim: "c1", Timeout: "30s", Progress: &percent, Message: "half"}, // since the first was not taken
		}, r.heartbeats()); diff != "" {
			t.Error(diff)
		}
		got.done(runner.Result{Outcome: jobqueue.OutcomeDone})
		n := len(r.heartbeats())
		pass(time.Minute)
		if len(r.heartbeats()) != n {
			t.Error("heartbeats go on after the end")
		}
		r.stop()
		<-r.ended
	})
}

func TestAJobWhoseClaimIsLostIsEndedAndNothingIsSaidOfIt(t *testing.T) {
	for name, err := range map[string]error{
		"refused":    fault.New(fault.Conflict, "the claim is not held any more"),
		"not stored": fault.New(fault.Unavailable, "nobody answers"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newService()
				s.fails["heartbeat"] = []error{err}
				s.add(job(1))
				r := start(t, worker.Config{Period: 30 * time.Second}, s)
				got := <-r.hands.runs
				begun := time.Now()
				<-got.ctx.Done()
				if took := time.Since(begun); took > 30*time.Second {
					t.Errorf("it was ended after %s, the claim lasts 30s", took)
				}
				want(t, r.told())
				r.add(job(2))
				if next := <-r.hands.runs; next.work.Jobs[0].ID != "aawiki.2" {
					t.Errorf("its room is not free: %+v", next.work)
				}
				r.stop()
				<-r.ended
			})
		})
	}
}

func TestACancelledJobIsEndedAndFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService()
		s.cancelled = true
		s.add(job(1))
		r := start(t, worker.Config{}, s)
		<-(<-r.hands.runs).ctx.Done()
		want(t, r.told(), `fail aawiki.1 {"claim":"c1","error":"the job was cancelled","permanent":true}`)
		r.stop()
		<-r.ended
	})
}

func TestAStopLetsJobsEndAndReleasesTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService()
		s.add(job(1), job(2))
		r := start(t, worker.Config{Slots: 2, Drain: 10 * time.Second}, s)
		quick, slow := <-r.hands.runs, <-r.hands.runs
		if quick.work.Jobs[0].ID != "aawiki.1" {
			quick, slow = slow, quick
		}
		r.stop()
		r.add(job(3))
		pass(5 * time.Second)
		quick.done(runner.Result{Outcome: jobqueue.OutcomeDone})
		want(t, r.told(), `finish aawiki.1 {"claim":"c1"}`)
		<-slow.ctx.Done()
		if err := <-r.ended; err != nil {
			t.Errorf("Run = %v", err)
		}
		want(t, r.told(), `release aawiki.2 {"claim":"c2","reason":"the worker is stopping"}`)
		if len(r.hands.runs) > 0 {
			t.Error("a job was begun after the stop")
		}
	})
}

func TestAWorkerThatStopsDoesNotWaitForAServiceThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService()
		s.fails["release"] = []error{errors.New("connection refused")}
		s.add(job(1))
		r := start(t, worker.Config{Drain: -1}, s)
		<-r.hands.runs
		stopped := time.Now()
		r.stop()
		if err := <-r.ended; err != nil || time.Since(stopped) > 10*time.Second {
			t.Errorf("Run = %v after %s", err, time.Since(stopped))
		}
	})
}

func TestAnOutcomeIsSaidUntilTheServiceHasIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService()
		away := fault.New(fault.Unavailable, "later")
		s.fails["finish"] = []error{away, errors.New("connection refused"), away, away, away, nil}
		s.add(job(1))
		r := start(t, worker.Config{}, s)
		(<-r.hands.runs).done(runner.Result{Outcome: jobqueue.OutcomeDone})
		want(t, r.told())
		pass(time.Minute)
		want(t, r.told(), `finish aawiki.1 {"claim":"c1"}`)

		r.fail("finish", fault.New(fault.Conflict, "not held any more"))
		r.add(job(2), job(3))
		for range 2 { // the second has the room of the first
			(<-r.hands.runs).done(runner.Result{Outcome: jobqueue.OutcomeDone})
		}
		want(t, r.told())
		r.stop()
		<-r.ended
	})
}

func TestAServiceThatIsAwayIsAskedAgainAndOneThatRefusesIsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService()
		s.fails["claim"] = []error{errors.New("connection refused"), fault.New(fault.Unavailable, "starting"), nil}
		s.add(job(1))
		r := start(t, worker.Config{Slots: 2, Queues: []string{"a", "b"}, Wiki: "aawiki"}, s)
		got := <-r.hands.runs
		asked, queues := r.requests()
		if q := asked[0]; q.Wiki != "aawiki" || len(q.Queues) != 2 || queues[0] != api.AnyQueue {
			t.Errorf("asked for %+v of %q", q, queues[0])
		}
		r.fail("claim", fault.New(fault.Forbidden, "the token has not the role run"))
		pass(31 * time.Second)
		if len(r.ended) > 0 {
			t.Fatal("Run returned while a job ran")
		}
		got.done(runner.Result{Outcome: jobqueue.OutcomeDone})
		if err := <-r.ended; fault.KindOf(err) != fault.Forbidden {
			t.Errorf("Run = %v", err)
		}
		want(t, r.told(), `finish aawiki.1 {"claim":"c1"}`)
	})
}

func TestJobsOfOneQueueAndWikiGoTogetherAsFarAsTheRunnerTakesThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService()
		other := job(4)
		other.Wiki, other.ID = "bbwiki", "bbwiki.4"
		s.add(job(1), other, job(2), job(3))
		r := start(t, worker.Config{Slots: 10, Runner: &hands{batch: 2, runs: make(chan *run, 10)}}, s)
		sizes := map[string]int{}
		for range 3 {
			got := <-r.hands.runs
			sizes[fmt.Sprint(got.work.Wiki, len(got.work.Jobs))]++
			if len(got.work.Jobs) == 2 {
				got.report(1, runner.Result{Outcome: jobqueue.OutcomeDone})
				if !slices.Contains(r.told(), `finish aawiki.2 {"claim":"c2"}`) {
					t.Error("the outcome of the second waits for the first")
				}
				got.report(0, runner.Result{Outcome: jobqueue.OutcomeDone})
			}
			got.end <- nil
		}
		if diff := cmp.Diff(map[string]int{"aawiki2": 1, "aawiki1": 1, "bbwiki1": 1}, sizes); diff != "" {
			t.Error(diff)
		}
		r.stop()
		<-r.ended
	})
}
