package jobqueue_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/jobqueue/jobqueuetest"
	"auwai/internal/partition"
)

// TestTheQueueDoesWhatTheModelDoes runs random commands in random groups, with crashes between, and
// compares the store with a model of the state diagram after each commit.
func TestTheQueueDoesWhatTheModelDoes(t *testing.T) {
	for seed := range uint64(150) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			w := newWalk(t, seed)
			for range 150 {
				w.step()
			}
			w.commit()
		})
	}
}

// walk drives a rig and the model side by side.
type walk struct {
	t         *testing.T
	rng       *rand.Rand
	rig       *jobqueuetest.Rig
	m         *model
	committed *model
	claims    map[ident.Suffix]*jobqueue.Claim
	log       []string
}

func newWalk(t *testing.T, seed uint64) *walk {
	t.Helper()
	rig := jobqueuetest.New(t, partition.Of("aawiki"))
	rng := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a walk can be walked again
	w := &walk{t: t, rng: rng, rig: rig, m: newModel(rig.Clock.Wall), claims: map[ident.Suffix]*jobqueue.Claim{}}
	w.committed = w.m.clone()
	return w
}

func (w *walk) step() {
	switch n := w.rng.IntN(100); {
	case n < 30:
		w.push()
	case n < 48:
		w.claim()
	case n < 66:
		w.finish()
	case n < 70:
		w.store()
	case n < 75:
		d := time.Duration(w.rng.IntN(4)) * 40 * time.Second
		w.rig.Advance(d)
		w.m.now = w.m.now.Add(d)
		w.say("advance %s", d)
	case n < 80:
		w.promote()
	case n < 81:
		w.pick("stop", func(p jobqueue.Pair, id ident.Suffix) partition.Command {
			return &jobqueue.Cancel{Wiki: p.Wiki, ID: id, Running: true}
		})
	case n < 83:
		w.pick("cancel", func(p jobqueue.Pair, id ident.Suffix) partition.Command {
			return &jobqueue.Cancel{Wiki: p.Wiki, ID: id}
		})
	case n < 87:
		w.pick("retry", func(p jobqueue.Pair, id ident.Suffix) partition.Command { return &jobqueue.Retry{Wiki: p.Wiki, ID: id} })
	case n < 88:
		w.drop()
	case n < 89:
		w.purge()
	case n < 90:
		w.cancelRoot()
	case n < 92:
		w.crash()
	default:
		w.commit()
	}
}

func (w *walk) say(format string, args ...any) { w.log = append(w.log, fmt.Sprintf(format, args...)) }

func (w *walk) fail(format string, args ...any) {
	w.t.Helper()
	for _, line := range w.log {
		w.t.Log(line)
	}
	w.t.Fatalf(format, args...)
}

func (w *walk) apply(c partition.Command) {
	w.t.Helper()
	if err := w.rig.Apply(c); err != nil {
		w.fail("%T: %v", c, err)
	}
}

func (w *walk) newJob() jobqueue.New {
	n := jobqueue.New{
		ID: w.rig.Mint(), Pair: links(),
		Band:      jobqueue.Band(w.rng.IntN(jobqueue.Bands)), //nolint:gosec // below Bands
		RequestID: fmt.Sprint("r", w.rng.IntN(3)),
	}
	n.Payload = fmt.Appendf(nil, "%s", n.ID)
	if w.rng.IntN(5) == 0 {
		n.Queue = "other"
	}
	if w.rng.IntN(3) > 0 {
		n.Key = fmt.Sprint("k", w.rng.IntN(3))
	}
	if w.rng.IntN(3) == 0 {
		n.Root = jobqueue.Root{Signature: fmt.Sprint("s", w.rng.IntN(2)), Timestamp: fmt.Sprintf("202601020304%02d", w.rng.IntN(4)+len(w.log)/40), IsRoot: w.rng.IntN(3) == 0}
	}
	if w.rng.IntN(4) == 0 {
		n.RunAt = w.rig.Clock.Wall.Add(time.Duration(w.rng.IntN(5)-1) * 30 * time.Second)
	}
	w.hang(&n)
	if w.rng.IntN(6) == 0 {
		n.Source = jobqueue.Source{Name: fmt.Sprint("c", w.rng.IntN(20))}
		if w.rng.IntN(2) == 1 {
			n.Source.Hash[0] = 1
		}
	}
	return n
}

// ids returns the jobs that the model has, in their order.
func (w *walk) ids() []ident.Suffix {
	ids := make([]ident.Suffix, 0, len(w.m.jobs))
	for id := range w.m.jobs {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b ident.Suffix) int { return bytes.Compare(a[:], b[:]) })
	return ids
}

