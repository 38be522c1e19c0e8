package sim

import (
	"bytes"
	"errors"
	"strings"
	"time"

	"auwai/internal/fault"
	"auwai/internal/kv"
	"auwai/internal/partition"
)

// parcel is one logical commit of a node, which is sent again until its outcome is known.
type parcel struct {
	batch   *kv.Batch
	group   bool // it writes in partitions
	out     bool // the node waits for a reply
	settled bool // the node was told nil or conflict
	applied bool
	sent    int
}

var errEngine = fault.New(fault.Unavailable, "sim: the engine is not there")

// commit takes a batch from a node and decides on its fate.
func (n *simNode) commit(b *kv.Batch) {
	w := n.w
	if p := n.parcel; p != nil && !p.settled {
		w.require(!p.out, "one commit of a node is in flight", "node %d", n.index)
		w.require(sameBatch(p.batch, b), "a commit whose outcome is unknown is sent again unchanged", "node %d", n.index)
	} else {
		n.parcel = &parcel{batch: copyBatch(b)}
		for _, op := range b.Ops() {
			n.parcel.group = n.parcel.group || op.Key[0] != 0xff
		}
	}
	p := n.parcel
	p.out = true
	p.sent++
	w.report.Commits++
	w.note(n.index, "commits", uint64(b.Len()), uint64(p.sent), "") //nolint:gosec // positive
	n.ship(p, n.drawFate())
}

// fate is what becomes of one sending.
type fate struct {
	arrives time.Duration // when the store gets it; never: it does not
	replies time.Duration // when the node hears
	lost    bool          // the node hears "unknown" whatever happened
	failed  bool          // certainly not applied, and the node hears so
}

const never = time.Duration(-1)

func (n *simNode) drawFate() fate {
	w, f := n.w, n.w.faults
	if n.broken > w.now {
		f.lost, f.never, f.late, f.hang, f.failed = 0.2, 0.25, 0.2, 0.1, 0.2
	}
	ft := fate{arrives: w.delay()}
	ft.replies = ft.arrives + w.delay()
	if cut, ok := n.cutFate(ft); ok {
		return cut
	}
	r := w.rng.Float64()
	pick := func(p float64) bool {
		hit := r >= 0 && r < p
		r -= p
		return hit
	}
	switch {
	case pick(f.lost):
		ft.lost = true
		w.report.Lost++
	case pick(f.never):
		ft.lost, ft.arrives = true, never
	case pick(f.late):
		ft.lost = true
		ft.arrives = ft.replies + time.Duration(w.rng.ExpFloat64()*float64(w.lateness()))
		w.report.Late++
	case pick(f.hang):
		ft.replies += w.between(3*time.Second, 16*time.Second)
		ft.lost = w.chance(0.5)
		if w.chance(0.3) {
			ft.arrives = w.between(0, ft.replies)
		}
	case pick(f.failed):
		ft.failed, ft.arrives = true, never
		w.report.CommitErrors++
	}
	return ft
}

// lateness is the mean of how late a late batch arrives: sometimes before the next try, sometimes
// after a takeover.
func (w *world) lateness() time.Duration {
	if w.chance(0.5) {
		return 200 * time.Millisecond
	}
	return 15 * time.Second
}

func (n *simNode) ship(p *parcel, ft fate) {
	w, life := n.w, n.life
	var result error
	if ft.arrives != never {
		w.after(ft.arrives, func() {
			if w.policyExclusive() && n.life != life {
				return // the store dies with its only process
			}
			result = w.apply(n, p)
			if ft.arrives > ft.replies {
				if result == nil {
					w.report.LateApplied++
				} else {
					w.report.LateRefused++
				}
			}
		})
	}
	w.after(ft.replies, func() {
		if n.life != life {
			return
		}
		err := result
		switch {
		case ft.failed:
			err = errEngine
		case ft.lost:
			err = kv.ErrUnknown
			w.report.Unknown++
		}
		n.input(func(now partition.Now) {
			p.out = false
			p.settled = err == nil || errors.Is(err, kv.ErrConflict)
			text := "nil"
			if err != nil {
				text = err.Error()
			}
			w.note(n.index, "hears of its commit", 0, 0, text)
			n.m.Committed(now, err)
		})
	})
}

// apply is the arrival of a batch at the store.
func (w *world) apply(n *simNode, p *parcel) error {
	pre := w.watch.look(w, n, p)
	err := w.server.Apply(p.batch)
	if err != nil {
		w.require(errors.Is(err, kv.ErrConflict), "the store takes or refuses a batch", "node %d: %v", n.index, err)
		w.note(n.index, "batch refused", pre.before, 0, "")
		return err
	}
	if w.trace.log != nil {
		for _, op := range p.batch.Ops() {
			w.detail("write %d %s = %d bytes", op.Kind, w.registry.Describe(op.Key), len(op.Value))
		}
	}
	w.note(n.index, "batch applied", pre.before, uint64(p.batch.Len()), "") //nolint:gosec // positive
	w.require(!p.applied, "a batch is applied once", "node %d, session %d, sequence %d", n.index, pre.session, pre.before)
	p.applied = true
	w.watch.applied(w, n, p, pre)
	return nil
}

func sameBatch(a, b *kv.Batch) bool {
	if len(a.Ops()) != len(b.Ops()) || len(a.Requires()) != len(b.Requires()) {
		return false
	}
	for i, op := range a.Ops() {
		o := b.Ops()[i]
		if op.Kind != o.Kind || !bytes.Equal(op.Key, o.Key) || !bytes.Equal(op.Value, o.Value) {
			return false
		}
	}
	for i, r := range a.Requires() {
		o := b.Requires()[i]
		if !bytes.Equal(r.Key, o.Key) || !bytes.Equal(r.Value, o.Value) {
			return false
		}
	}
	return true
}

func isTakenOver(err error) bool { return strings.Contains(err.Error(), "taken over") }

func isAskedFor(err error) bool { return strings.Contains(err.Error(), askedFor) }
