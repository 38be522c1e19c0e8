package cli

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"auwai/api"
)

// sick is a service with the given state of health, and a wiki that refuses signatures.
func sick(t *testing.T, ready bool, dead []api.Job, queues []api.Queue) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := func(status int, v any) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			if err := json.NewEncoder(w).Encode(v); err != nil {
				t.Error(err)
			}
		}
		switch r.URL.Path {
		case api.PathReady:
			if !ready {
				answer(http.StatusServiceUnavailable, api.Health{Status: "unavailable", Reason: "the disk is full"})
				return
			}
			answer(http.StatusOK, api.Health{Status: "ok"})
		case api.PathHealth:
			w.Header().Set("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
		case api.PathInfo:
			answer(http.StatusOK, api.Info{Name: "auwai", Version: "0.1"})
		case api.PathJobs:
			answer(http.StatusOK, api.JobPage{Jobs: dead})
		case api.PathQueues:
			answer(http.StatusOK, api.QueuePage{Queues: queues})
		default:
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// examine runs the doctor and returns its findings by check, with the exit code.
func examine(t *testing.T, args ...string) (map[string][]finding, int) {
	t.Helper()
	var out, errs strings.Builder
	code := Run(context.Background(), append([]string{"doctor", "--json"}, args...), strings.NewReader(""), &out, &errs, Deps{Version: "0.2"}) //nolint:usetesting // it ends before the test
	var answer struct {
		OK       bool      `json:"ok"`
		Findings []finding `json:"findings"`
	}
	if err := json.Unmarshal([]byte(out.String()), &answer); err != nil {
		t.Fatalf("%v: %s %s", err, out.String(), errs.String())
	}
	if answer.OK != (code == exitDone) {
		t.Errorf("ok is %t, the exit code %d", answer.OK, code)
	}
	byCheck := map[string][]finding{}
	for _, f := range answer.Findings {
		if f.Level == levelProblem && f.Remedy == "" {
			t.Errorf("a problem without a remedy: %+v", f)
		}
		byCheck[f.Check] = append(byCheck[f.Check], f)
	}
	return byCheck, code
}

func has(list []finding, l level, words string) bool {
	for _, f := range list {
		if f.Level == l && strings.Contains(f.Text, words) {
			return true
		}
	}
	return false
}

func TestTheDoctorFindsWhatIsWrongAndSaysWhatToDo(t *testing.T) {
	old := time.Now().Add(-48 * time.Hour)
	url := sick(t, false, []api.Job{{ID: "aawiki.1", Queue: "mail", FinishedAt: &old}},
		[]api.Queue{{Queue: "mail", Wiki: "aawiki", Ready: 1, Held: "the wiki is read-only; probed again in 5s", OldestAge: 7200}})
	dir := t.TempDir()
	secret, file, data := filepath.Join(dir, "secret"), filepath.Join(dir, "auwai.yaml"), filepath.Join(dir, "data")
	text := "data: " + data + "\nwikis:\n  aawiki:\n    url: " + url + "\n    host: a.example\n    runner: auwai\n    secret_file: " + secret +
		"\ncdn:\n  layers: [[\"127.0.0.1:1\"]]\n"
	for name, content := range map[string]string{secret: "0123456789abcdef0123456789abcdef", file: text} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(data, 0o750); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{secret: 0o644, data: 0o755} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	found, code := examine(t, "--config", file, "--server", url)
	if code != exitFailed {
		t.Errorf("code %d", code)
	}
	for _, want := range []struct {
		check string
		level level
		words string
	}{
		{"configuration", levelFine, "is right: 1 wiki"},
		{"permissions", levelProblem, "read the secret in " + secret},
		{"permissions", levelProblem, "look into the store " + data},
		{"wiki", levelProblem, "aawiki refuses the signature"},
		{"cache", levelProblem, "the cache 127.0.0.1:1 is not reached"},
		{"service", levelProblem, "it is not ready: the disk is full"},
		{"version", levelNote, "the service is 0.1, this program 0.2"},
		{"clock", levelProblem, "differ by"},
		{"dead", levelProblem, "1 job of queue mail died more than a day ago"},
		{"held", levelProblem, "1 queue of a wiki hold jobs for up to 2h: the wiki is read-only"},
	} {
		if !has(found[want.check], want.level, want.words) {
			t.Errorf("no %s of %s with %q in %+v", want.level, want.check, want.words, found[want.check])
		}
	}
	if len(found["disk"]) != 1 || len(found["units"]) == 0 {
		t.Errorf("disk %+v, units %+v", found["disk"], found["units"])
	}
}

func TestTheDoctorTellsAFaultyConfigurationAndASilentService(t *testing.T) {
	file := filepath.Join(t.TempDir(), "auwai.yaml")
	if err := os.WriteFile(file, []byte("wikis: 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	found, code := examine(t, "--config", file, "--server", "http://127.0.0.1:1")
	if code != exitFailed || !has(found["configuration"], levelProblem, "1 fault") || !has(found["service"], levelProblem, "") {
		t.Errorf("code %d, found %+v", code, found)
	}
}
