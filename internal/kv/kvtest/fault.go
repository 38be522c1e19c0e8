package kvtest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"auwai/internal/kv"
)

func faultCases() []testCase {
	return []testCase{
		{name: "a lost reply is ErrUnknown, and the repetition shows that it applied", needs: []Ability{LoseReply}, run: faultLostReply},
		{name: "a request cut in half never applies, and the repetition does", needs: []Ability{CutRequest}, run: faultCut},
		{name: "a late request that lands before the repetition is found there", needs: []Ability{DeliverLate}, run: faultLateBefore},
		{name: "a late request that lands after the repetition is fenced", needs: []Ability{DeliverLate}, run: faultLateAfter},
		{name: "a late request after a takeover is fenced", needs: []Ability{DeliverLate}, run: faultLateTakeover},
		{name: "a client frozen in mid-commit delays others by at most two seconds", needs: []Ability{Freeze}, run: faultFrozen},
		{name: "lost replies in a row leave an exact history", needs: []Ability{LoseReply}, run: faultManyLost},
	}
}

// step moves the fence from one value to the next and writes a row.
func step(from, to string) *kv.Batch {
	return batch(func(b *kv.Batch) {
		b.Require([]byte("fence"), []byte(from))
		b.Set([]byte("fence"), []byte(to))
		b.Set([]byte("row"), []byte("by "+to))
	})
}

func (e *env) wantUnknown(err error) {
	e.Helper()
	if !errors.Is(err, kv.ErrUnknown) {
		e.Fatalf("Commit = %v, want ErrUnknown", err)
	}
}

// wantStepped checks through a Require, which every client may trust, that the fence is at value,
// and moves it on.
func (e *env) wantStepped(engine kv.Engine, value, next string) {
	e.Helper()
	if err := engine.Commit(e.ctx, step(value, next)); err != nil {
		e.Fatalf("Commit from %q = %v: the fence is not there", value, err)
	}
}

func faultLostReply(e *env) {
	link := e.link()
	e.set("fence", "0")
	link.LoseReply()
	b := step("0", "1")
	e.wantUnknown(link.Engine.Commit(e.ctx, b))
	if err := link.Engine.Commit(e.ctx, b); !errors.Is(err, kv.ErrConflict) {
		e.Fatalf("the repetition = %v, want ErrConflict: the first had applied", err)
	}
	wantValues(e.T, link.Engine, "fence", "1", "row", "by 1")
	e.wantStepped(link.Engine, "1", "2")
}

func faultCut(e *env) {
	link := e.link()
	e.set("fence", "0")
	link.CutRequest()
	b := step("0", "1")
	if err := link.Engine.Commit(e.ctx, b); err == nil || errors.Is(err, kv.ErrConflict) {
		e.Fatalf("Commit = %v, want ErrUnknown or a certain failure", err)
	}
	if err := link.Engine.Commit(e.ctx, b); err != nil {
		e.Fatalf("the repetition = %v, want nil: the first never arrived", err)
	}
	e.wantStepped(link.Engine, "1", "2")
}

func faultLateBefore(e *env) {
	link := e.link()
	e.set("fence", "0")
	deliver := link.DeliverLate()
	b := step("0", "1")
	e.wantUnknown(link.Engine.Commit(e.ctx, b))
	wantValues(e.T, link.Engine, "fence", "0", "row", missing)
	if err := deliver(); err != nil {
		e.Fatalf("deliver: %v", err)
	}
	e.resolve(link.Engine, b, kv.ErrUnknown, "1")
	e.wantStepped(link.Engine, "1", "2")
}

func faultLateAfter(e *env) {
	link := e.link()
	e.set("fence", "0")
	deliver := link.DeliverLate()
	b := step("0", "1")
	e.wantUnknown(link.Engine.Commit(e.ctx, b))
	if err := link.Engine.Commit(e.ctx, b); err != nil {
		e.Fatalf("the repetition = %v, want nil: the first has not arrived", err)
	}
	e.wantStepped(link.Engine, "1", "2")
	if err := deliver(); err != nil {
		e.Fatalf("deliver: %v", err)
	}
	wantValues(e.T, link.Engine, "fence", "2", "row", "by 2")
	e.wantStepped(link.Engine, "2", "3")
}

func faultLateTakeover(e *env) {
	link := e.link()
	e.set("fence", "0", "row", "old")
	deliver := link.DeliverLate()
	e.wantUnknown(link.Engine.Commit(e.ctx, step("0", "1")))
	e.commit(func(b *kv.Batch) { // another client takes the fence away
		b.Require([]byte("fence"), []byte("0"))
		b.Delete([]byte("fence"))
	})
	if err := deliver(); err != nil {
		e.Fatalf("deliver: %v", err)
	}
	e.wantAll("row", "old")
	if err := link.Engine.Commit(e.ctx, step("0", "1")); !errors.Is(err, kv.ErrConflict) {
		e.Errorf("the repetition = %v, want ErrConflict: the session is over", err)
	}
}

// faultFrozen stops a client while its commit is on its way. Another client that takes the fence
// must get through in the two seconds that the kv page grants, with one more for the machine.
func faultFrozen(e *env) {
	const patience = 3 * time.Second
	link := e.link()
	e.set("fence", "0", "other", "x")
	frozen, thaw := link.Freeze()
	done := make(chan error, 1) // so that the client can end when the case has failed
	go func() { done <- link.Engine.Commit(e.ctx, step("0", "late")) }()
	<-frozen
	ctx, cancel := context.WithTimeout(e.ctx, patience)
	defer cancel()
	taken := e.kv.Commit(ctx, step("0", "taken"))
	thaw()
	late := <-done
	winner := "taken"
	switch {
	case taken == nil && late != nil:
	case errors.Is(taken, kv.ErrConflict) && (late == nil || errors.Is(late, kv.ErrUnknown)):
		winner = "late"
	default:
		e.Fatalf("the taker got %v and the frozen client %v: one of them must win", taken, late)
	}
	e.wantStepped(e.kv, winner, "end")
}

func faultManyLost(e *env) {
	const rounds = 25
	link := e.link()
	e.set("fence", "0")
	for i := range rounds {
		b := batch(func(b *kv.Batch) {
			b.Require([]byte("fence"), fmt.Append(nil, i))
			b.Set([]byte("fence"), fmt.Append(nil, i+1))
			b.Set(numbered("row", i), fmt.Append(nil, i))
		})
		if i%2 == 0 {
			link.LoseReply()
		}
		e.resolve(link.Engine, b, link.Engine.Commit(e.ctx, b), fmt.Sprint(i+1))
	}
	pages, err := link.Engine.Scan(e.ctx, kv.Prefix([]byte("row")))
	if err != nil || len(pages[0].Entries) != rounds {
		e.Errorf("%d rows, %v, want %d", len(pages[0].Entries), err, rounds)
	}
	e.wantStepped(link.Engine, fmt.Sprint(rounds), "end")
}
