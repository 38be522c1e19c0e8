package jobqueue

import (
	"fmt"

	"auwai/internal/fault"
)

// What its queue's rules make of a job that arrives, before it waits.

// turnAway ends a job that arrives too late.
func (w *work) turnAway(j *Job, r Pushed, end closing) Pushed {
	w.removeBlob(j)
	w.close(j, end)
	r.State = end.state
	return r
}

// deadOnArrival puts an arriving job among the dead. keyHeld says that it has its key.
func (w *work) deadOnArrival(j *Job, r Pushed, text string, keyHeld bool) Pushed {
	j.LastError = text
	w.die(j, keyHeld, false)
	r.State = Dead
	return r
}

// loops returns why the job is one too many in a loop, "" when it is not.
func (n *New) loops(j *Job) string {
	if n.Rules == nil || n.Rules.LoopLimit <= 0 {
		return ""
	}
	limit := min(n.Rules.LoopLimit, MaxChain)
	if times := j.loops(); times >= limit {
		return fmt.Sprintf("loop: the job is among its own causes %d times, and %d is the limit (loop_limit); it was last made by job %s, at depth %d; "+
			"find out why the job makes itself again, then retry it or drop it", times, limit, j.Cause.Parent, j.Cause.Depth)
	}
	return ""
}

// overBudget counts the job in its root, and returns why it is one too many, "" when it is not.
func (w *work) overBudget(j *Job, n *New, root *RootRecord, k *ruleKeys) string {
	if root == nil || n.Rules == nil || n.Rules.Budget <= 0 {
		return ""
	}
	root.Jobs++
	w.tx.Set(k.root, encodeRoot(root))
	if root.Jobs > int64(n.Rules.Budget) {
		return fmt.Sprintf("budget: it is job %d of the root %q of %s, and %d are allowed (budget); raise the budget and retry it, or drop it",
			root.Jobs, cutText(j.Root.Signature, 80), j.Root.Timestamp, n.Rules.Budget)
	}
	return ""
}

// roomFor refuses a job when too many wait in its pair.
func (w *work) roomFor(n *New) error {
	pending := w.pair(n.Pair).Counts.Pending() - w.mem.InMemory(n.Pair)
	if pending < int64(n.MaxPending) {
		return nil
	}
	return fault.Newf(fault.TooMany, "%d jobs wait in queue %q of wiki %q, and %d may (max_pending); send the rest when fewer do", pending, n.Queue, n.Wiki, n.MaxPending)
}

func (w *work) newJob(n *New) *Job {
	j := &Job{
		ID: n.ID, Pair: n.Pair, Band: n.Band, Enq: w.tx.Seq(), Key: n.Key, Root: n.Root,
		Domain: n.Domain, FromEvent: n.FromEvent, Created: w.now,
		RequestID: n.RequestID, ClientID: n.ClientID, Payload: n.Payload, Blob: n.Blob,
		SerialKey: n.SerialKey, Cause: n.Cause, Needs: n.Needs, NoRetry: n.NoRetry,
	}
	if n.RunAt.After(w.wall) {
		j.RunAt = ceilMilli(n.RunAt)
	}
	if n.Blob.Size > 0 {
		j.Payload = nil
	}
	if !n.ExpireAt.IsZero() {
		j.ExpireAt = ceilMilli(n.ExpireAt)
	}
	if n.Rules != nil {
		w.applyRules(j, n.Rules)
	}
	return j
}

// applyRules gives an arriving job what its queue's rules say of it.
func (w *work) applyRules(j *Job, r *Rules) {
	j.AtMostOnce, j.Exclusive = r.AtMostOnce, r.Exclusive
	if at := r.expiry(j.ExpireAt, w.now); !at.IsZero() {
		j.ExpireAt = ceilMilli(at)
	}
	if j.Key == "" {
		return
	}
	mode, pause := r.dedup()
	switch mode {
	case DedupNone:
		j.Key = ""
	case DedupDebounce:
		if release := ceilMilli(w.wall.Add(pause)); release.After(j.RunAt) {
			j.RunAt = release
		}
		j.Twins = &TwinRule{Mode: mode, For: pause, First: j.RunAt}
	case DedupReplace, DedupWindow:
		j.Twins = &TwinRule{Mode: mode, For: pause}
	default:
	}
}
