package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"auwai/api"
)

func (a *app) explain() *cobra.Command {
	return a.withServer(&cobra.Command{
		Use:   "explain JOB",
		Short: "Say why a job waits, or what became of it",
		Long: `Say in one sentence why a job is where it is, then all of it: what keeps it from starting (a pause, a
gate, a limit, a rate, a wiki that takes no work, no worker, other jobs), where it stands, since when it
runs, or how it ended.`,
		Example: `  auwai explain aawiki.01ARZ3NDEKTSV4RRFFQ69G5FAV
  auwai explain aawiki.01ARZ3NDEKTSV4RRFFQ69G5FAV --json | jq -r '.reasons[].cause'`,
		Args: args(1, 1, "the job's id"),
		RunE: func(c *cobra.Command, ids []string) error {
			service, err := a.connect()
			if err != nil {
				return err
			}
			defer service.Close()
			e, err := service.Explain(c.Context(), ids[0])
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(e)
			}
			a.warnStale(e.Stale)
			showExplanation(a.stdout, &e)
			return nil
		},
	})
}

func showExplanation(w io.Writer, e *api.Explanation) {
	fmt.Fprintln(w, oneLine(e.Summary, 1_000))
	fmt.Fprintln(w)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%-12s%s\n", name, value)
		}
	}
	row("job", e.ID)
	row("queue", e.Queue+" of "+e.Wiki)
	row("state", e.State)
	row("attempts", strconv.Itoa(e.Attempts))
	if p := e.Position; p != nil {
		least := ""
		if p.AtLeast {
			least = "at least "
		}
		row("place", fmt.Sprintf("%s%s before it in priority %s; %s before its own", least, plural(p.Ahead, "job", "jobs"), p.Priority, plural(p.Wikis, "wiki", "wikis")))
		row("running", fmt.Sprintf("%d of its queue and wiki; %d of %d slots of the node", p.Running, p.Used, p.Slots))
	}
	if r := e.Run; r != nil {
		if r.StartedAt != nil {
			row("started", clock(*r.StartedAt))
		}
		if r.Deadline != nil {
			row("deadline", clock(*r.Deadline))
		}
		row("worker", r.Worker)
		row("says", r.Message)
		row("result", r.ResultURL)
	}
	if len(e.Reasons) == 0 {
		return
	}
	fmt.Fprintln(w)
	rows := make([][]string, len(e.Reasons))
	for i := range e.Reasons {
		r := &e.Reasons[i]
		until := ""
		if r.Until != nil {
			until = clock(*r.Until)
		}
		rows[i] = []string{strings.ReplaceAll(r.Cause, "_", " "), oneLine(r.Name, 60), until, oneLine(r.Text, 400)}
	}
	table(w, []column{{"CAUSE", false}, {"OF", false}, {"UNTIL", false}, {"WHY", false}}, rows)
}
