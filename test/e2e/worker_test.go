package e2e_test

import (
	"strings"
	"testing"

	"auwai/test/rig"
)

// One PHP process serves two wikis in turns: the cascades of both go through it, and a wiki that
// becomes read-only is held until it is writable again.
func TestAnEditReachesEveryPageThroughAWarmPHPWorker(t *testing.T) {
	s := newStandOf(t, rig.RunnerWorker, 20, func(*rig.ServiceConfig) {}, "aawiki", "bbwiki")
	for _, wiki := range s.Wikis() {
		warm(t, s.Farm, wiki, "first-mark")
	}
	var requests []string
	for _, wiki := range s.Wikis() {
		request, err := login(t, wiki).EditInner(t.Context(), "second-mark")
		if err != nil {
			t.Fatal(err)
		}
		requests = append(requests, request)
	}
	s.awaitIdle(t)
	for n, wiki := range s.Wikis() {
		assertFresh(t, s.Farm, wiki, "second-mark")
		s.assertQueues(t, requests[n], "refreshLinks", "htmlCacheUpdate")
	}
	s.assertNoneDead(t)
	if err := s.service.Stop(); err != nil {
		t.Error(err)
	}
}

// The wiki's read-only file is read once by a PHP process: the worker notices that it came, and a new
// one that it went.
func TestAWorkerHoldsAWikiThatIsReadOnlyAndGoesOnAfterIt(t *testing.T) {
	s := newStandOf(t, rig.RunnerWorker, 4, func(*rig.ServiceConfig) {}, "aawiki")
	wiki := s.Wiki("aawiki")
	editor := login(t, wiki)
	if _, err := editor.EditInner(t.Context(), "second-mark"); err != nil {
		t.Fatal(err)
	}
	s.awaitIdle(t) // a worker is warm
	request, err := editor.EditInner(t.Context(), "third-mark")
	if err != nil {
		t.Fatal(err)
	}
	if err := wiki.SetReadOnly("being moved"); err != nil {
		t.Fatal(err)
	}
	s.awaitJob(t, request, "refreshLinks")
	if err := wiki.SetReadOnly(""); err != nil {
		t.Fatal(err)
	}
	s.awaitIdle(t)
	s.assertNoneDead(t)
	jobs, err := s.jobsOf(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	for _, job := range jobs {
		if job.Attempts > 1 || strings.Contains(job.LastError, "PHP died") {
			t.Errorf("%s: %d attempts, %s", job.Queue, job.Attempts, job.LastError)
		}
	}
}
