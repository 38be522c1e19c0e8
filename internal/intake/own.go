package intake

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"auwai/internal/fault"
	"auwai/internal/jobqueue"
	"auwai/internal/partition"
)

// RunJobsQueue is the queue of the jobs "run some of your own table's", one for each wiki that has no
// extension. The key is the wiki, so a waiting one has no twin; the payload says why it was made.
const RunJobsQueue = "auwai.runjobs"

// RunJobs makes the job that has a wiki run jobs of its own table, not before at; zero: at once. It
// returns when that is durable. One that waits already stays, and starts at the earlier of the two
// times. Errors are the node's, or of kind NotFound for a wiki that is not configured.
func (in *Intake) RunJobs(ctx context.Context, wiki, reason string, at time.Time) error {
	s := in.settings()
	if _, ok := s.Wikis[wiki]; !ok {
		return fault.Newf(fault.NotFound, "the wiki %q is not configured", wiki)
	}
	payload, err := json.Marshal(struct {
		Reason string `json:"reason"`
	}{reason})
	if err != nil {
		return fmt.Errorf("write the payload of %s: %w", RunJobsQueue, err)
	}
	id := in.node.Mint()
	c := newPush(jobqueue.New{
		ID: id, Pair: jobqueue.Pair{Queue: RunJobsQueue, Wiki: wiki}, Band: s.band(RunJobsQueue),
		Key: wiki, RunAt: at, RequestID: RunJobsQueue + "-" + id.String(), Payload: payload,
	})
	if _, err := in.deliver(ctx, partition.Of(wiki), wiki, c); err != nil {
		return fmt.Errorf("push %s of %s: %w", RunJobsQueue, wiki, err)
	}
	return nil
}
