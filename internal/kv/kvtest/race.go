package kvtest

import (
	"errors"
	"fmt"
	"strconv"
	"sync"

	"auwai/internal/kv"
)

func raceCases() []testCase {
	return []testCase{
		{name: "a raced counter has one winner for each value, one client", run: func(e *env) { raceCounter(e, 1) }},
		{
			name: "a raced counter has one winner for each value, three clients", needs: []Ability{Clients},
			run: func(e *env) { raceCounter(e, 3) },
		},
		{name: "a raced creation has one winner, one client", run: func(e *env) { raceCreate(e, 1) }},
		{
			name: "a raced creation has one winner, two clients", needs: []Ability{Clients},
			run: func(e *env) { raceCreate(e, 2) },
		},
		{name: "a writer whose fence was taken never applies again, one client", run: func(e *env) { raceTakeover(e, 1) }},
		{
			name: "a writer whose fence was taken never applies again, two clients", needs: []Ability{Clients},
			run: func(e *env) { raceTakeover(e, 2) },
		},
	}
}

func (e *env) clients(n int) []kv.Engine {
	engines := []kv.Engine{e.kv}
	for i := 1; i < n; i++ {
		engines = append(engines, e.open(i))
	}
	return engines
}

// raceCounter lets goroutines read a counter and commit its next value. A read of another server may
// be stale: then the Require fails and the goroutine reads again.
func raceCounter(e *env, clients int) {
	const goroutines, target = 6, 60
	engines := e.clients(clients)
	e.set("counter", "0")
	var mu sync.Mutex
	winners := map[int]int{}
	var group sync.WaitGroup
	for g := range goroutines {
		engine := engines[g%len(engines)]
		group.Go(func() {
			for {
				next, err := increment(e, engine, g, target)
				if errors.Is(err, kv.ErrConflict) {
					continue
				}
				if err != nil {
					e.Errorf("goroutine %d: %v", g, err)
					return
				}
				if next > target {
					return
				}
				mu.Lock()
				winners[next]++
				mu.Unlock()
			}
		})
	}
	group.Wait()
	for v := 1; v <= target; v++ {
		if winners[v] != 1 {
			e.Errorf("value %d was won %d times, want once", v, winners[v])
		}
	}
	e.commit(func(b *kv.Batch) { // certifies the end value on client 0
		b.Require([]byte("counter"), fmt.Append(nil, target))
		b.Delete([]byte("counter"))
	})
	if rows := e.page(kv.Prefix([]byte("row"))); len(rows.Entries) != target {
		e.Errorf("%d rows, want %d: a loser left a row, or a winner lost one", len(rows.Entries), target)
	}
}

// increment returns the value it won, or target+1 when the counter is at its end.
func increment(e *env, engine kv.Engine, g, target int) (int, error) {
	values, err := engine.Get(e.ctx, kv.Key("counter"))
	if err != nil {
		return 0, err
	}
	now, err := strconv.Atoi(show(values[0]))
	if err != nil {
		return 0, fmt.Errorf("the counter holds %q: %w", show(values[0]), err)
	}
	if now >= target {
		return target + 1, nil
	}
	return now + 1, engine.Commit(e.ctx, batch(func(b *kv.Batch) {
		b.Require([]byte("counter"), values[0])
		b.Set([]byte("counter"), fmt.Append(nil, now+1))
		b.Set(fmt.Appendf(nil, "row-%06d-%d", now+1, g), []byte("x"))
	}))
}

func raceCreate(e *env, clients int) {
	const goroutines, rounds = 4, 20
	engines := e.clients(clients)
	for round := range rounds {
		key := numbered("lock", round)
		outcomes := make([]error, goroutines)
		var group sync.WaitGroup
		for g := range goroutines {
			engine := engines[g%len(engines)]
			group.Go(func() {
				outcomes[g] = engine.Commit(e.ctx, batch(func(b *kv.Batch) {
					b.Require(key, nil)
					b.Set(key, fmt.Append(nil, g))
				}))
			})
		}
		group.Wait()
		winner := -1
		for g, err := range outcomes {
			switch {
			case err == nil && winner >= 0:
				e.Fatalf("round %d: both %d and %d created the key", round, winner, g)
			case err == nil:
				winner = g
			case !errors.Is(err, kv.ErrConflict):
				e.Fatalf("round %d: goroutine %d: %v", round, g, err)
			}
		}
		if winner < 0 {
			e.Fatalf("round %d: nobody created the key", round)
		}
		e.commit(func(b *kv.Batch) {
			b.Require(key, fmt.Append(nil, winner))
			b.Delete(key)
		})
	}
}

// raceTakeover: an owner writes as fast as it can, a taker takes its fence. Everything the owner was
// told is applied must be there, and nothing of it may appear after the taking.
func raceTakeover(e *env, clients int) {
	const rounds = 10
	engines := e.clients(clients)
	taker := engines[len(engines)-1]
	for round := range rounds {
		fence := numbered("fence", round)
		e.commit(func(b *kv.Batch) { b.Set(fence, []byte("0")) })
		started, acked := make(chan struct{}), 0
		var owner sync.WaitGroup
		owner.Go(func() { acked = own(e, e.kv, round, started) })
		<-started
		last := take(e, taker, fence)
		owner.Wait()
		all := kv.Prefix(fmt.Appendf(nil, "owned-%03d-", round))
		all.Limit = last + acked + 1
		rows := e.page(all)
		// The fence counts the owner's commits, so what the taker took is what must be there.
		if len(rows.Entries) != last || acked > last {
			e.Fatalf("round %d: %d rows, %d acknowledged, fence taken at %d", round, len(rows.Entries), acked, last)
		}
	}
}

// own commits until its fence is lost and returns how many commits were acknowledged.
func own(e *env, engine kv.Engine, round int, started chan<- struct{}) (acked int) {
	fence := numbered("fence", round)
	for {
		err := engine.Commit(e.ctx, batch(func(b *kv.Batch) {
			b.Require(fence, fmt.Append(nil, acked))
			b.Set(fence, fmt.Append(nil, acked+1))
			b.Set(fmt.Appendf(nil, "owned-%03d-%06d", round, acked), []byte("x"))
		}))
		if acked == 0 {
			close(started)
		}
		if err != nil {
			if !errors.Is(err, kv.ErrConflict) {
				e.Errorf("owner: %v", err)
			}
			return acked
		}
		acked++
	}
}

// take deletes the fence at whatever value it has, and returns that value.
func take(e *env, engine kv.Engine, fence kv.Key) int {
	for e.ctx.Err() == nil {
		values, err := engine.Get(e.ctx, fence)
		if err != nil {
			e.Fatalf("taker: %v", err)
		}
		if values[0] == nil {
			continue // another server has not seen the fence yet
		}
		err = engine.Commit(e.ctx, batch(func(b *kv.Batch) {
			b.Require(fence, values[0])
			b.Delete(fence)
		}))
		if errors.Is(err, kv.ErrConflict) {
			continue
		}
		if err != nil {
			e.Fatalf("taker: %v", err)
		}
		last, err := strconv.Atoi(string(values[0]))
		if err != nil {
			e.Fatalf("taker: %v", err)
		}
		return last
	}
	return 0
}
