package sim

import (
	"time"

	"auwai/internal/dispatch"
	"auwai/internal/ident"
	"auwai/internal/kv"
	"auwai/internal/node"
	"auwai/internal/partition"
	"auwai/internal/upkeep"
)

// simNode is a process of the farm: its machines, its clocks, and what waits for its next turn.
type simNode struct {
	w     *world
	index int
	life  int // raised by every end of a life; what belongs to an earlier life is dropped
	up    bool

	m      *node.Machine
	d      *dispatch.Machine
	tenant node.Tenant
	minter *ident.Minter
	minted ident.Session

	base   time.Duration // of the monotonic clock at real time 0
	rate   float64       // of the monotonic clock
	skew   time.Duration // of the wall clock
	paused time.Duration // until then no turn is taken
	broken time.Duration // until then the way to the engine is bad
	cut    cut

	inputs    []func(now partition.Now)
	results   []func(now partition.Now) // of attempts; taken before the tenant's step
	turnAt    time.Duration             // of the scheduled turn; -1: none
	turnOrder uint64

	parcel   *parcel
	running  map[uint64]*attempt
	starts   map[string][]items // by queue, in this life
	draining bool
	deadline time.Duration // of an orderly stop, on the node's monotonic clock
	stopping bool
}

func (w *world) addNode() *simNode {
	n := &simNode{
		w: w, index: len(w.nodes), turnAt: -1,
		base: w.between(time.Hour, 1000*time.Hour), rate: 0.96 + 0.08*w.rng.Float64(),
	}
	if w.chance(0.5) {
		n.skew = w.between(-2*time.Minute, 2*time.Minute)
	}
	w.nodes = append(w.nodes, n)
	return n
}

// epoch is the wall time at real time 0.
func (w *world) wall() time.Time {
	return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Add(w.now)
}

func (n *simNode) mono() time.Duration {
	return n.base + time.Duration(float64(n.w.now)*n.rate)
}

func (n *simNode) clock() partition.Now {
	return partition.Now{Wall: n.w.wall().Add(n.skew), Mono: n.mono()}
}

// realUntil returns how much real time passes until the node's monotonic clock shows a moment.
func (n *simNode) realUntil(mono time.Duration) time.Duration {
	return time.Duration(float64(mono-n.mono())/n.rate) + time.Microsecond
}

// boot starts a life.
func (n *simNode) boot() {
	n.up, n.draining, n.stopping, n.parcel, n.deadline = true, false, false, nil, 0
	n.running, n.starts = map[uint64]*attempt{}, map[string][]items{}
	n.m = node.New(node.Config{
		Name: "node", Exclusive: n.w.policyExclusive(), Registry: n.w.registry, Domains: n.w.domains,
		NewSession: n.newSession,
	})
	n.d = dispatch.New(dispatch.Config{Policy: n.w.policy, Random: n.w.rng.Float64, Hooks: dispatch.Hooks{
		OnRepaired: func(text string) { n.w.fail("nothing has to be repaired", "node %d: %s", n.index, text) },
	}})
	n.tenant = node.Join(n.d, upkeep.New(upkeep.Config{}))
	n.w.note(n.index, "boots", uint64(n.m.Session()), 0, "")
	n.nudge(0)
}

// newSession draws a number; now and then one that another node uses. Not where sessions end: numbers
// are random, of 40 bits, so that one that is over is never drawn again, and nothing else guards it.
func (n *simNode) newSession() ident.Session {
	if n.w.calm && n.w.chance(0.2) {
		if other := n.w.nodes[n.w.rng.IntN(len(n.w.nodes))]; other.up && other != n && other.m != nil {
			return other.m.Session()
		}
	}
	return n.w.session()
}

// end drops a life: what was in memory is gone, what is on its way to the store may still arrive.
func (n *simNode) end() {
	n.life++
	n.up, n.m, n.d, n.tenant, n.parcel = false, nil, nil, nil, nil
	n.inputs, n.results, n.running = nil, nil, nil
	n.turnAt, n.paused = -1, 0
}

// input has f happen in one of the node's next turns. What is for an ended life is dropped.
func (n *simNode) input(f func(now partition.Now)) {
	n.inputs = append(n.inputs, f)
	n.nudge(n.w.between(0, time.Millisecond))
}

// nudge schedules a turn, unless one comes earlier.
func (n *simNode) nudge(d time.Duration) {
	if !n.up {
		return
	}
	at := max(n.w.now+max(d, 0), n.paused)
	if n.turnAt >= 0 && n.turnAt <= at {
		return
	}
	n.turnAt = at
	n.turnOrder++
	life, order := n.life, n.turnOrder
	n.w.after(at-n.w.now, func() {
		if n.life == life && n.turnOrder == order {
			n.turn()
		}
	})
}

