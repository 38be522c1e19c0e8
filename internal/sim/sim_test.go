package sim_test

import (
	"os"
	"runtime/debug"
	"strconv"
	"testing"

	"auwai/internal/sim"
)

// number returns the number in a variable of the environment, or the default.
func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

const shortRuns = 200

func TestSimulatedNodesKeepEveryInvariant(t *testing.T) {
	if os.Getenv("AUWAI_SIM_SEED") != "" {
		seed := number(t, "AUWAI_SIM_SEED", 0)
		report, err := sim.Run(seed, sim.Options{Log: func(line string) { t.Log(line) }})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%+v", report)
		return
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // runs are short and their stores small
	runs := number(t, "AUWAI_SIM_RUNS", shortRuns)
	first := number(t, "AUWAI_SIM_FIRST", 1)
	for seed := first; seed < first+runs; seed++ {
		report, err := sim.Run(seed, sim.Options{})
		if err != nil {
			t.Errorf("%v\n%+v", err, report)
			return
		}
	}
}

func TestSimulationOfASeedIsTheSameEveryTime(t *testing.T) {
	for seed := uint64(1); seed <= 8; seed++ {
		a, errA := sim.Run(seed, sim.Options{})
		b, errB := sim.Run(seed, sim.Options{})
		if a.Hash != b.Hash || a.Steps != b.Steps || (errA == nil) != (errB == nil) {
			t.Errorf("seed %d: %d steps with hash %x, then %d steps with hash %x", seed, a.Steps, a.Hash, b.Steps, b.Hash)
		}
	}
}
