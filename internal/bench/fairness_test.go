package bench_test

import (
	"strings"
	"testing"
	"time"

	"auwai/internal/bench"
)

func TestEveryPhaseOfFairnessHasItsFiguresAndBound(t *testing.T) {
	var out strings.Builder
	phases, err := bench.Fairness(t.Context(), bench.FairnessOptions{
		Burst: 2_000, BurstJob: time.Millisecond, Slow: 20, SlowJob: 100 * time.Millisecond,
		Every: time.Millisecond, Singles: 50, Batch: 100, Pushers: 4, Sync: "relaxed", Dir: t.TempDir(),
	}, &out)
	if err != nil {
		t.Fatal(err)
	}
	bounded := map[string]bool{"alone": false, "burst being pushed": true, "burst queued": true, "alone again": false, "slow jobs": true}
	if len(phases) != len(bounded) {
		t.Fatalf("%d phases, want %d:\n%s", len(phases), len(bounded), out.String())
	}
	for _, p := range phases {
		if want, known := bounded[p.Name]; !known || (p.Bound > 0) != want {
			t.Errorf("phase %q has the bound %s, want one: %t", p.Name, p.Bound, want)
		}
		if p.Singles < 1 || p.P50 <= 0 || p.P99 < p.P50 || p.Max < p.P99 {
			t.Errorf("phase %q: %d jobs, p50 %s, p99 %s, max %s", p.Name, p.Singles, p.P50, p.P99, p.Max)
		}
		if !strings.Contains(out.String(), p.Name) {
			t.Errorf("phase %q is not told while it runs:\n%s", p.Name, out.String())
		}
	}
}

func TestAPhaseIsFairUpToItsBound(t *testing.T) {
	p := bench.FairnessPhase{P99: 10}
	for bound, want := range map[time.Duration]bool{0: true, 9: false, 10: true} {
		if p.Bound = bound; p.Fair() != want {
			t.Errorf("Fair() = %t with a bound of %d for 10, want %t", p.Fair(), bound, want)
		}
	}
}

func TestOptionsOfFairnessAreChecked(t *testing.T) {
	good := bench.FairnessOptions{Burst: 1, Slow: 1, Every: time.Millisecond, Singles: 1, Batch: 1, Pushers: 1, Sync: "durable"}
	for field, spoil := range map[string]func(*bench.FairnessOptions){
		"burst":     func(o *bench.FairnessOptions) { o.Burst = 0 },
		"batch":     func(o *bench.FairnessOptions) { o.Batch = 1_000_000 },
		"every":     func(o *bench.FairnessOptions) { o.Every = 0 },
		"slow-job":  func(o *bench.FairnessOptions) { o.SlowJob = time.Hour },
		"sync":      func(o *bench.FairnessOptions) { o.Sync = "never" },
		"producers": func(o *bench.FairnessOptions) { o.Pushers = 0 },
	} {
		o := good
		spoil(&o)
		if _, err := bench.Fairness(t.Context(), o, t.Output()); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: Fairness() = %v, want an error that names it", field, err)
		}
	}
}
