package sim

import (
	"encoding/binary"
	"fmt"

	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/kv"
	"auwai/internal/node"
	"auwai/internal/partition"
	"auwai/internal/tuple"
)

// watch mirrors sessions and owners as the store has them, and checks every commit.
type watch struct {
	sessions map[ident.Session]uint64 // sequence
	ended    map[ident.Session]bool
	owners   [partition.Count]owner
	reserved [partition.Count]uint64
	places   map[string]bool // ready keys that were ever set
	given    map[grant]ident.Session
}

type owner struct {
	session ident.Session
	epoch   uint64
}

type grant struct {
	p     partition.ID
	epoch uint64
}

func newWatch() watch {
	return watch{sessions: map[ident.Session]uint64{}, ended: map[ident.Session]bool{}, places: map[string]bool{}, given: map[grant]ident.Session{}}
}

// seen is what was known before a batch was applied.
type seen struct {
	session       ident.Session
	before, after uint64 // of its sequence
	leaves        bool
	owners        [partition.Count]owner
}

// look reads what a batch is about.
func (wt *watch) look(w *world, n *simNode, p *parcel) seen {
	rs := p.batch.Requires()
	w.require(len(rs) > 0, "every commit is fenced", "node %d sends a batch without a requirement", n.index)
	s, ok := sessionOf(rs[0].Key)
	w.require(ok, "every commit is fenced by its session key", "node %d requires key %x first", n.index, rs[0].Key)
	out := seen{session: s, before: sequenceOf(rs[0].Value), leaves: true, owners: wt.owners}
	for _, op := range p.batch.Ops() {
		if op.Kind == kv.KindSet && string(op.Key) == string(rs[0].Key) {
			out.after, out.leaves = sequenceOf(op.Value), false
		}
	}
	return out
}

func sessionOf(key []byte) (ident.Session, bool) {
	p, _, f, rest, ok := partition.SplitKey(key)
	if !ok || p != partition.NodeSpace || f != partition.FamilySession {
		return 0, false
	}
	v, _, ok := tuple.TakeUint64(rest)
	return ident.Session(v), ok
}

func sequenceOf(v []byte) uint64 {
	if len(v) < 8 {
		return 0
	}
	return binary.BigEndian.Uint64(v)
}

// applied follows a batch that the store has taken, and checks it.
func (wt *watch) applied(w *world, n *simNode, p *parcel, pre seen) {
	s := pre.session
	was, alive := wt.sessions[s]
	w.require(!wt.ended[s], "a session that was deleted never comes back", "session %d of node %d commits, sequence %d", s, n.index, pre.before)
	w.require(alive || pre.before == 0, "a commit's session is there", "session %d of node %d, sequence %d", s, n.index, pre.before)
	w.require(was == pre.before && (pre.leaves || pre.after == was+1), "a session's sequence moves by one",
		"session %d of node %d is at %d and moves from %d to %d", s, n.index, was, pre.before, pre.after)
	if pre.leaves {
		wt.endSession(s)
	} else {
		wt.sessions[s] = pre.after
	}
	ops := p.batch.Ops()
	for i := range ops {
		wt.op(w, n, &ops[i], s, &pre)
	}
}

func (wt *watch) endSession(s ident.Session) {
	delete(wt.sessions, s)
	wt.ended[s] = true
}

func (wt *watch) op(w *world, n *simNode, op *kv.Op, s ident.Session, pre *seen) {
	p, _, f, rest, ok := partition.SplitKey(op.Key)
	w.require(ok, "keys can be read", "node %d writes key %x", n.index, op.Key)
	if p == partition.NodeSpace {
		wt.nodeOp(w, n, op, f, rest, s)
		return
	}
	w.require(p < partition.Count, "keys are of partitions", "node %d writes key %x", n.index, op.Key)
	owns := pre.owners[p].session == s
	if (f == partition.FamilyMail || f == partition.FamilyLaneOpen) && op.Kind == kv.KindSet {
		wt.mailOp(w, n, rest, s, pre)
		return
	}
	if !owns {
		w.fail("only its owner writes in a partition", "session %d of node %d writes %s, which session %d owns", s, n.index, w.registry.Describe(op.Key), pre.owners[p].session)
	}
	switch {
	case f == partition.FamilyMeta:
		high := sequenceOf(op.Value)
		w.require(high >= wt.reserved[p], "reservations of sequence numbers rise", "partition %d: %d after %d", p, high, wt.reserved[p])
		wt.reserved[p] = high
	case f == jobqueue.FamReady && op.Kind == kv.KindSet:
		if wt.places[string(op.Key)] {
			w.fail("a place is never used twice", "%s", w.registry.Describe(op.Key))
		}
		wt.places[string(op.Key)] = true
	}
}

