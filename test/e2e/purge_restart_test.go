package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"auwai/test/rig"
)

const purgeRestarts = 8

// MediaWiki asks a cache once: a purge that is refused is lost.
func TestRestartsBeneathAHeldSocketRefuseNoPurgeAndLoseNone(t *testing.T) {
	rig.Need(t, "systemd")
	dir := t.TempDir()
	binary, err := rig.Build(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	seen := map[string]int{}
	cache := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen[r.RequestURI]++
	}))
	t.Cleanup(cache.Close)
	port, err := rig.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	wire := "127.0.0.1:" + strconv.Itoa(port)
	service, err := rig.NewService(binary, dir, rig.ServiceConfig{
		Data: "data", Wikis: map[string]rig.WikiConfig{},
		CDN: &rig.CDNConfig{Layers: [][]string{{cache.Listener.Addr().String()}}, PurgeListen: wire},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { showLogs(t, filepath.Dir(service.LogFile())) })
	t.Cleanup(service.Kill)
	if err := service.StartHeld(t.Context()); err != nil {
		t.Fatal(err)
	}

	purging, stop := context.WithCancel(t.Context())
	defer stop()
	var producers errgroup.Group
	var taken []string
	for n := range 4 {
		producers.Go(func() error {
			for i := 0; purging.Err() == nil; i++ {
				page := fmt.Sprintf("http://aawiki.localhost/wiki/%d-%d", n, i)
				if err := purgeThrough(t.Context(), wire, page); err != nil {
					return err
				}
				mu.Lock()
				taken = append(taken, page)
				mu.Unlock()
			}
			return nil
		})
	}
	for range purgeRestarts {
		rig.Pause(t.Context(), 50*time.Millisecond+time.Duration(rig.Random(int(250*time.Millisecond))))
		if err := service.RestartHeld(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	if err := producers.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := service.AwaitIdle(t.Context(), 2*time.Minute, nil); err != nil {
		t.Fatal(err)
	}
	rig.AssertContent(t, service)
	for _, page := range taken {
		if seen[page] == 0 {
			t.Errorf("%s was taken and never purged", page)
		}
	}
	t.Logf("%d restarts, %d purges taken", purgeRestarts, len(taken))
	if len(taken) < purgeRestarts*10 {
		t.Errorf("only %d purges were taken: there was no load", len(taken))
	}
}

// purgeThrough asks the service to purge a URL, as MediaWiki asks a cache: a connection for each, and
// no second try.
func purgeThrough(ctx context.Context, wire, page string) error {
	transport := &http.Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: wire}), DisableKeepAlives: true}
	request, err := http.NewRequestWithContext(ctx, "PURGE", page, nil)
	if err != nil {
		return err
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return fmt.Errorf("purge %s: %w", page, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("purge %s: answered %s", page, response.Status)
	}
	return nil
}
