package cli

import (
	"bufio"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"auwai/api"
	"auwai/internal/migrate"
)

func (a *app) exportJobs() *cobra.Command {
	var o migrate.ExportOptions
	c := a.withServer(&cobra.Command{
		Use:   "jobs",
		Short: "Write jobs as JSON lines, which import jobs reads back",
		Long: `Write jobs to standard output, one JSON object a line: those that wait (ready, blocked, delayed) and the
dead. The payload stands in it byte for byte, as base64 where it is no UTF-8. "auwai import jobs" reads
the lines back, into this service or another one.

Jobs that move while they are written may be missed: pause the queues first (auwai queues pause), or
stop what runs them and what pushes.`,
		Example: `  auwai export jobs | zstd > jobs.jsonl.zst
  auwai export jobs --wiki aawiki --state dead
  auwai export jobs | auwai import jobs --server http://10.0.0.2:8192 -`,
		Args: args(0, 0, ""),
		RunE: func(c *cobra.Command, _ []string) error {
			for _, s := range o.States {
				if !slices.Contains(exportable(), s) {
					return usage("--state is %q; use one of %s", s, strings.Join(exportable(), ", "))
				}
			}
			service, err := a.connect()
			if err != nil {
				return err
			}
			defer service.Close()
			o.Progress = func(jobs int) { fmt.Fprintf(a.stderr, "%d jobs written\n", jobs) }
			out := bufio.NewWriterSize(a.stdout, 64<<10)
			done, err := migrate.Export(c.Context(), service, out, o)
			if err = errors.Join(err, out.Flush()); err != nil {
				return err
			}
			a.warnStale(done.Stale)
			var parts []string
			for _, s := range exportable() {
				if n := done.Jobs[s]; n > 0 {
					parts = append(parts, fmt.Sprintf("%d %s", n, s))
				}
			}
			if len(parts) == 0 {
				parts = []string{"no jobs"}
			}
			fmt.Fprintf(a.stderr, "Written: %s.\n", strings.Join(parts, ", "))
			return nil
		},
	})
	c.Flags().StringVar(&o.Queue, "queue", "", "of this queue only")
	c.Flags().StringVar(&o.Wiki, "wiki", "", "of this wiki only")
	c.Flags().StringSliceVar(&o.States, "state", nil, "only these: "+strings.Join(exportable(), ", ")+" (default: all of them but running)")
	return c
}

// exportable are the states of jobs that have a payload still.
func exportable() []string { return append(migrate.ExportStates(), api.StateRunning) }
