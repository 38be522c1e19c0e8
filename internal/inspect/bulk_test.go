package inspect_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"auwai/api"
	"auwai/internal/farm"
	"auwai/internal/fault"
	"auwai/internal/inspect"
	"auwai/internal/jobqueue"
	"auwai/internal/partition"
)

// deadOnes pushes jobs that die at once, in several wikis, and returns their ids.
func (r *rig) deadOnes(n int) []string {
	r.t.Helper()
	var ids []string
	for i := range n {
		c := jobqueue.New{Pair: jobqueue.Pair{Queue: "wait", Wiki: wikiName(i % 3)}, Dead: fmt.Sprintf("reason %d", i%2)}
		ids = append(ids, r.push(c))
	}
	return ids
}

// pages repeats a bulk request by its cursor, and sums up.
func pages(t *testing.T, do func(b api.BulkRequest) (api.BulkAnswer, error), b api.BulkRequest) (sum api.BulkAnswer, requests int) {
	t.Helper()
	for {
		out, err := do(b)
		if err != nil {
			t.Fatal(err)
		}
		requests++
		sum.Matched += out.Matched
		sum.Done += out.Done
		sum.Stopping += out.Stopping
		if b.Cursor = out.Cursor; b.Cursor == "" {
			return sum, requests
		}
	}
}

func TestDeadJobsAreRequeuedAndDroppedByFilterPageByPage(t *testing.T) {
	r := newRig(t)
	ids := r.deadOnes(30)
	drop := func(q api.DeadRequest) func(api.BulkRequest) (api.BulkAnswer, error) {
		return func(b api.BulkRequest) (api.BulkAnswer, error) {
			q.BulkRequest = b
			return r.DropDead(t.Context(), &q, nil)
		}
	}
	requeue := func(q api.DeadRequest) func(api.BulkRequest) (api.BulkAnswer, error) {
		return func(b api.BulkRequest) (api.BulkAnswer, error) {
			q.BulkRequest = b
			return r.RequeueDead(t.Context(), &q, nil)
		}
	}
	if sum, n := pages(t, drop(api.DeadRequest{}), api.BulkRequest{DryRun: true, Limit: 7}); sum.Matched != 30 || sum.Done != 0 || n < 5 {
		t.Errorf("a dry run: %+v in %d pages", sum, n)
	}
	if sum, _ := pages(t, requeue(api.DeadRequest{Error: "REASON 1", Wiki: wikiName(0)}), api.BulkRequest{Limit: 2}); sum.Matched != 5 || sum.Done != 5 {
		t.Errorf("requeued by error and wiki: %+v", sum)
	}
	if sum, _ := pages(t, drop(api.DeadRequest{IDs: []string{ids[1], ids[1], ids[3], "aawiki.01ARZ3NDEKTSV4RRFFQ69G5FAV"}}), api.BulkRequest{}); sum.Matched != 1 || sum.Done != 1 {
		t.Errorf("dropped by id: %+v", sum) // one was requeued, one is unknown
	}
	if sum, _ := pages(t, drop(api.DeadRequest{Queue: "wait"}), api.BulkRequest{Limit: 4}); sum.Matched != 24 || sum.Done != 24 {
		t.Errorf("dropped by queue: %+v", sum)
	}
	if left := r.list(inspect.JobFilter{State: api.StateDead}); len(left) != 0 {
		t.Errorf("%d dead jobs are left", len(left))
	}
	if ready := r.list(inspect.JobFilter{State: api.StateReady}); len(ready) != 5 {
		t.Errorf("%d jobs are ready, want 5", len(ready))
	}
	if _, err := r.DropDead(t.Context(), &api.DeadRequest{IDs: []string{"x"}}, nil); fault.FieldOf(err) != "ids" {
		t.Errorf("DropDead of no id = %v", err)
	}
	if _, err := r.DropDead(t.Context(), &api.DeadRequest{BulkRequest: api.BulkRequest{Limit: -1}}, nil); fault.FieldOf(err) != "limit" {
		t.Errorf("DropDead with a wrong limit = %v", err)
	}
}

