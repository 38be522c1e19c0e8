package jobqueue

import (
	"cmp"
	"time"

	"auwai/internal/backoff"
	"auwai/internal/ident"
	"auwai/internal/kv"
	"auwai/internal/partition"
	"auwai/internal/tuple"
)

// Ended is the outcome of one attempt.
type Ended struct {
	// Claim is the attempt's claim. Nil: the claim of the job ID.
	Claim *Claim
	ID    ident.Suffix

	Outcome    Outcome
	Error      string // cut to MaxError bytes; kept for failures
	Start, End time.Time
	RetryAfter time.Duration // least delay before the next attempt, 0 for none; at most a week
	Policy     Policy        // for OutcomeFailed and OutcomeCrash
	Jitter     float64       // a number from [0, 1), from a source of the caller's

	// NoRetry has a failure be final, as the job's own NoRetry has.
	NoRetry bool
	// Holder, where it is given, has to be the claim's: else the outcome is that of a former holder,
	// and the claim counts as lost.
	Holder string
	// Message and ResultURL are kept with the job; "" leaves what the claim's Progress says.
	Message, ResultURL string
}

// Cursor says that every job of the band that waits, as the sender of the command sees it, is at Seq
// or after it. Claims in memory, and jobs that come back from them, are looked after by the command.
type Cursor struct {
	Pair Pair
	Band Band
	Seq  uint64
}

// Finish ends attempts. What becomes of each job:
//
//	done               its record goes, history is written
//	failed, crash      counted; delayed for a back-off while attempts are left, else dead
//	permanent          counted; dead at once
//	uncounted, orderly back to ready, not counted: at its old place when the claim was never stored;
//	                   with RetryAfter delayed, not counted
//	cancelled          its record goes, history is written
//
// A job that was cancelled while it ran ends as cancelled, unless it is done. One that runs at most
// once is dead where it would wait again, unless the attempt did not begin: that is what uncounted
// says. A job that waits again passes the rules of what ends it and of twins first. An outcome whose
// claim is lost changes nothing.
type Finish struct {
	Outcomes []Ended
	// Cursors move the places from which scans begin.
	Cursors []Cursor
	// Done is how many of Outcomes were taken, after success. It is less than all when much had to
	// be written back; the caller sends the rest again, in another command.
	Done int
	// Lost has the indexes of the outcomes whose claim was lost.
	Lost []int
}

// Reads names what jobs that wait again will look at.
func (c *Finish) Reads(dst []kv.Key, p partition.ID) []kv.Key {
	for i := range c.Outcomes {
		e := &c.Outcomes[i]
		if e.Claim == nil {
			continue
		}
		j := e.Claim.Job
		if j.Chained {
			dst = append(dst, chainKey(p, j.Pair, tuple.Hash(j.SerialKey)), linkKey(p, j.Wiki, j.ID))
		}
		if j.Waited || e.Claim.waited {
			dst = append(dst, waitersKey(p, j.Wiki, j.ID, 0))
		}
		if e.Outcome == OutcomeDone {
			continue
		}
		if j.Root.Signature != "" {
			dst = append(dst, RootKey(p, j.Pair, j.Root.Signature))
		}
		if j.Key != "" && e.Claim.KeyTaken {
			dst = append(dst, twinKey(p, j.Pair, j.Key))
		}
	}
	return dst
}

// Apply ends the attempts.
func (c *Finish) Apply(tx *partition.Tx) error {
	size := 0
	for i := range c.Outcomes {
		if claim := c.Outcomes[i].Claim; claim != nil {
			size += jobKeySize(claim.Job.Wiki) + readyKeySize(claim.Job.Pair)
		}
	}
	w := begin(tx, size)
	c.Done, c.Lost = len(c.Outcomes), c.Lost[:0]
	for i := range c.Outcomes {
		if w.full(i) {
			c.Done = i
			break
		}
		e := &c.Outcomes[i]
		claim := e.Claim
		if claim == nil {
			claim = w.mem.Running(e.ID)
		}
		if claim == nil || w.running(claim.Job.ID) != claim || e.Holder != "" && e.Holder != claim.Holder {
			c.Lost = append(c.Lost, i)
			continue
		}
		w.end(claim, e)
	}
	w.moveCursors(c.Cursors)
	return w.finish()
}

