package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"auwai/internal/fault"
	"auwai/internal/runner"
)

// The ways to run jobs that are compared.
const (
	KindWorker      = "worker"
	KindAuwai       = "auwai"
	KindEventBus    = "eventbus"
	KindRunJobsPage = "special-runjobs"
	KindRunJobs     = "runjobs"      // core's runJobs.php, one process for all jobs
	KindRunJobsEach = "runjobs-each" // core's runJobs.php, a process for each job
)

// Kinds returns all ways, in the order in which they are shown.
func Kinds() []string {
	return []string{KindWorker, KindAuwai, KindEventBus, KindRunJobsPage, KindRunJobs, KindRunJobsEach}
}

// MediaWikiOptions says what "bench mediawiki" measures. Every kind needs some of it; one for which
// something is missing is left out, and said to be.
type MediaWikiOptions struct {
	Wiki  string   // database name
	Kinds []string // nil: all

	// The wiki as its workers load it, with the Auwai extension.
	PHP, Path, Script string
	Args              []string
	// The wiki by HTTP. Secret signs run requests, Key is its $wgSecretKey.
	URL, ScriptPath, Host string
	Secret, Key           []byte
	// Settings with which the wiki's jobs are in its own table: for runJobs.php, and by HTTP.
	PlainArgs []string
	PlainURL  string
	// The web servers' processes, whose CPU time counts; 0: it is not known.
	WebPID, PlainWebPID int

	Jobs   int      // trivial jobs of a round
	Parses int      // refreshLinks jobs of a round; at most one for each page, since two of one page wait for each other
	Single int      // jobs of a round of the kinds that start a process for each
	Pages  []string // titles whose links are refreshed
	AtOnce int      // attempts at once, and workers
	Rounds int
	JSON   bool
}

// MediaWikiFigure is what one kind did with one load: the medians of the rounds.
type MediaWikiFigure struct {
	Kind          string   `json:"kind"`
	Load          string   `json:"load"` // trivial or refreshLinks
	Jobs          int      `json:"jobs"` // of a round
	JobsPerSecond float64  `json:"jobs_per_s"`
	CPUPerJob     *float64 `json:"cpu_ms_per_job"` // nil: not known
	Skipped       string   `json:"skipped,omitempty"`
}

// MediaWiki runs all kinds side by side, round by round, and returns their figures.
func MediaWiki(ctx context.Context, o MediaWikiOptions, out io.Writer) ([]MediaWikiFigure, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "auwai-bench-")
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	m := &mediaWiki{o: o, dir: dir, runners: map[string]runner.Runner{}, say: func(format string, args ...any) {
		if !o.JSON {
			_, _ = fmt.Fprintf(out, format+"\n", args...)
		}
	}}
	figures, err := m.rounds(ctx)
	for _, stop := range m.stops {
		stop()
	}
	if err != nil {
		return nil, err
	}
	if o.JSON {
		return figures, json.NewEncoder(out).Encode(figures)
	}
	return figures, nil
}

func (o *MediaWikiOptions) check() error {
	for _, f := range []struct {
		name       string
		value, max int
	}{{"jobs", o.Jobs, 1_000_000}, {"parses", o.Parses, 1_000_000}, {"single", o.Single, 100_000}, {"at-once", o.AtOnce, 1_000}, {"rounds", o.Rounds, 100}} {
		if f.value < 1 || f.value > f.max {
			return fault.Field(f.name, "is %d, must be 1 to %d", f.value, f.max)
		}
	}
	if o.Wiki == "" {
		return fault.Field("wiki", "is missing: name the wiki's database")
	}
	if len(o.Pages) == 0 {
		return fault.Field("pages", "is empty: name pages of the wiki, whose links are refreshed")
	}
	for _, k := range o.Kinds {
		if !slices.Contains(Kinds(), k) {
			return fault.Field("kinds", "has %q; known are %v", k, Kinds())
		}
	}
	return nil
}

// missing returns what a kind needs and does not have, "" for nothing.
func (o *MediaWikiOptions) missing(kind string) string {
	needs := map[string]map[string]bool{
		KindWorker:      {"--wiki-path": o.Path == ""},
		KindAuwai:       {"--url": o.URL == "", "--secret-file": o.Secret == nil},
		KindEventBus:    {"--url": o.URL == "", "--key-file": o.Key == nil},
		KindRunJobsPage: {"--plain-url": o.PlainURL == "", "--key-file": o.Key == nil, "--plain-args": o.PlainArgs == nil, "--wiki-path": o.Path == ""},
		KindRunJobs:     {"--plain-args": o.PlainArgs == nil, "--wiki-path": o.Path == ""},
		KindRunJobsEach: {"--plain-args": o.PlainArgs == nil, "--wiki-path": o.Path == ""},
	}
	var lacks []string
	for flag, lack := range needs[kind] {
		if lack {
			lacks = append(lacks, flag)
		}
	}
	if len(lacks) == 0 {
		return ""
	}
	slices.Sort(lacks)
	return fmt.Sprintf("needs %v", lacks)
}