func (wt *watch) mailOp(w *world, n *simNode, rest []byte, s ident.Session, pre *seen) {
	own := string(partition.SessionSender(s))
	if len(rest) >= len(own) && string(rest[:len(own)]) == own {
		return
	}
	p, _, ok := tuple.TakeUint16(rest[1:])
	w.require(ok && rest[0] == 'p' && p < partition.Count && pre.owners[p].session == s, "mail is sent by its sender's owner",
		"session %d of node %d writes into lane %x", s, n.index, rest)
}

func (wt *watch) nodeOp(w *world, n *simNode, op *kv.Op, f partition.FamilyID, rest []byte, s ident.Session) {
	switch f {
	case partition.FamilySession:
		id, _, _ := tuple.TakeUint64(rest)
		if other := ident.Session(id); other != s {
			w.require(op.Kind == kv.KindDelete, "other sessions are only deleted", "session %d sets %d", s, other)
			w.note(n.index, "takes session", uint64(other), 0, "")
			wt.endSession(other)
		}
	case partition.FamilyOwner:
		id, _, _ := tuple.TakeUint16(rest)
		v, _, _ := tuple.TakeUint64(op.Value)
		next := owner{ident.Session(v), sequenceOf(op.Value[8:])}
		wt.owner(w, n, partition.ID(id), next, s)
	default:
	}
}

func (wt *watch) owner(w *world, n *simNode, p partition.ID, next owner, s ident.Session) {
	was := wt.owners[p]
	if next.session == 0 {
		w.require(was.session == s && was.epoch == next.epoch, "only its owner gives a partition up", "session %d of node %d frees %d of %+v", s, n.index, p, was)
		wt.owners[p] = next
		return
	}
	_, alive := wt.sessions[was.session]
	alive = alive && was.session != s // an owner may raise its own epoch
	w.require(next.session == s && !alive, "a partition is taken from nobody alive", "session %d of node %d takes %d from %+v", s, n.index, p, was)
	w.require(next.epoch > was.epoch, "epochs rise", "partition %d: %d after %d", p, next.epoch, was.epoch)
	g := grant{p, next.epoch}
	w.require(wt.given[g] == 0, "an epoch has one owner", "partition %d epoch %d", p, next.epoch)
	wt.given[g] = s
	wt.owners[p] = next
}

// effects checks what a node releases.
func (w *world) effects(r node.Released) {
	for _, e := range r.Effects {
		if w.trace.log != nil {
			w.detail("effect of partition %d: %s", r.Partition.ID(), inWords(e))
		}
		switch e := e.(type) {
		case jobqueue.Repaired:
			w.fail("nothing has to be repaired", "partition %d: %s", r.Partition.ID(), e.Text)
		case jobqueue.Finished:
			w.counted(e)
		}
	}
}

// inWords describes an effect for the log.
func inWords(e any) string {
	switch e := e.(type) {
	case jobqueue.BecameReady:
		return fmt.Sprintf("job %s is ready at %d, settles %t", e.Job.ID, e.Job.Seq, e.Settles)
	case jobqueue.Changed:
		return fmt.Sprintf("job %s changed from %d to %d, settles %t", e.Job.ID, e.OldSeq, e.Job.Seq, e.Settles)
	case jobqueue.Gone:
		return fmt.Sprintf("job %s is gone from %d, settles %t", e.ID, e.Seq, e.Settles)
	case jobqueue.Finished:
		return fmt.Sprintf("job %s is %s, settles %t", e.ID, e.State, e.Settles)
	case jobqueue.BecameBlocked:
		return fmt.Sprintf("job %s is blocked, settles %t", e.ID, e.Settles)
	case jobqueue.BecameDelayed:
		return fmt.Sprintf("job %s is delayed, settles %t", e.ID, e.Settles)
	default:
		return fmt.Sprintf("%T", e)
	}
}

func (w *world) counted(e jobqueue.Finished) {
	switch e.State {
	case jobqueue.Done:
		w.report.Done++
	case jobqueue.Dead:
		w.report.Dead++
	case jobqueue.Superseded:
		w.report.Superseded++
	case jobqueue.Duplicate:
		w.report.Duplicate++
	case jobqueue.Cancelled:
		w.report.Cancelled++
	default:
	}
}
