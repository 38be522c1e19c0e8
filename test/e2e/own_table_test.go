package e2e_test

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"auwai/internal/jobqueue"
	"auwai/internal/runner/mwrunner"
	"auwai/test/rig"
)

// afterPacket is how soon after an edit its first jobs have run: the wait for MediaWiki to write them,
// and a busy machine.
const afterPacket = 20 * time.Second

// newStockStand makes wikis without any extension, whose own tables the service empties. Of feeds, each
// is given the address of the service behind udp://. poll is that of every wiki.
func newStockStand(t *testing.T, poll string, feeds map[string]rig.Feed, wikis ...string) *stand {
	t.Helper()
	return newPlainStand(t, feeds, func(config *rig.ServiceConfig) {
		for name, wiki := range config.Wikis {
			wiki.Runner, wiki.Poll = rig.RunnerSpecialRunJobs, poll
			config.Wikis[name] = wiki
		}
	}, wikis...)
}

// newPlainStand makes wikis without any extension, and starts the service with what change makes of its
// configuration.
func newPlainStand(t *testing.T, feeds map[string]rig.Feed, change func(*rig.ServiceConfig), wikis ...string) *stand {
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
	for name, feed := range feeds {
		feed.URI = "udp://" + ports[1] + feed.URI
		feeds[name] = feed
	}
	dir := t.TempDir()
	var binary string
	s := &stand{}
	group, ctx := errgroup.WithContext(t.Context())
	group.Go(func() (err error) {
		binary, err = rig.Build(ctx, dir)
		return err
	})
	group.Go(func() (err error) {
		s.Farm, err = rig.NewFarm(ctx, rig.Options{Dir: dir, Wikis: wikis, Pages: 12, Feeds: feeds})
		return err
	})
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	config := s.ServiceConfig(ports[0], "", "")
	config.RCFeed = ports[1]
	change(&config)
	var err error
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

// wakeUps counts the wake-ups that the wiki has carried out.
func (s *stand) wakeUps(ctx context.Context, wiki string) (int, error) {
	jobs, err := s.service.Jobs(ctx, url.Values{"queue": {"auwai.runjobs"}, "wiki": {wiki}, "state": {"done"}})
	return len(jobs), err
}

// editInner edits the innermost template and waits until every page shows it to readers, through the
// cache, and a wake-up has done it.
func (s *stand) editInner(t *testing.T, wiki *rig.Wiki, within time.Duration) {
	t.Helper()
	warm(t, s.Farm, wiki, "first-mark")
	s.awaitIdle(t) // what was left of making the wiki
	before, err := s.wakeUps(t.Context(), wiki.Name)
	if err != nil {
		t.Fatal(err)
	}
	editor := login(t, wiki)
	begun := time.Now()
	if _, err := editor.EditInner(t.Context(), "second-mark"); err != nil {
		t.Fatal(err)
	}
	err = rig.UntilIn(t.Context(), within, wiki.Name+" to have run the jobs of the edit", func(ctx context.Context) (bool, string, error) {
		n, err := s.wakeUps(ctx, wiki.Name)
		if err != nil || n == before {
			return false, "no wake-up", err
		}
		for _, title := range s.Pages() {
			page, err := wiki.Read(ctx, title)
			if err != nil || !strings.Contains(page.Body, "second-mark") {
				return false, fmt.Sprintf("%d wake-ups, %s is old", n-before, title), err
			}
		}
		return true, "", nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: every page was fresh %s after the edit began", wiki.Name, time.Since(begun).Round(time.Millisecond))
	s.awaitIdle(t)
}

func TestAnEditOfAStockWikiHasItsJobsRunWithinSecondsOfItsPacket(t *testing.T) {
	s := newStockStand(t, "1h", map[string]rig.Feed{
		"aawiki": {Formatter: "JSONRCFeedFormatter"},
		"bbwiki": {Formatter: "IRCColourfulRCFeedFormatter"},
	}, "aawiki", "bbwiki")
	for _, wiki := range s.Wikis() {
		s.editInner(t, wiki, afterPacket)
	}
	s.assertNoneDead(t)
}

func TestAStockWikiWithoutAFeedIsPolled(t *testing.T) {
	s := newStockStand(t, "1s", nil, "aawiki")
	s.editInner(t, s.Wiki("aawiki"), afterPacket)
	s.assertNoneDead(t)
}

func TestARealWikiRefusesInWordsThatAreUnderstood(t *testing.T) {
	rig.Need(t, "mediawiki")
	farm, err := rig.NewFarm(t.Context(), rig.Options{Dir: t.TempDir(), Wikis: []string{"aawiki"}, Pages: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { showLogs(t, farm.LogDir()) })
	t.Cleanup(farm.Close)
	if err := farm.StartWeb(t.Context()); err != nil {
		t.Fatal(err)
	}
	wiki := farm.Wiki("aawiki")
	ask := func(change func(*mwrunner.Wiki)) (jobqueue.Outcome, string) {
		t.Helper()
		w := mwrunner.Wiki{
			URL: "http://" + farm.WebAddress(), ScriptPath: rig.ScriptPath, Host: wiki.Host,
			Kind: mwrunner.SpecialRunJobs, Secret: []byte(wiki.Secret),
		}
		change(&w)
		client := mwrunner.New(mwrunner.Config{Wikis: func(string) (mwrunner.Wiki, bool) { return w, true }})
		defer client.Close()
		_, res, _ := client.RunJobs(t.Context(), "aawiki", mwrunner.RunJobs{})
		return res.Outcome, res.Error
	}
	cases := []struct {
		name    string
		change  func(*mwrunner.Wiki)
		outcome jobqueue.Outcome
		words   string
	}{
		{"as it should be", func(*mwrunner.Wiki) {}, jobqueue.OutcomeDone, ""},
		{"another secret", func(w *mwrunner.Wiki) { w.Secret = []byte("x") }, jobqueue.OutcomeUncounted, "Compare secret_file"},
		{"another path", func(w *mwrunner.Wiki) { w.ScriptPath = "/mediawiki" }, jobqueue.OutcomeUncounted, "script_path"},
	}
	for _, c := range cases {
		if outcome, text := ask(c.change); outcome != c.outcome || !strings.Contains(text, c.words) {
			t.Errorf("%s: %s %q", c.name, outcome, text)
		}
	}
	if err := wiki.SetReadOnly("the test"); err != nil {
		t.Fatal(err)
	}
	if outcome, text := ask(func(*mwrunner.Wiki) {}); outcome != jobqueue.OutcomeUncounted || !strings.Contains(text, "read-only") {
		t.Errorf("read-only: %s %q", outcome, text)
	}
}
