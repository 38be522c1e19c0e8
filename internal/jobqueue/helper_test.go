package jobqueue_test

import (
	"slices"
	"testing"
	"time"

	"auwai/internal/fault"
	"auwai/internal/ident"
	"auwai/internal/jobqueue"
	"auwai/internal/jobqueue/jobqueuetest"
	"auwai/internal/partition"
)

func links() jobqueue.Pair { return jobqueue.Pair{Wiki: "aawiki", Queue: "refreshLinks"} }

// policy allows three attempts, after a minute and after six.
func policy() jobqueue.Policy {
	return jobqueue.Policy{Attempts: 3, RetryDelay: time.Minute, RetryFactor: 6, RetryJitter: 0.1}
}

func newRig(t *testing.T) *jobqueuetest.Rig {
	t.Helper()
	return jobqueuetest.New(t, partition.Of("aawiki"))
}

// push pushes one job, filling in what is missing, and returns the answer.
func push(t *testing.T, r *jobqueuetest.Rig, n jobqueue.New) jobqueue.Pushed {
	t.Helper()
	p := pushOpen(t, r, n)
	r.Commit()
	return p
}

// pushOpen is push without a commit.
func pushOpen(t *testing.T, r *jobqueuetest.Rig, n jobqueue.New) jobqueue.Pushed {
	t.Helper()
	if n.ID.IsZero() {
		n.ID = r.Mint()
	}
	if n.Wiki == "" {
		n.Pair = links()
	}
	if n.Payload == nil && n.Blob.Size == 0 {
		n.Payload = []byte("{}")
	}
	c := &jobqueue.Push{Jobs: []jobqueue.New{n}}
	if err := r.Apply(c); err != nil {
		t.Fatal(err)
	}
	return c.Results[0]
}

func claim(t *testing.T, r *jobqueuetest.Rig) *jobqueue.Claim {
	t.Helper()
	c := r.Claim(links())
	if c == nil {
		t.Fatal("no job can be claimed")
	}
	return c
}

func ended(r *jobqueuetest.Rig, c *jobqueue.Claim, o jobqueue.Outcome) jobqueue.Ended {
	text := "it broke"
	if o == jobqueue.OutcomeDone {
		text = ""
	}
	return jobqueue.Ended{Claim: c, Outcome: o, Error: text, Start: c.Start, End: r.Clock.Wall, Policy: policy()}
}

// finish ends an attempt and commits.
func finish(t *testing.T, r *jobqueuetest.Rig, c *jobqueue.Claim, o jobqueue.Outcome) {
	t.Helper()
	f := &jobqueue.Finish{Outcomes: []jobqueue.Ended{ended(r, c, o)}}
	r.Must(f)
	if len(f.Lost) > 0 {
		t.Fatalf("the claim of job %s was lost", c.Job.ID)
	}
}

// wantState fails the test unless the job's record is in the state.
func wantState(t *testing.T, r *jobqueuetest.Rig, id ident.Suffix, want jobqueue.State) *jobqueue.Job {
	t.Helper()
	j := r.Job(links(), id)
	if j == nil {
		t.Fatalf("job %s has no record, want it %s", id, want)
	}
	if j.State != want {
		t.Fatalf("job %s is %s, want %s", id, j.State, want)
	}
	return j
}

func wantNoJob(t *testing.T, r *jobqueuetest.Rig, id ident.Suffix) {
	t.Helper()
	if j := r.Job(links(), id); j != nil {
		t.Fatalf("job %s is %s, want no record", id, j.State)
	}
}

func wantKind(t *testing.T, err error, want fault.Kind) {
	t.Helper()
	if err == nil || fault.KindOf(err) != want {
		t.Fatalf("got error %v, want one of kind %s", err, want)
	}
}

// wantCounts compares the counts of the pair with claims in memory taken into account.
func wantCounts(t *testing.T, r *jobqueuetest.Rig, want jobqueue.Counts) {
	t.Helper()
	got := r.Mem().Counts(links(), r.Pair(links()).Counts)
	if got != want {
		t.Fatalf("counts are %+v, want %+v", got, want)
	}
	r.Verify()
}

// order returns the ids of the pair's ready jobs in their order.
func order(r *jobqueuetest.Rig) []ident.Suffix {
	var out []ident.Suffix
	for _, e := range r.Ready(links()) {
		out = append(out, e.ID)
	}
	return out
}

func wantOrder(t *testing.T, r *jobqueuetest.Rig, want ...ident.Suffix) {
	t.Helper()
	if got := order(r); !slices.Equal(got, want) {
		t.Fatalf("the order is %v, want %v", got, want)
	}
}

// effect returns the only effect of its type since the last call of Effects.
func effect[E any](t *testing.T, effects []any) E {
	t.Helper()
	var found []E
	for _, e := range effects {
		if x, ok := e.(E); ok {
			found = append(found, x)
		}
	}
	if len(found) != 1 {
		var zero E
		t.Fatalf("%d effects %T among %+v, want one", len(found), zero, effects)
	}
	return found[0]
}

// both is a command made of others.
type both []partition.Command

func (b both) Apply(tx *partition.Tx) error {
	for _, c := range b {
		if err := c.Apply(tx); err != nil {
			return err
		}
	}
	return nil
}

func names(words []jobqueuetest.Words) []string {
	var out []string
	for _, w := range words {
		out = append(out, w.Family)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
