package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"auwai/internal/ident"
	"auwai/internal/intake"
	"auwai/internal/jobqueue"
	"auwai/internal/kv/memkv"
	"auwai/internal/partition"
)

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x61757761695f)) } //nolint:gosec // a simulation is to be predictable

func (w *world) setUpStore() {
	w.server = memkv.NewServer()
	w.domains = []partition.Domain{ledger{}, jobqueue.Domain{}, intake.Domain{}}
	var families []partition.Family
	for _, d := range w.domains {
		families = append(families, d.Families()...)
	}
	r, err := partition.NewRegistry(families...)
	w.require(err == nil, "the registry is sound", "%v", err)
	w.registry = r
}

// heal ends load and faults.
func (w *world) heal() {
	w.note(-1, "healed", 0, 0, "")
	w.loaded = false
	slow := w.faults.slow
	w.faults = faults{slow: min(slow, 100*time.Millisecond)}
	for _, n := range w.nodes {
		n.paused, n.broken, n.skew, n.cut = 0, 0, 0, cut{}
		if n.up {
			n.turnAt = -1
			n.nudge(0)
		}
	}
	w.after(time.Second, func() {
		w.policy.learned = true
		for _, n := range w.nodes {
			n.skew = aheadAtEnd
		}
		w.settle(w.now + patience)
	})
}

const (
	// aheadAtEnd makes everything due that waits for a moment, of whatever clock.
	aheadAtEnd = 40 * time.Minute
	// patience is how long a healed farm may take until all is quiet: a takeover, the longest probe
	// of a hold, the work that is left.
	patience = 3 * time.Minute
)

// settle waits until all is quiet, and checks everything.
func (w *world) settle(deadline time.Duration) {
	reason := w.unrest()
	if reason == "" {
		s := w.checkStore()
		w.account(s)
		w.checkTransfers(s)
		if w.chance(0.25) {
			w.expireAll(2)
			return
		}
		w.over = true
		return
	}
	w.require(w.now < deadline, "a healed farm comes to rest", "%s", reason)
	w.after(time.Second, func() { w.settle(deadline) })
}

// unrest says what is not quiet yet, in words.
func (w *world) unrest() string {
	live := map[ident.Session]*simNode{}
	for _, n := range w.nodes {
		if !n.up {
			return fmt.Sprintf("node %d is down", n.index)
		}
		if n.draining || !n.m.Live() {
			return fmt.Sprintf("node %d is not live", n.index)
		}
		if len(n.running) > 0 {
			return fmt.Sprintf("node %d has %d attempts", n.index, len(n.running))
		}
		live[n.m.Session()] = n
	}
	if len(w.watch.sessions) != len(live) {
		return fmt.Sprintf("%d sessions of %d nodes", len(w.watch.sessions), len(live))
	}
	share := map[ident.Session]int{}
	for p, o := range w.watch.owners {
		n := live[o.session]
		if n == nil || !n.opens(partition.ID(p)) {
			return fmt.Sprintf("partition %d is not open at its owner %+v", p, o)
		}
		share[o.session]++
	}
	for _, c := range share {
		if c < partition.Count/len(live) || c > partition.Count/len(live)+1 {
			return fmt.Sprintf("a node has %d partitions of %d nodes", c, len(live))
		}
	}
	if w.clients.again > 0 {
		return fmt.Sprintf("%d pushes are to be repeated", w.clients.again)
	}
	for _, c := range w.clients.calls {
		if c.waits || !c.answered && c.n.life == c.life {
			return fmt.Sprintf("%s to node %d at %s is not answered", c.what, c.n.index, c.at)
		}
	}
	return w.read().unrest(w)
}

// unrest says what of the store has to go yet.
func (s *scan) unrest(w *world) string {
	stuck := s.stuck()
	for _, n := range s.order {
		if s.kinds[n] != jobqueue.Dead && !stuck[n] {
			return fmt.Sprintf("job %s of %s is %s", n.id, n.wiki, s.kinds[n])
		}
	}
	for _, l := range s.laneOrder {
		if len(s.lanes[l].mail) > 0 {
			return fmt.Sprintf("%d messages from %s to partition %d", len(s.lanes[l].mail), l.sender, l.p)
		}
		if session, ok := l.sender.Session(); ok && w.watch.ended[session] {
			return fmt.Sprintf("the lane from dead %s to partition %d is there", l.sender, l.p)
		}
	}
	return ""
}

// expireAll moves all clocks past every retention and sweeps, page by page. It does so twice: what
// expires leaves a trace that expires in its turn.
func (w *world) expireAll(times int) {
	w.note(-1, "all retention passes", 0, 0, "")
	for _, n := range w.nodes {
		n.skew += retention
		n.nudge(0)
	}
	w.after(time.Second, func() { w.sweepAll(times, 60) })
}

// anyMail reports whether a partition has something left to do.
func (w *world) anyMail() bool { return w.read().unrest(w) != "" }

func (w *world) sweepAll(times, tries int) {
	w.require(tries > 0, "sweeping ends", "keys are left after 60 rounds")
	left := 0
	for p := range partition.ID(partition.Count) {
		c := &jobqueue.Sweep{}
		for _, page := range w.server.Scan(jobqueue.SweepRanges(p, w.nodes[0].clock().Wall)...) {
			for _, e := range page.Entries {
				if len(c.Keys) < jobqueue.MaxPage {
					c.Keys = append(c.Keys, e.Key)
				}
			}
		}
		if len(c.Keys) == 0 {
			continue
		}
		left++
		for _, n := range w.nodes {
			if n.opens(p) {
				_, done := w.call(n, "sweep", func(error, bool) {})
				n.input(func(now partition.Now) { n.m.Submit(now, p, &partition.Call{Command: c, Done: done}) })
			}
		}
	}
	if left > 0 || w.anyMail() {
		w.after(time.Second, func() { w.sweepAll(times, tries-1) })
		return
	}
	if times > 1 {
		w.expireAll(times - 1)
		return
	}
	s := w.checkStore()
	for name, count := range s.families {
		w.require(!s.ofQueue[name], "all expires", "%d keys of family %s are left", count, name)
	}
	w.over = true
}
