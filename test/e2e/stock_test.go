package e2e_test

import (
	"testing"

	"auwai/test/rig"
)

// The rig itself: real wikis, real links tables, a cache that keeps pages until it is told. Without
// the extension MediaWiki purges by itself, once its own queue has run.
func TestTheRigShowsAnEditThroughTheCacheWithMediaWikiAlone(t *testing.T) {
	rig.Need(t, "mediawiki", "varnish")
	farm, err := rig.NewFarm(t.Context(), rig.Options{Dir: t.TempDir(), Wikis: []string{"aawiki", "bbwiki"}, Pages: 12})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { showLogs(t, farm.LogDir()) })
	t.Cleanup(farm.Close)
	if err := farm.StartWeb(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := farm.StartCache(t.Context()); err != nil {
		t.Fatal(err)
	}
	first, second := farm.Wiki("aawiki"), farm.Wiki("bbwiki")
	warm(t, farm, first, "first-mark")
	warm(t, farm, second, "first-mark")
	if _, err := login(t, first).EditInner(t.Context(), "second-mark"); err != nil {
		t.Fatal(err)
	}
	if page, err := first.Read(t.Context(), "Page 3"); err != nil || !page.Hit {
		t.Fatalf("a page that uses the template is not in the cache any more before any job ran: %v", err)
	}
	if err := first.RunJobs(t.Context()); err != nil {
		t.Fatal(err)
	}
	assertFresh(t, farm, first, "second-mark")
	warm(t, farm, second, "first-mark") // the other wiki is not touched
}
