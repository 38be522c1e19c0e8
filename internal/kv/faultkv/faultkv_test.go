package faultkv_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"auwai/internal/kv"
	"auwai/internal/kv/faultkv"
	"auwai/internal/kv/kvtest"
	"auwai/internal/kv/memkv"
)

func TestAnEngineWithoutFaultsKeepsTheContract(t *testing.T) {
	kvtest.Run(t, kvtest.Harness{NewStore: func(testing.TB) kvtest.Store {
		server := memkv.NewServer()
		return kvtest.Store{
			Open: func(context.Context, int) (kv.Engine, error) {
				return faultkv.Wrap(server.Open(), faultkv.Config{}), nil
			},
			Several: true,
			Crash:   func(testing.TB) { server.Crash() },
			Link: func(context.Context) (kvtest.Link, error) {
				return kvtest.LinkOver(faultkv.Wrap(server.Open(), faultkv.Config{})), nil
			},
		}
	}})
}

func set(key, value string) *kv.Batch {
	var b kv.Batch
	b.Set([]byte(key), []byte(value))
	return &b
}

// start returns a server, and an engine over it whose commits meet the outcomes.
func start(t *testing.T, deliverFirst bool, outcomes ...faultkv.Outcome) (*memkv.Server, *faultkv.Engine) {
	t.Helper()
	server := memkv.NewServer()
	engine := faultkv.Wrap(server.Open(), faultkv.Config{
		Decide: faultkv.Script(outcomes...), DeliverFirst: deliverFirst,
	})
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	return server, engine
}

func wantKeys(t *testing.T, s *memkv.Server, want ...string) {
	t.Helper()
	var got []string
	for _, entry := range s.Scan(kv.Range{})[0].Entries {
		got = append(got, fmt.Sprintf("%s=%s", entry.Key, entry.Value))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the store holds %v, want %v", got, want)
	}
}

func wantErr(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) || (got == nil) != (want == nil) {
		t.Errorf("answer = %v, want %v", got, want)
	}
}

func TestEachOutcomeDoesWhatItSays(t *testing.T) {
	server, engine := start(t, false, faultkv.Pass, faultkv.Refuse, faultkv.LoseReply, faultkv.Drop)
	for _, c := range []struct {
		key  string
		want error
	}{
		{"pass", nil}, {"refuse", faultkv.ErrRefused}, {"lose", kv.ErrUnknown}, {"drop", kv.ErrUnknown}, {"rest", nil},
	} {
		wantErr(t, engine.Commit(t.Context(), set(c.key, "x")), c.want)
	}
	wantKeys(t, server, "lose=x", "pass=x", "rest=x")
}

func TestALateCommitArrivesWhenDelivered(t *testing.T) {
	server, engine := start(t, false, faultkv.Late, faultkv.Late)
	b := set("a", "1")
	wantErr(t, engine.Commit(t.Context(), b), kv.ErrUnknown)
	b.Reset()
	b.Set([]byte("a"), []byte("2"))
	wantErr(t, engine.Commit(t.Context(), b), kv.ErrUnknown)
	b.Reset()
	wantErr(t, engine.Commit(t.Context(), set("b", "now")), nil)
	wantKeys(t, server, "b=now")
	if engine.Held() != 2 {
		t.Errorf("Held = %d, want 2", engine.Held())
	}
	applied, err := engine.Deliver(t.Context())
	if applied != 2 || err != nil {
		t.Errorf("Deliver = %d, %v, want 2", applied, err)
	}
	wantKeys(t, server, "a=2", "b=now")
	if applied, err := engine.Deliver(t.Context()); applied != 0 || err != nil {
		t.Errorf("a second Deliver = %d, %v, want nothing", applied, err)
	}
}

func TestALateCommitThatConflictsIsVoid(t *testing.T) {
	server, engine := start(t, false, faultkv.Late)
	var late kv.Batch
	late.Require([]byte("fence"), nil)
	late.Set([]byte("fence"), []byte("late"))
	wantErr(t, engine.Commit(t.Context(), &late), kv.ErrUnknown)
	wantErr(t, engine.Commit(t.Context(), &late), nil)
	wantErr(t, engine.Commit(t.Context(), set("fence", "moved on")), nil)
	if applied, err := engine.Deliver(t.Context()); applied != 0 || err != nil {
		t.Errorf("Deliver = %d, %v, want nothing", applied, err)
	}
	wantKeys(t, server, "fence=moved on")
}

func TestDeliverFirstLandsLateCommitsBeforeTheNextCall(t *testing.T) {
	server, engine := start(t, true, faultkv.Late)
	wantErr(t, engine.Commit(t.Context(), set("a", "1")), kv.ErrUnknown)
	wantKeys(t, server)
	values, err := engine.Get(t.Context(), kv.Key("a"))
	if err != nil || string(values[0]) != "1" {
		t.Errorf("Get = %q, %v, want the late value", values, err)
	}
}

func TestCloseDropsWhatIsHeld(t *testing.T) {
	server, engine := start(t, false, faultkv.Late)
	wantErr(t, engine.Commit(t.Context(), set("a", "1")), kv.ErrUnknown)
	wantErr(t, engine.Close(), nil)
	if applied, err := engine.Deliver(t.Context()); applied != 0 || err != nil {
		t.Errorf("Deliver = %d, %v, want nothing", applied, err)
	}
	wantKeys(t, server)
}