// maxRounds is how often one turn may go round before it counts as spinning.
const maxRounds = 500

// turn is what package node's loop does: take the inputs, flush, carry out, until nothing is left.
func (n *simNode) turn() {
	n.turnAt = -1
	if n.paused > n.w.now {
		n.nudge(n.paused - n.w.now)
		return
	}
	n.w.note(n.index, "turn", uint64(len(n.inputs)), uint64(len(n.results)), "")
	now := n.clock()
	inputs := n.inputs
	n.inputs = nil
	for _, f := range inputs {
		f(now)
	}
	n.advanceStop(now)
	for round := 0; ; round++ {
		n.w.require(round < maxRounds, "a turn ends", "node %d went round %d times", n.index, round)
		out := n.m.Flush(now)
		stopped := n.carryOut(now, out)
		results := n.results
		n.results = nil
		for _, f := range results {
			f(now)
		}
		wake := min(out.Wake, n.tenant.Step(now, n.m))
		starts, cancels := n.d.Starts()
		n.cancel(cancels)
		for i := range starts {
			n.start(&starts[i])
		}
		if stopped {
			n.w.note(n.index, "stopped", 0, 0, "")
			n.w.report.Stops++
			n.end()
			n.restartLater()
			return
		}
		if !n.m.HasWork() {
			n.nudge(max(n.realUntil(wake), 100*time.Microsecond))
			return
		}
	}
}

func (n *simNode) carryOut(now partition.Now, out *node.Output) (stopped bool) {
	n.checkReleased(out)
	for _, e := range out.Events {
		n.event(e)
		n.tenant.Event(now, e)
		stopped = stopped || e.Kind == node.Stopped
	}
	for _, r := range out.Released {
		n.w.effects(r)
		n.tenant.Effects(now, r.Partition, r.Effects)
	}
	if out.Commit != nil {
		n.commit(out.Commit)
	}
	for _, a := range out.Answers {
		a.Done(a.Err)
	}
	n.read(out.Get, out.Scans)
	return stopped
}

// event follows what a node tells its surroundings.
func (n *simNode) event(e node.Event) {
	text := ""
	if e.Err != nil {
		text = e.Err.Error()
	}
	if e.Kind != node.Opened && e.Kind != node.Closed && e.Kind != node.Closing || n.w.trace.log != nil {
		n.w.note(n.index, e.Kind.String(), uint64(e.Partition), uint64(n.m.Session()), text)
	}
	switch e.Kind {
	case node.SessionStarted:
		n.w.report.Sessions++
	case node.SessionLost:
		n.w.require(isTakenOver(e.Err), "a session ends only by being taken over", "node %d: %v", n.index, e.Err)
	case node.Poisoned:
		n.w.report.Poisons++
		n.w.require(isAskedFor(e.Err), "no invariant fails", "node %d partition %d: %v", n.index, e.Partition, e.Err)
	case node.Refused:
		n.w.require(isAskedFor(e.Err), "no message is refused", "node %d partition %d: %v", n.index, e.Partition, e.Err)
	case node.Opened:
		if e.Unclean {
			n.w.report.Takeovers++
		}
	default:
	}
}

// checkReleased holds what comes out of the machine against what the store has applied.
func (n *simNode) checkReleased(out *node.Output) {
	good := len(out.Released) > 0
	for _, a := range out.Answers {
		good = good || a.Err == nil
	}
	if p := n.parcel; good && p != nil && p.group {
		n.w.require(p.applied || p.settled, "effects and answers come after durability", "node %d released something while its commit was never applied", n.index)
	}
}

// mint returns a job id of the node's present session.
func (n *simNode) mint() ident.Suffix {
	if s := n.m.Session(); n.minter == nil || n.minted != s {
		n.minter, n.minted = ident.NewMinter(s), s
	}
	return n.minter.Next(n.clock().Wall)
}

// opens reports whether a partition takes commands on the node.
func (n *simNode) opens(p partition.ID) bool {
	return n.up && n.m.Partition(p).State() == partition.StateOpen
}

// copyBatch returns a batch with the same writes, in memory of its own.
func copyBatch(b *kv.Batch) *kv.Batch {
	c := &kv.Batch{}
	for _, r := range b.Requires() {
		c.Require(clone(r.Key), clone(r.Value))
	}
	for _, op := range b.Ops() {
		switch op.Kind {
		case kv.KindSet:
			c.Set(clone(op.Key), clone(op.Value))
		case kv.KindDelete:
			c.Delete(clone(op.Key))
		case kv.KindDeleteRange:
			c.DeleteRange(clone(op.Key), clone(op.Value))
		}
	}
	return c
}

// clone copies a slice; nil stays nil, since an absent value is not an empty one.
func clone(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append(make([]byte, 0, len(b)), b...)
}
