package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"auwai/internal/ident"
	"auwai/internal/intake"
	"auwai/internal/jobqueue"
	"auwai/internal/kv"
	"auwai/internal/kv/memkv"
	"auwai/internal/partition"
)

// dying is a store whose process dies at one of its commits: before the store took it, or after.
type dying struct {
	kv.Engine

	mu    sync.Mutex
	at    int // of its commits; guarded by mu
	after bool
	dead  chan struct{}
}

var errDead = errors.New("the process is dead")

// Commit applies commits up to the last.
func (d *dying) Commit(ctx context.Context, b *kv.Batch) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at--
	switch {
	case d.at > 0:
		return d.Engine.Commit(ctx, b)
	case d.at < 0:
		return errDead
	}
	close(d.dead)
	if d.after {
		if err := d.Engine.Commit(ctx, b); err != nil {
			return err
		}
	}
	return errDead
}

// wholePush is a push of several jobs with payloads that go ahead, and some that do not.
func wholePush() (body string, jobs int) {
	var list []string
	for i := range 6 {
		size := 10
		if i%2 == 0 {
			size = 400 << 10
		}
		list = append(list, fmt.Sprintf(`{"wiki":"aawiki","queue":"q%d","client_id":"c%d","key":"k%d","payload":"%s"}`, i%3, i, i, strings.Repeat("x", size)))
	}
	return "[" + strings.Join(list, ",") + "]", len(list)
}

// recordsOf counts the jobs of aawiki, after a start that takes all mail.
func recordsOf(t *testing.T, server *memkv.Server, session ident.Session) int {
	t.Helper()
	engine := server.Open()
	e := startNode(t, engine, session)
	p := partition.Of("aawiki")
	// A command is taken once the partition is open, and that is once its lanes are drained.
	for errors.Is(e.Submit(t.Context(), p, "aawiki", &jobqueue.Push{}), intake.ErrSilent) {
	}
	pages, err := engine.Scan(t.Context(), kv.Prefix(partition.WikiKey(p, "aawiki", jobqueue.FamJob)))
	if err != nil {
		t.Fatal(err)
	}
	return len(pages[0].Entries)
}

// TestSemanticsPushIsAtomicWhereverTheProcessDies kills a node at each of the commits of a push, directly and
// by mail, before and after the store took it: all of its jobs are there, or none.
func TestSemanticsPushIsAtomicWhereverTheProcessDies(t *testing.T) {
	body, jobs := wholePush()
	for _, mailed := range []bool{false, true} {
		seen := map[int]int{}
		for at := 1; ; at++ {
			acked := false
			for _, after := range []bool{false, true} {
				name := fmt.Sprintf("mailed %t, commit %d, after it %t", mailed, at, after)
				server := memkv.NewServer()
				d := &dying{Engine: server.Open(), at: at, after: after, dead: make(chan struct{})}
				status := pushOrDie(t, d, body, mailed)
				n := recordsOf(t, server, 20)
				seen[n]++
				if n != 0 && n != jobs {
					t.Fatalf("%s: %d of %d jobs exist", name, n, jobs)
				}
				if taken := status == 201 || status == 202; taken && n != jobs {
					t.Fatalf("%s: answered %d and %d jobs exist", name, status, n)
				} else if taken {
					acked = true
				}
			}
			if acked {
				break // the push was over before the death
			}
			if at > 200 {
				t.Fatal("the push is never acknowledged")
			}
		}
		if seen[0] < 2 || seen[jobs] < 2 {
			t.Errorf("mailed %t: outcomes %v; deaths before and after the push are wanted", mailed, seen)
		}
	}
}

// pushOrDie pushes until there is an answer or the process is dead; it returns the status, 0 for none.
func pushOrDie(t *testing.T, d *dying, body string, mailed bool) (status int) {
	t.Helper()
	var engine kv.Engine = d
	if mailed {
		engine = &gated{Engine: d, partition: partition.Of("aawiki"), open: make(chan struct{})}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	e := startNode(t, engine, 10)
	if !mailed {
		e.silent = time.Minute // it is never that
	}
	answer := make(chan int, 1)
	go func() { answer <- pushWithin(ctx, t, e, body).Status }()
	select {
	case status = <-answer:
	case <-d.dead:
		cancel()
		<-answer
	}
	return status
}
