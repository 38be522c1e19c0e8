package e2e_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"auwai/test/rig"
)

func TestEditsWhileTheServiceIsAwayAreNeitherLostNorDoubled(t *testing.T) {
	s := newStand(t, 12, "aawiki")
	wiki := s.Wiki("aawiki")
	editor := login(t, wiki)
	// Pages of their own: MediaWiki takes a page that was edited in the second of its template's edit
	// for fresh, whoever runs its jobs.
	usual := s.writePage(t, editor, "Alone 1", "one")
	s.awaitIdle(t)
	warm(t, s.Farm, wiki, "first-mark")

	if err := s.service.Stop(); err != nil {
		t.Fatal(err)
	}
	alone := s.writePage(t, editor, "Alone 2", "two")
	template, err := editor.EditInner(t.Context(), "second-mark")
	if err != nil {
		t.Fatalf("an edit failed because the service is away: %v", err)
	}
	if page, err := wiki.Read(t.Context(), "Page 3"); err != nil || !page.Hit {
		t.Fatalf("a page was purged although the service is away: %v", err)
	}
	if err := s.service.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.awaitJob(t, alone, "htmlCacheUpdate") // the spool is drained in order
	s.awaitJob(t, template, "refreshLinks")
	s.awaitIdle(t)
	assertFresh(t, s.Farm, wiki, "second-mark")
	s.assertNoneDead(t)
	if diff := cmp.Diff(s.queuesOf(t, usual), s.queuesOf(t, alone)); diff != "" {
		t.Errorf("jobs of an edit with the service there (-) and away (+):\n%s", diff)
	}
}

func TestAReadOnlyWikiIsHeldAndProbedWithoutSpendingAttempts(t *testing.T) {
	s := newStand(t, 3, "aawiki", "bbwiki")
	if err := s.Wiki("bbwiki").SetReadOnly("maintenance of the test"); err != nil {
		t.Fatal(err)
	}
	held := s.pushNull(t, "bbwiki")
	s.awaitHeld(t, "bbwiki")
	other := s.pushNull(t, "aawiki")
	s.awaitState(t, other, "done") // its neighbour goes on
	job, err := s.service.Job(t.Context(), held)
	if err != nil || job.State == "dead" || job.State == "done" {
		t.Fatalf("the held job: %+v, %v", job, err)
	}
	if err := s.Wiki("bbwiki").SetReadOnly(""); err != nil {
		t.Fatal(err)
	}
	s.awaitState(t, held, "done")
}

func TestAWikiThatRefusesConnectionsIsHeldUntilItIsBack(t *testing.T) {
	s := newStand(t, 3, "aawiki")
	if err := s.StopWeb(t.Context()); err != nil {
		t.Fatal(err)
	}
	held := s.pushNull(t, "aawiki")
	s.awaitHeld(t, "aawiki")
	if err := s.StartWeb(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.awaitState(t, held, "done")
}

// writePage makes a page that uses the template and returns the request's id.
func (s *stand) writePage(t *testing.T, editor *rig.Editor, title, word string) string {
	t.Helper()
	request, err := editor.Edit(t.Context(), title, "The word is "+word+".\n\n{{Outer|"+word+"}}\n\n[[Category:Words]]")
	if err != nil {
		t.Fatalf("write %s: %v", title, err)
	}
	return request
}

// queuesOf counts the request's jobs by queue. recentChangesUpdate is left out: MediaWiki throws
// dice over one of its two kinds.
func (s *stand) queuesOf(t *testing.T, requestID string) map[string]int {
	t.Helper()
	jobs, err := s.jobsOf(t.Context(), requestID)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, job := range jobs {
		if job.Queue != "recentChangesUpdate" {
			counts[job.Queue]++
		}
	}
	return counts
}

// pushNull pushes MediaWiki's job that does nothing and returns its id.
func (s *stand) pushNull(t *testing.T, wiki string) string {
	t.Helper()
	return s.pushJob(t, wiki, "null", map[string]any{"lives": 1, "usleep": 0})
}

// awaitHeld waits until the wiki is held, with a reason.
func (s *stand) awaitHeld(t *testing.T, wiki string) {
	t.Helper()
	err := rig.UntilIn(t.Context(), time.Minute, wiki+" to be held", func(ctx context.Context) (bool, string, error) {
		rows, err := s.service.Queues(ctx)
		var reasons []string
		for _, row := range rows {
			if row.Wiki == wiki && row.Held != "" {
				reasons = append(reasons, row.Held)
			}
		}
		return len(reasons) > 0, strings.Join(reasons, "; "), err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// awaitState waits until the job is in the state; a hold is probed at most a minute later.
func (s *stand) awaitState(t *testing.T, id, state string) {
	t.Helper()
	err := rig.UntilIn(t.Context(), 2*time.Minute, "job "+id+" to be "+state, func(ctx context.Context) (bool, string, error) {
		job, err := s.service.Job(ctx, id)
		return job.State == state, job.State + " " + job.LastError, err
	})
	if err != nil {
		t.Fatal(err)
	}
}
