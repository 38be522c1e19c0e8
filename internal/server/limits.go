package server

import (
	"net"
	"net/url"
	"slices"
	"strings"

	"auwai/internal/config"
	"auwai/internal/dispatch"
	"auwai/internal/farm"
	"auwai/internal/intake"
	"auwai/internal/jobqueue"
	"auwai/internal/limit"
)

// hostTag is the tag that every target has by itself: its host and port.
const hostTag = "host"

// pairsOf returns what is set at run time for queues of single wikis.
func pairsOf(controls []farm.Control) map[jobqueue.Pair]*farm.Control {
	pairs := map[jobqueue.Pair]*farm.Control{}
	for i := range controls {
		if c := &controls[i]; c.Scope.Kind == farm.ScopePair && len(c.Set) > 0 {
			pairs[jobqueue.Pair{Queue: c.Scope.Queue, Wiki: c.Scope.Wiki}] = c
		}
	}
	return pairs
}

// queueOf returns what holds for a queue of a wiki, with what is set for just that.
func (p *policy) queueOf(pair jobqueue.Pair) config.Queue {
	q := baseQueue(p.cfg, pair.Queue)
	if c := p.pairs[pair]; c != nil {
		whole(c, "weight", &q.Weight)
		whole(c, "rank", &q.Rank)
		whole(c, "concurrency", &q.PerWiki)
		fraction(c, "rate", &q.PerWikiRate)
		fraction(c, "burst", &q.PerWikiBurst)
	}
	return q
}

// Queue implements dispatch.Policy.
func (p *policy) Queue(pair jobqueue.Pair) dispatch.QueuePolicy {
	q := p.queueOf(pair)
	out := dispatch.QueuePolicy{
		Timeout: q.Timeout, Retry: q.Retry(), RetryOn: q.RetryOn, Ignore: q.Ignore, Batch: 1,
		Rank: q.Rank, Weight: q.Weight, Exclusive: q.Exclusive || q.SerializeBy != "", AtMostOnce: q.AtMostOnce,
		Remote: q.Runner == config.RunnerRemote, OffWiki: !p.onWiki(pair),
		Needs: jobqueue.Needs{Cores: q.Needs.Cores, Memory: q.Needs.Memory}, Gates: p.gatesOf(pair.Queue, &q),
	}
	if r := p.runner(pair); r != nil {
		out.Batch = r.Batch(pair.Queue)
	}
	return out
}

func (p *policy) gatesOf(queue string, q *config.Queue) []dispatch.Gate {
	var gates []dispatch.Gate
	add := func(kind dispatch.GateKind, g config.Gate) {
		gates = append(gates, dispatch.Gate{Kind: kind, Queue: g.Queue, AnyWiki: g.AnyWiki, Jobs: int64(g.Jobs)})
	}
	for _, g := range q.StartIf {
		add(dispatch.StartIf, g)
	}
	for _, g := range q.HoldIf {
		add(dispatch.HoldIf, g)
	}
	for _, name := range q.Fills {
		if most := baseQueue(p.cfg, name).MaxPending; most > 0 && name != queue {
			add(dispatch.Filled, config.Gate{Queue: name, Jobs: most})
		}
	}
	return gates
}

// onWiki reports whether the jobs of a pair are run by the wiki itself, so that its limits, its tags and
// its state concern them.
func (p *policy) onWiki(pair jobqueue.Pair) bool {
	return pair.Queue != intake.PurgeQueue && p.cfg.Queue(pair.Queue).Runner == ""
}

// Limits implements dispatch.Policy.
func (p *policy) Limits(pair jobqueue.Pair) []string {
	names := []string{limit.Queue(pair.Queue), limit.Pair(pair.Queue, pair.Wiki)}
	if pair.Queue == intake.PurgeQueue {
		for _, layer := range p.cfg.CDN.Layers {
			for _, server := range layer {
				if _, limited := p.cfg.Tags[hostTag+"="+server]; limited {
					names = append(names, limit.Tag(hostTag, server))
				}
			}
		}
		return names
	}
	if !p.onWiki(pair) {
		return names
	}
	names = append(names, limit.Wiki(pair.Wiki))
	w := p.cfg.Wikis[pair.Wiki]
	if w == nil {
		return names
	}
	for name, value := range w.Tags {
		names = append(names, limit.Tag(name, value))
	}
	slices.Sort(names[3:])
	if w.Runner == config.RunnerWorker {
		names = append(names, workersLimit)
	}
	if host := hostOf(w.URL); host != "" {
		names = append(names, limit.Tag(hostTag, host))
	}
	return names
}

const (
	// workersLimit is the name of the limiter of attempts that PHP workers carry out. With more of them
	// under way the pool would decide whose turn it is, and not dispatch.
	workersLimit = "workers"
	// workersAhead is how many attempts there are for each worker: one that runs, and one from which the
	// pool chooses the next, so that a worker can stay with its wiki.
	workersAhead = 2
)

// hostOf returns host and port of a URL.
func hostOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// Limit implements dispatch.Policy.
func (p *policy) Limit(name string) limit.Limit {
	kind, rest, _ := strings.Cut(name, ":")
	switch kind {
	case "queue":
		q := baseQueue(p.cfg, rest)
		return limit.Limit{Concurrency: q.Concurrency, Rate: q.Rate, Burst: q.Burst}
	case "pair":
		at := strings.LastIndexByte(rest, '@') // no wiki has one in its name, a queue may
		q := p.queueOf(jobqueue.Pair{Queue: rest[:at], Wiki: rest[at+1:]})
		return limit.Limit{Concurrency: q.PerWiki, Rate: q.PerWikiRate, Burst: q.PerWikiBurst}
	case "wiki":
		if w := p.cfg.Wikis[rest]; w != nil {
			return limit.Limit(w.Limit)
		}
	case "tag":
		return limit.Limit(p.cfg.Tags[rest])
	case workersLimit:
		return limit.Limit{Concurrency: workersAhead * p.places}
	}
	return limit.Limit{}
}

// Paused implements dispatch.Policy.
func (p *policy) Paused(pair jobqueue.Pair) string {
	var tags map[string]string
	if w := p.cfg.Wikis[pair.Wiki]; w != nil {
		tags = w.Tags
	}
	return p.pause.reason(pair, tags)
}
