package e2e_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"auwai/test/rig"
)

// Jobs that were pushed to the service run through a farm's runner script, which looks at no signature
// and chooses the wiki by the event, on the wiki that they belong to.
func TestJobsRunThroughTheRunnerScriptOfAFarm(t *testing.T) {
	s := newPlainStand(t, nil, func(config *rig.ServiceConfig) {
		config.RCFeed = ""
		for name, wiki := range config.Wikis {
			wiki.Runner, wiki.SecretFile = rig.RunnerEventBusRPC, ""
			config.Wikis[name] = wiki
		}
		config.Queues["noSuchJob"] = rig.QueueConfig{Attempts: 1}
	}, "aawiki", "bbwiki")
	first, second := s.Wiki("aawiki"), s.Wiki("bbwiki")
	warm(t, s.Farm, first, "first-mark")
	warm(t, s.Farm, second, "first-mark")

	purge := s.pushJob(t, "aawiki", "cdnPurge", map[string]any{"urls": []string{first.Server + "/wiki/Page_3"}})
	s.awaitState(t, purge, "done")
	if page, err := first.Read(t.Context(), "Page 3"); err != nil || page.Hit {
		t.Errorf("the job did not purge its page (from the cache: %t): %v", page.Hit, err)
	}
	if page, err := second.Read(t.Context(), "Page 3"); err != nil || !page.Hit {
		t.Errorf("the job purged a page of another wiki: %v", err)
	}

	failed := s.pushJob(t, "aawiki", "noSuchJob", map[string]any{})
	s.awaitState(t, failed, "dead")
	if job, err := s.service.Job(t.Context(), failed); err != nil || !strings.Contains(job.LastError, "the job failed (500)") {
		t.Errorf("the job died of %q: %v", job.LastError, err)
	}

	if err := second.SetReadOnly("the test"); err != nil {
		t.Fatal(err)
	}
	held := s.pushJob(t, "bbwiki", "null", map[string]any{"lives": 1, "usleep": 0})
	s.awaitHeld(t, "bbwiki")
	if err := second.SetReadOnly(""); err != nil {
		t.Fatal(err)
	}
	s.awaitState(t, held, "done")
}

// pushJob pushes a job of MediaWiki and returns its id.
func (s *stand) pushJob(t *testing.T, wiki, kind string, params map[string]any) string {
	t.Helper()
	body, err := json.Marshal([]map[string]any{{
		"queue": kind, "wiki": wiki, "payload": map[string]any{"type": kind, "params": params},
	}})
	if err != nil {
		t.Fatal(err)
	}
	answer, pushed, err := s.service.PostJobs(t.Context(), body)
	if err != nil || answer.Status != http.StatusCreated || len(pushed) != 1 {
		t.Fatalf("push: %v, status %d: %s", err, answer.Status, answer.Body)
	}
	return pushed[0].ID
}
