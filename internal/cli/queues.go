package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"auwai/api"
	"auwai/client"
)

// pageSize is what lists ask for at once.
const pageSize = 1_000

func (a *app) queues() *cobra.Command {
	var f client.QueueFilter
	ls := a.withServer(&cobra.Command{
		Use:   "ls",
		Short: "Count the jobs of each queue of each wiki",
		Long: `Count the jobs of each queue of each wiki. HELD says why nothing is started; OLDEST is the age of the
ready job at the head.`,
		Example: `  auwai queues ls
  auwai queues ls --wiki aawiki
  auwai queues ls --json | jq '.queues[] | select(.held != "")'`,
		Args: args(0, 0, ""),
		RunE: func(c *cobra.Command, _ []string) error {
			service, err := a.connect()
			if err != nil {
				return err
			}
			defer service.Close()
			all := api.QueuePage{Queues: []api.Queue{}}
			f.Limit = pageSize
			for {
				page, err := service.Queues(c.Context(), f)
				if err != nil {
					return err
				}
				all.Queues = append(all.Queues, page.Queues...)
				all.Stale = all.Stale || page.Stale
				if f.Cursor = page.Cursor; f.Cursor == "" {
					break
				}
			}
			slices.SortFunc(all.Queues, func(x, y api.Queue) int {
				if d := strings.Compare(x.Wiki, y.Wiki); d != 0 {
					return d
				}
				return strings.Compare(x.Queue, y.Queue)
			})
			if a.json {
				return a.writeJSON(all)
			}
			a.showQueues(all)
			return nil
		},
	})
	ls.Flags().StringVar(&f.Wiki, "wiki", "", "of this wiki only")
	ls.Flags().StringVar(&f.Queue, "queue", "", "this queue only")
	return noun("queues", "Queues: counts, limits, pauses", ls, a.queuesTop(), a.queuesSet(), a.queuesPause(), a.queuesResume(), a.queuesDrain(), a.queuesControls())
}

func (a *app) showQueues(page api.QueuePage) {
	a.warnStale(page.Stale)
	if len(page.Queues) == 0 {
		fmt.Fprintln(a.stdout, "No jobs wait, run or are dead.")
		return
	}
	rows := make([][]string, len(page.Queues))
	for i, q := range page.Queues {
		oldest := ""
		if q.Ready > 0 {
			oldest = age(time.Duration(q.OldestAge) * time.Second)
		}
		blocked := ""
		if q.Blocked > 0 {
			blocked = number(q.Blocked)
		}
		rows[i] = []string{
			q.Wiki, q.Queue, number(q.Ready), number(q.Delayed), blocked, number(q.Running), number(q.Dead), oldest, oneLine(q.Held, mostWords),
		}
	}
	table(a.stdout, []column{
		{"WIKI", false},
		{"QUEUE", false},
		{"READY", true},
		{"DELAYED", true},
		{"BLOCKED", true},
		{"RUNNING", true},
		{"DEAD", true},
		{"OLDEST", true},
		{"HELD", false},
	}, rows)
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

// warnStale says that an answer may be out of date.
func (a *app) warnStale(stale bool) {
	if stale {
		fmt.Fprintln(a.stderr, "The node did not answer in time; this is what the store says: what runs is shown as ready.")
	}
}
