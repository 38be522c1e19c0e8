package jobqueue_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/jobqueue/jobqueuetest"
)

// TestThePathByMailGivesWhatTheOwnersPathGives pushes the same jobs to two queues: by command, and as the
// message that another session would have mailed.
func TestThePathByMailGivesWhatTheOwnersPathGives(t *testing.T) {
	for seed := range uint64(20) {
		direct, mailed := newRig(t), newRig(t)
		w := &walk{t: t, rng: rand.New(rand.NewPCG(seed, 2)), rig: direct, m: newModel(direct.Clock.Wall)} //nolint:gosec // a walk can be walked again
		var before []ident.Suffix
		for range 30 {
			c := &jobqueue.Push{}
			for range 1 + w.rng.IntN(4) {
				n := w.newJob()
				for w.rng.IntN(4) == 0 && len(before) > 0 {
					n.WaitsFor = append(n.WaitsFor, before[w.rng.IntN(len(before))])
				}
				n.RunAt, n.Cause = n.RunAt.Truncate(time.Millisecond), cause("aawiki")
				c.Jobs, before = append(c.Jobs, n), append(before, n.ID)
			}
			message, _, err := jobqueue.Domain{}.Decode(jobqueue.MailPush, jobqueue.EncodePush(c.Jobs))
			if err != nil {
				t.Fatal(err)
			}
			direct.Must(c)
			mailed.Must(message)
		}
		if diff := cmp.Diff(jobsOf(t, direct), jobsOf(t, mailed)); diff != "" {
			t.Fatalf("seed %d: jobs (-direct +mailed):\n%s", seed, diff)
		}
		if diff := cmp.Diff(direct.History(), mailed.History()); diff != "" {
			t.Fatalf("seed %d: history (-direct +mailed):\n%s", seed, diff)
		}
		mailed.Verify()
	}
}

// jobsOf returns all records, with their places.
func jobsOf(t *testing.T, r *jobqueuetest.Rig) (out []*jobqueue.Job) {
	t.Helper()
	for _, e := range r.Scan(jobqueue.JobRange(r.Partition(), "aawiki", ident.Suffix{})) {
		j, err := jobqueue.DecodeJobEntry("aawiki", e)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, j)
	}
	return out
}

func TestAMailedPushIsTakenWhenItsQueueIsFull(t *testing.T) {
	r := newRig(t)
	push(t, r, jobqueue.New{})
	n := jobqueue.New{ID: r.Mint(), Pair: links(), Payload: []byte("{}"), MaxPending: 1}
	c, _, err := jobqueue.Domain{}.Decode(jobqueue.MailPush, jobqueue.EncodePush([]jobqueue.New{n}))
	if err != nil {
		t.Fatal(err)
	}
	r.Must(c)
	wantCounts(t, r, jobqueue.Counts{Ready: 2})
}
