package server

import (
	"crypto/rand"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"

	"auwai/internal/config"
	"auwai/internal/farm"
	"auwai/internal/jobqueue"
	"auwai/internal/web"
)

// tally is what this node has done since its start. It is counted in the node's loop and read by the
// dashboard.
type tally struct{ started, finished, died atomic.Uint64 }

func (t *tally) counters() web.Counters {
	return web.Counters{Started: t.started.Load(), Finished: t.finished.Load(), Died: t.died.Load()}
}

func (t *tally) end(f jobqueue.Finished) {
	if f.State == jobqueue.Dead {
		t.died.Add(1)
		return
	}
	t.finished.Add(1)
}

// dashboard is the pages over the parts. Its forms are good until the service ends.
func (s *service) dashboard() *web.Web {
	return web.New(web.Config{
		Queue: s.inspector, Dead: s.inspector, Story: s.inspector, Control: controls{s}, Wikis: func() []web.Wiki { return wikisOf(s.live.config()) },
		Settings: func(scope farm.Scope) map[string]float64 { return configured(s.live.now.Load().file, scope) },
		Ready:    s.readiness, Counters: s.tally.counters, Access: s.access,
		Listen: s.o.Config.Listen, Version: s.o.Version, Secret: []byte(rand.Text() + rand.Text()), Logger: s.o.Logger,
	})
}

// wikisOf lists the configured wikis for people.
func wikisOf(cfg *config.Config) []web.Wiki {
	out := make([]web.Wiki, 0, len(cfg.Wikis))
	for _, w := range cfg.Wikis {
		row := web.Wiki{Name: w.Name, Runner: w.Runner, URL: withoutUser(w.URL) + w.ScriptPath}
		for name, value := range w.Tags {
			row.Tags = append(row.Tags, name+"="+value)
		}
		slices.Sort(row.Tags)
		out = append(out, row)
	}
	slices.SortFunc(out, func(a, b web.Wiki) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// withoutUser returns a URL without user and password.
func withoutUser(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	u.User = nil
	return u.String()
}

// configured returns what the file says for the settings of a scope. Those of a queue of a wiki are the
// queue's for one wiki.
func configured(file *config.Config, scope farm.Scope) map[string]float64 {
	out := map[string]float64{}
	limit := func(l config.Limit) {
		for name, value := range map[string]float64{"concurrency": float64(l.Concurrency), "rate": l.Rate, "burst": l.Burst} {
			if value > 0 {
				out[name] = value
			}
		}
	}
	switch scope.Kind {
	case farm.ScopeAll:
		out["concurrency"] = float64(file.Concurrency)
	case farm.ScopeQueue:
		q := baseQueue(file, scope.Queue)
		if scope.Queue == config.DefaultQueueName {
			q = file.DefaultQueue
		}
		limit(config.Limit{Concurrency: q.Concurrency, Rate: q.Rate, Burst: q.Burst})
		for name, value := range map[string]float64{
			"per_wiki": float64(q.PerWiki), "per_wiki_rate": q.PerWikiRate, "per_wiki_burst": q.PerWikiBurst,
			"max_pending": float64(q.MaxPending), "attempts": float64(q.Attempts), "weight": float64(q.Weight),
		} {
			if value > 0 {
				out[name] = value
			}
		}
		out["rank"], out["timeout"], out["retry_delay"] = float64(q.Rank), q.Timeout.Seconds(), q.RetryDelay.Seconds()
	case farm.ScopePair:
		q := baseQueue(file, scope.Queue)
		limit(config.Limit{Concurrency: q.PerWiki, Rate: q.PerWikiRate, Burst: q.PerWikiBurst})
		out["weight"], out["rank"] = float64(q.Weight), float64(q.Rank)
	case farm.ScopeWiki:
		if w := file.Wikis[scope.Wiki]; w != nil {
			limit(w.Limit)
		}
	case farm.ScopeTag:
		limit(file.Tags[scope.Tag])
	case farm.ScopeMaintenance:
	}
	return out
}
