package config_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"auwai/internal/config"
	"auwai/internal/jobqueue"
)

func TestLimitsGatesAndSemanticsAreRead(t *testing.T) {
	c := load(t, `
wikis:
  aawiki: {url: "http://127.0.0.1", runner: eventbus, concurrency: 3, rate: 2.5, burst: 10, tags: {db: s1}}
tags:
  db=s1: {concurrency: 20}
  host=127.0.0.1:80: {rate: 100, burst: 200}
queues:
  default: {retry_jitter: 0.5, ignore: [404]}
  mail:
    rate: 5
    burst: 20
    per_wiki_rate: 0.1
    per_wiki_burst: 2
    weight: 10
    rank: -5
    retry_on: [5xx, timeout, "exception:DBQueryError"]
    ignore: []
    dedup: debounce
    debounce: 30s
    window: 2h
    root_claim_ttl: 48h
    expire_after: 72h
    at_most_once: true
    exclusive: true
    serialize_by: params.page
    start_if: [{queue: check, below: 10}]
    hold_if: [{queue: links, wiki: any, above: 1000}, {queue: write, wiki: same, above: 0}]
    max_pending: 2500
    fills: [links]
    budget: 100000
    loop_limit: 0
    needs: {cores: 1.5, memory: 2GiB}
`, nil)
	want := queue(func(q *config.Queue) {
		q.Rate, q.Burst, q.PerWikiRate, q.PerWikiBurst, q.Weight, q.Rank = 5, 20, 0.1, 2, 10, -5
		q.RetryJitter = 0.5
		q.RetryOn, q.Ignore = []string{"5xx", "timeout", "exception:DBQueryError"}, []string{}
		q.Semantics = config.Semantics{
			Dedup: config.DedupDebounce, Debounce: 30 * time.Second, Window: 2 * time.Hour, RootClaimTTL: 48 * time.Hour,
			ExpireAfter: 72 * time.Hour, AtMostOnce: true, Exclusive: true, SerializeBy: "params.page", Budget: 100_000,
		}
		q.Gates = config.Gates{
			StartIf:    []config.Gate{{Queue: "check", Jobs: 10}},
			HoldIf:     []config.Gate{{Queue: "links", AnyWiki: true, Jobs: 1000}, {Queue: "write"}},
			MaxPending: 2500, Fills: []string{"links"},
		}
		q.Needs = config.Needs{Cores: 1.5, Memory: 2 << 30}
	})
	if diff := cmp.Diff(want, c.Queue("mail")); diff != "" {
		t.Errorf("queue mail (-want +got):\n%s", diff)
	}
	if q := c.Queue("other"); q.RetryJitter != 0.5 || !cmp.Equal(q.Ignore, []string{"404"}) || q.RetryOn != nil {
		t.Errorf("the defaults are %+v", q)
	}
	if diff := cmp.Diff(map[string]config.Limit{"db=s1": {Concurrency: 20}, "host=127.0.0.1:80": {Rate: 100, Burst: 200}}, c.Tags); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	if w := c.Wikis["aawiki"]; w.Limit != (config.Limit{Concurrency: 3, Rate: 2.5, Burst: 10}) {
		t.Errorf("the limit of the wiki is %+v", w.Limit)
	}
	q := c.Queue("mail")
	if p := q.Retry(); p != (jobqueue.Policy{Attempts: 3, RetryDelay: time.Minute, RetryFactor: 6, RetryJitter: 0.5}) {
		t.Errorf("the policy of retries is %+v", p)
	}
}
