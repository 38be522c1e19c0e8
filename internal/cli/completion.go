package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"auwai/api"
	"auwai/client"
	"auwai/internal/access"
)

// Bounds of what is asked of the service while somebody waits at a prompt.
const (
	completionTime  = 500 * time.Millisecond
	completionPages = 5
)

// shells are those that there is a script for.
func shells() []string { return []string{"bash", "zsh", "fish", "powershell"} }

func (a *app) completion() *cobra.Command {
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Write a script that completes commands in a shell",
		Long: `Write a script by which a shell completes commands, flags and their values: bash, zsh, fish or
powershell. Names of queues and wikis are those that the running service has work of; it is found by
--server or AUWAI_SERVER, and where it does not answer at once there are none.`,
		Example: `  auwai completion bash > /etc/bash_completion.d/auwai
  auwai completion zsh > "${fpath[1]}/_auwai"
  auwai completion fish > ~/.config/fish/completions/auwai.fish
  auwai completion powershell | Out-String | Invoke-Expression`,
		Args:      args(1, 1, "the shell"),
		ValidArgs: shells(),
		RunE: func(c *cobra.Command, words []string) error {
			write, ok := map[string]func(io.Writer) error{
				"bash":       func(w io.Writer) error { return c.Root().GenBashCompletionV2(w, true) },
				"zsh":        c.Root().GenZshCompletion,
				"fish":       func(w io.Writer) error { return c.Root().GenFishCompletion(w, true) },
				"powershell": c.Root().GenPowerShellCompletionWithDesc,
			}[words[0]]
			if !ok {
				return usage("there is no script for %q; use %s", words[0], strings.Join(shells(), ", "))
			}
			if err := write(a.stdout); err != nil {
				return fmt.Errorf("write the script: %w", err)
			}
			return nil
		},
	}
}

// completeAll gives each command below c what its flags and arguments are completed with. Flags of
// one name mean the same everywhere, so it is done in one place.
func (a *app) completeAll(c *cobra.Command) {
	fixed := map[string][]string{
		"state": api.States(), "role": access.RoleNames(), "log-format": {"text", "json"},
		"log-level": {"debug", "info", "warn", "error"}, "sync": {"durable", "relaxed"}, "sort": topSorts(),
	}
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if _, has := c.GetFlagCompletionFunc(f.Name); has {
			return
		}
		var values cobra.CompletionFunc
		speaks := c.Flags().Lookup("server") != nil
		switch {
		case fixed[f.Name] != nil:
			values = cobra.FixedCompletions(fixed[f.Name], cobra.ShellCompDirectiveNoFileComp)
		case f.Name == "queue" && speaks:
			values = a.completeQueues
		case f.Name == "wiki" && speaks:
			values = a.completeWikis
		case !strings.Contains(f.Usage, "file") && !strings.Contains(f.Usage, "folder"):
			values = cobra.NoFileCompletions
		default:
			return // the shell completes files by itself
		}
		if err := c.RegisterFlagCompletionFunc(f.Name, values); err != nil {
			panic("cli: a flag that exists cannot be completed: " + err.Error())
		}
	})
	if c.ValidArgsFunction == nil && c.ValidArgs == nil && !c.HasSubCommands() && !strings.Contains(c.Use, "FILE") {
		c.ValidArgsFunction = cobra.NoFileCompletions
	}
	for _, sub := range c.Commands() {
		a.completeAll(sub)
	}
}

// completeQueues completes the name of a queue, of the wiki that the command line names, if any. It is
// a ValidArgsFunction too.
func (a *app) completeQueues(c *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	f := client.QueueFilter{}
	if flag := c.Flags().Lookup("wiki"); flag != nil && flag.Value.Type() == "string" {
		f.Wiki = flag.Value.String()
	}
	return a.completeNames(c.Context(), f, begun, func(q *api.Queue) string { return q.Queue })
}

// completeWikis completes the name of a wiki, of those that have work in the queue that the command
// line names, if any.
func (a *app) completeWikis(c *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	f := client.QueueFilter{}
	if flag := c.Flags().Lookup("queue"); flag != nil && flag.Value.Type() == "string" {
		f.Queue = flag.Value.String()
	}
	return a.completeNames(c.Context(), f, begun, func(q *api.Queue) string { return q.Wiki })
}

// completeNames asks the service. Whatever goes wrong, there are just no names: a message in the
// middle of a line that is being typed helps nobody.
func (a *app) completeNames(ctx context.Context, f client.QueueFilter, begun string, name func(*api.Queue) string) ([]string, cobra.ShellCompDirective) {
	const noFiles = cobra.ShellCompDirectiveNoFileComp
	service, err := a.connect()
	if err != nil {
		return nil, noFiles
	}
	defer service.Close()
	ctx, cancel := context.WithTimeout(ctx, completionTime)
	defer cancel()
	var names []string
	f.Limit = pageSize
	for range completionPages {
		page, err := service.Queues(ctx, f)
		if err != nil {
			break // what there is will do
		}
		for i := range page.Queues {
			if n := name(&page.Queues[i]); strings.HasPrefix(n, begun) {
				names = append(names, n)
			}
		}
		if f.Cursor = page.Cursor; f.Cursor == "" {
			break
		}
	}
	slices.Sort(names)
	return slices.Compact(names), noFiles
}