func (w *work) end(c *Claim, e *Ended) {
	outcome := e.Outcome
	if outcome == OutcomeCrash && c.kept && c.orderly {
		outcome = OutcomeOrderly
	}
	once := c.AtMostOnce || c.Job.AtMostOnce
	if outcome == OutcomeUncounted && once && c.orderly {
		outcome = OutcomeOrderly // it was cut short by the stop that had marked it, so it had begun
	}
	switch {
	case outcome == OutcomeDone:
		w.endDone(c, e)
	case outcome == OutcomeCancelled || w.isCancelled(c):
		w.endCancelled(c, e)
	case outcome == OutcomeUncounted, outcome == OutcomeOrderly && !once:
		w.endUncounted(c, e)
	default:
		w.endFailed(c, e, outcome, once)
	}
}

// jobOf returns the claim's job as it is now, a copy, with what the attempt said of itself.
func (w *work) jobOf(c *Claim, e *Ended) *Job {
	j := *c.Job
	j.Waited = j.Waited || w.waited(c)
	for _, said := range [...]struct {
		to   *string
		list [2]string
		most int
	}{
		{&j.Message, [2]string{e.Message, c.Progress.Message}, MaxMessage},
		{&j.ResultURL, [2]string{e.ResultURL, c.Progress.ResultURL}, MaxURL},
	} {
		if text := cmp.Or(said.list[0], said.list[1]); text != "" {
			*said.to = cutText(text, said.most)
		}
	}
	return &j
}

func (w *work) endDone(c *Claim, e *Ended) {
	j := c.Job
	if j.Chained || j.Waited || w.waited(c) || e.Message != "" || e.ResultURL != "" || !c.Progress.IsZero() {
		j = w.jobOf(c, e)
	}
	w.unclaim(c)
	if j.Key != "" {
		w.leaveKey(c)
	}
	w.remove(j)
	a := Attempt{Start: e.Start, End: e.End, Outcome: OutcomeDone}
	if e.Error != "" {
		a.Error = cutText(e.Error, MaxError) // a failure that was ignored
	}
	w.close(j, closing{state: Done, attempt: &a, settles: true, holder: c.Holder})
}

func (w *work) endCancelled(c *Claim, e *Ended) {
	j := w.jobOf(c, e)
	w.unclaim(c)
	if j.Key != "" && !w.keyTaken(c) {
		w.giveKeyBack(j, !c.found)
	}
	w.remove(j)
	a := Attempt{Start: e.Start, End: e.End, Outcome: OutcomeCancelled, Error: cutText(e.Error, MaxError)}
	w.close(j, closing{state: Cancelled, attempt: &a, settles: true, holder: c.Holder, reason: "it was cancelled while it ran"})
}

// endUncounted returns a job as if the attempt had not been. With RetryAfter it waits that long, with
// the reason as its last error: it was put aside, and others go before it.
func (w *work) endUncounted(c *Claim, e *Ended) {
	if e.RetryAfter > 0 {
		w.unclaim(c)
		j := w.jobOf(c, e)
		j.LastError = cutText(e.Error, MaxError)
		w.rest(j, ceilMilli(w.wall.Add(min(e.RetryAfter, maxDelay))), w.holdsKey(c), true)
		return
	}
	if w.isStored(c) || w.keyTaken(c) || w.waited(c) {
		w.unclaim(c)
		w.rest(w.jobOf(c, e), time.Time{}, w.holdsKey(c), true)
		return
	}
	j := c.Job
	if _, ended := w.ends(j); ended {
		w.unclaim(c)
		w.rest(w.jobOf(c, e), time.Time{}, true, true) // ends it
		return
	}
	w.ending = append(w.ending, c)
	w.back = append(w.back, j)
	w.effect(BecameReady{Job: j, Settles: true})
}

