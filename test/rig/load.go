package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Load is a set of producers that push numbered jobs for the endpoint's wikis, as fast as one request
// after the other with a short pause. Half of them post signed job events as EventBus does, the
// other half jobs with a client id. Safe for concurrent use.
type Load struct {
	admin    *Admin
	host     func(wiki string) string
	secret   string
	wikis    []string
	mu       sync.Mutex
	next     int
	acked    map[int]bool
	refused  []string      // what a producer saw instead of an answer 201, in words
	slowest  time.Duration // the longest that an answer took
	jobType  string
	maxBatch int
}

// NewLoad returns producers for wikis whose host is NAME.localhost and that share a secret.
func NewLoad(admin *Admin, secret string, wikis ...string) *Load {
	return &Load{
		admin:    admin,
		host:     func(wiki string) string { return wiki + ".localhost" },
		secret:   secret,
		wikis:    wikis,
		acked:    map[int]bool{},
		jobType:  "load",
		maxBatch: 5,
	}
}

// Run runs the producers until ctx ends. A request without a good answer is noted; if patient, it
// is sent again, with the same identity, until it is acknowledged or ctx ends.
func (l *Load) Run(ctx context.Context, producers int, patient bool) error {
	group, ctx := errgroup.WithContext(ctx)
	for number := range producers {
		group.Go(func() error {
			for ctx.Err() == nil {
				numbers, body, err := l.batch(number%2 == 0)
				if err != nil {
					return err
				}
				l.push(ctx, number%2 == 0, numbers, body, patient)
				Pause(ctx, time.Duration(Random(int(30*time.Millisecond))))
			}
			return nil
		})
	}
	return group.Wait()
}

// Acked returns the numbers of the jobs that the service acknowledged.
func (l *Load) Acked() []int {
	l.mu.Lock()
	defer l.mu.Unlock()
	numbers := make([]int, 0, len(l.acked))
	for number := range l.acked {
		numbers = append(numbers, number)
	}
	return numbers
}

// Refused returns, in words, every request that had no good answer.
func (l *Load) Refused() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.refused...)
}

// Slowest returns the longest time that a good answer took.
func (l *Load) Slowest() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.slowest
}

// batch makes a request of a few new jobs, as events or as jobs with client ids.
func (l *Load) batch(asEvents bool) (numbers []int, body []byte, err error) {
	wiki := l.wikis[Random(len(l.wikis))]
	count := 1 + Random(l.maxBatch)
	l.mu.Lock()
	first := l.next
	l.next += count
	l.mu.Unlock()
	var events [][]byte
	var jobs []map[string]any
	for number := first; number < first+count; number++ {
		event := SignedJob(wiki, l.host(wiki), l.secret, l.jobType, fmt.Sprintf(`{"n":%d}`, number))
		numbers, events = append(numbers, number), append(events, event)
		jobs = append(jobs, map[string]any{
			"client_id": fmt.Sprintf("load-%d", number), "queue": l.jobType, "wiki": wiki,
			"payload": json.RawMessage(event),
		})
	}
	if asEvents {
		return numbers, Batch(events...), nil
	}
	body, err = json.Marshal(jobs)
	return numbers, body, err
}

func (l *Load) push(ctx context.Context, asEvents bool, numbers []int, body []byte, patient bool) {
	send := l.admin.PostEvents
	if !asEvents {
		send = func(ctx context.Context, body []byte) (Answer, error) {
			answer, _, err := l.admin.PostJobs(ctx, body)
			return answer, err
		}
	}
	for {
		begun := time.Now()
		// A request under way is finished: its producer does not vanish with the load.
		answer, err := send(context.WithoutCancel(ctx), body)
		took := time.Since(begun)
		l.mu.Lock()
		good := err == nil && answer.Status == http.StatusCreated
		if good {
			l.slowest = max(l.slowest, took)
			for _, number := range numbers {
				l.acked[number] = true
			}
		} else {
			l.refused = append(l.refused, fmt.Sprintf("after %s: %v, status %d: %s", took, err, answer.Status, firstWords(string(answer.Body))))
		}
		l.mu.Unlock()
		if good || !patient || ctx.Err() != nil {
			return
		}
		Pause(ctx, 20*time.Millisecond)
	}
}

// Ran counts how often each numbered job ran with success.
func (l *Load) Ran(deliveries []Delivery) (map[int]int, error) {
	ran := map[int]int{}
	for _, delivery := range deliveries {
		if delivery.Event.Type != l.jobType || delivery.Status != http.StatusOK {
			continue
		}
		var params struct {
			N int `json:"n"`
		}
		if err := json.Unmarshal(delivery.Event.Params, &params); err != nil {
			return nil, fmt.Errorf("params of a delivered job: %w", err)
		}
		ran[params.N]++
	}
	return ran, nil
}
