package config

import (
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"auwai/internal/jobqueue"
)

// Queue is what holds for the jobs of a queue.
type Queue struct {
	// Concurrency is the number of attempts of the queue on this node, PerWiki that of one wiki.
	Concurrency int
	PerWiki     int
	// Rate is how many jobs of the queue start a second, and Burst how many may at once after a pause;
	// PerWikiRate and PerWikiBurst are the same for one wiki. Rate 0: no limit. Burst 0: the rate, at
	// least 1.
	Rate, Burst               float64
	PerWikiRate, PerWikiBurst float64
	// Priority, then Rank (lower first), then turns by Weight order the queues of one wiki.
	Priority jobqueue.Band
	Rank     int
	Weight   int
	// Attempts is how often a job is tried before it is dead.
	Attempts int
	// RetryDelay is the wait before the second attempt; each further one is RetryFactor times longer,
	// and then longer by a share of up to RetryJitter.
	RetryDelay  time.Duration
	RetryFactor float64
	RetryJitter float64
	// RetryOn has the classes of failure that are retried, nil: all. Ignore has those that count as
	// done. For the words see class.
	RetryOn, Ignore []string
	// Timeout is how long an attempt may take.
	Timeout time.Duration

	Semantics
	Gates
	// Runner is RunnerRemote or RunnerCommand; "": the runner of the job's wiki.
	Runner string
	// Command is the program, its path absolute, and its arguments; with RunnerCommand.
	Command []string
	// Needs is what a job of the queue needs of a worker.
	Needs Needs
}

func defaultQueue() Queue {
	return Queue{
		Concurrency: 30, PerWiki: 10, Weight: 1, Priority: jobqueue.Normal,
		Attempts: 3, RetryDelay: time.Minute, RetryFactor: 6, RetryJitter: 0.1, Timeout: 7 * time.Minute,
		Semantics: defaultSemantics(),
	}
}

// DefaultQueueName is the key whose values hold for queues that are not named.
const DefaultQueueName = "default"

// Queue returns what holds for a queue, named in the file or not.
func (c *Config) Queue(name string) Queue {
	if q, ok := c.Queues[name]; ok {
		return q
	}
	return c.DefaultQueue
}

// Retry returns what the queue domain needs to know of the queue.
func (q *Queue) Retry() jobqueue.Policy {
	return jobqueue.Policy{Attempts: q.Attempts, RetryDelay: q.RetryDelay, RetryFactor: q.RetryFactor, RetryJitter: q.RetryJitter}
}

// queues reads the defaults first, wherever they stand, since the other queues begin with them.
func (r *reader) queues(c *Config, n *yaml.Node, path string) {
	named := resolve(n)
	if named.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(named.Content); i += 2 {
			if named.Content[i].Value == DefaultQueueName {
				quiet := &reader{file: r.file, dir: r.dir} // its faults are found once more below
				quiet.queue(&c.DefaultQueue, resolve(named.Content[i+1]), path)
				break
			}
		}
	}
	r.each(n, path, func(key, value *yaml.Node, at string) {
		if !r.name(key, at, "queue") {
			return
		}
		q := c.DefaultQueue
		r.queue(&q, value, at)
		if slices.Contains(q.Fills, key.Value) {
			r.fault(key, under(at, "fills"), "names the queue itself, which would wait for itself for ever; leave it out")
		}
		if key.Value != DefaultQueueName {
			c.Queues[key.Value] = q
		}
	})
}

func (r *reader) queue(q *Queue, n *yaml.Node, path string) {
	fields := map[string]field{
		"concurrency":    func(n *yaml.Node, at string) { set(&q.Concurrency)(r.number(n, at, maxConcurrency)) },
		"per_wiki":       func(n *yaml.Node, at string) { set(&q.PerWiki)(r.number(n, at, maxConcurrency)) },
		"rate":           func(n *yaml.Node, at string) { set(&q.Rate)(r.rate(n, at)) },
		"burst":          func(n *yaml.Node, at string) { set(&q.Burst)(r.burst(n, at)) },
		"per_wiki_rate":  func(n *yaml.Node, at string) { set(&q.PerWikiRate)(r.rate(n, at)) },
		"per_wiki_burst": func(n *yaml.Node, at string) { set(&q.PerWikiBurst)(r.burst(n, at)) },
		"weight":         func(n *yaml.Node, at string) { set(&q.Weight)(r.number(n, at, maxWeight)) },
		"rank":           func(n *yaml.Node, at string) { set(&q.Rank)(r.integer(n, at, -maxRank, maxRank)) },
		"attempts":       func(n *yaml.Node, at string) { set(&q.Attempts)(r.number(n, at, 1_000)) },
		"retry_delay":    func(n *yaml.Node, at string) { set(&q.RetryDelay)(r.duration(n, at, 0, 7*day)) },
		"retry_factor":   func(n *yaml.Node, at string) { set(&q.RetryFactor)(r.factor(n, at, 1, 1_000)) },
		"retry_jitter":   func(n *yaml.Node, at string) { set(&q.RetryJitter)(r.factor(n, at, 0, 1)) },
		"retry_on":       func(n *yaml.Node, at string) { q.RetryOn = r.classes(n, at) },
		"ignore":         func(n *yaml.Node, at string) { q.Ignore = r.classes(n, at) },
		"timeout":        func(n *yaml.Node, at string) { set(&q.Timeout)(r.duration(n, at, time.Second, day)) },
		"needs":          func(n *yaml.Node, at string) { r.needs(&q.Needs, n, at) },
		"priority": func(n *yaml.Node, at string) {
			if s, ok := r.word(n, at, "interactive", "normal", "bulk"); ok {
				q.Priority, _ = Band(s)
			}
		},
	}
	r.semantics(&q.Semantics, fields)
	r.gates(&q.Gates, fields)
	check := r.work(q, fields)
	r.object(n, path, fields)
	check(n, path)
}

// Band returns the priority of a name.
func Band(name string) (jobqueue.Band, bool) {
	for b := range jobqueue.Band(jobqueue.Bands) {
		if b.String() == name {
			return b, true
		}
	}
	return 0, false
}
