package sim

import (
	"context"

	"auwai/internal/eventlog"
	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/partition"
)

// books are where all jobs stand at the end.
type books struct {
	w    *world
	scan *scan
	past map[ident.Suffix]*jobqueue.History

	generations map[generation]struct{}
}

// account accounts for every job that was ever pushed.
func (w *world) account(s *scan) {
	b := &books{w: w, scan: s, past: map[ident.Suffix]*jobqueue.History{}, generations: map[generation]struct{}{}}
	for _, x := range w.clients.pushes {
		r := x.new.Root
		b.generations[generation{x.new.Pair, r.Signature, r.Timestamp, r.IsRoot}] = struct{}{}
	}
	for p := range partition.ID(partition.Count) {
		b.readHistory(p)
	}
	for _, x := range w.clients.pushes {
		b.checkPushed(x)
	}
	for source, list := range w.clients.sources {
		b.checkSource(source, list)
	}
	for _, h := range b.past {
		b.checkPast(h)
	}
}

func (b *books) readHistory(p partition.ID) {
	r := eventlog.Reader{Source: b.w.server.Open(), Partition: p, Stream: jobqueue.HistoryStream}
	last := uint64(0)
	for from := uint64(0); ; {
		records, next, err := r.Forward(context.Background(), from, eventlog.Bound{})
		b.w.require(err == nil, "history can be read", "partition %d: %v", p, err)
		if len(records) == 0 {
			return
		}
		for _, rec := range records {
			b.w.require(rec.Pos > last, "positions rise", "partition %d: %d after %d", p, rec.Pos, last)
			last = rec.Pos
			h, err := jobqueue.DecodeHistory(rec.Data)
			b.w.require(err == nil, "history can be read", "partition %d: %v", p, err)
			x := b.w.clients.byID[h.ID]
			b.w.require(x != nil && x.new.Pair == h.Pair, "nothing is invented", "history of job %s of %v", h.ID, h.Pair)
			b.w.require(b.past[h.ID] == nil, "a job ends once", "job %s of %v", h.ID, h.Pair)
			b.past[h.ID] = &h
		}
		from = next
	}
}

// there reports in how many places a job is.
func (b *books) there(x *pushed) int {
	n := 0
	if b.past[x.new.ID] != nil {
		n++
	}
	if b.scan.jobs[jobName{x.new.Wiki, x.new.ID}] != nil {
		n++
	}
	return n
}

func (b *books) checkPushed(x *pushed) {
	w, n, id := b.w, b.there(x), x.new.ID
	w.require(n <= 1, "a job is in one place", "job %s of %v has a record and a history", id, x.new.Pair)
	switch {
	case x.call.refused():
		w.require(n == 0, "what was refused is not there", "job %s of %v, pushed at %s to node %d, answered %v", id, x.new.Pair, x.asked, x.call.n.index, x.call.err)
	case !x.call.acked():
	case x.mailed:
		w.require(n == 1 || x.source() != "", "what was acknowledged is there", "job %s of %v, mailed at %s by node %d", id, x.new.Pair, x.asked, x.call.n.index)
	case x.result.Repeated:
		first := w.clients.byID[x.result.ID]
		w.require(n == 0 && first != nil && first.source() == x.source() && b.there(first) == 1, "a repeat answers the first id", "job %s answered %s", id, x.result.ID)
	default:
		w.require(n == 1, "what was acknowledged is there", "job %s of %v, pushed at %s to node %d, was %s", id, x.new.Pair, x.asked, x.call.n.index, x.result.State)
		b.checkAnswer(x)
	}
	if x.call.acked() {
		w.report.Acknowledged++
	}
	h := b.past[id]
	w.require(!x.cancelled || h != nil && h.State == jobqueue.Cancelled, "what was cancelled is cancelled", "job %s", id)
	w.require(!x.unknown || h != nil, "what is not there has ended", "job %s was not found by a cancel and has no history", id)
}

func (b *books) checkAnswer(x *pushed) {
	h := b.past[x.new.ID]
	switch x.result.State {
	case jobqueue.Duplicate:
		b.w.require(h != nil && h.State == jobqueue.Duplicate && h.DuplicateOf == x.result.DuplicateOf, "an answer tells what happened", "job %s was answered as a duplicate of %s: %+v", x.new.ID, x.result.DuplicateOf, h)
	case jobqueue.Superseded:
		b.w.require(h != nil && h.State == jobqueue.Superseded, "an answer tells what happened", "job %s was answered as superseded: %+v", x.new.ID, h)
	default:
	}
}

func (b *books) checkSource(source string, list []*pushed) {
	there, acked := 0, false
	for _, x := range list {
		there += b.there(x)
		acked = acked || x.call.acked()
	}
	b.w.require(there <= 1, "a client id has one job", "%q has %d", source, there)
	b.w.require(there == 1 || !acked, "what was acknowledged is there", "no job of source %q", source)
	if len(list) > 1 && there == 1 {
		b.w.report.Repeated++
	}
}

// checkPast looks at the end of one job.
func (b *books) checkPast(h *jobqueue.History) {
	w := b.w
	switch h.State {
	case jobqueue.Done:
		_, reported := w.workers.done[h.ID]
		w.require(reported, "what is done was reported done", "job %s of %v", h.ID, h.Pair)
	case jobqueue.Superseded:
		w.require(b.older(h), "what is superseded is older than its root", "job %s of %v: root %+v, generation %s", h.ID, h.Pair, h.Root, h.Generation)
	case jobqueue.Duplicate:
		b.checkMerged(h)
	case jobqueue.Cancelled, jobqueue.Expired:
	default:
		w.fail("history holds what ended", "job %s is %s", h.ID, h.State)
	}
}

// older reports whether a generation was pushed that supersedes the job: a later one, or a root job of
// the same.
func (b *books) older(h *jobqueue.History) bool {
	g := generation{h.Pair, h.Root.Signature, h.Generation, false}
	_, leaf := b.generations[g]
	g.root = true
	_, root := b.generations[g]
	return h.Root.Signature != "" && (h.Root.Timestamp < h.Generation && (leaf || root) || h.Root.Timestamp == h.Generation && root)
}

// generation is one of a root, as it was pushed.
type generation struct {
	jobqueue.Pair
	signature, timestamp string
	root                 bool
}

// checkMerged follows what a duplicate was merged into: what was done for it began after it came.
func (b *books) checkMerged(h *jobqueue.History) {
	x := b.w.clients.byID[h.ID]
	windowed := false
	for range 1000 {
		windowed = windowed || b.w.clients.windowed(h.ID)
		twin := b.w.clients.byID[h.DuplicateOf]
		b.w.require(twin != nil && twin.new.Pair == x.new.Pair && twin.new.Key == x.new.Key && b.there(twin) == 1, "a duplicate has its twin", "job %s is a duplicate of %s", h.ID, h.DuplicateOf)
		next := b.past[twin.new.ID]
		if next == nil || next.State != jobqueue.Duplicate {
			done := b.w.workers.done[twin.new.ID]
			b.w.require(next == nil || next.State != jobqueue.Done || windowed || done >= x.asked, "a twin is done after what was merged into it came", "job %s, done since %s, stands for job %s, pushed at %s", twin.new.ID, done, x.new.ID, x.asked)
			return
		}
		h = next
	}
	b.w.fail("duplicates end somewhere", "job %s", x.new.ID)
}
