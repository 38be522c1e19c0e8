package kvtest

import (
	"context"
	"slices"
	"testing"

	"auwai/internal/kv"
)

// Ability is something that only some stores can do.
type Ability string

// The abilities. Each is a function of Store or Link, or a reason in Harness.Lacks.
const (
	Clients     Ability = "several clients of one store"
	Crash       Ability = "a store that can crash"
	LoseReply   Ability = "a link that loses a reply"
	DeliverLate Ability = "a link that delivers late"
	CutRequest  Ability = "a link that cuts a request"
	Freeze      Ability = "a client that freezes in mid-commit"
)

// Harness tells the suite how to make one kind of store.
type Harness struct {
	// NewStore returns an empty store and ends it with t.Cleanup. It is called once for each case.
	NewStore func(t testing.TB) Store
	// Lacks holds a reason in words for each ability that the stores do not have.
	Lacks map[Ability]string
}

// Store is one empty store with what can be done to it. The suite closes the engines it opened.
type Store struct {
	// Open returns a client. The number tells clients apart: a store of several servers may serve
	// odd clients from another server. A store without Clients is asked for client 0 alone, and
	// again only after it was closed or crashed.
	Open func(ctx context.Context, client int) (kv.Engine, error)
	// Several is whether more than one client can be open (ability Clients).
	Several bool
	// Crash ends the store as a power loss would and starts it again (ability Crash). Engines of
	// before are dead; Open works when it returns.
	Crash func(t testing.TB)
	// Link opens one more client with a link that can be disturbed; nil when the store has no such
	// ability.
	Link func(ctx context.Context) (Link, error)
}

// Link is a client whose next Commit can be disturbed. A nil function is an ability that is lacking.
type Link struct {
	Engine kv.Engine
	// LoseReply lets the next Commit be applied and its reply be lost.
	LoseReply func()
	// DeliverLate lets the client give up on its next Commit before the request reaches the store.
	// The request reaches it when deliver is called, which returns after the store is done with it.
	DeliverLate func() (deliver func() error)
	// CutRequest lets only a part of the next Commit reach the store, and ends the connection.
	CutRequest func()
	// Freeze stops the client in the midst of its next Commit, as a SIGSTOP would: its connection
	// stays open and nothing more is sent. frozen is closed once it is so; thaw lets it go on.
	Freeze func() (frozen <-chan struct{}, thaw func())
}

type testCase struct {
	name  string
	needs []Ability
	run   func(e *env)
}

// Run holds the stores of h to the contract of package kv.
func Run(t *testing.T, h Harness) {
	t.Helper()
	checkDeclared(t, h)
	for _, c := range allCases() {
		if slices.ContainsFunc(c.needs, func(a Ability) bool { return h.Lacks[a] != "" }) {
			continue // named, with its reason, by checkDeclared
		}
		t.Run(c.name, func(t *testing.T) { c.run(newEnv(t, h.NewStore(t))) })
	}
}

func allCases() []testCase {
	return slices.Concat(
		keyCases(), getCases(), scanCases(), commitCases(), requireCases(), raceCases(),
		limitCases(), snapshotCases(), lifeCases(), faultCases(), historyCases(),
	)
}

// checkDeclared fails when an ability is neither given nor declared as lacking, or both.
func checkDeclared(t *testing.T, h Harness) {
	t.Run("every ability is given or declared as lacking", func(t *testing.T) {
		store := h.NewStore(t)
		given := map[Ability]bool{Clients: store.Several, Crash: store.Crash != nil}
		if store.Link != nil {
			link, err := store.Link(t.Context())
			if err != nil {
				t.Fatalf("Link: %v", err)
			}
			closeAtEnd(t, link.Engine)
			given[LoseReply] = link.LoseReply != nil
			given[DeliverLate] = link.DeliverLate != nil
			given[CutRequest] = link.CutRequest != nil
			given[Freeze] = link.Freeze != nil
		}
		for _, a := range []Ability{Clients, Crash, LoseReply, DeliverLate, CutRequest, Freeze} {
			reason := h.Lacks[a]
			switch {
			case given[a] && reason != "":
				t.Errorf("%s: given, and declared as lacking (%s)", a, reason)
			case !given[a] && reason == "":
				t.Errorf("%s: neither given nor declared as lacking", a)
			case !given[a]:
				t.Logf("declared as lacking: %s: %s", a, reason)
			}
		}
		for a := range h.Lacks {
			if _, known := given[a]; !known && store.Link != nil {
				t.Errorf("%q is no ability", a)
			}
		}
	})
}
