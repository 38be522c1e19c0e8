package crash_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"auwai/test/rig"
)

// TestAPushIsThereWholeOrNotAtAllWhenTheServiceIsKilled kills the service while jobs are pushed, some of
// which are so large that they are stored in several commits.
func TestAPushIsThereWholeOrNotAtAllWhenTheServiceIsKilled(t *testing.T) {
	const rounds, producers, jobs = 6, 3, 6
	service, _ := stand(t, rig.QueueConfig{Runner: "remote"}) // nobody comes for them: they stay
	large := strings.Repeat("x", 300<<10)
	var mu sync.Mutex
	acked, sent := map[string]bool{}, 0
	for round := range rounds {
		if err := service.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		taken := make(chan struct{}, 1)
		var pushing sync.WaitGroup
		for producer := range producers {
			pushing.Go(func() {
				for n := 0; ctx.Err() == nil; n++ {
					name := fmt.Sprintf("%d-%d-%d", round, producer, n)
					payload := "small"
					if n%2 == 0 {
						payload = large
					}
					status := pushJobs(ctx, service, name, payload, jobs)
					mu.Lock()
					sent++
					ok := status == http.StatusCreated || status == http.StatusAccepted
					acked[name] = ok
					mu.Unlock()
					if ok {
						select {
						case taken <- struct{}{}:
						default:
						}
					}
				}
			})
		}
		select {
		case <-taken:
		case <-t.Context().Done():
			t.Fatal("no push was taken")
		}
		rig.Pause(t.Context(), time.Duration(rig.Random(int(200*time.Millisecond))))
		service.Kill()
		stop()
		pushing.Wait()
	}
	if err := service.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, err := service.Jobs(t.Context(), url.Values{"queue": {"whole"}})
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]int{}
	for _, j := range list {
		name, _, _ := strings.Cut(j.ClientID, "/")
		there[name]++
	}
	taken := 0
	for name, n := range there {
		if n != jobs {
			t.Errorf("push %s: %d of %d jobs exist", name, n, jobs)
		}
	}
	for name, ok := range acked {
		if ok {
			taken++
		}
		if ok && there[name] != jobs {
			t.Errorf("push %s was acknowledged, and %d of its %d jobs exist", name, there[name], jobs)
		}
	}
	t.Logf("%d pushes, %d acknowledged, %d there", sent, taken, len(there))
	if taken == 0 || taken == sent {
		t.Errorf("%d of %d pushes were acknowledged: the kills did not fall among them", taken, sent)
	}
}

// pushJobs pushes jobs whose client ids begin with a name, and returns the status; 0 for none.
func pushJobs(ctx context.Context, service *rig.Service, name, payload string, jobs int) int {
	list := make([]string, jobs)
	for i := range list {
		list[i] = fmt.Sprintf(`{"wiki":"aawiki","queue":"whole","client_id":"%s/%d","payload":%q}`, name, i, payload)
	}
	answer, _, err := service.PostJobs(ctx, []byte("["+strings.Join(list, ",")+"]"))
	if err != nil {
		return 0
	}
	return answer.Status
}
