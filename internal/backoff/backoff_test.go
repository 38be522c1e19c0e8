package backoff_test

import (
	"math"
	"testing"
	"time"

	"auwai/internal/backoff"
)

func TestDelaysGrowByTheFactor(t *testing.T) {
	p := backoff.Policy{First: time.Minute, Factor: 6}
	for failures, want := range []time.Duration{0, time.Minute, 6 * time.Minute, 36 * time.Minute} {
		if got := p.Delay(failures, 0); got != want {
			t.Errorf("Delay(%d) = %v, want %v", failures, got, want)
		}
	}
}

func TestADelayStopsAtItsCap(t *testing.T) {
	p := backoff.Policy{First: 5 * time.Second, Factor: 2, Max: time.Minute, Jitter: 0.5}
	for _, failures := range []int{5, 6, 100, math.MaxInt} {
		if got := p.Delay(failures, 0.99); got != time.Minute {
			t.Errorf("Delay(%d) = %v, want the cap", failures, got)
		}
	}
	if got := (backoff.Policy{First: time.Hour, Factor: 10}).Delay(50, 0); got != backoff.MaxDelay {
		t.Errorf("Delay without a cap = %v, want %v", got, backoff.MaxDelay)
	}
}

func TestJitterOnlyLengthens(t *testing.T) {
	p := backoff.Policy{First: 10 * time.Second, Factor: 1, Jitter: 0.2}
	for _, c := range []struct {
		chance float64
		want   time.Duration
	}{{0, 10 * time.Second}, {0.5, 11 * time.Second}, {0.75, 11500 * time.Millisecond}} {
		if got := p.Delay(1, c.chance); got != c.want {
			t.Errorf("Delay with chance %v = %v, want %v", c.chance, got, c.want)
		}
	}
}

func TestThePolicyWithoutADelayDoesNotWait(t *testing.T) {
	if got := (backoff.Policy{}).Delay(3, 0.5); got != 0 {
		t.Errorf("Delay = %v, want 0", got)
	}
}

func FuzzDelayIsBoundedAndNeverShrinks(f *testing.F) {
	f.Add(int64(time.Minute), 6.0, int64(0), 0.1, 3, 0.5)
	f.Add(int64(-1), math.NaN(), int64(-5), math.Inf(1), -2, math.NaN())
	f.Add(int64(math.MaxInt64), math.Inf(1), int64(math.MaxInt64), 1.0, math.MaxInt, 1.0)
	f.Fuzz(func(t *testing.T, first int64, factor float64, limit int64, jitter float64, failures int, chance float64) {
		p := backoff.Policy{First: time.Duration(first), Factor: factor, Max: time.Duration(limit), Jitter: jitter}
		most := p.Max
		if most <= 0 {
			most = backoff.MaxDelay
		}
		got := p.Delay(failures, chance)
		if got < 0 || got > most {
			t.Fatalf("Delay = %v, want 0 to %v", got, most)
		}
		if failures < math.MaxInt {
			if next := p.Delay(failures+1, chance); next < got {
				t.Fatalf("Delay(%d) = %v, before it %v", failures+1, next, got)
			}
		}
	})
}
