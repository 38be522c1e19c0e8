package intake_test

import (
	"testing"
	"time"

	"auwai/internal/fault"
	"auwai/internal/intake"
)

func TestAWikisWakeUpsHaveNoTwin(t *testing.T) {
	n := newNode(t)
	in := newIntake(n)
	if err := in.RunJobs(t.Context(), "aawiki", "rcfeed", n.now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if err := in.RunJobs(t.Context(), "aawiki", "poll", time.Time{}); err != nil {
		t.Fatal(err)
	}
	jobs := n.jobs("aawiki")
	if len(jobs) != 1 {
		t.Fatalf("%d jobs, want 1", len(jobs))
	}
	j := jobs[0]
	if j.Queue != intake.RunJobsQueue || j.Key != "aawiki" || !j.RunAt.IsZero() || j.RequestID == "" {
		t.Errorf("the job is %+v", j)
	}
	if err := in.RunJobs(t.Context(), "zzwiki", "poll", time.Time{}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("RunJobs of a wiki that is not configured = %v", err)
	}
}
