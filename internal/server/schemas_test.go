package server_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestSchemasAreReadAgainWithTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "schemas"), 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "schemas", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("demo.json", `{"required": ["name"]}`)
	r := start(t, dir, "schemas: {folder: schemas}\n")
	const event = `{"$schema":"/demo","meta":{"stream":"demo","domain":"x.example"}}`
	status, text := r.do(t, http.MethodPost, "/v1/events", "["+event+`,{"meta":{"stream":"demo","domain":"x.example"}}]`)
	if status != http.StatusMultiStatus || !strings.Contains(text, `"errorsText":"data should have required property 'name'"`) || !strings.Contains(text, `"index":0`) {
		t.Errorf("POST /v1/events = %d %s", status, text)
	}
	write("demo.json", `{"required": ["meta"]}`)
	r.hangup <- syscall.SIGHUP
	waitFor(t, func() bool {
		status, _ := r.do(t, http.MethodPost, "/v1/events", event)
		return status == http.StatusCreated
	})
	// A folder that is gone is a fault of the configuration: what was active stays.
	if err := os.RemoveAll(filepath.Join(dir, "schemas")); err != nil {
		t.Fatal(err)
	}
	r.hangup <- syscall.SIGHUP
	waitFor(t, func() bool {
		_, text := r.do(t, http.MethodGet, "/readyz", "")
		return strings.Contains(text, "schemas.folder")
	})
	if status, text := r.do(t, http.MethodPost, "/v1/events", `{"$schema":"/demo","meta":{"stream":"demo"},"database":"x"}`); status != http.StatusCreated {
		t.Errorf("POST /v1/events = %d %s", status, text)
	}
}
