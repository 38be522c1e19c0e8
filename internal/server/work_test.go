package server_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestACommandCarriesOutTheJobsOfItsQueueForAnyWiki(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	r := start(t, dir, "queues:\n  thumbs: {runner: command, command: [/bin/sh, -c, 'cat > \"$0.new\" && mv \"$0.new\" \"$0\"', '"+out+"']}\n")
	if status, text := r.do(t, http.MethodPost, "/v1/jobs", `[{"queue":"thumbs","wiki":"anywiki","payload":{"file":"A"}}]`); status != http.StatusCreated {
		t.Fatalf("POST /v1/jobs = %d %s, want 201", status, text)
	}
	waitFor(t, func() bool {
		_, text := r.do(t, http.MethodGet, "/v1/jobs?state=done&queue=thumbs", "")
		return strings.Contains(text, `"state":"done"`)
	})
	got, err := os.ReadFile(out)
	if err != nil || !strings.Contains(string(got), `"wiki":"anywiki","attempt":1,`) || !strings.Contains(string(got), `"payload":{"file":"A"}`) {
		t.Errorf("the command got %q, %v", got, err)
	}
}
