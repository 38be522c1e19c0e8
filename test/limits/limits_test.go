package limits_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"auwai/test/rig"
)

const (
	secret = "a-secret-of-the-wiki"
	host   = "aawiki.localhost"
)

// target is a wiki that counts.
type target struct {
	t     *testing.T
	takes time.Duration // of a call, whatever becomes of its caller

	mu      sync.Mutex
	running int
	peak    int // since the last reset
	begun   []time.Time
	changed chan struct{} // closed and replaced whenever a call begins or ends
}

func (c *target) call(_ context.Context, _ rig.Delivery) (int, string) {
	c.move(1)
	// Not the caller's context: a call goes on when its caller is dead.
	rig.Pause(c.t.Context(), c.takes)
	c.move(-1)
	return rig.JobDone()
}

func (c *target) move(by int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running += by; by > 0 {
		c.begun = append(c.begun, time.Now())
	}
	c.peak = max(c.peak, c.running)
	close(c.changed)
	c.changed = make(chan struct{})
}

// await waits until what the target sees is so.
func (c *target) await(what string, so func(running, peak, begun int) bool) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 20*time.Second)
	defer cancel()
	for {
		c.mu.Lock()
		ok, changed := so(c.running, c.peak, len(c.begun)), c.changed
		state := fmt.Sprintf("%d run, %d at most, %d in all", c.running, c.peak, len(c.begun))
		c.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			c.t.Fatalf("waited in vain for %s: %s", what, state)
		}
	}
}

// reset begins a new count of the peak, and returns how many calls have begun.
func (c *target) reset() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.peak = c.running
	return len(c.begun)
}

// holds waits until a limit is seen to hold and to be used up, and then for many calls under it.
func (c *target) holds(limit int, while string) {
	c.t.Helper()
	const calls = 30
	// Until the limit is in force the one before counts too.
	from := c.reset()
	c.await("a limit of "+strconv.Itoa(limit)+" "+while, func(running, peak, begun int) bool {
		if peak > limit {
			c.peak, from = running, begun
		}
		return begun >= from+calls && peak == limit
	})
	c.strict(limit, calls, while)
}

// strict waits for more calls, and fails when more than limit were under way at once.
func (c *target) strict(limit, calls int, while string) {
	c.t.Helper()
	from := c.reset()
	c.await("calls "+while, func(_, _, begun int) bool { return begun >= from+calls })
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.peak > limit {
		c.t.Errorf("%s: %d calls at once, the limit is %d", while, c.peak, limit)
	}
}

