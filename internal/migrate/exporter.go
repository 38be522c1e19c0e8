package migrate

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"auwai/api"
	"auwai/client"
)

// Lister lists jobs: *client.Client.
type Lister interface {
	Jobs(ctx context.Context, f client.JobFilter) (api.JobPage, error)
}

// ExportStates are the states that are exported when none is named: what has not ended and does not run.
func ExportStates() []string {
	return []string{api.StateReady, api.StateBlocked, api.StateDelayed, api.StateDead}
}

// ExportOptions say which jobs are exported; "" is any.
type ExportOptions struct {
	Queue, Wiki string
	States      []string // none: ExportStates
	// Progress is called now and then with the number of jobs written; nil: not.
	Progress func(jobs int)
	// Now tells the time for Progress; nil: time.Now.
	Now func() time.Time
}

// Exported says what was exported.
type Exported struct {
	Jobs  map[string]int // by state
	Stale bool           // a list came from the store alone
	Gone  int            // jobs that ended while they were listed
}

// Export writes jobs as lines. What moves from one state to another meanwhile may be missed, or be there
// twice, with one id: the import knows it again.
func Export(ctx context.Context, from Lister, to io.Writer, o ExportOptions) (Exported, error) {
	done := Exported{Jobs: map[string]int{}}
	if len(o.States) == 0 {
		o.States = ExportStates()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	shown, total := o.Now(), 0
	for _, state := range slices.Compact(o.States) {
		f := client.JobFilter{State: state, Queue: o.Queue, Wiki: o.Wiki, Limit: exportPage, Raw: true}
		for {
			page, err := from.Jobs(ctx, f)
			if err != nil {
				return done, fmt.Errorf("list %s jobs: %w", state, err)
			}
			done.Stale = done.Stale || page.Stale
			for k := range page.Jobs {
				j := &page.Jobs[k]
				if j.Raw == nil { // it ended between its record and its payload
					done.Gone++
					continue
				}
				if err := writeLine(to, lineOf(j)); err != nil {
					return done, err
				}
				done.Jobs[state]++
				total++
			}
			if now := o.Now(); o.Progress != nil && now.Sub(shown) >= progressEvery {
				shown = now
				o.Progress(total)
			}
			if f.Cursor = page.Cursor; f.Cursor == "" {
				break
			}
		}
	}
	return done, nil
}

// exportPage is the rows of a page; the service ends it earlier where payloads are large.
const exportPage = 500

func lineOf(j *api.Job) *exportLine {
	return &exportLine{
		Format: FormatAuwai, ID: j.ID, Wiki: j.Wiki, Queue: j.Queue, State: j.State, Priority: j.Priority, Attempts: j.Attempts,
		CreatedAt: j.CreatedAt, RunAt: j.RunAt, Key: j.Key, RequestID: j.RequestID, Root: j.Root, LastError: j.LastError,
		FromEvent: j.Raw.FromEvent, Domain: j.Raw.Domain, Payload: j.Raw.Text, PayloadBase64: j.Raw.Base64,
	}
}
