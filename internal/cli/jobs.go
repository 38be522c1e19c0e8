package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"auwai/api"
	"auwai/client"
)

func (a *app) jobs() *cobra.Command {
	return noun("jobs", "Single jobs", a.jobsLs(), a.jobsShow(), a.jobsRetry(), a.jobsCancel())
}

func (a *app) dead() *cobra.Command {
	f := client.JobFilter{State: api.StateDead}
	ls := a.list(&f, &cobra.Command{
		Use:   "ls",
		Short: "List dead jobs: those that are not tried any more, and why",
		Long:  "List dead jobs. They are kept for 30 days, with every attempt; auwai jobs retry gives them all attempts again.",
		Example: `  auwai dead ls
  auwai dead ls --wiki aawiki --queue refreshLinks --json`,
	})
	return noun("dead", "Jobs that are not tried any more", ls, a.deadRequeue(), a.deadDrop())
}

func (a *app) jobsLs() *cobra.Command {
	var f client.JobFilter
	c := a.list(&f, &cobra.Command{
		Use:   "ls",
		Short: "List jobs: those that run, are ready, delayed, dead, then finished ones",
		Example: `  auwai jobs ls --state running
  auwai jobs ls --wiki aawiki --queue refreshLinks --limit 200
  auwai jobs ls --request-id 7d1f1a0e-… --json`,
	})
	c.Flags().StringVar(&f.State, "state", "", "one of "+strings.Join(api.States(), ", "))
	return c
}

// list gives a command the flags and the work of a list of jobs.
func (a *app) list(f *client.JobFilter, c *cobra.Command) *cobra.Command {
	limit := 0
	c.Args = args(0, 0, "")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if limit < 0 {
			return usage("--limit is %d; 0 lists all", limit)
		}
		service, err := a.connect()
		if err != nil {
			return err
		}
		defer service.Close()
		all := api.JobPage{Jobs: []api.Job{}}
		for {
			f.Limit = pageSize
			if left := limit - len(all.Jobs); limit > 0 && left < pageSize {
				f.Limit = left
			}
			page, err := service.Jobs(c.Context(), *f)
			if err != nil {
				return err
			}
			all.Jobs = append(all.Jobs, page.Jobs...)
			all.Cursor, all.Stale = page.Cursor, all.Stale || page.Stale
			f.Cursor = page.Cursor
			if f.Cursor == "" || limit > 0 && len(all.Jobs) >= limit {
				break
			}
		}
		if a.json {
			return a.writeJSON(all)
		}
		a.showJobs(all)
		return nil
	}
	c.Flags().StringVar(&f.Queue, "queue", "", "of this queue only")
	c.Flags().StringVar(&f.Wiki, "wiki", "", "of this wiki only")
	c.Flags().StringVar(&f.RequestID, "request-id", "", "of this request only: an edit's whole cascade")
	c.Flags().StringVar(&f.ClientID, "client-id", "", "with this client id only")
	c.Flags().StringVar(&f.Cursor, "cursor", "", "go on where a list ended")
	c.Flags().IntVar(&limit, "limit", 50, "rows; 0: all")
	return a.withServer(c)
}

func (a *app) showJobs(page api.JobPage) {
	a.warnStale(page.Stale)
	if len(page.Jobs) == 0 {
		fmt.Fprintln(a.stdout, "No such jobs.")
	} else {
		rows := make([][]string, len(page.Jobs))
		for i := range page.Jobs {
			rows[i] = a.row(&page.Jobs[i])
		}
		table(a.stdout, []column{
			{"ID", false}, {"STATE", false}, {"QUEUE", false}, {"WIKI", false}, {"ATTEMPTS", true}, {"AGE", true}, {"DUE", true}, {"NOTE", false},
		}, rows)
	}
	if page.Cursor != "" {
		fmt.Fprintf(a.stderr, "There are more: --limit 0 lists all, --cursor %s goes on here.\n", page.Cursor)
	}
}

func (a *app) row(j *api.Job) []string {
	due := ""
	if j.State == api.StateDelayed && j.RunAt != nil {
		due = age(a.now().Sub(*j.RunAt))
	}
	return []string{
		j.ID, j.State, j.Queue, j.Wiki, strconv.Itoa(j.Attempts), age(max(a.now().Sub(j.CreatedAt), 0)), due, oneLine(note(j), mostWords),
	}
}

// note is the one thing that is most worth knowing of a job.
func note(j *api.Job) string {
	switch {
	case j.DuplicateOf != "":
		return "merged into " + j.DuplicateOf
	case j.Superseded != "":
		return "superseded by its root of " + j.Superseded
	case j.Held != "":
		return "held: " + j.Held
	default:
		return j.LastError
	}
}

