package cli

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"auwai/client"
)

func (a *app) bench() *cobra.Command {
	return noun("bench", "Measure this machine", a.benchQueue(), a.benchFairness(), a.benchIntake(), a.benchMediaWiki())
}

// amount is the value of a flag that counts something.
type amount struct {
	flag string
	n    int
}

// positive refuses the first amount that is not at least 1.
func positive(amounts ...amount) error {
	for _, m := range amounts {
		if m.n < 1 {
			return usage("--%s is %d; at least 1 is expected", m.flag, m.n)
		}
	}
	return nil
}

func (a *app) benchQueue() *cobra.Command {
	o := BenchQueueOptions{}
	c := &cobra.Command{
		Use:   "queue",
		Short: "Measure the queue: enqueue, drain, and both at once",
		Long: `Measure the real partition, queue and dispatcher on a fresh embedded store, with handlers that do
nothing: enqueue N jobs, drain them, then N more with both at once. In the same run a raw log of
single records gives the figure to compare with. The last line sums it up.`,
		Example: `  auwai bench queue --jobs 200000 --batch 1 --producers 64
  auwai bench queue --jobs 500000 --batch 100 --producers 16 --json`,
		Args: args(0, 0, ""),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := positive(
				amount{"jobs", o.Jobs}, amount{"batch", o.Batch}, amount{"producers", o.Producers},
				amount{"consumers", o.Consumers}, amount{"wikis", o.Wikis},
			); err != nil {
				return err
			}
			if o.Payload < 2 {
				return usage("--payload is %d; at least 2 bytes are expected", o.Payload)
			}
			if o.Sync != "durable" && o.Sync != "relaxed" {
				return usage("--sync is %q; durable or relaxed is expected", o.Sync)
			}
			if a.deps.BenchQueue == nil {
				return errors.New("this program was built without the benchmark")
			}
			o.JSON = a.json
			return flagFault(c, a.deps.BenchQueue(c.Context(), o, a.stdout))
		},
	}
	c.Flags().IntVar(&o.Jobs, "jobs", 200_000, "jobs of each phase")
	c.Flags().IntVar(&o.Batch, "batch", 1, "jobs of one push, and at most of one attempt")
	c.Flags().IntVar(&o.Producers, "producers", 64, "pushes at once")
	c.Flags().IntVar(&o.Consumers, "consumers", 64, "attempts at once")
	c.Flags().IntVar(&o.Payload, "payload", 400, "bytes of a payload")
	c.Flags().IntVar(&o.Wikis, "wikis", 10, "wikis that the jobs are of")
	c.Flags().StringVar(&o.Sync, "sync", "durable", "durable, or relaxed: acknowledged before it is on disk")
	c.Flags().StringVar(&o.Dir, "dir", "", "folder for the store, on the disk to measure (default: a temporary one)")
	return c
}

func (a *app) benchIntake() *cobra.Command {
	l := load{}
	own := true
	dir := ""
	c := a.withServer(&cobra.Command{
		Use:   "intake",
		Short: "Measure POST /v1/events: single events, and arrays of them",
		Long: `Measure POST /v1/events by HTTP: single events, as MediaWiki sends them, then arrays. Without --server
a service of its own is started in a temporary folder. With --server the events stay in that
service's log, in the stream ` + benchStream + ` of the wiki ` + benchWiki + `, until they expire.`,
		Example: `  auwai bench intake
  auwai bench intake --server http://127.0.0.1:8192 --events 5000`,
		Args: args(0, 0, ""),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := positive(amount{"events", l.Events}, amount{"batch", l.Batch}, amount{"producers", l.Producers}); err != nil {
				return err
			}
			if own = !c.Flags().Changed("server"); own {
				stop, err := a.startOwn(c, dir)
				if err != nil {
					return err
				}
				result, err := l.run(c.Context(), client.Config{Server: a.server})
				return errors.Join(a.showLoad(result, err), stop())
			}
			to, err := a.target()
			if err != nil {
				return err
			}
			return a.showLoad(l.run(c.Context(), to))
		},
	})
	c.Flags().IntVar(&l.Events, "events", 20_000, "events of each phase")
	c.Flags().IntVar(&l.Batch, "batch", 100, "events of an array")
	c.Flags().IntVar(&l.Producers, "producers", 64, "requests at once")
	c.Flags().StringVar(&dir, "dir", "", "folder for the store of an own service (default: a temporary one)")
	return c
}

// startOwn starts a service for the measurement and returns what ends it and removes its folder.
func (a *app) startOwn(c *cobra.Command, dir string) (stop func() error, err error) {
	if a.deps.StartService == nil {
		return nil, errors.New("this program was built without the service; name a running one by --server")
	}
	remove := func() error { return nil }
	if dir == "" {
		if dir, err = os.MkdirTemp("", "auwai-bench-"); err != nil {
			return nil, fmt.Errorf("make a folder: %w", err)
		}
		remove = func() error { return os.RemoveAll(dir) }
	}
	url, end, err := a.deps.StartService(c.Context(), dir)
	if err != nil {
		return nil, errors.Join(err, remove())
	}
	a.server = url
	return func() error { return errors.Join(end(), remove()) }, nil
}

func (a *app) showLoad(r loadResult, err error) error {
	if err != nil {
		return err
	}
	if a.json {
		return a.writeJSON(r)
	}
	ms := func(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d)/float64(time.Millisecond)) }
	rows := [][]string{}
	for _, p := range []struct {
		name string
		phase
	}{{"single", r.Singles}, {"arrays", r.Arrays}} {
		rows = append(rows, []string{
			p.name, strconv.Itoa(p.Events), strconv.Itoa(p.Requests), fmt.Sprintf("%.0f", p.PerSecond), ms(p.P50), ms(p.P99), ms(p.Max),
		})
	}
	table(a.stdout, []column{
		{"PHASE", false}, {"EVENTS", true}, {"REQUESTS", true}, {"EVENTS/S", true}, {"P50 MS", true}, {"P99 MS", true}, {"MAX MS", true},
	}, rows)
	_, err = fmt.Fprintf(a.stdout, "\nsingles/s=%.0f single_p50_ms=%s single_p99_ms=%s arrays/s=%.0f array_p50_ms=%s array_p99_ms=%s\n",
		r.Singles.PerSecond, ms(r.Singles.P50), ms(r.Singles.P99), r.Arrays.PerSecond, ms(r.Arrays.P50), ms(r.Arrays.P99))
	return err
}