// stand is a service with one queue, whose wiki is a target.
func stand(t *testing.T, takes time.Duration, queue rig.QueueConfig) (*rig.Service, *target) {
	t.Helper()
	binary, err := rig.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	endpoint, err := rig.NewEndpoint(map[string]string{host: secret})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(endpoint.Close)
	c := &target{t: t, takes: takes, changed: make(chan struct{})}
	endpoint.OnJob(c.call)
	dir := t.TempDir()
	secretFile := filepath.Join(dir, "secret")
	if err := os.WriteFile(secretFile, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	service, err := rig.NewService(binary, dir, rig.ServiceConfig{
		Data: "data", Concurrency: 64,
		Wikis: map[string]rig.WikiConfig{"aawiki": {
			URL: endpoint.URL(), Host: host, Runner: rig.RunnerEventBus, SecretFile: secretFile, Concurrency: 64,
		}},
		Queues: map[string]rig.QueueConfig{"limited": queue},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(service.Kill)
	if err := service.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return service, c
}

func push(t *testing.T, service *rig.Service, jobs int) {
	t.Helper()
	for from := 0; from < jobs; from += 1000 {
		var events [][]byte
		for n := from; n < min(jobs, from+1000); n++ {
			events = append(events, rig.SignedJob("aawiki", host, secret, "limited", fmt.Sprintf(`{"n":%d}`, n)))
		}
		answer, err := service.PostEvents(t.Context(), rig.Batch(events...))
		if err != nil || answer.Status != http.StatusCreated {
			t.Fatalf("push: %v, status %d: %s", err, answer.Status, answer.Body)
		}
	}
}

// set changes the limit of the queue in the configuration, and has it read again.
func set(t *testing.T, service *rig.Service, from, to int) {
	t.Helper()
	text, err := os.ReadFile(service.ConfigFile())
	if err != nil {
		t.Fatal(err)
	}
	old, fresh := fmt.Sprintf("concurrency: %d\n", from), fmt.Sprintf("concurrency: %d\n", to)
	if strings.Count(string(text), old) != 1 {
		t.Fatalf("%q is not in the configuration once:\n%s", old, text)
	}
	if err := os.WriteFile(service.ConfigFile(), []byte(strings.Replace(string(text), old, fresh, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	pid, err := service.Pid()
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}

// control changes a limit at run time, as "auwai queues set" does.
func control(t *testing.T, service *rig.Service, change string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+service.Address()+"/v1/control/queue:limited", strings.NewReader(change))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	client := http.Client{Timeout: 10 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("PUT control: status %d, %v", response.StatusCode, err)
	}
}

func TestSemanticsLimitsHoldThroughReloadsSettingsAndRestarts(t *testing.T) {
	service, c := stand(t, 10*time.Millisecond, rig.QueueConfig{Concurrency: 5})
	push(t, service, 4000)
	c.holds(5, "at the start")
	set(t, service, 5, 3)
	c.holds(3, "after a reload with a lower limit")
	set(t, service, 3, 7)
	c.holds(7, "after a reload with a higher limit")
	control(t, service, `{"set":{"concurrency":2}}`)
	c.holds(2, "after queues set concurrency=2")
	for range 2 {
		from := c.reset()
		if err := service.Stop(); err != nil {
			t.Fatal(err)
		}
		if err := service.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.await("calls after a restart", func(_, _, begun int) bool { return begun >= from+20 })
		c.mu.Lock()
		if c.peak > 2 {
			t.Errorf("over an orderly restart: %d calls at once, the limit is 2", c.peak)
		}
		c.mu.Unlock()
	}
	control(t, service, `{"set":{"concurrency":null}}`)
	c.holds(7, "after the setting was taken back")
}

func TestALimitThatIsExclusiveHoldsThroughCrashes(t *testing.T) {
	const limit, takes = 3, 700 * time.Millisecond
	service, c := stand(t, takes, rig.QueueConfig{Concurrency: limit, Exclusive: true, Timeout: "2s", Attempts: 100, RetryDelay: "10ms", RetryFactor: 1})
	push(t, service, 200)
	for range 2 {
		c.await("as many calls as may be", func(running, _, _ int) bool { return running == limit })
		from := c.reset()
		service.Kill()
		if err := service.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.await("calls after a crash", func(_, _, begun int) bool { return begun >= from+2*limit })
	}
	if c.strict(limit, 1, "after crashes"); c.peak > limit {
		t.Errorf("%d calls at once, the limit is %d", c.peak, limit)
	}
}

func TestALimitThatIsNotExclusiveIsExceededByNoMoreThanWhatRanInACrash(t *testing.T) {
	const limit = 3
	service, c := stand(t, 500*time.Millisecond, rig.QueueConfig{Concurrency: limit, Attempts: 100, RetryDelay: "10ms", RetryFactor: 1})
	push(t, service, 200)
	c.await("as many calls as may be", func(running, _, _ int) bool { return running == limit })
	from := c.reset()
	service.Kill()
	if err := service.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.await("calls after a crash", func(_, _, begun int) bool { return begun >= from+2*limit })
	c.mu.Lock()
	peak := c.peak
	c.mu.Unlock()
	if peak > 2*limit {
		t.Errorf("%d calls at once, at most %d ran when the process died and the limit is %d", peak, limit, limit)
	}
	c.holds(limit, "after what ran had ended")
}

// seconds is how long a rate is watched.
func seconds(t *testing.T) int {
	t.Helper()
	text := os.Getenv("AUWAI_LIMITS_SECONDS")
	if text == "" {
		return 4
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("AUWAI_LIMITS_SECONDS is %q, a number of seconds is expected", text)
	}
	return n
}

func TestARateOfTheServiceIsKeptAndUsed(t *testing.T) {
	const rate, burst = 100, 20
	length := seconds(t)
	service, c := stand(t, 0, rig.QueueConfig{Rate: rate, Burst: burst})
	push(t, service, rate*length+1000)
	c.await("the first call", func(_, _, begun int) bool { return begun > 0 })
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(length+30)*time.Second)
	defer cancel()
	end := time.Duration(length) * time.Second
	for {
		c.mu.Lock()
		over, changed := c.begun[len(c.begun)-1].Sub(c.begun[0]) > end, c.changed
		c.mu.Unlock()
		if over {
			break
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatal("the calls stopped")
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, at := range c.begun {
		if at.Sub(c.begun[0]) <= end {
			n++
		}
	}
	t.Logf("%d calls in %d s at a rate of %d", n, length, rate)
	// A call is seen when it arrives: one that was long on its way may arrive beside the next ones.
	const onTheWay = rate / 20
	if most := rate*length + burst + onTheWay; n > most {
		t.Errorf("%d calls in %d s, at most %d are allowed", n, length, most)
	}
	if least := rate*length*99/100 - onTheWay; n < least {
		t.Errorf("%d calls in %d s, at least %d are due", n, length, least)
	}
}