func (a *app) jobsShow() *cobra.Command {
	return a.withServer(&cobra.Command{
		Use:     "show ID",
		Short:   "Show one job with its payload and every attempt",
		Example: "  auwai jobs show aawiki.01ARZ3NDEKTSV4RRFFQ69G5FAV",
		Args:    args(1, 1, "the job's id"),
		RunE: func(c *cobra.Command, ids []string) error {
			service, err := a.connect()
			if err != nil {
				return err
			}
			defer service.Close()
			job, err := service.Job(c.Context(), ids[0])
			if err != nil {
				return err
			}
			if a.json {
				return a.writeJSON(job)
			}
			a.warnStale(job.Stale)
			showJob(a.stdout, &job)
			return nil
		},
	})
}

func showJob(w io.Writer, j *api.JobDetail) {
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%-14s%s\n", name, value)
		}
	}
	at := func(name string, t *time.Time) {
		if t != nil {
			row(name, clock(*t))
		}
	}
	row("id", j.ID)
	row("state", j.State)
	row("held", j.Held)
	row("queue", j.Queue)
	row("wiki", j.Wiki)
	row("priority", j.Priority)
	row("attempts", strconv.Itoa(j.Attempts))
	row("created", clock(j.CreatedAt))
	at("not before", j.RunAt)
	at("started", j.StartedAt)
	at("deadline", j.Deadline)
	at("finished", j.FinishedAt)
	row("key", j.Key)
	row("request", j.RequestID)
	row("client id", j.ClientID)
	if j.Root != nil {
		row("root", j.Root.Signature+" of "+j.Root.Timestamp)
	}
	row("merged into", j.DuplicateOf)
	row("superseded by", j.Superseded)
	row("domain", j.Domain)
	switch j.Signature {
	case "known":
		row("signed by", j.SignedBy)
	case "unknown":
		row("signed by", "a wiki whose secret is not configured")
	case "none":
		row("signed by", "nobody")
	}
	row("last error", j.LastError)
	if len(j.AttemptLog) > 0 {
		rows := make([][]string, len(j.AttemptLog))
		for i, t := range j.AttemptLog {
			rows[i] = []string{clock(t.StartedAt), t.EndedAt.Sub(t.StartedAt).Round(time.Millisecond).String(), t.Outcome, oneLine(t.Error, 200)}
		}
		fmt.Fprintln(w)
		table(w, []column{{"STARTED", false}, {"TOOK", true}, {"OUTCOME", false}, {"ERROR", false}}, rows)
	}
	if j.PayloadBytes > 0 {
		fmt.Fprintf(w, "\npayload, %s\n%s\n", plural(j.PayloadBytes, "byte", "bytes"), payloadText(j))
	}
}

// payloadText is the payload as people read it: JSON is indented.
func payloadText(j *api.JobDetail) string {
	var indented bytes.Buffer
	switch {
	case j.Payload != nil && json.Indent(&indented, j.Payload, "", "  ") == nil:
		return indented.String()
	case j.PayloadText != "":
		return j.PayloadText
	default:
		return fmt.Sprintf("%x", j.PayloadBase64)
	}
}

func (a *app) jobsRetry() *cobra.Command {
	return a.act("retry", "Give dead jobs all their attempts again, or run delayed ones now", (*client.Client).Retry)
}

// act returns a command that does one thing to each of several jobs. One that fails does not keep the
// others from it.
func (a *app) act(verb, short string, do func(*client.Client, context.Context, string) (api.JobAction, error)) *cobra.Command {
	return a.withServer(&cobra.Command{
		Use:     verb + " ID…",
		Short:   short,
		Example: "  auwai jobs " + verb + " aawiki.01ARZ3NDEKTSV4RRFFQ69G5FAV",
		Args:    args(1, -1, "a job's id"),
		RunE: func(c *cobra.Command, ids []string) error {
			service, err := a.connect()
			if err != nil {
				return err
			}
			defer service.Close()
			actions := []api.JobAction{}
			failed := false
			for _, id := range ids {
				action, err := do(service, c.Context(), id)
				if _, ours := errors.AsType[*client.Error](err); err != nil && !ours {
					return err // the service does not answer: the next id would fail alike
				}
				if err != nil {
					failed = true
					fmt.Fprintf(a.stderr, "%s: %s\n", c.CommandPath(), err) // it names the job
					continue
				}
				actions = append(actions, action)
				if !a.json {
					fmt.Fprintf(a.stdout, "%s  %s\n", action.ID, acted(action))
				}
			}
			if a.json {
				err = a.writeJSON(actions)
			}
			if failed {
				return errSilent
			}
			return err
		},
	})
}

func acted(a api.JobAction) string {
	if a.DuplicateOf != "" {
		return "merged into " + a.DuplicateOf
	}
	if a.Stopping {
		return "is being stopped"
	}
	return a.State
}
