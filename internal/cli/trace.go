package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"auwai/api"
	"auwai/client"
)

func (a *app) trace() *cobra.Command {
	follow, interval := false, 2*time.Second
	c := a.withServer(&cobra.Command{
		Use:   "trace ID",
		Short: "Draw all that followed from a request, as a tree",
		Long: `Draw the jobs that followed from a request, over all wikis, as a tree: each below the job that made it.
ID is that of the request, of one of its events, or of one of its jobs. WAITED is the time from a job's
creation to its first attempt, RAN that of all its attempts. A mark before the queue says that the job has
not ended. What a day ago has ended is forgotten.`,
		Example: `  auwai trace 7d1f1a0e-0b5c-4c5e-9d7e-2f1f4a1c9b11
  auwai trace aawiki.01ARZ3NDEKTSV4RRFFQ69G5FAV --follow
  auwai trace 7d1f1a0e-0b5c-4c5e-9d7e-2f1f4a1c9b11 --json | jq '.nodes | length'`,
		Args: args(1, 1, "the id of a request, an event or a job"),
		RunE: func(c *cobra.Command, ids []string) error {
			switch {
			case interval < minInterval:
				return usage("--interval is %s; at least %s is expected", interval, minInterval)
			case follow && a.json:
				return usage("--follow draws for people and --json is for programs; use one of them")
			}
			service, err := a.connect()
			if err != nil {
				return err
			}
			defer service.Close()
			return a.drawTrace(c.Context(), service, ids[0], follow, interval)
		},
	})
	c.Flags().BoolVar(&follow, "follow", false, "draw again until nothing of it is left to do")
	c.Flags().DurationVar(&interval, "interval", interval, "time between two drawings")
	return c
}

// minInterval bounds how often a service is asked.
const minInterval = 200 * time.Millisecond

func (a *app) drawTrace(ctx context.Context, service *client.Client, id string, follow bool, interval time.Duration) error {
	screen := a.screen()
	for {
		t, err := service.Trace(ctx, id)
		if err != nil {
			return err
		}
		if a.json {
			return a.writeJSON(t)
		}
		var b strings.Builder
		showTrace(&b, &t, a.now())
		text := b.String()
		if width, height := screen.size(); follow && screen.terminal {
			text = fit(text, width, height)
		}
		screen.draw(text)
		a.warnStale(t.Stale)
		if !follow || t.Open == 0 {
			return nil
		}
		if !pause(ctx, interval) {
			return nil
		}
	}
}

// pause waits; false: the command is to end.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func showTrace(w io.Writer, t *api.Trace, now time.Time) {
	name := "request " + t.RequestID
	if t.RequestID == "" {
		name = "job of no request"
	}
	rows := [][]string{{name, "", "", "", "", "", ""}}
	for i, stem := range stems(t.Nodes) {
		rows = append(rows, traceRow(&t.Nodes[i], stem, now))
	}
	table(w, []column{{"JOB", false}, {"WIKI", false}, {"STATE", false}, {"WAITED", true}, {"RAN", true}, {"ATTEMPTS", true}, {"NOTE", false}}, rows)
	fmt.Fprintln(w)
	fmt.Fprintln(w, traceSums(t))
}

// stems draws the lines in front of each node: the nodes are in the order of a walk.
func stems(nodes []api.TraceNode) []string {
	out := make([]string, len(nodes))
	var open []bool // at each level: a further sibling comes below
	for i := len(nodes) - 1; i >= 0; i-- {
		level := max(nodes[i].Level, 1)
		for len(open) < level {
			open = append(open, false)
		}
		var b strings.Builder
		for _, more := range open[:level-1] {
			if more {
				b.WriteString("│  ")
			} else {
				b.WriteString("   ")
			}
		}
		if open[level-1] {
			b.WriteString("├─ ")
		} else {
			b.WriteString("└─ ")
		}
		out[i] = b.String()
		open = append(open[:level-1], true)
	}
	return out
}

func traceRow(n *api.TraceNode, stem string, now time.Time) []string {
	mark := ""
	if n.Open {
		mark = "• "
	}
	waited, ran := "", ""
	if n.WaitedMS != nil {
		waited = took(*n.WaitedMS)
	} else if n.Open {
		waited = took(max(now.Sub(n.CreatedAt), 0).Milliseconds())
	}
	if n.RanMS != nil {
		ran = took(*n.RanMS)
	}
	attempts := ""
	if n.Attempts > 0 {
		attempts = strconv.Itoa(n.Attempts)
	}
	return []string{stem + mark + n.Queue, n.Wiki, n.State, waited, ran, attempts, oneLine(traceNote(n, now), mostWords)}
}

// traceNote is what is most worth knowing of a node.
func traceNote(n *api.TraceNode, now time.Time) string {
	switch {
	case n.DuplicateOf != "":
		return "merged into " + n.DuplicateOf
	case n.Superseded != "":
		return "superseded by its root of " + n.Superseded
	case n.RequestID != "":
		return "went on with the bytes of a newer twin, of request " + n.RequestID
	case n.Held != "":
		return "held: " + n.Held
	case n.Error != "":
		return n.Error
	case n.RunAt != nil:
		return "due " + age(now.Sub(*n.RunAt))
	default:
		return n.Message
	}
}

// took writes milliseconds: 40ms, 1.2s, 3m20s.
func took(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	switch {
	case d < time.Second:
		return fmt.Sprintf("%dms", ms)
	case d < time.Minute:
		return fmt.Sprintf("%.1fs", d.Seconds())
	default:
		return d.Round(time.Second).String()
	}
}

func traceSums(t *api.Trace) string {
	states, order := map[string]int{}, api.States()
	for i := range t.Nodes {
		states[t.Nodes[i].State]++
	}
	text := plural(len(t.Nodes)+t.More, "job", "jobs")
	var parts []string
	for _, s := range order {
		if states[s] > 0 {
			parts = append(parts, strconv.Itoa(states[s])+" "+s)
		}
	}
	text += ": " + strings.Join(parts, ", ")
	if t.More > 0 {
		text += "; " + strconv.Itoa(t.More) + " more are not shown"
	}
	if t.Open > 0 {
		return text + ". " + strconv.Itoa(t.Open) + " have not ended (•)."
	}
	return text + ". All have ended."
}

// screen draws a text over the one before, where stdout is a terminal; else one after the other.
type screen struct {
	w        io.Writer
	file     *os.File // nil: it is none
	terminal bool
	lines    int
}

func (s *screen) draw(text string) {
	if s.terminal && s.lines > 0 {
		// To the beginning of the text before, and away with what is below (ECMA-48: CPL, ED).
		fmt.Fprintf(s.w, "\x1b[%dF\x1b[J", s.lines)
	}
	fmt.Fprint(s.w, text)
	s.lines = strings.Count(text, "\n")
}

// fit cuts a text to a terminal's size, so that drawing over it is possible.
func fit(text string, width, height int) string {
	lines := strings.SplitAfter(text, "\n")
	if height > 1 && len(lines) > height-1 {
		lines = lines[:height-1]
	}
	for i, line := range lines {
		if body := strings.TrimSuffix(line, "\n"); width > 0 && utf8.RuneCountInString(body) > width {
			lines[i] = string([]rune(body)[:width-1]) + "…\n"
		}
	}
	return strings.Join(lines, "")
}
