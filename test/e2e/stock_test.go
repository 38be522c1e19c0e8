package e2e_test

import (
	"os"
	"testing"

	"auwai/test/rig"
)

func TestPackagesAreInstalled(t *testing.T) {
	if os.Getenv("RIGTRY") == "" {
		t.Skip()
	}
	if err := rig.Ensure(t.Context(), os.Stderr, append(rig.MediaWikiPackages(), rig.VarnishPackages()...)); err != nil {
		t.Fatal(err)
	}
	farm, err := rig.NewFarm(t.Context(), rig.Options{Dir: t.TempDir(), Wikis: []string{"aawiki", "bbwiki"}, Pages: 200})
	if err != nil {
		t.Fatal(err)
	}
	t.Log("made")
	defer farm.Close()
	if err := farm.StartWeb(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Log("web")
	if err := farm.StartCache(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Log("cache")
	for i := range 2 {
		p, err := farm.Wiki("aawiki").Read(t.Context(), "Page 7")
		t.Log(i, p.Status, p.Hit, err, len(p.Body))
		if i == 1 {
			os.WriteFile("/tmp/page7.html", []byte(p.Body), 0o644)
		}
	}
	e, err := farm.Wiki("aawiki").Login(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Log("login")
	if err := e.EditInner(t.Context(), "second-mark"); err != nil {
		t.Fatal(err)
	}
	t.Log("edit")
}
