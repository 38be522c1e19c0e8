package server

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"auwai/internal/config"
	"auwai/internal/farm"
	"auwai/internal/intake"
	"auwai/internal/jobqueue"
	"auwai/internal/runner"
	"auwai/internal/runner/mwrunner"
	"auwai/internal/runner/purgerunner"
)

// policy is the configuration as dispatch reads it. It is not changed after it was made.
type policy struct {
	cfg   *config.Config // with what is set at run time
	pause *pauses
	pairs map[jobqueue.Pair]*farm.Control // what is set for a queue of a wiki
	wikis runnersByKind
	// places is the number of PHP workers of this host.
	places int
	purge  runner.Runner // nil: no caches
	stock  runner.Runner // of wake-ups
	// queues are the runners that a queue may have instead of its wiki's.
	queues runnersByKind
}

// loopPolicy is the policy that dispatch reads. It is exchanged in the node's loop, between two steps.
type loopPolicy struct{ *policy }

// policyOf returns the policy of a configuration, with the runners that it asks for.
func (s *service) policyOf(cfg *config.Config, controls []farm.Control) *policy {
	p := &policy{
		cfg: cfg, pause: pausesOf(controls, time.Now()), pairs: pairsOf(controls),
		wikis: runnersByKind{
			string(mwrunner.Auwai):          s.client.Runner(mwrunner.Auwai),
			string(mwrunner.EventBus):       s.client.Runner(mwrunner.EventBus),
			string(mwrunner.EventBusRPC):    s.client.Runner(mwrunner.EventBusRPC),
			string(mwrunner.SpecialRunJobs): s.client.Runner(mwrunner.SpecialRunJobs),
			config.RunnerWorker:             s.workers.Runner(),
		},
		places: s.workers.Places(),
		queues: runnersByKind{config.RunnerCommand: commands(cfg, s.o.Logger), config.RunnerRemote: s.hub},
		stock:  s.waker.Runner(),
	}
	if cfg.CDN.Purges() {
		p.purge = s.purgesFor(&cfg.CDN)
	}
	return p
}

// purgesFor returns the runner of purges for the caches: the same one while they stay the same, so
// that its connections and bounds stay. Purges under way end with the runner that they began with.
func (s *service) purgesFor(cdn *config.CDN) *purgerunner.Runner {
	same := slices.EqualFunc(cdn.Layers, s.caches.Layers, slices.Equal[[]string]) && slices.Equal(cdn.HTCP, s.caches.HTCP)
	if s.purge == nil || !same {
		if s.purge != nil {
			s.purge.Close()
		}
		s.purge = purgerunner.New(purgerunner.Config{Layers: cdn.Layers, HTCP: cdn.HTCP, Version: s.o.Version})
		s.caches = *cdn
	}
	return s.purge
}

type runnersByKind map[string]runner.Runner

// purgeQueue is what holds for purges that the configuration does not name: a cache that is away for
// minutes is asked again, soon at first.
func purgeQueue() config.Queue {
	return config.Queue{
		Concurrency: 30, PerWiki: 10, Weight: 1, Priority: jobqueue.Normal,
		Attempts: 6, RetryDelay: 5 * time.Second, RetryFactor: 4, RetryJitter: 0.1, Timeout: time.Minute,
	}
}

// Concurrency implements dispatch.Policy.
func (p *policy) Concurrency() int { return p.cfg.Concurrency }

// Held implements dispatch.Policy.
func (p *policy) Held(pair jobqueue.Pair) string {
	if pair.Queue == intake.PurgeQueue {
		if p.purge == nil {
			return "no caches are configured, neither in cdn.layers nor in cdn.htcp; purges wait until they are"
		}
		return ""
	}
	if p.cfg.Queue(pair.Queue).Runner != "" {
		return "" // the wiki takes no part in it
	}
	w := p.cfg.Wikis[pair.Wiki]
	if w == nil {
		// Not by fmt: dispatch asks for each queue of thousands of wikis.
		return `wiki "` + pair.Wiki + `" is not in the configuration; its jobs are kept until it is`
	}
	if w.Runner == config.RunnerSpecialRunJobs && pair.Queue != intake.RunJobsQueue {
		return "the wiki's runner is special-runjobs, which runs what is in the wiki's own table and takes no jobs; " +
			"they are kept until it has another runner"
	}
	return ""
}

// Mismatch implements dispatch.Policy.
func (p *policy) Mismatch(pair jobqueue.Pair, domain string) string {
	w := p.cfg.Wikis[pair.Wiki]
	if domain == "" || pair.Queue == intake.PurgeQueue || w == nil || w.HasDomain(domain) || p.cfg.Queue(pair.Queue).Runner != "" {
		return ""
	}
	return fmt.Sprintf("the job names domain %q, but wiki %q has %s; add the domain to the wiki, or find out who sends the job",
		domain, pair.Wiki, strings.Join(w.Domains, ", "))
}

// runner returns what carries out the jobs of a pair, nil when nothing does.
func (p *policy) runner(pair jobqueue.Pair) runner.Runner {
	if pair.Queue == intake.PurgeQueue {
		return p.purge
	}
	if kind := p.cfg.Queue(pair.Queue).Runner; kind != "" {
		return p.queues[kind]
	}
	if pair.Queue == intake.RunJobsQueue {
		return p.stock
	}
	if w := p.cfg.Wikis[pair.Wiki]; w != nil {
		return p.wikis[w.Runner]
	}
	return nil
}

// wikiOf returns a wiki as its runner needs it.
func wikiOf(cfg *config.Config, name string) (mwrunner.Wiki, bool) {
	w := cfg.Wikis[name]
	if w == nil {
		return mwrunner.Wiki{}, false
	}
	kind := mwrunner.Kind(w.Runner)
	if w.Runner == config.RunnerWorker {
		kind = mwrunner.Auwai // its extension has the endpoint too, which drains its spool
	}
	return mwrunner.Wiki{
		URL: w.URL, ScriptPath: w.ScriptPath, Host: w.Host, Kind: kind, Secret: w.Secret, RPCPath: w.RPCPath,
	}, true
}

// settingsOf returns the configuration as intake reads it.
func settingsOf(cfg *config.Config) *intake.Settings {
	s := &intake.Settings{
		Wikis: map[string]struct{}{}, Domains: map[string]string{}, Purge: cfg.CDN.Purges(), Rebound: cfg.CDN.Rebound,
		Bands: map[string]jobqueue.Band{}, Schemas: cfg.Schemas.Set,
	}
	for name, w := range cfg.Wikis {
		s.Wikis[name] = struct{}{}
		for _, d := range w.Domains {
			s.Domains[d] = name
		}
	}
	for name := range cfg.Queues {
		s.Bands[name] = cfg.Queue(name).Priority
	}
	arrivalsOf(cfg, s)
	return s
}
