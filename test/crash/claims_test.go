package crash_test

import (
	"encoding/json"
	"testing"
	"time"

	"auwai/api"
	"auwai/client"
	"auwai/internal/fault"
	"auwai/test/rig"
)

// A worker's claim is on disk before the worker has the job: the service is killed, and the worker goes
// on as if nothing had been. What a former holder says after its deadline is refused, in this life of
// the service and in the next.
func TestAWorkersClaimOutlivesAKillAndAFormerHolderIsRefused(t *testing.T) {
	service, _ := stand(t, rig.QueueConfig{Runner: "remote", RetryDelay: "1ms", RetryFactor: 1})
	if err := service.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	worker := workerOf(t, service)
	payload := json.RawMessage(`{}`)
	if _, err := worker.PushJobs(t.Context(), []api.NewJob{
		{Queue: "encode", Wiki: "aawiki", Payload: payload}, {Queue: "encode", Wiki: "aawiki", Payload: payload},
	}); err != nil {
		t.Fatal(err)
	}
	held := claimOne(t, worker, api.ClaimRequest{Wait: "30s", Worker: "steady"})
	short := claimOne(t, worker, api.ClaimRequest{Wait: "30s", Worker: "slow", Timeout: "1s"})
	service.Kill()
	if err := service.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	worker = workerOf(t, service)
	answer, err := worker.Heartbeat(t.Context(), held.ID, api.Heartbeat{Claim: held.Claim, Message: "half"})
	if err != nil || answer.Cancelled || !answer.Deadline.After(time.Now()) {
		t.Errorf("the holder's heartbeat after the kill: %+v, %v", answer, err)
	}
	again := claimOne(t, worker, api.ClaimRequest{Wait: "30s", Worker: "next"}) // when the short one's deadline has passed
	if again.ID != short.ID || again.Attempt != 2 {
		t.Errorf("claimed %s, attempt %d, want %s, attempt 2", again.ID, again.Attempt, short.ID)
	}
	for range 2 {
		if _, err := worker.Finish(t.Context(), short.ID, api.JobFinish{Claim: short.Claim}); fault.KindOf(err) != fault.Conflict {
			t.Errorf("the former holder's finish: %v, want a conflict", err)
		}
		service.Kill()
		if err := service.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		worker = workerOf(t, service)
	}
	for _, job := range []api.ClaimedJob{held, again} {
		if _, err := worker.Finish(t.Context(), job.ID, api.JobFinish{Claim: job.Claim}); err != nil {
			t.Errorf("the holder's finish of %s: %v", job.ID, err)
		}
		if detail, err := worker.Job(t.Context(), job.ID); err != nil || detail.State != api.StateDone {
			t.Errorf("job %s is %s, %v", job.ID, detail.State, err)
		}
	}
	assertNoneDead(t, service)
	if err := service.Stop(); err != nil {
		t.Error(err)
	}
}

func claimOne(t *testing.T, worker *client.Client, q api.ClaimRequest) api.ClaimedJob {
	t.Helper()
	jobs, err := worker.Claim(t.Context(), "encode", q)
	if err != nil || len(jobs) != 1 {
		t.Fatalf("claimed %d jobs, %v", len(jobs), err)
	}
	return jobs[0]
}

// workerOf speaks to a service on connections of its present life.
func workerOf(t *testing.T, service *rig.Service) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{Server: service.URL()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}
