package sim

import (
	"math/rand/v2"
	"slices"
	"time"

	"auwai/internal/dispatch"
	"auwai/internal/jobqueue"
	"auwai/internal/limit"
)

// policy is what dispatch is told: drawn once for a run, small enough that limits are met.
type policy struct {
	concurrency int
	queues      map[string]dispatch.QueuePolicy
	limits      map[string]limit.Limit // by name
	batch       int
	exclusive   bool // the only node has its store to itself
	learned     bool // the strange domain is known now
}

// strange is the domain of jobs that are put aside until the world is healed.
const strange = "strange.example"

func drawPolicy(r *rand.Rand) *policy {
	p := &policy{
		concurrency: 1 + r.IntN(8), batch: 1 + r.IntN(4)*r.IntN(2),
		queues: map[string]dispatch.QueuePolicy{}, limits: map[string]limit.Limit{},
	}
	perWiki := r.IntN(5)
	for _, w := range wikiNames() {
		p.limits[limit.Wiki(w)] = limit.Limit{Concurrency: perWiki}
	}
	for _, q := range queueNames() {
		p.queues[q] = dispatch.QueuePolicy{
			Timeout: 6 * time.Second, Batch: p.batch, Exclusive: r.IntN(4) == 0, Rank: r.IntN(3), Weight: 1 + r.IntN(3),
			Retry: jobqueue.Policy{Attempts: 1 + r.IntN(4), RetryDelay: time.Duration(1+r.IntN(3000)) * time.Millisecond, RetryFactor: 2},
		}
		p.limits[limit.Queue(q)] = limit.Limit{Concurrency: r.IntN(5), Rate: float64(r.IntN(2) * (5 + r.IntN(200)))}
		pairs := limit.Limit{Concurrency: r.IntN(4)}
		for _, w := range wikiNames() {
			p.limits[limit.Pair(q, w)] = pairs
		}
	}
	p.limits[limit.Tag("db", "s1")] = limit.Limit{Concurrency: r.IntN(6)}
	return p
}

func queueNames() []string { return []string{"refreshLinks", "htmlCacheUpdate", "purge"} }

// wikiNames are of few partitions, two of them of one.
func wikiNames() []string { return []string{"aawiki", "abwiki", "enwiki", "dewiki", "frwiki"} }

// Concurrency implements dispatch.Policy.
func (p *policy) Concurrency() int { return p.concurrency }

// Queue implements dispatch.Policy.
func (p *policy) Queue(pair jobqueue.Pair) dispatch.QueuePolicy { return p.queues[pair.Queue] }

// Limits implements dispatch.Policy. Three of the wikis are of one database section.
func (p *policy) Limits(pair jobqueue.Pair) []string {
	names := []string{limit.Wiki(pair.Wiki), limit.Queue(pair.Queue), limit.Pair(pair.Queue, pair.Wiki)}
	if slices.Contains(wikiNames()[:3], pair.Wiki) {
		names = append(names, limit.Tag(dispatch.SectionTag, "s1"))
	}
	return names
}

// Limit implements dispatch.Policy.
func (p *policy) Limit(name string) limit.Limit { return p.limits[name] }

// Held implements dispatch.Policy.
func (p *policy) Held(jobqueue.Pair) string { return "" }

// Paused implements dispatch.Policy.
func (p *policy) Paused(jobqueue.Pair) string { return "" }

// Mismatch implements dispatch.Policy.
func (p *policy) Mismatch(_ jobqueue.Pair, domain string) string {
	if domain == strange && !p.learned {
		return "the domain " + domain + " is not one of the wiki's"
	}
	return ""
}
