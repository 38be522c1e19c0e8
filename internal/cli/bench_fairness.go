package cli

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"auwai/internal/bench"
)

func (a *app) benchFairness() *cobra.Command {
	o := bench.FairnessOptions{}
	c := &cobra.Command{
		Use:   "fairness",
		Short: "Measure how long a wiki's jobs wait beside another wiki's burst",
		Long: `Measure on a fresh embedded store, with the real queue and dispatcher and the configuration's default
limits, how long single jobs of one wiki take from the push to the start: alone, while another wiki
pushes a burst of jobs, while that burst is queued and runs, and beside few slow jobs of a third wiki.

BOUND is what 99 of 100 jobs are to stay within: twice the time alone; while the burst is being
pushed, 20 ms more than alone if that is longer. The exit code is 1 when a phase takes longer.`,
		Example: `  auwai bench fairness
  auwai bench fairness --burst 100000 --singles 500 --json`,
		Args: args(0, 0, ""),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := positive(
				amount{"burst", o.Burst}, amount{"slow", o.Slow}, amount{"singles", o.Singles}, amount{"batch", o.Batch}, amount{"producers", o.Pushers},
			); err != nil {
				return err
			}
			if a.deps.BenchFairness == nil {
				return errors.New("this program was built without the benchmark")
			}
			o.JSON = a.json
			phases, err := a.deps.BenchFairness(c.Context(), o, a.stdout)
			if err != nil {
				return flagFault(c, err)
			}
			return a.showFairness(phases)
		},
	}
	f := c.Flags()
	f.IntVar(&o.Burst, "burst", 1_000_000, "jobs of the burst")
	f.DurationVar(&o.BurstJob, "burst-job", 5*time.Millisecond, "time that a job of the burst takes")
	f.IntVar(&o.Slow, "slow", 64, "slow jobs")
	f.DurationVar(&o.SlowJob, "slow-job", 2*time.Second, "time that a slow job takes")
	f.DurationVar(&o.Every, "every", 5*time.Millisecond, "time between two single jobs")
	f.IntVar(&o.Singles, "singles", 2_000, "single jobs of a phase")
	f.IntVar(&o.Batch, "batch", 100, "jobs of one push of the burst")
	f.IntVar(&o.Pushers, "producers", 16, "pushes of the burst at once")
	f.StringVar(&o.Sync, "sync", "durable", "durable, or relaxed: acknowledged before it is on disk, which leaves the disk's moods out")
	f.StringVar(&o.Dir, "dir", "", "folder for the store, on the disk to measure (default: a temporary one)")
	f.StringVar(&o.Profile, "profile", "", "file for a CPU profile of the time with the burst")
	return c
}

// showFairness writes the table, and fails when a phase was not fair.
func (a *app) showFairness(phases []bench.FairnessPhase) error {
	ms := func(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d)/float64(time.Millisecond)) }
	rows := make([][]string, 0, len(phases))
	var unfair error
	for _, p := range phases {
		bound := ""
		if p.Bound > 0 {
			bound = ms(p.Bound)
		}
		if !p.Fair() {
			unfair = errors.Join(unfair, fmt.Errorf("%s: 99 of 100 jobs started within %s ms, the bound is %s ms", p.Name, ms(p.P99), bound))
		}
		rows = append(rows, []string{p.Name, strconv.Itoa(p.Singles), ms(p.P50), ms(p.P99), ms(p.Max), bound})
	}
	if !a.json {
		_, _ = fmt.Fprintln(a.stdout)
		table(a.stdout, []column{
			{"PHASE", false}, {"JOBS", true}, {"P50 MS", true}, {"P99 MS", true}, {"MAX MS", true}, {"BOUND", true},
		}, rows)
	}
	return unfair
}