func TestWaitingJobsAreCancelledByFilterAndRunningOnesWhereAskedFor(t *testing.T) {
	r := newRig(t, "hang")
	defer close(r.run.release)
	at := func(queue string) jobqueue.Pair { return jobqueue.Pair{Queue: queue, Wiki: "aawiki"} }
	root := jobqueue.Root{Signature: "s", Timestamp: "20260102030405"}
	r.push(jobqueue.New{Pair: at("hang"), RequestID: "edit"})
	<-r.run.started
	for range 10 {
		r.push(jobqueue.New{Pair: at("wait"), RequestID: "edit"})
		r.push(jobqueue.New{Pair: at("wait"), Root: root})
		r.push(jobqueue.New{Pair: at("wait"), RunAt: time.Now().Add(time.Hour), SerialKey: "x"})
		r.push(jobqueue.New{Pair: at("other")})
	}
	cancel := func(q api.CancelRequest, limit int) api.BulkAnswer {
		sum, _ := pages(t, func(b api.BulkRequest) (api.BulkAnswer, error) {
			q.BulkRequest = b
			return r.CancelMany(t.Context(), &q, nil)
		}, api.BulkRequest{Limit: limit, DryRun: q.DryRun})
		return sum
	}
	for _, x := range []struct {
		q    api.CancelRequest
		want api.BulkAnswer
	}{
		{api.CancelRequest{Wiki: "aawiki", BulkRequest: api.BulkRequest{DryRun: true}}, api.BulkAnswer{Matched: 40}},
		{api.CancelRequest{RequestID: "edit"}, api.BulkAnswer{Matched: 10, Done: 10}},
		{api.CancelRequest{RequestID: "edit", Running: true}, api.BulkAnswer{Matched: 1, Done: 1, Stopping: 1}},
		{api.CancelRequest{Root: "s"}, api.BulkAnswer{Matched: 10, Done: 10}},
		{api.CancelRequest{Queue: "wait"}, api.BulkAnswer{Matched: 10, Done: 10}},
		{api.CancelRequest{Queue: "other", Wiki: "bbwiki"}, api.BulkAnswer{}},
		{api.CancelRequest{Wiki: "aawiki"}, api.BulkAnswer{Matched: 10, Done: 10}},
	} {
		if got := cancel(x.q, 3); got != x.want {
			t.Errorf("cancelled by %+v: %+v, want %+v", x.q, got, x.want)
		}
	}
	if _, err := r.CancelMany(t.Context(), &api.CancelRequest{}, nil); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a cancel without a filter = %v", err)
	}
}

func TestWikisAreListedWithTheirCountsPageByPage(t *testing.T) {
	r := newRig(t)
	r.wikis = []inspect.Wiki{{Name: "aawiki", Runner: "auwai", URL: "http://a.example", Tags: map[string]string{"db": "s1"}}, {Name: "bbwiki"}}
	learn := &farm.Learn{Pairs: []farm.Pair{{Wiki: "ccwiki", Domain: "c.example"}}}
	if err := r.loop.Do(t.Context(), farm.Partition, partition.Farm, learn); err != nil {
		t.Fatal(err)
	}
	r.push(jobqueue.New{})
	r.push(jobqueue.New{Pair: jobqueue.Pair{Queue: "wait", Wiki: "ddwiki"}, Dead: "no"})
	var all []api.Wiki
	for f := (inspect.WikiFilter{Limit: 2}); ; {
		page, err := r.Wikis(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page.Wikis...)
		if f.Cursor = page.Cursor; f.Cursor == "" {
			break
		}
	}
	if len(all) != 4 {
		t.Fatalf("%d wikis: %+v", len(all), all)
	}
	if w := all[0]; w.Wiki != "aawiki" || !w.Configured || w.Ready != 1 || w.Held != "the test holds it" || w.HeldQueues != 1 || w.Tags["db"] != "s1" {
		t.Errorf("first %+v", w)
	}
	if w := all[2]; w.Wiki != "ccwiki" || w.Configured || w.Since == nil || len(w.Domains) != 1 {
		t.Errorf("third %+v", w)
	}
	if w := all[3]; w.Wiki != "ddwiki" || w.Dead != 1 || w.Held != "" {
		t.Errorf("fourth %+v", w)
	}
	one, err := r.Wikis(t.Context(), inspect.WikiFilter{Wiki: "aawiki"})
	if err != nil || len(one.Wikis) != 1 {
		t.Errorf("one wiki: %+v, %v", one, err)
	}
}

func TestARetryOfAFinishedJobSaysWhatBecameOfIt(t *testing.T) {
	r := newRig(t, "quick")
	id := r.push(jobqueue.New{Pair: jobqueue.Pair{Queue: "quick"}})
	r.await(id, api.StateDone)
	if _, err := r.Retry(t.Context(), id); fault.KindOf(err) != fault.NotFound || !strings.Contains(err.Error(), "is done since") {
		t.Errorf("Retry of a done job = %v", err)
	}
	kept := r.push(jobqueue.New{Key: "k"})
	twin := r.push(jobqueue.New{Key: "k"})
	if _, err := r.Cancel(t.Context(), twin); fault.KindOf(err) != fault.NotFound || !strings.Contains(err.Error(), "is merged into "+kept) {
		t.Errorf("Cancel of a duplicate = %v", err)
	}
}
