package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"auwai/api"
	"auwai/client"
)

// bulkPage is how many jobs one request acts on.
const bulkPage = 500

// bulkFlags are those of commands that act on many jobs.
type bulkFlags struct {
	yes    bool
	dryRun bool
	cursor string
}

func (f *bulkFlags) add(c *cobra.Command) {
	c.Flags().BoolVar(&f.yes, "yes", false, "do not ask")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "only count what it would touch")
	c.Flags().StringVar(&f.cursor, "cursor", "", "go on where a run of this command was broken off")
}

// bulkPageOf asks for one page of bulk work.
type bulkPageOf func(ctx context.Context, r api.BulkRequest) (api.BulkAnswer, error)

// bulk counts what is meant, asks, and does it page by page with progress. What was broken off goes on
// with the cursor that was told last. verb is as in "requeue".
func (a *app) bulk(ctx context.Context, f *bulkFlags, verb string, do bulkPageOf) error {
	total, err := a.countAll(ctx, f, do)
	if err != nil {
		return err
	}
	if f.dryRun || total.Matched == 0 {
		return a.bulkResult(total, fmt.Sprintf("%s would be touched: %s.", plural(total.Matched, "job", "jobs"), verb))
	}
	if !f.yes {
		if ok, err := a.ask(fmt.Sprintf("%s %s?", verb, plural(total.Matched, "job", "jobs"))); err != nil || !ok {
			return err
		}
	}
	out := api.BulkAnswer{Cursor: f.cursor}
	for {
		page, err := do(ctx, api.BulkRequest{Limit: bulkPage, Cursor: out.Cursor})
		if err != nil {
			if out.Cursor != "" {
				fmt.Fprintf(a.stderr, "%s done; go on with --cursor %s\n", plural(out.Done, "job", "jobs"), out.Cursor)
			}
			return err
		}
		out.Matched += page.Matched
		out.Done += page.Done
		out.Stopping += page.Stopping
		if out.Cursor = page.Cursor; out.Cursor == "" {
			break
		}
		fmt.Fprintf(a.stderr, "%d of %d\n", out.Done, total.Matched)
	}
	text := fmt.Sprintf("%s: %s.", verb, plural(out.Done, "job", "jobs"))
	if out.Stopping > 0 {
		text = fmt.Sprintf("%s: %s, of which %d run and are being stopped.", verb, plural(out.Done, "job", "jobs"), out.Stopping)
	}
	if left := out.Matched - out.Done; left > 0 {
		text += fmt.Sprintf(" %d had changed meanwhile.", left)
	}
	return a.bulkResult(out, text)
}

func (a *app) countAll(ctx context.Context, f *bulkFlags, do bulkPageOf) (api.BulkAnswer, error) {
	total := api.BulkAnswer{Cursor: f.cursor}
	for {
		page, err := do(ctx, api.BulkRequest{DryRun: true, Limit: pageSize, Cursor: total.Cursor})
		if err != nil {
			return total, err
		}
		total.Matched += page.Matched
		if total.Cursor = page.Cursor; total.Cursor == "" {
			return total, nil
		}
	}
}

func (a *app) bulkResult(out api.BulkAnswer, text string) error {
	if a.json {
		return a.writeJSON(out)
	}
	fmt.Fprintln(a.stdout, text)
	return nil
}

// ask asks a question on the terminal; false, with a word about it, for every answer but yes.
func (a *app) ask(question string) (bool, error) {
	fmt.Fprintf(a.stderr, "%s [y/N] ", question)
	line, err := bufio.NewReader(a.stdin).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read the answer: %w", err)
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return true, nil
	}
	fmt.Fprintln(a.stderr, "Nothing was done; --yes does it without asking.")
	return false, errSilent
}

