package sim

import (
	"math/rand/v2"
	"time"

	"auwai/internal/dispatch"
	"auwai/internal/jobqueue"
)

// policy is what dispatch is told: drawn once for a run, small enough that limits are met.
type policy struct {
	concurrency int
	queues      map[string]dispatch.QueuePolicy
	perWiki     int
	batch       int
	exclusive   bool // the only node has its store to itself
	learned     bool // the strange domain is known now
}

// strange is the domain of jobs that are put aside until the world is healed.
const strange = "strange.example"

func drawPolicy(r *rand.Rand) *policy {
	p := &policy{concurrency: 1 + r.IntN(8), perWiki: r.IntN(5), batch: 1 + r.IntN(4)*r.IntN(2), queues: map[string]dispatch.QueuePolicy{}}
	for _, q := range queueNames() {
		p.queues[q] = dispatch.QueuePolicy{
			Concurrency: r.IntN(5), PerWiki: r.IntN(4), Timeout: 6 * time.Second,
			Retry: jobqueue.Policy{Attempts: 1 + r.IntN(4), RetryDelay: time.Duration(1+r.IntN(3000)) * time.Millisecond, RetryFactor: 2},
		}
	}
	return p
}

func queueNames() []string { return []string{"refreshLinks", "htmlCacheUpdate", "purge"} }

// wikiNames are of few partitions, two of them of one.
func wikiNames() []string { return []string{"aawiki", "abwiki", "enwiki", "dewiki", "frwiki"} }

// Concurrency implements dispatch.Policy.
func (p *policy) Concurrency() int { return p.concurrency }

// Queue implements dispatch.Policy.
func (p *policy) Queue(name string) dispatch.QueuePolicy { return p.queues[name] }

// WikiConcurrency implements dispatch.Policy.
func (p *policy) WikiConcurrency(string) int { return p.perWiki }

// Held implements dispatch.Policy.
func (p *policy) Held(jobqueue.Pair) string { return "" }

// Mismatch implements dispatch.Policy.
func (p *policy) Mismatch(_ jobqueue.Pair, domain string) string {
	if domain == strange && !p.learned {
		return "the domain " + domain + " is not one of the wiki's"
	}
	return ""
}

// Batch implements dispatch.Policy.
func (p *policy) Batch(jobqueue.Pair) int { return p.batch }
