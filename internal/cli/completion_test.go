package cli

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"auwai/api"
	"auwai/internal/access"
)

// complete returns what a shell would offer after the words.
func complete(t *testing.T, words ...string) []string {
	t.Helper()
	out, _, code := auwai(t, append([]string{"__completeNoDesc"}, words...)...)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != 0 || len(lines) == 0 || !strings.HasPrefix(lines[len(lines)-1], ":") {
		t.Fatalf("auwai %v is completed with code %d: %s", words, code, out)
	}
	offered := append([]string{}, lines[:len(lines)-1]...)
	if last := lines[len(lines)-1]; last == ":4" { // no files
		return offered
	}
	return append(offered, "files")
}

func TestEachShellHasAScript(t *testing.T) {
	for shell, want := range map[string]string{
		"bash": "complete -o default -F __start_auwai auwai", "zsh": "#compdef auwai", "fish": "complete -c auwai", "powershell": "Register-ArgumentCompleter -CommandName 'auwai'",
	} {
		out, errs, code := auwai(t, "completion", shell)
		if code != 0 || errs != "" || !strings.Contains(out, want) {
			t.Errorf("%s: code %d, %s; the script begins %.200s", shell, code, errs, out)
		}
	}
	if _, errs, code := auwai(t, "completion", "csh"); code != exitUsage || !strings.Contains(errs, "bash, zsh, fish, powershell") {
		t.Errorf("code %d: %s", code, errs)
	}
	if diff := cmp.Diff(shells(), complete(t, "completion", "")); diff != "" {
		t.Error(diff)
	}
}

func TestNamesAreCompletedFromTheRunningService(t *testing.T) {
	token := access.NewToken([access.SecretBytes]byte{1})
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.RawQuery+" "+r.Header.Get("X-Auwai-Token"))
		page := api.QueuePage{Queues: []api.Queue{{Queue: "refreshLinks", Wiki: "aawiki"}, {Queue: "recentChanges", Wiki: "aawiki"}}, Cursor: "more"}
		if r.URL.Query().Get("cursor") != "" {
			page = api.QueuePage{Queues: []api.Queue{{Queue: "null", Wiki: "abwiki"}, {Queue: "refreshLinks", Wiki: "bbwiki"}}}
		}
		_ = json.NewEncoder(w).Encode(page)
	}))
	defer server.Close()
	t.Setenv("AUWAI_SERVER", server.URL)
	t.Setenv("AUWAI_TOKEN", token)
	for want, words := range map[string][]string{
		"refreshLinks":                  {"jobs", "ls", "--queue", "ref"},
		"aawiki abwiki bbwiki":          {"queues", "ls", "--wiki", ""},
		"aawiki abwiki":                 {"dead", "ls", "--queue", "refreshLinks", "--wiki", "a"},
		strings.Join(api.States(), " "): {"jobs", "ls", "--state", "de"},
		"produce run read admin":        {"tokens", "new", "--role", "r"},
		"ls":                            {"queues", "l"},
		"":                              {"tokens", "new", "--wiki", ""},
	} {
		if got := strings.Join(complete(t, words...), " "); got != want {
			t.Errorf("%v is completed with %q, want %q", words, got, want)
		}
	}
	joined := strings.Join(asked, "\n")
	if !strings.Contains(joined, "limit=1000&queue=refreshLinks "+token) || !strings.Contains(joined, "cursor=more") {
		t.Errorf("asked:\n%s", joined)
	}
}

func TestFilesAreOfferedWhereAFileIsMeant(t *testing.T) {
	for _, words := range [][]string{{"serve", "--config", ""}, {"emit", ""}, {"queues", "ls", "--token-file", ""}, {"serve", "--data", ""}} {
		if got := complete(t, words...); len(got) != 1 || got[0] != "files" {
			t.Errorf("%v is completed with %v", words, got)
		}
	}
	for _, words := range [][]string{{"check", ""}, {"jobs", "ls", "--cursor", ""}, {"serve", "--listen", ""}} {
		if got := complete(t, words...); len(got) != 0 {
			t.Errorf("%v is completed with %v", words, got)
		}
	}
}

func TestAServiceThatDoesNotAnswerOffersNothingAndIsNoError(t *testing.T) {
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer silent.Close()
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	defer broken.Close()
	t.Setenv("AUWAI_TOKEN", "")
	for _, url := range []string{silent.URL, broken.URL, "http://127.0.0.1:1", "nonsense"} {
		if got := complete(t, "queues", "ls", "--server", url, "--queue", ""); len(got) != 0 {
			t.Errorf("%s offers %v", url, got)
		}
	}
}
