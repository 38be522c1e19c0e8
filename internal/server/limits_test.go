package server

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"auwai/internal/config"
	"auwai/internal/dispatch"
	"auwai/internal/farm"
	"auwai/internal/intake"
	"auwai/internal/jobqueue"
	"auwai/internal/limit"
)

// policyFrom returns the policy of a file, with what is set at run time.
func policyFrom(t *testing.T, text string, controls ...farm.Control) *policy {
	t.Helper()
	file := filepath.Join(t.TempDir(), "auwai.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	return &policy{cfg: controlled(cfg, controls), pause: pausesOf(controls, time.Now()), pairs: pairsOf(controls)}
}

const limitedFarm = `
wikis:
  aawiki: {url: "https://aa.example.org", runner: eventbus, concurrency: 20, rate: 9, tags: {db: s1, kind: big}}
tags:
  db=s1: {concurrency: 40}
  host=127.0.0.1:6081: {rate: 500}
queues:
  links: {concurrency: 8, per_wiki: 3, rate: 100, burst: 10, per_wiki_rate: 5, fills: [parse], hold_if: [{queue: write, wiki: any, above: 7}]}
  parse: {max_pending: 1000}
  convert: {runner: command, command: [/bin/true]}
cdn:
  layers: [["127.0.0.1:6081", "127.0.0.2:6081"]]
`

func TestAnAttemptCountsUnderAllThatItConcerns(t *testing.T) {
	p := policyFrom(t, limitedFarm)
	for _, c := range []struct {
		queue string
		want  []string
	}{
		{"links", []string{"queue:links", "pair:links@aawiki", "wiki:aawiki", "tag:db=s1", "tag:kind=big", "tag:host=aa.example.org:443"}},
		{"convert", []string{"queue:convert", "pair:convert@aawiki"}},
		{intake.PurgeQueue, []string{"queue:auwai.purge", "pair:auwai.purge@aawiki", "tag:host=127.0.0.1:6081"}},
	} {
		if diff := cmp.Diff(c.want, p.Limits(jobqueue.Pair{Queue: c.queue, Wiki: "aawiki"})); diff != "" {
			t.Errorf("limits of %s (-want +got):\n%s", c.queue, diff)
		}
	}
	for name, want := range map[string]limit.Limit{
		"queue:links":             {Concurrency: 8, Rate: 100, Burst: 10},
		"pair:links@aawiki":       {Concurrency: 3, Rate: 5},
		"pair:other@aawiki":       {Concurrency: 10},
		"queue:auwai.purge":       {Concurrency: 30},
		"wiki:aawiki":             {Concurrency: 20, Rate: 9},
		"wiki:unknown":            {},
		"tag:db=s1":               {Concurrency: 40},
		"tag:kind=big":            {},
		"tag:host=127.0.0.1:6081": {Rate: 500},
	} {
		if got := p.Limit(name); got != want {
			t.Errorf("Limit(%q) = %+v, want %+v", name, got, want)
		}
	}
}

func TestGatesOfAQueueAreThoseOfTheFile(t *testing.T) {
	q := policyFrom(t, limitedFarm).Queue(jobqueue.Pair{Queue: "links", Wiki: "aawiki"})
	want := []dispatch.Gate{{Kind: dispatch.HoldIf, Queue: "write", AnyWiki: true, Jobs: 7}, {Kind: dispatch.Filled, Queue: "parse", Jobs: 1000}}
	if diff := cmp.Diff(want, q.Gates); diff != "" {
		t.Errorf("gates (-want +got):\n%s", diff)
	}
}

func TestWhatIsSetAtRunTimeForAQueueOfAWikiHoldsForItAlone(t *testing.T) {
	p := policyFrom(t, limitedFarm, farm.Control{
		Scope: farm.Scope{Kind: farm.ScopePair, Queue: "links", Wiki: "aawiki"},
		Set:   map[string]float64{"concurrency": 1, "rate": 0.5, "weight": 7, "rank": -3},
	}, farm.Control{
		Scope:  farm.Scope{Kind: farm.ScopeTag, Tag: "db=s1"},
		Paused: true, Reason: "moving",
		Set: map[string]float64{"rate": 2},
	})
	if got := p.Limit("pair:links@aawiki"); got != (limit.Limit{Concurrency: 1, Rate: 0.5}) {
		t.Errorf("the limit of the pair is %+v", got)
	}
	if got := p.Limit("pair:links@abwiki"); got != (limit.Limit{Concurrency: 3, Rate: 5}) {
		t.Errorf("the limit of another wiki is %+v", got)
	}
	if q := p.Queue(jobqueue.Pair{Queue: "links", Wiki: "aawiki"}); q.Weight != 7 || q.Rank != -3 {
		t.Errorf("weight %d and rank %d, want 7 and -3", q.Weight, q.Rank)
	}
	if got := p.Limit("tag:db=s1"); got != (limit.Limit{Concurrency: 40, Rate: 2}) {
		t.Errorf("the limit of the tag is %+v", got)
	}
	if got := p.Paused(jobqueue.Pair{Queue: "links", Wiki: "aawiki"}); got != "all wikis with the tag db=s1 are paused: moving" {
		t.Errorf("Paused() = %q", got)
	}
}

func TestAttemptsOfPHPWorkersAreBoundedByTheirPlaces(t *testing.T) {
	p := &policy{places: 3, pause: pausesOf(nil, time.Now()), cfg: &config.Config{Wikis: map[string]*config.Wiki{
		"aawiki": {Name: "aawiki", Runner: config.RunnerWorker}, "bbwiki": {Name: "bbwiki", Runner: config.RunnerAuwai},
	}}}
	if got := p.Limits(jobqueue.Pair{Queue: "null", Wiki: "aawiki"}); !slices.Contains(got, workersLimit) {
		t.Errorf("limits of a wiki with workers: %q", got)
	}
	if got := p.Limits(jobqueue.Pair{Queue: "null", Wiki: "bbwiki"}); slices.Contains(got, workersLimit) {
		t.Errorf("limits of a wiki without: %q", got)
	}
	if got := p.Limit(workersLimit); got.Concurrency != 6 {
		t.Errorf("limit: %+v", got)
	}
}