func (w *walk) push() {
	c := &jobqueue.Push{}
	for range 1 + w.rng.IntN(3) {
		c.Jobs = append(c.Jobs, w.newJob())
	}
	w.apply(c)
	for i, n := range c.Jobs {
		w.m.created[n.ID] = w.m.now
		want := w.m.push(n)
		got := c.Results[i]
		got.Flagged = false
		w.say("push %s key %q root %v band %d run_at %s: %+v", n.ID, n.Key, n.Root, n.Band, n.RunAt, got)
		if got != want {
			w.fail("push answers %+v, the model %+v", got, want)
		}
	}
	w.m.settle()
}

// claim takes a ready job that the store shows, as a dispatcher does.
func (w *walk) claim() {
	ready := append(w.rig.Ready(links()), w.rig.Ready(jobqueue.Pair{Wiki: "aawiki", Queue: "other"})...)
	if len(ready) == 0 {
		return
	}
	e := ready[w.rng.IntN(min(3, len(ready)))]
	j := w.rig.Job(links(), e.ID)
	c, ok := w.rig.Mem().Claim(j)
	if !ok {
		return
	}
	w.say("claim %s", e.ID)
	now, known := w.m.jobs[e.ID]
	if _, claimed := w.m.claims[e.ID]; !known || claimed || now.state != jobqueue.Ready || !bytes.Equal(now.Payload, j.Payload) {
		w.fail("job %s was claimed, which the model has as %+v", e.ID, now)
	}
	c.Start, c.Attempts = w.rig.Clock.Wall, 3
	w.claims[e.ID] = c
	w.m.claims[e.ID] = modelClaim{}
}

// anyClaim returns a claim, chosen by the seed.
func (w *walk) anyClaim() *jobqueue.Claim {
	if len(w.claims) == 0 {
		return nil
	}
	ids := make([]ident.Suffix, 0, len(w.claims))
	for id := range w.claims {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b ident.Suffix) int { return bytes.Compare(a[:], b[:]) })
	return w.claims[ids[w.rng.IntN(len(ids))]]
}

func (w *walk) finish() {
	f := &jobqueue.Finish{}
	outcomes := []jobqueue.Outcome{jobqueue.OutcomeDone, jobqueue.OutcomeDone, jobqueue.OutcomeFailed, jobqueue.OutcomeFailed, jobqueue.OutcomeUncounted, jobqueue.OutcomePermanent}
	for range 1 + w.rng.IntN(2) {
		c := w.anyClaim()
		if c == nil {
			break
		}
		delete(w.claims, c.Job.ID)
		f.Outcomes = append(f.Outcomes, ended(w.rig, c, outcomes[w.rng.IntN(len(outcomes))]))
	}
	if w.rng.IntN(3) == 0 {
		f.Cursors = w.cursors()
	}
	w.apply(f)
	if len(f.Lost) > 0 {
		w.fail("outcomes %v were lost", f.Lost)
	}
	for _, e := range f.Outcomes {
		w.say("finish %s %s", e.Claim.Job.ID, e.Outcome)
		w.m.finish(e.Claim.Job.ID, e.Outcome)
	}
	w.m.settle()
}

func (w *walk) store() {
	c := w.anyClaim()
	if c == nil {
		return
	}
	orderly := w.rng.IntN(3) == 0
	was := w.m.claims[c.Job.ID]
	if !was.stored && w.rng.IntN(3) == 0 {
		c.Exclusive, c.Deadline = true, w.rig.Clock.Wall.Add(time.Minute)
	}
	w.apply(&jobqueue.StoreClaims{Claims: []*jobqueue.Claim{c}, Orderly: orderly})
	w.say("store %s orderly %t", c.Job.ID, orderly)
	was.stored, was.orderly, was.exclusive, was.deadline = true, was.orderly || orderly, c.Exclusive, c.Deadline
	w.m.claims[c.Job.ID] = was
}

func (w *walk) promote() {
	w.commit() // so that the timer's scan shows everything
	w.say("promote")
	w.apply(&jobqueue.Promote{Due: w.rig.Due()})
	w.m.promote()
	w.m.settle()
}

