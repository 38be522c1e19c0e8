package e2e_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"auwai/test/rig"
)

func TestAnEditOfTheInnermostTemplateReachesEveryPageOfBothWikisThroughTheCache(t *testing.T) {
	s := newStand(t, 40, "aawiki", "bbwiki")
	var requests []string
	for _, wiki := range s.Wikis() {
		warm(t, s.Farm, wiki, "first-mark")
	}
	begun := time.Now()
	for _, wiki := range s.Wikis() {
		request, err := login(t, wiki).EditInner(t.Context(), "second-mark")
		if err != nil {
			t.Fatal(err)
		}
		requests = append(requests, request)
	}
	s.awaitIdle(t)
	t.Logf("both cascades took %s", time.Since(begun).Round(time.Millisecond))
	for n, wiki := range s.Wikis() {
		assertFresh(t, s.Farm, wiki, "second-mark")
		s.assertQueues(t, requests[n], "refreshLinks", "htmlCacheUpdate")
	}
	s.assertNoneDead(t)
	if err := s.service.Stop(); err != nil {
		t.Error(err)
	}
}

func TestMovesAndDeletionsArePurged(t *testing.T) {
	s := newStand(t, 6, "aawiki")
	wiki := s.Wiki("aawiki")
	warm(t, s.Farm, wiki, "first-mark")
	editor := login(t, wiki)
	if _, err := editor.Move(t.Context(), "Page 1", "Elsewhere"); err != nil {
		t.Fatal(err)
	}
	s.awaitIdle(t)
	page, err := wiki.Read(t.Context(), "Page 1")
	if err != nil || page.Hit {
		t.Errorf("the old title is still in the cache as before: %v", err)
	}
	if _, err = wiki.Read(t.Context(), "Elsewhere"); err != nil {
		t.Errorf("the new title: %v", err)
	}
	if _, err = editor.Delete(t.Context(), "Page 2"); err != nil {
		t.Fatal(err)
	}
	s.awaitIdle(t)
	if page, err = wiki.Read(t.Context(), "Page 2"); err == nil {
		t.Errorf("a deleted page is still shown (from the cache: %t)", page.Hit)
	}
	s.assertNoneDead(t)
}

// assertQueues checks that the request's cascade went through these queues.
func (s *stand) assertQueues(t *testing.T, requestID string, queues ...string) {
	t.Helper()
	jobs, err := s.jobsOf(t.Context(), requestID)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, job := range jobs {
		seen[job.Queue]++
	}
	t.Logf("jobs of request %s: %v", requestID, seen)
	for _, queue := range queues {
		if seen[queue] == 0 {
			t.Errorf("no %s job among those of request %s", queue, requestID)
		}
	}
}

func TestEveryPageIsFreshThoughTheServiceIsKilledDuringTheCascade(t *testing.T) {
	s := newStand(t, 40, "aawiki")
	wiki := s.Wiki("aawiki")
	warm(t, s.Farm, wiki, "first-mark")
	request, err := login(t, wiki).EditInner(t.Context(), "second-mark")
	if err != nil {
		t.Fatal(err)
	}
	// Two kills: a job under way at both is at its third and last attempt.
	for range 2 {
		rig.Pause(t.Context(), time.Duration(rig.Random(int(400*time.Millisecond))))
		s.service.Kill()
		if err := s.service.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	// What could not be pushed meanwhile waits in the wiki, and comes within a minute or so.
	s.awaitEmptySpool(t, wiki)
	s.awaitIdle(t)
	assertFresh(t, s.Farm, wiki, "second-mark")
	s.assertQueues(t, request, "refreshLinks", "htmlCacheUpdate")
	s.assertNoneDead(t)
}

// awaitEmptySpool waits until nothing waits in the wiki for the service and nothing runs that could
// add to it.
func (s *stand) awaitEmptySpool(t *testing.T, wiki *rig.Wiki) {
	t.Helper()
	err := rig.UntilIn(t.Context(), cascadeWithin, "the wiki's spool to be empty", func(ctx context.Context) (bool, string, error) {
		if err := s.service.AwaitIdle(ctx, cascadeWithin, nil); err != nil {
			return false, "", err
		}
		waiting, err := wiki.Spooled(ctx)
		return waiting == 0, fmt.Sprintf("%d items", waiting), err
	})
	if err != nil {
		t.Fatal(err)
	}
}
