package server_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fakePHP stands in for PHP with the extension's worker script: it says that each first job of a
// request is done.
const fakePHP = `#!/bin/sh
echo '{"ready":true,"wiki":"aawiki"}' >&3
while read -r line; do
	id=$(printf '%s' "$line" | sed 's/.*"jobs":\[{"id":"\([^"]*\)".*/\1/')
	printf '\0360\n'
	echo "{\"id\":\"$id\",\"ok\":true,\"error\":\"in $PWD\"}" >&3
	echo '{"done":true,"stopped":""}' >&3
done
`

func TestAWorkerRunsTheJobsOfItsWiki(t *testing.T) {
	dir := t.TempDir()
	php := filepath.Join(dir, "php")
	if err := os.WriteFile(php, []byte(fakePHP), 0o700); err != nil {
		t.Fatal(err)
	}
	r := start(t, dir, "  aawiki: {runner: worker, path: "+dir+", domains: [aa.example.org]}\nworkers: {php: "+php+", processes: 1, cgroup: \"off\"}\n")
	if status, text := r.do(t, http.MethodPost, "/v1/jobs", `[{"queue":"null","wiki":"aawiki","payload":{"type":"null","params":{}}}]`); status != http.StatusCreated {
		t.Fatalf("POST /v1/jobs = %d %s, want 201", status, text)
	}
	waitFor(t, func() bool {
		_, text := r.do(t, http.MethodGet, "/v1/jobs?state=done&queue=null", "")
		return strings.Contains(text, `"state":"done"`)
	})
}
