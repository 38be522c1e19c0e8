package sqltest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"auwai/internal/kv"
	"auwai/internal/testenv"
)

// link is an engine behind the proxy.
type link struct {
	*env
	kv.Engine
}

func (e *env) link() link { return link{e, e.open(e.store.Link)} }

// arm prepares a fault for the next commit. The read before it leaves a connection in the pool, so
// that the next bytes are the commit's.
func (l link) arm(fault testenv.Fault, bytes int) *testenv.Caught {
	l.Helper()
	if _, err := l.Get(l.Context(), kv.Key("warm")); err != nil {
		l.Fatalf("Get: %v", err)
	}
	return l.store.Proxy.Arm(fault, bytes)
}

// step moves the fence from i to i+1 and writes row i.
func step(i int) *kv.Batch {
	return batch(func(b *kv.Batch) {
		b.Require([]byte("fence"), fmt.Append(nil, i))
		b.Set([]byte("fence"), fmt.Append(nil, i+1))
		b.Set(number("row", i), fmt.Append(nil, i))
		b.Set([]byte("last"), fmt.Append(nil, i))
	})
}

// everyCommit sends commits through a network that loses, holds and cuts them, and resolves what is
// unknown by sending the same batch again. A held request is let go before the repetition, beside it
// or after it.
func everyCommit(e *env) {
	const commits = 120
	l := e.link()
	e.commit(l, func(b *kv.Batch) { b.Set([]byte("fence"), []byte("0")) })
	rng := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test's order must repeat
	faults := []testenv.Fault{
		testenv.LoseReply, testenv.HoldRequest, testenv.HoldRequest, testenv.CutRequest, testenv.CutClient,
	}
	var zombies []*testenv.Caught
	var loose sync.WaitGroup
	for i := range commits {
		fault := faults[rng.IntN(len(faults))]
		caught := l.arm(fault, 1+rng.IntN(100))
		err := l.Commit(e.Context(), step(i))
		<-caught.Caught()
		if !errors.Is(err, kv.ErrUnknown) {
			e.Fatalf("commit %d under fault %d = %v, want ErrUnknown", i, fault, err)
		}
		if fault == testenv.HoldRequest {
			zombies = append(zombies, caught)
			switch rng.IntN(3) {
			case 0:
				caught.Release()
				<-caught.Over()
			case 1:
				loose.Go(caught.Release)
			}
		}
		e.resolve(l, i)
	}
	for _, zombie := range zombies {
		zombie.Release()
		<-zombie.Over()
	}
	loose.Wait()
	if fence, last := value(e.T, l, "fence"), value(e.T, l, "last"); fence != fmt.Sprint(commits) || last != fmt.Sprint(commits-1) {
		e.Errorf("fence %s, last %s after %d commits", fence, last, commits)
	}
	found := rows(e.T, l, "row")
	for i := range commits {
		if found[string(number("row", i))] != fmt.Sprint(i) {
			e.Errorf("commit %d is not there", i)
		}
	}
}

// resolve sends the same batch until its outcome is known.
func (e *env) resolve(engine kv.Engine, i int) {
	e.Helper()
	for range 10 {
		err := engine.Commit(e.Context(), step(i))
		switch {
		case err == nil:
			return
		case errors.Is(err, kv.ErrConflict):
			if got := value(e.T, engine, "fence"); got != fmt.Sprint(i+1) {
				e.Fatalf("conflict at commit %d, and the fence is %s", i, got)
			}
			return
		case !errors.Is(err, kv.ErrUnknown):
			e.Fatalf("commit %d again = %v", i, err)
		}
	}
	e.Fatalf("commit %d is still unknown", i)
}

// offsets returns places in a request of the size at which to stop, its ends among them.
func offsets(size int) []int {
	const places = 16
	at := []int{1, 4, 5}
	for i := range places {
		at = append(at, 6+i*(size-6)/places)
	}
	return append(at, size-5, size-4, size-1)
}

// requestSize returns the number of bytes of a commit.
func (l link) requestSize(i int) int {
	l.Helper()
	caught := l.arm(testenv.LoseReply, 0)
	if err := l.Commit(l.Context(), step(i)); !errors.Is(err, kv.ErrUnknown) {
		l.Fatalf("Commit = %v, want ErrUnknown", err)
	}
	l.resolve(l, i)
	return caught.Size()
}

func stoppedClient(e *env) {
	l, other := e.link(), e.open(e.store.Open)
	e.commit(l, func(b *kv.Batch) { b.Set([]byte("fence"), []byte("0")) })
	size := l.requestSize(0)
	fence := 1
	for _, at := range append(offsets(size), size) {
		caught := l.arm(testenv.Freeze, at)
		done := make(chan error, 1) // so that the commit can end when the case has failed
		go func() { done <- l.Commit(e.Context(), step(fence)) }()
		<-caught.Caught()
		start := time.Now()
		ctx, cancel := context.WithTimeout(e.Context(), patience)
		beside := other.Commit(ctx, step(fence))
		cancel()
		if beside != nil && !errors.Is(beside, kv.ErrConflict) {
			e.Fatalf("stopped after %d of %d bytes: the other client got %v after %v", at, size, beside, time.Since(start))
		}
		caught.Release()
		if stopped := <-done; (stopped == nil) == (beside == nil) {
			e.Fatalf("stopped after %d of %d bytes: %v and %v, want one winner", at, size, stopped, beside)
		}
		fence++
	}
}

func cutRequest(e *env) {
	l := e.link()
	e.commit(l, func(b *kv.Batch) { b.Set([]byte("fence"), []byte("0")) })
	size := l.requestSize(0)
	for i, at := range offsets(size) {
		l.arm(testenv.CutRequest, at)
		err := l.Commit(e.Context(), step(1+i))
		if !errors.Is(err, kv.ErrUnknown) {
			e.Fatalf("cut after %d of %d bytes: Commit = %v, want ErrUnknown", at, size, err)
		}
		if err := l.Commit(e.Context(), step(1+i)); err != nil {
			e.Fatalf("cut after %d of %d bytes: the repetition = %v, want nil", at, size, err)
		}
	}
}

func endedContext(e *env) {
	l := e.link()
	e.commit(l, func(b *kv.Batch) { b.Set([]byte("fence"), []byte("0")) })
	for i, landsFirst := range []bool{true, false} {
		caught := l.arm(testenv.Freeze, 0)
		ctx, cancel := context.WithCancel(e.Context())
		done := make(chan error, 1) // so that the commit can end when the case has failed
		go func() { done <- l.Commit(ctx, step(i)) }()
		<-caught.Caught()
		cancel()
		if err := <-done; !errors.Is(err, kv.ErrUnknown) || !errors.Is(err, context.Canceled) {
			e.Fatalf("Commit = %v, want ErrUnknown and context.Canceled", err)
		}
		if landsFirst {
			caught.Release()
			<-caught.Over()
		}
		e.resolve(l, i)
		caught.Release()
		<-caught.Over()
		if got := value(e.T, l, "fence"); got != fmt.Sprint(i+1) {
			e.Errorf("fence = %s, want %d", got, i+1)
		}
	}
}
