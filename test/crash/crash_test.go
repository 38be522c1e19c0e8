package crash_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"auwai/test/rig"
)

const (
	secret      = "a-secret-of-both-wikis"
	concurrency = 16
	kills       = 25
)

var wikis = []string{"aawiki", "bbwiki"}

// stand is a service whose wikis are an endpoint.
func stand(t *testing.T, queue rig.QueueConfig) (*rig.Service, *rig.Endpoint) {
	t.Helper()
	binary, err := rig.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	secrets := map[string]string{}
	for _, wiki := range wikis {
		secrets[wiki+".localhost"] = secret
	}
	endpoint, err := rig.NewEndpoint(secrets)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(endpoint.Close)
	dir := t.TempDir()
	secretFile := filepath.Join(dir, "secret")
	if err := os.WriteFile(secretFile, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	config := rig.ServiceConfig{
		Data: "data", Concurrency: concurrency, Wikis: map[string]rig.WikiConfig{},
		Queues: map[string]rig.QueueConfig{"default": queue},
	}
	for _, wiki := range wikis {
		config.Wikis[wiki] = rig.WikiConfig{
			URL: endpoint.URL(), Host: wiki + ".localhost", Runner: rig.RunnerEventBus, SecretFile: secretFile,
		}
	}
	service, err := rig.NewService(binary, dir, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(service.Kill)
	t.Cleanup(func() {
		if t.Failed() {
			log, err := os.ReadFile(service.LogFile())
			t.Logf("the service's log (%v):\n%s", err, log[max(0, len(log)-8000):])
		}
	})
	return service, endpoint
}

func TestNothingAcknowledgedIsLostWhenTheServiceIsKilledAtRandomTimes(t *testing.T) {
	// A job may be under way at several kills, each of which costs it an attempt; what is tested
	// here is that none is lost, so that none may run out of attempts.
	service, endpoint := stand(t, rig.QueueConfig{Attempts: 1000})
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed of the times of killing: %d", seed)
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // a run must be repeatable
	endpoint.OnJob(func(ctx context.Context, _ rig.Delivery) (int, string) {
		rig.Pause(ctx, time.Duration(rig.Random(int(60*time.Millisecond))))
		return rig.JobDone()
	})

	load := rig.NewLoad(service.Admin, secret, wikis...)
	pushing, stopPushing := context.WithCancel(t.Context())
	defer stopPushing()
	var producers errgroup.Group
	producers.Go(func() error { return load.Run(pushing, 4, true) })
	for range kills {
		if err := service.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		rig.Pause(t.Context(), 50*time.Millisecond+time.Duration(random.Int64N(int64(400*time.Millisecond))))
		service.Kill()
	}
	// The last kills fall into the drain: nothing is pushed any more.
	if err := service.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	stopPushing()
	if err := producers.Wait(); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		rig.Pause(t.Context(), time.Duration(random.Int64N(int64(200*time.Millisecond))))
		service.Kill()
		if err := service.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := service.AwaitIdle(t.Context(), 4*time.Minute, nil); err != nil {
		t.Fatal(err)
	}
	judge(t, load, endpoint)
	assertNoneDead(t, service)
	rig.AssertContent(t, service)
	if err := service.Stop(); err != nil {
		t.Error(err)
	}
}

// judge checks that everything acknowledged ran, and that little ran twice.
func judge(t *testing.T, load *rig.Load, endpoint *rig.Endpoint) {
	t.Helper()
	ran, err := load.Ran(endpoint.Deliveries())
	if err != nil {
		t.Fatal(err)
	}
	acked := load.Acked()
	lost, again := 0, 0
	for _, number := range acked {
		if ran[number] == 0 {
			lost++
			t.Errorf("job %d was acknowledged and never ran", number)
		}
	}
	for _, times := range ran {
		again += times - 1
	}
	t.Logf("%d jobs acknowledged, %d requests without an answer, %d lost, %d attempts repeated",
		len(acked), len(load.Refused()), lost, again)
	if len(acked) < kills*10 {
		t.Errorf("only %d jobs were acknowledged: the kills fell on an idle service", len(acked))
	}
	// What a kill can repeat is what was under way, and what had ended and was not yet on disk.
	if limit := (kills + 5) * concurrency * 4; again > limit {
		t.Errorf("%d attempts were repeated, at most %d can have been under way", again, limit)
	}
}

func assertNoneDead(t *testing.T, service *rig.Service) {
	t.Helper()
	dead, err := service.Jobs(t.Context(), url.Values{"state": {"dead"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, job := range dead {
		t.Errorf("job %s is dead after %d attempts: %s", job.ID, job.Attempts, job.LastError)
	}
}

func TestAJobThatKillsTheServiceEndsDeadAndAllOthersAreDone(t *testing.T) {
	const attempts, ordinary = 3, 200
	service, endpoint := stand(t, rig.QueueConfig{Attempts: attempts, RetryDelay: "100ms", RetryFactor: 1})
	killer := make(chan struct{}, 64) // room for more kills than are allowed
	endpoint.OnJob(func(ctx context.Context, delivery rig.Delivery) (int, string) {
		if delivery.Event.Type == "poison" {
			killer <- struct{}{}
			<-ctx.Done() // until its caller is dead
			return http.StatusInternalServerError, ""
		}
		return rig.JobDone()
	})
	if err := service.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	pushWithPoison(t, service, ordinary)

	ctx, cancel := context.WithTimeoutCause(t.Context(), 4*time.Minute, fmt.Errorf("the poison did not end as a dead job"))
	defer cancel()
	killed := 0
	for over := false; !over; {
		settled, stop := context.WithCancel(ctx)
		watch := make(chan error, 1)
		go func() { watch <- awaitSettled(settled, service) }()
		select {
		case <-killer:
			killed++
			service.Kill()
			stop()
			if err := <-watch; err == nil {
				t.Fatal("everything settled although a job had just killed the service")
			}
			if killed > attempts+2 {
				t.Fatalf("the job killed the service %d times, it has %d attempts", killed, attempts)
			}
			if err := service.Start(ctx); err != nil {
				t.Fatal(err)
			}
		case err := <-watch:
			stop()
			if err != nil {
				t.Fatal(err)
			}
			over = true
		}
	}
	t.Logf("the service was killed %d times", killed)
	judgePoison(t, service, endpoint, ordinary)
	rig.AssertContent(t, service)
}

func pushWithPoison(t *testing.T, service *rig.Service, ordinary int) {
	t.Helper()
	var events [][]byte
	for number := range ordinary {
		events = append(events, rig.SignedJob("aawiki", "aawiki.localhost", secret, "plain", fmt.Sprintf(`{"n":%d}`, number)))
		if number == ordinary/2 {
			events = append(events, rig.SignedJob("aawiki", "aawiki.localhost", secret, "poison", `{"n":-1}`))
		}
	}
	answer, err := service.PostEvents(t.Context(), rig.Batch(events...))
	if err != nil || answer.Status != http.StatusCreated {
		t.Fatalf("push: %v, status %d: %s", err, answer.Status, answer.Body)
	}
}

// awaitSettled waits until nothing waits or runs.
func awaitSettled(ctx context.Context, service *rig.Service) error {
	return service.AwaitIdle(ctx, 4*time.Minute, nil)
}

func judgePoison(t *testing.T, service *rig.Service, endpoint *rig.Endpoint, ordinary int) {
	t.Helper()
	done := map[string]bool{}
	for _, delivery := range endpoint.Deliveries() {
		if delivery.Event.Type == "plain" && delivery.Status == http.StatusOK {
			done[string(delivery.Event.Params)] = true
		}
	}
	if len(done) != ordinary {
		t.Errorf("%d of %d other jobs ran", len(done), ordinary)
	}
	dead, err := service.Jobs(t.Context(), url.Values{"state": {"dead"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(dead) != 1 || dead[0].Queue != "poison" {
		t.Errorf("dead jobs: %+v, want the poison alone", dead)
	}
}
