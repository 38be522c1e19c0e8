package sim

import (
	"fmt"
	"runtime/debug"
	"strings"
	"time"
)

// Options of a run. The zero value draws everything from the seed.
type Options struct {
	// Log gets every event in words, as it happens; nil: none.
	Log func(line string)
}

// Report says what a run did.
type Report struct {
	Seed    uint64
	Steps   int
	Hash    uint64        // of the trace: equal runs have equal hashes
	Virtual time.Duration // real time of the simulated world
	Nodes   int

	Commits, Unknown, Late, LateApplied, LateRefused, Lost      int
	Pauses, Crashes, Stops, Jumps, Takeovers, Sessions, Poisons int
	Pushed, Acknowledged, Mailed, Repeated                      int
	Attempts, Done, Dead, Superseded, Duplicate, Cancelled      int
	Transfers                                                   int
	ReadErrors, CommitErrors                                    int
}

// ViolationError is an invariant that did not hold, with the events that led there.
type ViolationError struct {
	Seed      uint64
	Step      int
	Invariant string
	Detail    string
	Trace     []string
}

// Error tells the whole story.
func (v *ViolationError) Error() string {
	var b strings.Builder
	for _, line := range v.Trace {
		b.WriteString(line)
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "seed %d, step %d: violated: %s: %s", v.Seed, v.Step, v.Invariant, v.Detail)
	return b.String()
}

// Run simulates one seed. It returns a *ViolationError when an invariant did not hold.
func Run(seed uint64, o Options) (report Report, err error) {
	w := newWorld(seed, o)
	defer func() {
		report = w.finish()
		switch r := recover().(type) {
		case nil:
		case *ViolationError:
			err = r
		default:
			err = w.violation("no panic", "%v\n%s", r, debug.Stack())
		}
	}()
	w.run()
	return report, nil
}

func (w *world) violation(invariant, format string, args ...any) *ViolationError {
	return &ViolationError{
		Seed: w.seed, Step: w.report.Steps, Invariant: invariant,
		Detail: fmt.Sprintf(format, args...), Trace: w.trace.lines(),
	}
}

// fail ends the run.
func (w *world) fail(invariant, format string, args ...any) {
	panic(w.violation(invariant, format, args...))
}

// require ends the run unless ok.
func (w *world) require(ok bool, invariant, format string, args ...any) {
	if !ok {
		w.fail(invariant, format, args...)
	}
}
