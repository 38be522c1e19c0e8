package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"auwai/api"
	"auwai/client"
)

func (a *app) wikis() *cobra.Command {
	var f client.WikiFilter
	ls := a.withServer(&cobra.Command{
		Use:   "ls",
		Short: "List the wikis that are configured, were seen, or have jobs",
		Long: `List the wikis that are configured, were seen, or have jobs, with their counts. RUNNER is "unknown" for a
wiki that is not in the configuration: its jobs are kept until it is.`,
		Example: `  auwai wikis ls
  auwai wikis ls --json | jq '.wikis[] | select(.configured | not).wiki'`,
		Args: args(0, 0, ""),
		RunE: func(c *cobra.Command, _ []string) error {
			service, err := a.connect()
			if err != nil {
				return err
			}
			defer service.Close()
			all := api.WikiPage{Wikis: []api.Wiki{}}
			for f.Limit = pageSize; ; {
				page, err := service.Wikis(c.Context(), f)
				if err != nil {
					return err
				}
				all.Wikis = append(all.Wikis, page.Wikis...)
				all.Stale = all.Stale || page.Stale
				if f.Cursor = page.Cursor; f.Cursor == "" {
					break
				}
			}
			if a.json {
				return a.writeJSON(all)
			}
			a.showWikis(all)
			return nil
		},
	})
	ls.Flags().StringVar(&f.Wiki, "wiki", "", "this wiki only")
	return noun("wikis", "Wikis: how they run jobs, and what waits for them", ls)
}

func (a *app) showWikis(page api.WikiPage) {
	a.warnStale(page.Stale)
	if len(page.Wikis) == 0 {
		fmt.Fprintln(a.stdout, "No wiki is configured, and none was seen.")
		return
	}
	some := func(n int64) string {
		if n == 0 {
			return ""
		}
		return number(n)
	}
	rows := make([][]string, len(page.Wikis))
	for i := range page.Wikis {
		w := &page.Wikis[i]
		runner := w.Runner
		if !w.Configured {
			runner = "unknown"
		}
		tags := make([]string, 0, len(w.Tags))
		for name, value := range w.Tags {
			tags = append(tags, name+"="+value)
		}
		slices.Sort(tags)
		rows[i] = []string{
			w.Wiki, runner, w.URL, strings.Join(tags, " "), number(w.Ready), some(w.Delayed), some(w.Blocked), number(w.Running),
			some(w.Dead), oneLine(w.Held, mostWords),
		}
	}
	table(a.stdout, []column{
		{"WIKI", false},
		{"RUNNER", false},
		{"URL", false},
		{"TAGS", false},
		{"READY", true},
		{"DELAYED", true},
		{"BLOCKED", true},
		{"RUNNING", true},
		{"DEAD", true},
		{"HELD", false},
	}, rows)
}
