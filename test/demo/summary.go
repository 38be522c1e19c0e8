package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"auwai/test/rig"
)

// Names in auwai's interface.
const (
	purgeQueue     = "auwai.purge"               // the queue of purges
	eventsMetric   = "auwai_events_total"        // events taken in
	finishedMetric = "auwai_jobs_finished_total" // by queue and outcome
)

// outcomes are the columns of the table of jobs: the states in which a job ends.
var outcomes = []string{"done", "duplicate", "superseded", "dead"}

// doneSoFar returns how many jobs ended well.
func (d *demo) doneSoFar(ctx context.Context) (int, error) {
	return d.metric(ctx, finishedMetric, `outcome="done"`)
}

// summarise shows what auwai says about what happened. A dead job is a failure of the demo.
func (d *demo) summarise(ctx context.Context) error {
	counts := map[string]map[string]int{} // by queue and outcome
	totals := map[string]int{}
	for _, outcome := range outcomes {
		jobs, err := d.service.Jobs(ctx, url.Values{"state": {outcome}})
		if err != nil {
			return fmt.Errorf("summary: %w", err)
		}
		for _, job := range jobs {
			if counts[job.Queue] == nil {
				counts[job.Queue] = map[string]int{}
			}
			counts[job.Queue][outcome]++
			totals[outcome]++
		}
	}
	events, err := d.metric(ctx, eventsMetric)
	if err != nil {
		return fmt.Errorf("summary: %w", err)
	}
	d.screen.line("\n  " + row("job", outcomes...))
	for _, queue := range slices.Sorted(maps.Keys(counts)) {
		d.screen.line("  " + row(queue, cells(counts[queue])...))
	}
	d.screen.line("  " + row("together", cells(totals)...))
	d.screen.line("")
	d.screen.line(fmt.Sprintf("  events taken in                %8d", events))
	d.screen.line(fmt.Sprintf("  duplicates, superseded         %8d, %d", totals["duplicate"], totals["superseded"]))
	d.screen.line(fmt.Sprintf("  pages and histories purged     %8d", counts[purgeQueue]["done"]))
	d.screen.line(fmt.Sprintf("  edit to nothing left to do     %8.1f s", d.settled.Sub(d.edited).Seconds()))
	d.screen.line(fmt.Sprintf("  edit to last page read fresh   %8.1f s", d.fresh.Sub(d.edited).Seconds()))
	d.screen.line(fmt.Sprintf("  everything                     %8.1f s", time.Since(d.screen.begun).Seconds()))
	if totals["dead"] > 0 {
		return d.deadJobs(ctx)
	}
	d.screen.line("\nAll is right.")
	return nil
}

func cells(counts map[string]int) []string {
	texts := make([]string, len(outcomes))
	for n, outcome := range outcomes {
		texts[n] = fmt.Sprint(counts[outcome])
	}
	return texts
}

func row(name string, cells ...string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%-28s", name)
	for _, cell := range cells {
		fmt.Fprintf(&text, " %11s", cell)
	}
	return text.String()
}

// deadJobs is the error that names the jobs that failed for good.
func (d *demo) deadJobs(ctx context.Context) error {
	dead, err := d.service.Jobs(ctx, url.Values{"state": {"dead"}})
	if err != nil {
		return fmt.Errorf("summary: %w", err)
	}
	var lines []string
	for _, job := range dead[:min(len(dead), 10)] {
		lines = append(lines, fmt.Sprintf("%s of %s, %d attempts: %s", job.Queue, job.Wiki, job.Attempts, job.LastError))
	}
	return errors.New("jobs are dead:\n  " + strings.Join(lines, "\n  "))
}

// metric sums the samples of one of the service's metrics.
func (d *demo) metric(ctx context.Context, name string, pairs ...string) (int, error) {
	text, err := d.service.Metrics(ctx)
	if err != nil {
		return 0, err
	}
	sum, err := rig.SumMetric(text, name, pairs...)
	return int(sum), err
}
