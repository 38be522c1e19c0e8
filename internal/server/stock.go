package server

import (
	"cmp"
	"context"
	"sync"
	"time"

	"auwai/internal/config"
	"auwai/internal/intake"
	"auwai/internal/jobqueue"
	"auwai/internal/origin/udp"
	"auwai/internal/stock"
)

const (
	runJobsRetry = 10 * time.Second // before the second attempt of a wake-up
	runJobsTime  = 5 * time.Minute  // for one, ten times what a wiki is asked for: its last job may be long
)

// stockWikis returns the wikis that run the jobs of their own tables.
func stockWikis(cfg *config.Config) []stock.Wiki {
	var wikis []stock.Wiki
	for name, w := range cfg.Wikis {
		if w.Runner == config.RunnerSpecialRunJobs {
			wikis = append(wikis, stock.Wiki{Name: name, Poll: w.Poll})
		}
	}
	return wikis
}

// newWaker returns what wakes them. It is used when intake and configuration are there.
func (s *service) newWaker() *stock.Waker {
	return stock.New(stock.Config{
		Client: s.client, Logger: s.o.Logger,
		Push: func(ctx context.Context, wiki, reason string, at time.Time) error {
			return s.intake.RunJobs(ctx, wiki, reason, at)
		},
		Held: func(wiki string) string {
			pair, p := jobqueue.Pair{Queue: intake.RunJobsQueue, Wiki: wiki}, s.live.now.Load().policy
			return cmp.Or(p.Held(pair), p.Paused(pair))
		},
		OnLook: func(l stock.Look) { s.metrics.Look(string(l)) },
	})
}

// openFeed opens the socket of RCFeed packets, if the configuration names one. What arrives waits in
// it until it is read.
func (s *service) openFeed(ctx context.Context) (*udp.Receiver, error) {
	if s.o.Config.RCFeedListen == "" {
		return nil, nil
	}
	return udp.Listen(ctx, s.o.Config.RCFeedListen, udp.Config{
		Hint: s.hint, Allowed: s.o.Config.MaySendPackets, OnPacket: s.metrics.Packet, Logger: s.o.Logger,
	})
}

// hint wakes the wiki that a packet names: by the prefix, which is the operator's word, else by its
// database name, else by its host.
func (s *service) hint(n udp.Name) udp.Outcome {
	cfg := s.live.config()
	for _, name := range []string{n.Prefix, n.Wiki, n.Domain} {
		if _, named := cfg.Wikis[name]; !named && name != "" {
			name, _ = cfg.WikiOfDomain(name)
		}
		switch {
		case cfg.Wikis[name] == nil:
		case s.waker.Hint(name):
			return udp.Woke
		default:
			return udp.Ignored
		}
	}
	return udp.Unknown
}

// startStock wakes stock wikis until ctx ends.
func (s *service) startStock(ctx context.Context, parts *sync.WaitGroup) {
	s.waker.Set(stockWikis(s.live.config()))
	parts.Go(func() { s.waker.Run(ctx) })
	if s.feed == nil {
		return
	}
	parts.Go(func() {
		if err := s.feed.Run(ctx); err != nil {
			s.log.Error("RCFeed packets are not read any more; stock wikis are polled only", "err", err)
		}
	})
}

// closeFeed gives the socket up, if it was read or not.
func (s *service) closeFeed() {
	if s.feed == nil {
		return
	}
	if err := s.feed.Close(); err != nil {
		s.log.Warn("the socket of RCFeed packets could not be closed", "err", err)
	}
}

// runJobsQueue is what holds for the wake-ups of stock wikis where the configuration does not name
// their queue: one at a time on a wiki, and a PHP that died is asked again soon, since the wiki does
// not hand the job that killed it out again for an hour.
func runJobsQueue() config.Queue {
	q := config.Default().DefaultQueue
	q.PerWiki, q.Attempts, q.RetryDelay, q.RetryFactor, q.Timeout = 1, 6, runJobsRetry, 3, runJobsTime
	return q
}
