package cli

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"auwai/api"
	"auwai/client"
)

// topSorts returns what the live view can be sorted by.
func topSorts() []string {
	return []string{"ready", "running", "delayed", "dead", "started", "done", "failed", "oldest", "queue"}
}

func (a *app) queuesTop() *cobra.Command {
	var once bool
	by, interval := "ready", 2*time.Second
	c := a.withServer(&cobra.Command{
		Use:   "top",
		Short: "Watch the queues live: counts, rates, what is oldest, what is held",
		Long: `Watch the queues, summed over their wikis: what waits and runs, how many jobs a second are started, done
and failed, the age of the oldest ready job, and why a queue is held. Drawn again every --interval until it
is interrupted; once where the output is no terminal. Rates are those since the drawing before.`,
		Example: `  auwai queues top
  auwai queues top --sort failed --interval 5s
  auwai queues top --once --json`,
		Args: args(0, 0, ""),
		RunE: func(c *cobra.Command, _ []string) error {
			switch {
			case !slices.Contains(topSorts(), by):
				return usage("--sort is %q; use one of %s", by, strings.Join(topSorts(), ", "))
			case interval < minInterval:
				return usage("--interval is %s; at least %s is expected", interval, minInterval)
			}
			service, err := a.connect()
			if err != nil {
				return err
			}
			defer service.Close()
			return a.top(c.Context(), service, by, interval, once || a.json)
		},
	})
	c.Flags().StringVar(&by, "sort", by, "one of "+strings.Join(topSorts(), ", "))
	c.Flags().DurationVar(&interval, "interval", interval, "time between two drawings, over which rates are measured")
	c.Flags().BoolVar(&once, "once", false, "draw once, after one interval")
	return c
}

// topRow is a queue over all wikis.
type topRow struct {
	Queue   string  `json:"queue"`
	Ready   float64 `json:"ready"`
	Delayed float64 `json:"delayed"`
	Blocked float64 `json:"blocked"`
	Running float64 `json:"running"`
	Dead    float64 `json:"dead"`
	Started float64 `json:"started_per_s"`
	Done    float64 `json:"done_per_s"`
	Failed  float64 `json:"failed_per_s"`
	Oldest  float64 `json:"oldest_s"`
	Wikis   float64 `json:"held_wikis"` // where it is held
	Held    string  `json:"held"`
}

func (a *app) top(ctx context.Context, service *client.Client, by string, interval time.Duration, once bool) error {
	screen := a.screen()
	var before map[string]*topSample
	last := a.now()
	for {
		text, err := service.Metrics(ctx)
		if err != nil {
			return err
		}
		now, sample := a.now(), readSample(text)
		if before == nil && (once || !screen.terminal) {
			before = sample
			if last = now; pause(ctx, interval) {
				continue
			}
			return nil
		}
		rows := topRows(before, sample, now.Sub(last))
		sortTop(rows, by)
		if err := whyHeld(ctx, service, rows); err != nil {
			return err
		}
		if a.json {
			return a.writeJSON(struct {
				Queues []topRow `json:"queues"`
			}{rows})
		}
		width, height := screen.size()
		screen.draw(fit(showTop(rows, now, before != nil), width, height))
		if once || !screen.terminal {
			return nil
		}
		before, last = sample, now
		if !pause(ctx, interval) {
			return nil
		}
	}
}

// topSample is what the metrics say of a queue.
type topSample struct {
	topRow

	started, done, failed float64 // counted since the start
}

// readSample reads the metrics that the view needs (Prometheus' text format).
func readSample(text string) map[string]*topSample {
	out := map[string]*topSample{}
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		name, labels, value, ok := readMetric(lines.Text())
		queue, has := labels["queue"]
		if !ok || !has {
			continue
		}
		s := out[queue]
		if s == nil {
			s = &topSample{topRow: topRow{Queue: queue}}
			out[queue] = s
		}
		switch name {
		case "auwai_jobs":
			s.count(labels["state"], value)
		case "auwai_oldest_ready_seconds":
			s.Oldest = value
		case "auwai_held_queues":
			s.Wikis = value
		case "auwai_jobs_started_total":
			s.started = value
		case "auwai_job_attempts_total":
			switch labels["outcome"] {
			case "done":
				s.done += value
			case "failed", "permanent", "crash":
				s.failed += value
			}
		}
	}
	return out
}

func (s *topSample) count(state string, n float64) {
	switch state {
	case api.StateReady:
		s.Ready = n
	case api.StateDelayed:
		s.Delayed = n
	case api.StateBlocked:
		s.Blocked = n
	case api.StateRunning:
		s.Running = n
	case api.StateDead:
		s.Dead = n
	}
}

