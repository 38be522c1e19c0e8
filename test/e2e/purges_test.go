package e2e_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"auwai/test/rig"
)

// purgeStand is two services between stock wikis and their cache: near takes PURGE and tells far by
// HTCP, far takes HTCP and purges Varnish.
type purgeStand struct {
	*rig.Farm

	near, far *rig.Service
}

// newPurgeStand makes a wiki that purges the near service as a cache, and one that tells the far one.
func newPurgeStand(t *testing.T) *purgeStand {
	t.Helper()
	rig.Need(t, "mediawiki", "varnish")
	var ports [2]string
	for i := range ports {
		port, err := rig.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		ports[i] = "127.0.0.1:" + strconv.Itoa(port)
	}
	dir := t.TempDir()
	s := &purgeStand{}
	var binary string
	group, ctx := errgroup.WithContext(t.Context())
	group.Go(func() (err error) {
		binary, err = rig.Build(ctx, dir)
		return err
	})
	group.Go(func() (err error) {
		s.Farm, err = rig.NewFarm(ctx, rig.Options{
			Dir: dir, Wikis: []string{"aawiki", "bbwiki"}, Pages: 12,
			Purges: map[string]rig.Purges{"aawiki": {Server: ports[0]}, "bbwiki": {HTCP: ports[1]}},
		})
		return err
	})
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { showLogs(t, s.LogDir()) })
	t.Cleanup(s.Close)
	s.near = s.newService(t, binary, filepath.Join(dir, "near"), &rig.CDNConfig{HTCP: []string{ports[1]}, PurgeListen: ports[0]})
	s.far = s.newService(t, binary, filepath.Join(dir, "far"), &rig.CDNConfig{Layers: [][]string{{s.CacheAddress()}}, HTCPListen: ports[1]})
	for _, start := range []func(context.Context) error{s.StartWeb, s.StartCache, s.far.Start, s.near.Start} {
		if err := start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// newService makes a service that knows the wikis and does nothing but purge.
func (s *purgeStand) newService(t *testing.T, binary, dir string, cdn *rig.CDNConfig) *rig.Service {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	config := s.ServiceConfig("", rig.RunnerEventBus, "")
	config.CDN = cdn
	service, err := rig.NewService(binary, dir, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { showLogs(t, filepath.Dir(service.LogFile())) })
	t.Cleanup(func() {
		service.Kill()
		rig.AssertContent(t, service)
	})
	return service
}

// awaitFresh waits until every page of the wiki shows the mark to readers of the cache.
func (s *purgeStand) awaitFresh(t *testing.T, wiki *rig.Wiki, mark string) {
	t.Helper()
	err := rig.UntilIn(t.Context(), cascadeWithin, "every page of "+wiki.Name+" to show "+mark, func(ctx context.Context) (bool, string, error) {
		stale := 0
		for _, title := range s.Pages() {
			page, err := wiki.Read(ctx, title)
			if err != nil {
				return false, "", err
			}
			if !strings.Contains(page.Body, mark) {
				stale++
			}
		}
		return stale == 0, fmt.Sprintf("%d stale pages", stale), nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// purged returns how many purges of the wiki a service has carried out.
func purged(t *testing.T, service *rig.Service, wiki string) int {
	t.Helper()
	if err := service.AwaitIdle(t.Context(), cascadeWithin, nil); err != nil {
		t.Fatal(err)
	}
	jobs, err := service.Jobs(t.Context(), url.Values{"queue": {"auwai.purge"}, "wiki": {wiki}, "state": {"done"}})
	if err != nil {
		t.Fatal(err)
	}
	return len(jobs)
}

func TestAStockWikiPurgesItsCacheThroughPURGEAndHTCP(t *testing.T) {
	s := newPurgeStand(t)
	for _, wiki := range s.Wikis() {
		warm(t, s.Farm, wiki, "first-mark")
		if _, err := login(t, wiki).EditInner(t.Context(), "second-mark"); err != nil {
			t.Fatal(err)
		}
		if page, err := wiki.Read(t.Context(), "Page 3"); err != nil || !page.Hit {
			t.Fatalf("a page of %s left the cache before any job ran: %v", wiki.Name, err)
		}
		if err := wiki.RunJobs(t.Context()); err != nil { // MediaWiki's own jobs send the purges
			t.Fatal(err)
		}
		s.awaitFresh(t, wiki, "second-mark")
	}
	pages := len(s.Pages())
	for _, x := range [...]struct {
		service    *rig.Service
		name, wiki string
		least      int
	}{
		{s.near, "near", "aawiki", pages}, {s.far, "far", "aawiki", pages}, {s.far, "far", "bbwiki", pages},
	} {
		if n := purged(t, x.service, x.wiki); n < x.least {
			t.Errorf("the %s service carried out %d purges of %s, want at least %d", x.name, n, x.wiki, x.least)
		}
	}
	if n := purged(t, s.near, "bbwiki"); n != 0 {
		t.Errorf("the near service carried out %d purges of bbwiki, which does not know it", n)
	}
	for service, wire := range map[*rig.Service]string{s.near: "http", s.far: "htcp"} {
		text, err := service.Metrics(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text, `auwai_purges_received_total{outcome="accepted",wire="`+wire+`"}`) || strings.Contains(text, `outcome="dropped"`) {
			t.Errorf("the purges by %s are not counted, or some were dropped", wire)
		}
	}
	if err := s.near.Stop(); err != nil {
		t.Error(err)
	}
	if err := s.far.Stop(); err != nil {
		t.Error(err)
	}
}
