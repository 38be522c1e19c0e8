package faultkv

import (
	"math/rand/v2"
	"sync"
)

// Outcome is what happens to one call.
type Outcome uint8

// The outcomes; see the package comment.
const (
	Pass Outcome = iota
	Refuse
	LoseReply
	Drop
	Late
)

// String returns the outcome's name.
func (o Outcome) String() string {
	switch o {
	case Pass:
		return "pass"
	case Refuse:
		return "refuse"
	case LoseReply:
		return "lose reply"
	case Drop:
		return "drop"
	case Late:
		return "late"
	default:
		return "no outcome"
	}
}

// Call is the kind of call that an outcome is asked for.
type Call uint8

// The kinds of calls.
const (
	Read Call = iota + 1
	Commit
)

// Script returns a decider that gives the outcomes to the coming commits, one each, and lets all
// else pass. It is safe for concurrent use.
func Script(outcomes ...Outcome) func(Call) Outcome {
	var mu sync.Mutex
	return func(c Call) Outcome {
		mu.Lock()
		defer mu.Unlock()
		if c != Commit || len(outcomes) == 0 {
			return Pass
		}
		next := outcomes[0]
		outcomes = outcomes[1:]
		return next
	}
}

// Odds are the chances of each fault, in percent of the calls. What is left passes.
type Odds struct {
	RefuseRead, Refuse, LoseReply, Drop, Late int
}

// Seeded returns a decider that throws dice from rng. The same source and the same calls give the
// same outcomes. It is safe for concurrent use, but then the order of the calls is not repeatable.
func Seeded(rng *rand.Rand, odds Odds) func(Call) Outcome {
	var mu sync.Mutex
	return func(c Call) Outcome {
		mu.Lock()
		defer mu.Unlock()
		dice := rng.IntN(100)
		if c == Read {
			if dice < odds.RefuseRead {
				return Refuse
			}
			return Pass
		}
		for _, fault := range []struct {
			percent int
			outcome Outcome
		}{
			{odds.Refuse, Refuse}, {odds.LoseReply, LoseReply}, {odds.Drop, Drop}, {odds.Late, Late},
		} {
			if dice < fault.percent {
				return fault.outcome
			}
			dice -= fault.percent
		}
		return Pass
	}
}
