package cli

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"auwai/internal/access"
	"auwai/internal/config"
)

// auwai runs a command line and returns what it writes.
func auwai(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs strings.Builder
	code = Run(t.Context(), args, strings.NewReader(""), &out, &errs, Deps{})
	return out.String(), errs.String(), code
}

func TestANewTokenWorksWithTheLinesThatComeWithIt(t *testing.T) {
	out, errs, code := auwai(t, "tokens", "new", "--name", "yes", "--role", "produce,read", "--wiki", "aawiki", "--wiki", "1", "--push-to", "*")
	if code != 0 || errs != "" {
		t.Fatalf("code %d: %s", code, errs)
	}
	token, text, _ := strings.Cut(out, "\n")
	_, lines, _ := strings.Cut(text, ":\n\n")
	if !access.IsToken(token) || strings.Contains(text, token) {
		t.Fatalf("written:\n%s", out)
	}
	file := filepath.Join(t.TempDir(), "auwai.yaml")
	if err := os.WriteFile(file, []byte("tokens:\n"+lines), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file)
	if err != nil {
		t.Fatalf("%v:\n%s", err, lines)
	}
	g, err := c.Access.Policy.Of(token, netip.Addr{}, false)
	if err != nil || g.Token() != "yes" || !g.May(access.Produce) || !g.May(access.Read) || g.May(access.Run) ||
		!g.Reaches("1") || g.Reaches("bbwiki") || !g.PushesTo("bbwiki") {
		t.Errorf("the token may %+v, %v", g, err)
	}
}

func TestANewTokenAsJSON(t *testing.T) {
	out, _, code := auwai(t, "tokens", "new", "--name", "a", "--role", "admin", "--wiki", "*", "--json")
	var got newToken
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 || access.HashOf(got.Token).String() != got.Hash {
		t.Errorf("code %d, %v: %s", code, err, out)
	}
}

func TestWhatIsWrongWithANewTokenIsSaid(t *testing.T) {
	for want, args := range map[string][]string{
		"--name is missing":         {"--role", "read", "--wiki", "a"},
		"--name is a token":         {"--role", "read", "--wiki", "a", "--name", access.NewToken([32]byte{})},
		"--role is missing":         {"--name", "a", "--wiki", "a"},
		"--wiki is missing":         {"--name", "a", "--role", "read"},
		`--role is "write"`:         {"--name", "a", "--role", "write", "--wiki", "a"},
		"--wiki has * beside names": {"--name", "a", "--role", "read", "--wiki", "a,*"},
		"--push-to is empty":        {"--name", "a", "--role", "read", "--wiki", "a", "--push-to", ","},
	} {
		out, errs, code := auwai(t, append([]string{"tokens", "new"}, args...)...)
		if code != exitUsage || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%v: code %d: %s%s", args, code, out, errs)
		}
	}
}

func TestTheTokenOfAClientIsReadAndNeverShown(t *testing.T) {
	token := access.NewToken([32]byte{1})
	var got string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("X-Auwai-Token")
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"kind":"forbidden","detail":"no: ` + r.URL.Path + `"}`))
	}))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AUWAI_TOKEN", "")
	_, errs, code := auwai(t, "queues", "ls", "--server", server.URL+"/t/"+token, "--token-file", file)
	if code != 1 || got != token || strings.Contains(errs, token) || !strings.Contains(errs, "AUWAI_TOKEN") {
		t.Errorf("code %d, sent %q: %s", code, got, errs)
	}
	other := access.NewToken([32]byte{2})
	t.Setenv("AUWAI_TOKEN", other)
	if auwai(t, "queues", "ls", "--server", server.URL); got != other {
		t.Errorf("sent %q", got)
	}
	t.Setenv("AUWAI_TOKEN", "hunter2")
	for _, args := range [][]string{{}, {"--token-file", server.URL}, {"--token-file", os.DevNull}} {
		_, errs, code := auwai(t, append([]string{"queues", "ls", "--server", server.URL}, args...)...)
		if code != exitUsage || strings.Contains(errs, "hunter2") || !strings.Contains(strings.ToLower(errs), "token") {
			t.Errorf("%v: code %d: %s", args, code, errs)
		}
	}
}
