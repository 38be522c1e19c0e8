package server_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"auwai/internal/access"
)

func TestATokenThatIsAddedHoldsWithoutARestart(t *testing.T) {
	token := access.NewToken([access.SecretBytes]byte{1})
	dir := t.TempDir()
	list := filepath.Join(dir, "tokens.yaml")
	other := "- {name: other, hash: " + access.HashOf("x").String() + ", roles: [admin], wikis: ['*']}\n"
	if err := os.WriteFile(list, []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	r := start(t, dir, oneWiki(newWiki(t))+"tokens_file: tokens.yaml\n")
	if status, _ := r.do(t, http.MethodGet, "/t/"+token+"/v1/queues", ""); status != http.StatusUnauthorized {
		t.Fatalf("before: %d", status)
	}
	if err := os.WriteFile(list, []byte(other+"- {name: new, hash: "+access.HashOf(token).String()+", roles: [read], wikis: [aawiki]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.hangup <- syscall.SIGHUP
	waitFor(t, func() bool {
		status, _ := r.do(t, http.MethodGet, "/t/"+token+"/v1/queues", "")
		return status == http.StatusOK
	})
}

// EventBus can send no header, so its token is in the path; a wiki's token finds no other wiki's jobs.
func TestAServiceWithTokensServesEachWikiItsOwn(t *testing.T) {
	w := newWiki(t)
	aa, bb := access.NewToken([access.SecretBytes]byte{1}), access.NewToken([access.SecretBytes]byte{2})
	entry := func(name, token string) string {
		return "  - {name: " + name + ", hash: " + access.HashOf(token).String() + ", roles: [produce, read], wikis: [" + name + "]}\n"
	}
	r := start(t, t.TempDir(), oneWiki(w)+"tokens:\n"+entry("aawiki", aa)+entry("bbwiki", bb))
	sent := event("1", "aawiki.localhost")
	if status, text := r.do(t, http.MethodPost, "/v1/events", "["+sent+"]"); status != http.StatusUnauthorized {
		t.Fatalf("without a token POST /v1/events = %d %s", status, text)
	}
	if status, text := r.do(t, http.MethodPost, "/t/"+bb+"/v1/events", "["+sent+"]"); status != http.StatusBadRequest || !strings.Contains(text, `the wiki \"aawiki\"`) {
		t.Fatalf("with another's token POST /v1/events = %d %s", status, text)
	}
	if status, text := r.do(t, http.MethodPost, "/t/"+aa+"/v1/events", "["+sent+"]"); status != http.StatusCreated {
		t.Fatalf("POST /v1/events = %d %s", status, text)
	}
	if got := <-w.seen; got != sent {
		t.Errorf("the wiki got\n%s\nwant\n%s", got, sent)
	}
	waitFor(t, func() bool {
		_, text := r.do(t, http.MethodGet, "/t/"+aa+"/v1/jobs?state=done", "")
		return strings.Contains(text, `"state":"done"`)
	})
	if status, text := r.do(t, http.MethodGet, "/t/"+bb+"/v1/jobs", ""); status != http.StatusOK || !strings.Contains(text, `"jobs":[]`) {
		t.Errorf("another wiki sees %d %s", status, text)
	}
	if status, _ := r.do(t, http.MethodGet, "/readyz", ""); status != http.StatusOK {
		t.Errorf("a probe is answered %d", status)
	}
	if status, text := r.do(t, http.MethodGet, "/t/"+aa+"/metrics", ""); status != http.StatusForbidden {
		t.Errorf("a wiki's token reads metrics: %d %s", status, text)
	}
}
