package server

import (
	"auwai/internal/config"
	"auwai/internal/intake"
	"auwai/internal/jobqueue"
)

// arrivalsOf gives intake what the configuration says of jobs that arrive. Purges have rules of their
// own only where the file names their queue: what holds for jobs by default is not meant for them.
func arrivalsOf(cfg *config.Config, s *intake.Settings) {
	s.Queues = map[string]*intake.QueueRules{intake.PurgeQueue: {}}
	for name := range cfg.Queues {
		q := cfg.Queue(name)
		s.Queues[name] = arrivalOf(&q)
	}
	s.Default = arrivalOf(&cfg.DefaultQueue)
}

func arrivalOf(q *config.Queue) *intake.QueueRules {
	return &intake.QueueRules{
		Rules: &jobqueue.Rules{
			Dedup: dedupOf(q.Dedup), Window: q.Window, Debounce: q.Debounce, RootTTL: q.RootClaimTTL, ExpireAfter: q.ExpireAfter,
			Budget: q.Budget, LoopLimit: q.LoopLimit, Exclusive: q.Exclusive, AtMostOnce: q.AtMostOnce,
		},
		SerializeBy: q.SerializeBy, MaxPending: q.MaxPending,
		Needs: jobqueue.Needs{Cores: q.Needs.Cores, Memory: q.Needs.Memory},
	}
}

func dedupOf(word string) jobqueue.Dedup {
	switch word {
	case config.DedupReplace:
		return jobqueue.DedupReplace
	case config.DedupDebounce:
		return jobqueue.DedupDebounce
	case config.DedupWindow:
		return jobqueue.DedupWindow
	case config.DedupNone:
		return jobqueue.DedupNone
	default:
		return jobqueue.DedupKeep
	}
}