// readMetric reads one line: name{label="value",…} number.
func readMetric(line string) (name string, labels map[string]string, value float64, ok bool) {
	if !strings.HasPrefix(line, "auwai_") {
		return "", nil, 0, false
	}
	at := strings.LastIndexByte(line, ' ')
	if at < 0 {
		return "", nil, 0, false
	}
	value, err := strconv.ParseFloat(line[at+1:], 64)
	name, rest, _ := strings.Cut(line[:at], "{")
	labels = map[string]string{}
	for rest != "" && rest != "}" {
		key, more, found := strings.Cut(rest, `="`)
		if !found {
			return "", nil, 0, false
		}
		quoted, err := strconv.QuotedPrefix(`"` + more)
		if err != nil {
			return "", nil, 0, false
		}
		text, err := strconv.Unquote(quoted)
		if err != nil {
			return "", nil, 0, false
		}
		labels[strings.TrimPrefix(key, ",")] = text
		rest = more[len(quoted)-1:]
	}
	return name, labels, value, err == nil
}

// topRows are the queues that have something to show.
func topRows(before, now map[string]*topSample, took time.Duration) []topRow {
	rows := []topRow{}
	for name, s := range now {
		row := s.topRow
		if b := before[name]; b != nil && took > 0 {
			rate := func(now, before float64) float64 { return max(now-before, 0) / took.Seconds() }
			row.Started, row.Done, row.Failed = rate(s.started, b.started), rate(s.done, b.done), rate(s.failed, b.failed)
		}
		if row.Ready+row.Delayed+row.Blocked+row.Running+row.Dead+row.Started+row.Done+row.Failed > 0 {
			rows = append(rows, row)
		}
	}
	return rows
}

func sortTop(rows []topRow, by string) {
	of := func(r *topRow) float64 {
		switch by {
		case "ready":
			return r.Ready
		case "running":
			return r.Running
		case "delayed":
			return r.Delayed
		case "dead":
			return r.Dead
		case "started":
			return r.Started
		case "done":
			return r.Done
		case "failed":
			return r.Failed
		case "oldest":
			return r.Oldest
		default:
			return 0
		}
	}
	slices.SortFunc(rows, func(x, y topRow) int {
		return cmp.Or(cmp.Compare(of(&y), of(&x)), strings.Compare(x.Queue, y.Queue))
	})
}

// mostHeld bounds the queues whose reason is asked for.
const mostHeld = 20

// whyHeld asks for the reasons of the queues that are held.
func whyHeld(ctx context.Context, service *client.Client, rows []topRow) error {
	asked := 0
	for i := range rows {
		r := &rows[i]
		if r.Wikis == 0 || asked == mostHeld {
			continue
		}
		asked++
		page, err := service.Queues(ctx, client.QueueFilter{Queue: r.Queue, Limit: 100})
		if err != nil {
			return err
		}
		for _, q := range page.Queues {
			if q.Held != "" {
				r.Held = q.Held
				break
			}
		}
	}
	return nil
}

func showTop(rows []topRow, now time.Time, rates bool) string {
	var b strings.Builder
	var sum topRow
	cells := make([][]string, len(rows))
	whole := func(n float64) string { return strconv.FormatFloat(n, 'f', 0, 64) }
	some := func(n float64) string {
		if n == 0 {
			return ""
		}
		return whole(n)
	}
	rate := func(n float64) string {
		if !rates {
			return ""
		}
		return strconv.FormatFloat(n, 'f', 1, 64)
	}
	for i := range rows {
		r := &rows[i]
		sum.Ready += r.Ready
		sum.Running += r.Running
		sum.Dead += r.Dead
		sum.Started += r.Started
		sum.Done += r.Done
		oldest, held := "", ""
		if r.Ready > 0 {
			oldest = age(time.Duration(r.Oldest * float64(time.Second)))
		}
		if r.Wikis > 0 {
			held = plural(int(r.Wikis), "wiki", "wikis")
			if r.Held != "" {
				held += ": " + oneLine(r.Held, mostWords)
			}
		}
		cells[i] = []string{
			r.Queue, whole(r.Ready), whole(r.Running), some(r.Delayed), some(r.Blocked), some(r.Dead),
			rate(r.Started), rate(r.Done), rate(r.Failed), oldest, held,
		}
	}
	fmt.Fprintf(&b, "%s  %s ready, %s running, %s dead", clock(now), whole(sum.Ready), whole(sum.Running), whole(sum.Dead))
	if rates {
		fmt.Fprintf(&b, "; %.1f started/s, %.1f done/s", sum.Started, sum.Done)
	}
	fmt.Fprint(&b, "\n\n")
	table(&b, []column{
		{"QUEUE", false},
		{"READY", true},
		{"RUNNING", true},
		{"DELAYED", true},
		{"BLOCKED", true},
		{"DEAD", true},
		{"STARTED/S", true},
		{"DONE/S", true},
		{"FAILED/S", true},
		{"OLDEST", true},
		{"HELD", false},
	}, cells)
	return b.String()
}

// screen returns what is drawn on.
func (a *app) screen() *screen {
	s := &screen{w: a.stdout}
	if f, ok := a.raw.(*os.File); ok {
		s.file = f
		_, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
		s.terminal = err == nil
	}
	return s
}

// size returns the terminal's width and height; zero: it has none.
func (s *screen) size() (width, height int) {
	if !s.terminal {
		return 0, 0
	}
	size, err := unix.IoctlGetWinsize(int(s.file.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, 0
	}
	return int(size.Col), int(size.Row)
}