func (w *work) endFailed(c *Claim, e *Ended, outcome Outcome, once bool) {
	w.unclaim(c)
	j := w.jobOf(c, e)
	text := cutText(e.Error, MaxError)
	j.Tries++
	if outcome == OutcomeCrash {
		j.Crashes++
	}
	j.addAttempt(Attempt{Start: e.Start, End: e.End, Outcome: outcome, Error: text})
	j.LastError = text
	if once && outcome != OutcomePermanent {
		j.LastError = cutText(text, MaxError-len(onceText)) + onceText
	}
	if once || outcome == OutcomePermanent || e.NoRetry || j.NoRetry || j.Tries >= max(e.Policy.Attempts, 1) {
		w.die(j, w.holdsKey(c), true)
		return
	}
	due := time.Time{}
	if d := e.delay(j.Tries); d > 0 {
		due = ceilMilli(w.wall.Add(d))
	}
	if w.rest(j, due, w.holdsKey(c), true) == nil && j.State.waits() {
		w.effect(Retried{Pair: j.Pair})
	}
}

// onceText says why a job that runs at most once is dead after one attempt.
const onceText = " (may have run; not tried again: at_most_once)"

// delay returns the back-off after the given number of failures.
func (e *Ended) delay(failures int) time.Duration {
	p := backoff.Policy{First: e.Policy.RetryDelay, Factor: e.Policy.RetryFactor, Max: maxDelay, Jitter: e.Policy.RetryJitter}
	return max(p.Delay(failures, e.Jitter), min(e.RetryAfter, maxDelay))
}

// die puts a job among the dead, where it is kept until it is retried or expires. The next of its chain
// goes on; those that wait for it wait on.
func (w *work) die(j *Job, keyHeld, settles bool) {
	if j.Key != "" {
		w.giveKeyBack(j, keyHeld)
	}
	if j.Chained {
		w.leave(j)
	}
	w.placeDead(j)
	w.save(j)
	w.indexWaiting(j)
	w.effect(Finished{ID: j.ID, Pair: j.Pair, State: Dead, Tries: j.Tries, Created: j.Created, Settles: settles})
}

// holdsKey reports whether the claim's job has its key for certain.
func (w *work) holdsKey(c *Claim) bool { return !c.found && !w.keyTaken(c) }

// leaveKey deletes the key of a job that is done, when it still has it, or leaves it there for a while.
func (w *work) leaveKey(c *Claim) {
	if w.keyTaken(c) {
		return
	}
	if c.Job.Twins.mode() == DedupWindow {
		w.keepWindow(c.Job, !c.found)
		return
	}
	w.giveKeyBack(c.Job, !c.found)
}

// moveCursors moves cursors forward, but not beyond a ready key that the caller may have thought to
// be gone: that of a claim in memory, and of a job that came back from one to its old place.
func (w *work) moveCursors(cursors []Cursor) {
	for _, cur := range cursors {
		if cur.Band >= Bands {
			continue
		}
		seq := cur.Seq
		keep := func(p Pair, b Band, at uint64) {
			if p == cur.Pair && b == cur.Band {
				seq = min(seq, at)
			}
		}
		// The order of the maps does not matter: a minimum.
		for id, c := range w.mem.running {
			if !w.isStored(c) && w.running(id) != nil {
				keep(c.Job.Pair, c.Job.Band, c.Job.Seq)
			}
		}
		for _, r := range w.mem.returned {
			keep(r.pair, r.band, r.seq)
		}
		for _, j := range w.back {
			keep(j.Pair, j.Band, j.Seq)
		}
		s := w.pair(cur.Pair)
		if !s.Counts.IsZero() && seq > s.Cursor[cur.Band] {
			s.Cursor[cur.Band] = seq
			s.dirty = true
		}
	}
}
