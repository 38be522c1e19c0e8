package dispatch_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"auwai/internal/dispatch"
	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/partition"
	"auwai/internal/runner"
)

// runs is a runner made of a function.
type runs func(ctx context.Context, w runner.Work, report func(int, runner.Result)) error

func (f runs) Batch(string) int { return 1 }
func (f runs) Run(ctx context.Context, w runner.Work, report func(int, runner.Result)) error {
	return f(ctx, w, report)
}

// driven has the rig's attempts carried out by a runner. The function it returns works until the
// condition holds.
func driven(t *testing.T, r *rig, f runs) (until func(cond func() bool)) {
	t.Helper()
	poke := make(chan struct{}, 1)
	d := dispatch.NewDriver(dispatch.DriverConfig{Machine: r.m, Engine: r.store.Open(), Runners: func(jobqueue.Pair) runner.Runner {
		if f == nil {
			return nil
		}
		return f
	}})
	d.Attach(func() {
		select {
		case poke <- struct{}{}:
		default:
		}
	})
	t.Cleanup(d.Close)
	r.driver = d
	return func(cond func() bool) {
		t.Helper()
		r.settle()
		for !cond() {
			select {
			case <-poke:
			case <-t.Context().Done():
				t.Fatal("the condition never holds")
			}
			r.settle()
		}
	}
}

func (r *rig) counted(p jobqueue.Pair, want jobqueue.Counts) func() bool {
	return func() bool { return r.pairOf(p) == want }
}

func TestTheDriverCarriesOutJobsUntilNoneIsLeft(t *testing.T) {
	p := pairOf("links", "aawiki")
	r := newRig(t, &policy{node: 4, batch: 3})
	var mu sync.Mutex
	seen := map[string]int{}
	until := driven(t, r, func(_ context.Context, w runner.Work, report func(int, runner.Result)) error {
		mu.Lock()
		defer mu.Unlock()
		for i, item := range w.Jobs {
			seen[string(item.Payload)]++
			report(i, done())
		}
		return nil
	})
	r.open(false, "aawiki")
	r.push(p, 100)
	until(r.counted(p, jobqueue.Counts{}))
	if len(seen) != 100 {
		t.Fatalf("%d jobs were carried out, want 100", len(seen))
	}
	for payload, n := range seen {
		if n != 1 {
			t.Errorf("job %s was carried out %d times", payload, n)
		}
	}
}

func TestAnAttemptThatFailsPanicsOrTakesTooLongIsCounted(t *testing.T) {
	p := pairOf("links", "aawiki")
	for name, f := range map[string]runs{
		"the runner panicked": func(context.Context, runner.Work, func(int, runner.Result)) error { panic("asked for") },
		"it broke":            func(context.Context, runner.Work, func(int, runner.Result)) error { return errors.New("it broke") },
		"context deadline exceeded": func(ctx context.Context, _ runner.Work, _ func(int, runner.Result)) error {
			<-ctx.Done()
			return ctx.Err()
		},
	} {
		r := newRig(t, &policy{node: 1, queue: settings{Timeout: 20 * time.Millisecond, Retry: jobqueue.Policy{Attempts: 1}}})
		until := driven(t, r, f)
		r.open(false, "aawiki")
		r.push(p, 1)
		until(r.counted(p, jobqueue.Counts{Dead: 1}))
		page := r.store.Scan(jobqueue.DeadRange(partition.Of("aawiki"), p, 0))[0]
		id, _, err := jobqueue.DecodeDead(page.Entries[0])
		if err != nil {
			t.Fatal(err)
		}
		j, err := jobqueue.DecodeJob(p, id, r.store.Get(jobqueue.JobKey(partition.Of("aawiki"), "aawiki", id))[0])
		if err != nil || !strings.Contains(j.LastError, name) {
			t.Errorf("the error is %q (%v), want %q in it", j.LastError, err, name)
		}
	}
}

func TestAPayloadThatWasStoredAheadIsReadBeforeItsAttempt(t *testing.T) {
	p := pairOf("links", "aawiki")
	r := newRig(t, &policy{node: 1})
	var got []byte
	until := driven(t, r, func(_ context.Context, w runner.Work, report func(int, runner.Result)) error {
		got = w.Jobs[0].Payload
		report(0, done())
		return nil
	})
	r.open(false, "aawiki")
	payload := bytes.Repeat([]byte("0123456789"), 130_000)
	blob := jobqueue.BlobRef{ID: r.minter.Next(r.clock.Wall), Size: len(payload)}
	for i := 0; i*jobqueue.ChunkSize < len(payload); i++ {
		data := payload[i*jobqueue.ChunkSize : min(len(payload), (i+1)*jobqueue.ChunkSize)]
		r.command("aawiki", &jobqueue.StoreBlob{Wiki: "aawiki", ID: blob.ID, Chunk: i, Data: data})
		r.settle()
	}
	r.push(p, 1, func(n *jobqueue.New) { n.Payload, n.Blob = nil, blob })
	until(r.counted(p, jobqueue.Counts{}))
	if !bytes.Equal(got, payload) {
		t.Fatalf("the payload has %d bytes, want the %d that were stored", len(got), len(payload))
	}
}

func TestClosingTheDriverEndsItsAttempts(t *testing.T) {
	r := newRig(t, &policy{node: 3})
	var running sync.WaitGroup
	running.Add(3)
	driven(t, r, func(ctx context.Context, _ runner.Work, _ func(int, runner.Result)) error {
		running.Done()
		<-ctx.Done()
		return ctx.Err()
	})
	r.open(false, "aawiki")
	r.push(pairOf("links", "aawiki"), 5)
	running.Wait()
	r.driver.Close() // returns when they have ended
}

func TestAnAttemptHearsThatItsJobWasCancelled(t *testing.T) {
	p := pairOf("links", "aawiki")
	r := newRig(t, &policy{node: 1})
	var cause error
	began := make(chan struct{})
	until := driven(t, r, func(ctx context.Context, _ runner.Work, _ func(int, runner.Result)) error {
		close(began)
		<-ctx.Done()
		cause = context.Cause(ctx)
		return cause
	})
	r.open(false, "aawiki")
	var id ident.Suffix
	r.push(p, 1, func(n *jobqueue.New) { id = n.ID })
	<-began
	r.command("aawiki", &jobqueue.Cancel{Wiki: "aawiki", ID: id, Running: true})
	until(r.counted(p, jobqueue.Counts{}))
	if !errors.Is(cause, runner.ErrCancelled) {
		t.Errorf("the attempt ended with %v, want ErrCancelled", cause)
	}
}