// load is what is run.
type load struct {
	name string
	jobs []benchJob
}

// benchJob is a job of MediaWiki.
type benchJob struct {
	Type   string         `json:"type"`
	Params map[string]any `json:"params"`
}

// loads returns the jobs of a round. Each has a number of its own, so that none is another's twin.
func (o *MediaWikiOptions) loads(kind string, round int) []load {
	trivial, refresh := o.Jobs, min(o.Parses, len(o.Pages))
	if kind == KindRunJobsEach {
		trivial, refresh = min(trivial, o.Single), min(refresh, o.Single)
	}
	a, b := load{name: "trivial"}, load{name: "refreshLinks"}
	for i := range trivial {
		a.jobs = append(a.jobs, benchJob{"null", map[string]any{"bench": fmt.Sprintf("%d-%d", round, i)}})
	}
	for i := range refresh {
		b.jobs = append(b.jobs, benchJob{"refreshLinks", map[string]any{
			"namespace": 0, "title": o.Pages[i], "bench": fmt.Sprintf("%d-%d", round, i),
		}})
	}
	return []load{a, b}
}

// sample is one round of one kind with one load.
type sample struct {
	jobs    int
	seconds float64
	cpu     float64
}

// mediaWiki is one run of the benchmark.
type mediaWiki struct {
	o   MediaWikiOptions
	dir string
	say func(format string, args ...any)

	runners map[string]runner.Runner // by kind
	stops   []func()                 // that end them
}

func (m *mediaWiki) rounds(ctx context.Context) ([]MediaWikiFigure, error) {
	kinds := m.o.Kinds
	if kinds == nil {
		kinds = Kinds()
	}
	samples := map[[2]string][]sample{}
	for round := range m.o.Rounds {
		// Each round begins with another kind: the machine's state favours none.
		at := round % len(kinds)
		for _, kind := range slices.Concat(kinds[at:], kinds[:at]) {
			if m.o.missing(kind) != "" {
				continue
			}
			for _, l := range m.o.loads(kind, round) {
				s, err := m.measure(ctx, kind, l)
				if err != nil {
					return nil, fmt.Errorf("bench: %s, %s: %w", kind, l.name, err)
				}
				m.say("round %d: %-15s %-12s %6d jobs in %6.2f s, %7.3f s of CPU", round+1, kind, l.name, s.jobs, s.seconds, s.cpu)
				samples[[2]string{kind, l.name}] = append(samples[[2]string{kind, l.name}], s)
			}
		}
	}
	return m.figures(kinds, samples), nil
}

// figures are the medians.
func (m *mediaWiki) figures(kinds []string, samples map[[2]string][]sample) []MediaWikiFigure {
	var out []MediaWikiFigure
	for _, name := range []string{"trivial", "refreshLinks"} {
		for _, kind := range kinds {
			f := MediaWikiFigure{Kind: kind, Load: name, Skipped: m.o.missing(kind)}
			if list := samples[[2]string{kind, name}]; len(list) > 0 {
				f.Jobs = list[0].jobs
				f.JobsPerSecond = median(list, func(s sample) float64 { return float64(s.jobs) / s.seconds })
				if m.o.cpuKnown(kind) {
					cpu := median(list, func(s sample) float64 { return 1000 * s.cpu / float64(s.jobs) })
					f.CPUPerJob = &cpu
				}
			}
			out = append(out, f)
		}
	}
	return out
}

// cpuKnown reports whether all processes that take part are ours or named.
func (o *MediaWikiOptions) cpuKnown(kind string) bool {
	switch kind {
	case KindAuwai, KindEventBus:
		return o.WebPID != 0
	case KindRunJobsPage:
		return o.PlainWebPID != 0
	}
	return true
}

func median(list []sample, of func(sample) float64) float64 {
	values := make([]float64, len(list))
	for i, s := range list {
		values[i] = of(s)
	}
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// clock measures from now until its stop is called.
func (m *mediaWiki) clock() (stop func(jobs int) sample) {
	roots := []int{os.Getpid()}
	for _, pid := range []int{m.o.WebPID, m.o.PlainWebPID} {
		if pid != 0 {
			roots = append(roots, pid)
		}
	}
	cpu, start := treeCPU(roots...), time.Now()
	return func(jobs int) sample {
		return sample{jobs: jobs, seconds: time.Since(start).Seconds(), cpu: treeCPU(roots...) - cpu}
	}
}

func (m *mediaWiki) measure(ctx context.Context, kind string, l load) (sample, error) {
	switch kind {
	case KindWorker, KindAuwai, KindEventBus:
		return m.service(ctx, kind, l)
	case KindRunJobsPage:
		return m.page(ctx, l)
	case KindRunJobs, KindRunJobsEach:
		return m.script(ctx, kind, l)
	}
	return sample{}, errors.ErrUnsupported
}
