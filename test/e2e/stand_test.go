package e2e_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"auwai/test/rig"
)

// cascadeWithin bounds how long the jobs of one edit may take on a busy machine.
const cascadeWithin = 3 * time.Minute

// stand is a farm with the extension, its cache and a running service.
type stand struct {
	*rig.Farm
	service *rig.Service
}

// newStand makes wikis of this many pages and starts everything.
func newStand(t *testing.T, pages int, wikis ...string) *stand {
	t.Helper()
	return newStandWith(t, pages, func(*rig.ServiceConfig) {}, wikis...)
}

// newStandWith is newStand with what change makes of the configuration.
func newStandWith(t *testing.T, pages int, change func(*rig.ServiceConfig), wikis ...string) *stand {
	t.Helper()
	return newStandOf(t, rig.RunnerAuwai, pages, change, wikis...)
}

// newStandOf is newStandWith with this runner for all wikis.
func newStandOf(t *testing.T, runner string, pages int, change func(*rig.ServiceConfig), wikis ...string) *stand {
	t.Helper()
	rig.Need(t, "mediawiki", "varnish")
	root, err := rig.ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	port, err := rig.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	listen := "127.0.0.1:" + strconv.Itoa(port)
	dir := t.TempDir()
	var binary string
	s := &stand{}
	group, ctx := errgroup.WithContext(t.Context())
	group.Go(func() (err error) {
		binary, err = rig.Build(ctx, dir)
		return err
	})
	group.Go(func() (err error) {
		s.Farm, err = rig.NewFarm(ctx, rig.Options{
			Dir: dir, Wikis: wikis, Pages: pages,
			Extension: filepath.Join(root, "extension", "Auwai"), AuwaiURL: "http://" + listen,
		})
		return err
	})
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	config := s.ServiceConfig(listen, runner, "1s")
	change(&config)
	if s.service, err = rig.NewService(binary, dir, config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { showLogs(t, s.LogDir()) })
	t.Cleanup(s.Close)
	t.Cleanup(func() {
		s.service.Kill()
		rig.AssertContent(t, s.service)
	})
	for _, start := range []func(context.Context) error{s.StartWeb, s.StartCache, s.service.Start} {
		if err := start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// showLogs shows the end of every log of a test that failed.
func showLogs(t *testing.T, dir string) {
	t.Helper()
	if !t.Failed() {
		return
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil {
		t.Log(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Log(err)
		}
		t.Logf("end of %s:\n%s", filepath.Base(file), tail(string(text)))
	}
}

// tail returns the last lines of a log, without those in which PHP's server names its connections.
func tail(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if !strings.HasSuffix(line, " Accepted\n") && !strings.HasSuffix(line, " Closing\n") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-40):], "")
}

// login opens an editor's session.
func login(t *testing.T, wiki *rig.Wiki) *rig.Editor {
	t.Helper()
	editor, err := wiki.Login(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return editor
}

// warm reads every page twice and checks that the second time it came from the cache, with the mark.
func warm(t *testing.T, farm *rig.Farm, wiki *rig.Wiki, mark string) {
	t.Helper()
	for _, title := range farm.Pages() {
		var page rig.Page
		for range 2 {
			var err error
			if page, err = wiki.Read(t.Context(), title); err != nil {
				t.Fatal(err)
			}
		}
		if !page.Hit || !strings.Contains(page.Body, mark) {
			t.Fatalf("%s of %s: from the cache: %t, shows %q: %t", title, wiki.Name, page.Hit, mark, strings.Contains(page.Body, mark))
		}
	}
}

// assertFresh reads every page once through the cache and checks that it shows the mark.
func assertFresh(t *testing.T, farm *rig.Farm, wiki *rig.Wiki, mark string) {
	t.Helper()
	var stale []string
	for _, title := range farm.Pages() {
		page, err := wiki.Read(t.Context(), title)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(page.Body, mark) {
			stale = append(stale, fmt.Sprintf("%s (from the cache: %t)", title, page.Hit))
		}
	}
	if len(stale) > 0 {
		t.Errorf("%d of %d pages of %s do not show %q, the first: %s", len(stale), len(farm.Pages()), wiki.Name, mark, stale[0])
	}
}

// awaitIdle waits until nothing is left to do.
func (s *stand) awaitIdle(t *testing.T) {
	t.Helper()
	if err := s.service.AwaitIdle(t.Context(), cascadeWithin, nil); err != nil {
		t.Fatal(err)
	}
}

// awaitJob waits until the service knows a job of the request in the queue.
func (s *stand) awaitJob(t *testing.T, requestID, queue string) {
	t.Helper()
	err := rig.UntilIn(t.Context(), cascadeWithin, "the request's job in "+queue, func(ctx context.Context) (bool, string, error) {
		jobs, err := s.jobsOf(ctx, requestID)
		found := slices.ContainsFunc(jobs, func(job rig.Job) bool { return job.Queue == queue })
		return found, fmt.Sprintf("%d jobs", len(jobs)), err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (s *stand) jobsOf(ctx context.Context, requestID string) ([]rig.Job, error) {
	return s.service.Jobs(ctx, url.Values{"request_id": {requestID}})
}

// assertNoneDead checks that no job failed for good.
func (s *stand) assertNoneDead(t *testing.T) {
	t.Helper()
	dead, err := s.service.Jobs(t.Context(), url.Values{"state": {"dead"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, job := range dead {
		t.Errorf("%s of %s is dead after %d attempts: %s", job.Queue, job.Wiki, job.Attempts, job.LastError)
	}
}