// pick applies a command to any job; the model tells whether it may succeed.
func (w *walk) pick(what string, command func(jobqueue.Pair, ident.Suffix) partition.Command) {
	ids := w.ids()
	if len(ids) == 0 {
		return
	}
	id := ids[w.rng.IntN(len(ids))]
	j := w.m.jobs[id]
	_, claimed := w.m.claims[id]
	allowed := !claimed && (what == "cancel" && j.state != jobqueue.Dead || what == "retry" && j.state != jobqueue.Ready && j.state != jobqueue.Blocked) ||
		what == "stop" && (claimed || j.state != jobqueue.Dead)
	err := w.rig.Apply(command(j.Pair, id))
	w.say("%s %s: %v", what, id, err)
	if (err == nil) != allowed {
		w.fail("%s of a job that is %s, claimed %t: %v", what, j.state, claimed, err)
	}
	switch {
	case !allowed:
	case what == "stop" && claimed:
		w.m.stop(id)
	case what == "cancel" || what == "stop":
		w.m.end(id, jobqueue.Cancelled)
	default:
		w.m.retry(id)
	}
	w.m.settle()
}

func (w *walk) pairs() []jobqueue.Pair {
	return []jobqueue.Pair{links(), {Wiki: "aawiki", Queue: "other"}}
}

func (w *walk) crash() {
	w.say("crash")
	now := w.m.now
	w.m = w.committed.clone()
	w.m.now = now
	w.rig.Reopen()
	w.claims = map[ident.Suffix]*jobqueue.Claim{}
	for _, id := range w.m.reopen() {
		c := w.rig.Mem().Running(id)
		if c == nil || !c.Kept() {
			w.fail("the claim of job %s is gone: %+v", id, c)
		}
		w.claims[id] = c
	}
	w.m.settle()
	w.m.deliver()
	w.committed = w.m.clone()
	w.compare()
}

func (w *walk) commit() {
	w.rig.Commit()
	w.m.deliver()
	w.committed = w.m.clone()
	w.compare()
}

// shown is what is compared of a job.
type shown struct {
	State          jobqueue.State
	Band           jobqueue.Band
	Payload        string
	RequestID      string
	Root           jobqueue.Root
	Due            time.Time
	Tries, Crashes int
}

func (w *walk) compare() {
	w.t.Helper()
	if faults := w.rig.Check(); len(faults) > 0 {
		w.fail("the store is wrong: %q", faults)
	}
	want, got := map[string]shown{}, map[string]shown{}
	counts := map[jobqueue.Pair]jobqueue.Counts{}
	for id, j := range w.m.jobs {
		want[id.String()] = shown{j.state, j.Band, string(j.Payload), j.RequestID, j.Root, j.due, j.tries, j.crashes}
		c := counts[j.Pair]
		_, claimed := w.m.claims[id]
		switch {
		case claimed:
			c.Running++
		case w.m.waits(id) && w.m.purged(&j):
			c.Sweeping++
		case j.state == jobqueue.Blocked:
			c.Blocked++
		case j.state == jobqueue.Ready:
			c.Ready++
		case j.state == jobqueue.Delayed:
			c.Delayed++
		default:
			c.Dead++
		}
		counts[j.Pair] = c
	}
	for _, e := range w.rig.Scan(jobqueue.JobRange(w.rig.Partition(), "aawiki", ident.Suffix{})) {
		j, err := jobqueue.DecodeJobEntry("aawiki", e)
		if err != nil {
			w.fail("%v", err)
		}
		got[j.ID.String()] = shown{j.State, j.Band, string(j.Payload), j.RequestID, j.Root, j.Due, j.Tries, j.Crashes}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.fail("jobs (-model +store):\n%s", diff)
	}
	for _, p := range w.pairs() {
		if got := w.rig.Mem().Counts(p, w.rig.Pair(p).Counts); got != counts[p] {
			w.fail("counts of %v are %+v, the model has %+v", p, got, counts[p])
		}
		w.compareOrder(p)
	}
}

func (w *walk) compareOrder(p jobqueue.Pair) {
	w.t.Helper()
	var want []modelJob
	for id, j := range w.m.jobs {
		if j.Pair == p && j.state == jobqueue.Ready && !w.m.claims[id].stored && !w.m.purged(&j) {
			want = append(want, j)
		}
	}
	slices.SortFunc(want, func(a, b modelJob) int {
		switch {
		case a.Band != b.Band:
			return int(a.Band) - int(b.Band)
		case a.seq < b.seq:
			return -1
		default:
			return 1
		}
	})
	got := w.rig.Ready(p)
	if len(got) != len(want) {
		w.fail("%d ready jobs in %v, the model has %d", len(got), p, len(want))
	}
	for i := range want {
		if got[i].ID != want[i].ID {
			w.fail("place %d of %v is job %s, the model has %s", i, p, got[i].ID, want[i].ID)
		}
	}
}