// deadBulk is a command that does something to many dead jobs.
func (a *app) deadBulk(verb, short, long string, do func(*client.Client, context.Context, api.DeadRequest) (api.BulkAnswer, error)) *cobra.Command {
	var f bulkFlags
	var r api.DeadRequest
	all := false
	c := a.withServer(&cobra.Command{
		Use:   verb + " [ID…]",
		Short: short,
		Long:  long,
		Example: "  auwai dead " + verb + " --queue refreshLinks --wiki aawiki\n" +
			"  auwai dead " + verb + " --error \"read-only\" --dry-run\n" +
			"  auwai dead " + verb + " aawiki.01ARZ3NDEKTSV4RRFFQ69G5FAV",
		Args: args(0, -1, ""),
		RunE: func(c *cobra.Command, ids []string) error {
			r.IDs = ids
			filtered := r.Queue != "" || r.Wiki != "" || r.Error != ""
			switch {
			case len(ids) == 0 && !filtered && !all:
				return usage("say which dead jobs: by --queue, --wiki, --error, by their ids, or --all")
			case all && (filtered || len(ids) > 0):
				return usage("--all is all of them; leave it out beside ids and filters")
			}
			service, err := a.connect()
			if err != nil {
				return err
			}
			defer service.Close()
			f.yes = f.yes || len(ids) > 0 // each was named
			return a.bulk(c.Context(), &f, verb, func(ctx context.Context, b api.BulkRequest) (api.BulkAnswer, error) {
				page := r
				page.BulkRequest = b
				return do(service, ctx, page)
			})
		},
	})
	c.Flags().StringVar(&r.Queue, "queue", "", "of this queue only")
	c.Flags().StringVar(&r.Wiki, "wiki", "", "of this wiki only")
	c.Flags().StringVar(&r.Error, "error", "", "only those whose last error has this text in it")
	c.Flags().BoolVar(&all, "all", false, "all dead jobs")
	f.add(c)
	return c
}

func (a *app) deadRequeue() *cobra.Command {
	return a.deadBulk("requeue", "Give dead jobs all their attempts again",
		"Give dead jobs all their attempts again: those of a filter, or those that are named. First it says how many, and asks.",
		(*client.Client).RequeueDead)
}

func (a *app) deadDrop() *cobra.Command {
	return a.deadBulk("drop", "End dead jobs for good",
		"End dead jobs for good: those of a filter, or those that are named. First it says how many, and asks. A day later nothing is left of them.",
		(*client.Client).DropDead)
}

// jobsCancel ends jobs by their ids, or by a filter.
func (a *app) jobsCancel() *cobra.Command {
	var f bulkFlags
	var r api.CancelRequest
	one := a.act("cancel", "End jobs that wait, and stop those that run", (*client.Client).Cancel)
	byID := one.RunE
	one.Use = "cancel [ID…]"
	one.Long = `End jobs that wait: by their ids, which stops those that run too, or all of a filter. With a filter it first
says how many, and asks; --running stops those that run too.`
	one.Example += "\n  auwai jobs cancel --queue refreshLinks --wiki aawiki\n  auwai jobs cancel --request-id 7d1f1a0e-0b5c-4c5e-9d7e-2f1f4a1c9b11 --running"
	one.Args = args(0, -1, "")
	one.RunE = func(c *cobra.Command, ids []string) error {
		filtered := r.Queue != "" || r.Wiki != "" || r.Root != "" || r.RequestID != ""
		switch {
		case len(ids) > 0 && filtered:
			return usage("give ids or a filter, not both")
		case len(ids) > 0:
			return byID(c, ids)
		case !filtered:
			return usage("say which jobs: by their ids, or by --queue, --wiki, --root, --request-id")
		}
		service, err := a.connect()
		if err != nil {
			return err
		}
		defer service.Close()
		return a.bulk(c.Context(), &f, "cancel", func(ctx context.Context, b api.BulkRequest) (api.BulkAnswer, error) {
			page := r
			page.BulkRequest = b
			return service.CancelMany(ctx, page)
		})
	}
	one.Flags().StringVar(&r.Queue, "queue", "", "of this queue only")
	one.Flags().StringVar(&r.Wiki, "wiki", "", "of this wiki only")
	one.Flags().StringVar(&r.Root, "root", "", "that follow from the root with this signature")
	one.Flags().StringVar(&r.RequestID, "request-id", "", "of this request")
	one.Flags().BoolVar(&r.Running, "running", false, "with a filter: stop those that run too")
	f.add(one)
	return one
}
