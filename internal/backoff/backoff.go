// Package backoff computes how long to wait before trying again.
//
// A delay grows geometrically with each failure, up to a cap, and is then lengthened by a share of
// itself, so that what failed together does not come back together. The share is made from a number
// that the caller gives: nothing here reads a clock or a random source, so a step machine that uses
// it stays repeatable.
//
// # Invariants
//
//   - A delay is never negative, never above Max (MaxDelay where none is set), jitter included.
//   - With equal chance, a later failure never waits less than an earlier one.
//   - Policies that make no sense (negative, infinite or not a number) give a bounded delay too:
//     a wrong number in a configuration must not stop a queue or turn it into a busy loop.
package backoff

import (
	"math"
	"time"
)

// MaxDelay is the longest delay of a policy that names none: a week. Longer waits are no retries.
const MaxDelay = 7 * 24 * time.Hour

// Policy says how delays grow. The zero value does not wait at all.
type Policy struct {
	// First is the delay after the first failure.
	First time.Duration
	// Factor multiplies the delay with each further failure; below 1 it is taken as 1.
	Factor float64
	// Max is the longest delay; 0 or less means MaxDelay.
	Max time.Duration
	// Jitter is the greatest share of itself by which a delay is lengthened: 0.1 for up to a tenth.
	// It is taken into the range 0 to 1.
	Jitter float64
}

// Delay returns the wait after the given number of failures, 1 for the first. chance is from [0, 1)
// and chooses the jitter; 0 gives the shortest delay.
func (p Policy) Delay(failures int, chance float64) time.Duration {
	limit := p.Max
	if limit <= 0 {
		limit = MaxDelay
	}
	if p.First <= 0 || failures <= 0 {
		return 0
	}
	d := float64(p.First) * math.Pow(atLeast(p.Factor, 1), float64(failures-1))
	d *= 1 + share(p.Jitter)*share(chance)
	if !(d < float64(limit)) { // also when d is infinite or not a number
		return limit
	}
	return time.Duration(d)
}

// atLeast returns x, or least when x is less or not a number.
func atLeast(x, least float64) float64 {
	if x >= least {
		return x
	}
	return least
}

// share returns x brought into the range 0 to 1; what is not a number is 0.
func share(x float64) float64 { return math.Min(atLeast(x, 0), 1) }