func TestABadBatchMeetsNoFault(t *testing.T) {
	_, engine := start(t, false, faultkv.LoseReply)
	wantErr(t, engine.Commit(t.Context(), set("", "x")), kv.ErrInvalid)
	wantErr(t, engine.Commit(t.Context(), set("a", "1")), kv.ErrUnknown)
}

func TestAFaultOnAClosedEngineIsErrClosed(t *testing.T) {
	for _, outcome := range []faultkv.Outcome{faultkv.LoseReply, faultkv.Drop, faultkv.Late} {
		_, engine := start(t, false, outcome)
		wantErr(t, engine.Close(), nil)
		wantErr(t, engine.Commit(t.Context(), set("a", "1")), kv.ErrClosed)
	}
}

func TestRefusedReadsAnswerErrRefused(t *testing.T) {
	engine := faultkv.Wrap(memkv.NewServer().Open(), faultkv.Config{
		Decide: func(faultkv.Call) faultkv.Outcome { return faultkv.Refuse },
	})
	_, err := engine.Get(t.Context(), kv.Key("a"))
	wantErr(t, err, faultkv.ErrRefused)
	_, err = engine.Scan(t.Context(), kv.Range{})
	wantErr(t, err, faultkv.ErrRefused)
	_, err = engine.Snapshot(t.Context())
	wantErr(t, err, faultkv.ErrRefused)
	wantErr(t, engine.Close(), nil)
}

func TestPauseSeesEachCallAndMayEndIt(t *testing.T) {
	var seen []faultkv.Call
	stop := errors.New("stopped")
	var end error
	server := memkv.NewServer()
	engine := faultkv.Wrap(server.Open(), faultkv.Config{Pause: func(_ context.Context, c faultkv.Call) error {
		seen = append(seen, c)
		return end
	}})
	wantErr(t, engine.Commit(t.Context(), set("a", "1")), nil)
	_, err := engine.Get(t.Context())
	wantErr(t, err, nil)
	end = stop
	wantErr(t, engine.Commit(t.Context(), set("b", "2")), stop)
	if fmt.Sprint(seen) != fmt.Sprint([]faultkv.Call{faultkv.Commit, faultkv.Read, faultkv.Commit}) {
		t.Errorf("Pause saw %v", seen)
	}
	wantKeys(t, server, "a=1")
	wantErr(t, engine.Close(), nil)
}

// TestSeededFaultsLeaveAnExactHistory drives a session key through random faults, resolves every
// unknown outcome by repetition, and then counts: each step applied exactly once, in order.
func TestSeededFaultsLeaveAnExactHistory(t *testing.T) {
	for seed := range uint64(20) {
		server := memkv.NewServer()
		engine := faultkv.Wrap(server.Open(), faultkv.Config{
			Decide:       faultkv.Seeded(rand.New(rand.NewPCG(seed, 1)), faultkv.Odds{Refuse: 10, LoseReply: 15, Drop: 15, Late: 20}), //nolint:gosec // repeatable
			DeliverFirst: seed%2 == 0,
		})
		faults := 0
		for i := range 200 {
			faults += advance(t, engine, i)
			if i%7 == 0 {
				if _, err := engine.Deliver(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		if faults == 0 {
			t.Errorf("seed %d met no fault", seed)
		}
		if server.Len() != 201 {
			t.Errorf("seed %d: %d keys, want 200 rows and the session", seed, server.Len())
		}
	}
}

// advance commits step i until it is certain that it applied, and returns the number of faults.
func advance(t *testing.T, engine *faultkv.Engine, i int) (faults int) {
	t.Helper()
	var b kv.Batch
	if i > 0 {
		b.Require([]byte("session"), fmt.Append(nil, i))
	} else {
		b.Require([]byte("session"), nil)
	}
	b.Set([]byte("session"), fmt.Append(nil, i+1))
	b.Set(fmt.Appendf(nil, "row-%03d", i), nil)
	unknown := false
	for ; ; faults++ {
		switch err := engine.Commit(t.Context(), &b); {
		case err == nil:
			return faults
		case errors.Is(err, kv.ErrUnknown):
			unknown = true
		case errors.Is(err, faultkv.ErrRefused):
		case errors.Is(err, kv.ErrConflict) && unknown:
			return faults
		default:
			t.Fatalf("step %d: %v", i, err)
		}
	}
}

func TestSeededIsRepeatable(t *testing.T) {
	run := func() (all []faultkv.Outcome) {
		decide := faultkv.Seeded(rand.New(rand.NewPCG(7, 7)), faultkv.Odds{RefuseRead: 30, LoseReply: 50, Late: 20}) //nolint:gosec // repeatable
		for i := range 100 {
			all = append(all, decide([]faultkv.Call{faultkv.Read, faultkv.Commit}[i%2]))
		}
		return all
	}
	if a, b := fmt.Sprint(run()), fmt.Sprint(run()); a != b {
		t.Errorf("the same seed gave\n%s\n%s", a, b)
	}
}
