package sim

import (
	"time"

	"auwai/internal/partition"
)

// start makes the nodes and lets everything begin.
func (w *world) start() {
	w.after(0, func() {
		for i, n := range w.nodes {
			if i == 0 {
				n.boot()
				continue
			}
			w.after(w.between(0, 3*time.Second), n.boot)
		}
		w.work(w.between(20*time.Millisecond, 200*time.Millisecond))
		if w.faults.every > 0 {
			w.torment()
		}
	})
	length := w.between(2*time.Second, 15*time.Second)
	if w.chance(0.3) {
		length += w.between(5*time.Second, 40*time.Second)
	}
	w.after(length, w.heal)
}

func newWorld(seed uint64, o Options) *world {
	w := &world{seed: seed, rng: newRand(seed), loaded: true}
	w.trace.log = o.Log
	w.setUpStore()
	w.watch, w.clients, w.workers = newWatch(), newClients(), newWorkers()
	w.policy = drawPolicy(w.rng)
	w.ledger = newLedgerModel(w)
	count := 1 + w.rng.IntN(4)
	if w.chance(0.15) {
		w.policy.exclusive, count = true, 1
	}
	for range count {
		w.addNode()
	}
	w.drawFaults()
	return w
}

func (w *world) drawFaults() {
	f := &w.faults
	f.slow = w.between(20*time.Millisecond, 3*time.Second)
	p := 0.0
	switch w.rng.IntN(4) {
	case 0: // a calm run
	case 1, 2:
		p = 0.01
	default:
		p = 0.05
	}
	some := func() float64 { return p * w.rng.Float64() }
	f.lost, f.never, f.late, f.hang, f.failed, f.read = some(), some(), some(), some()/4, some(), some()
	if w.chance(0.85) {
		f.every = w.between(time.Second, 10*time.Second)
	}
	w.calm = f.every == 0
}

func (w *world) policyExclusive() bool { return w.policy.exclusive }

// torment does one bad thing after the other.
func (w *world) torment() {
	if !w.loaded {
		return
	}
	w.after(time.Duration(w.rng.ExpFloat64()*float64(w.faults.every)), w.torment)
	n := w.nodes[w.rng.IntN(len(w.nodes))]
	if !n.up {
		return
	}
	switch r := w.rng.IntN(100); {
	case r < 25:
		n.pause()
	case r < 45:
		n.crash()
	case r < 60:
		n.stopInOrder()
	case r < 80:
		n.jump()
	case r < 94:
		n.breakEngine()
	default:
		n.cut = cut{stage: cutHang}
		w.note(n.index, "is about to be cut off from the store", 0, 0, "")
	}
}

// cut is a way to the store that dies slowly: one commit arrives and its reply is lost after a while;
// that is found out by sending it again; then nothing gets through. A node that trusts itself for too
// long after this shows.
type cut struct {
	stage    cutStage
	from, to time.Duration // reads fail
}

type cutStage uint8

const (
	cutNot  cutStage = iota
	cutHang          // the next commit is the one whose reply is lost
	cutPass          // the next one passes, and is refused
	cutDead          // none passes until to
)

func (n *simNode) cutOff() bool { return n.cut.from <= n.w.now && n.w.now < n.cut.to }

// cutFate draws the fate of a commit while a cut is under way; ok is false when there is none.
func (n *simNode) cutFate(ft fate) (out fate, ok bool) {
	w := n.w
	switch n.cut.stage {
	case cutHang:
		n.cut.stage = cutPass
		ft.replies += w.between(2*time.Second, 8*time.Second)
		ft.lost = true
		return ft, true
	case cutPass:
		from := w.now + ft.replies + 300*time.Millisecond
		n.cut = cut{stage: cutDead, from: from, to: from + w.between(6*time.Second, 14*time.Second)}
		return ft, true
	case cutDead:
		if w.now >= n.cut.to {
			n.cut = cut{}
			return ft, false
		}
		ft.arrives, ft.failed = never, w.chance(0.5)
		ft.lost = !ft.failed
		return ft, true
	default:
		return ft, false
	}
}

// pause stops a node's turns; what it sent goes on.
func (n *simNode) pause() {
	d := n.w.between(100*time.Millisecond, 4*time.Second)
	if n.w.chance(0.4) {
		d = n.w.between(6*time.Second, 16*time.Second)
	}
	if n.w.chance(0.1) {
		d = n.w.between(10*time.Second, 60*time.Second)
	}
	n.w.note(n.index, "paused for ms", uint64(d.Milliseconds()), 0, "") //nolint:gosec // positive
	n.w.report.Pauses++
	n.paused = n.w.now + d
}

// crash ends a node at once; it comes back later.
func (n *simNode) crash() {
	n.w.note(n.index, "crashes", 0, 0, "")
	n.w.report.Crashes++
	n.end()
	n.restartLater()
}

func (n *simNode) restartLater() {
	most := 12 * time.Second
	if n.w.policyExclusive() {
		most = 2 * time.Second
	}
	n.w.after(n.w.between(50*time.Millisecond, most), func() {
		if !n.up {
			n.boot()
		}
	})
}

// stopInOrder drains dispatch, then stops the node.
func (n *simNode) stopInOrder() {
	if n.draining {
		return
	}
	n.w.note(n.index, "is told to stop", 0, 0, "")
	n.draining = true
	n.input(func(now partition.Now) {
		n.deadline = now.Mono + n.w.between(0, 5*time.Second)
		n.d.Drain(n.deadline)
	})
}

// advanceStop goes on with an orderly stop as package server does: first the drain, then the node.
func (n *simNode) advanceStop(now partition.Now) {
	if !n.draining || n.stopping || n.deadline == 0 {
		return
	}
	if n.d.Drained() || now.Mono > n.deadline+5*time.Second {
		n.stopping = true
		n.m.Stop(now)
	}
}

// jump moves a wall clock, both ways.
func (n *simNode) jump() {
	d := n.w.between(-2*time.Minute, 2*time.Minute)
	if n.w.chance(0.3) {
		d = n.w.between(-20*time.Second, 20*time.Second)
	}
	n.skew = min(max(n.skew+d, -maxSkew), maxSkew)
	n.w.report.Jumps++
	n.w.note(n.index, "wall clock jumps", 0, 0, d.String())
}

// maxSkew is how wrong a wall clock gets.
const maxSkew = 10 * time.Minute

// breakEngine makes the way to the store bad for a while.
func (n *simNode) breakEngine() {
	d := n.w.between(200*time.Millisecond, 14*time.Second)
	n.broken = n.w.now + d
	n.w.note(n.index, "has a bad way to the store for ms", uint64(d.Milliseconds()), 0, "") //nolint:gosec // positive
}
