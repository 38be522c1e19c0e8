package rig_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"auwai/test/rig"
)

const (
	host   = "wiki.example.org"
	secret = "not-a-real-key"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("RIG_OWNER"); dir != "" {
		ownAndWait(dir)
	}
	os.Exit(m.Run())
}

func TestSignaturesAreThoseOfMediaWiki(t *testing.T) {
	const event = `{"$schema":"/mediawiki/job/1.0.0","meta":{"uri":"https://placeholder.invalid/wiki/Special:Badtitle",` +
		`"request_id":"req-0001","id":"11111111-2222-4333-8444-555555555555","domain":"wiki.example.org",` +
		`"stream":"mediawiki.job.demoJob"},"database":"demowiki","type":"demoJob","params":%s,"mediawiki_signature":"%s"}`
	cases := map[string]struct {
		params, signature string
		good              bool
	}{
		"a page":       {`{"namespace":0,"title":"Main_Page"}`, "cc363dd114e3c55eea0b384f442bd8639b44b4e9", true},
		"an empty map": {`[]`, "9f39216a5d1515e364262e1dbbe4c912d7bc6949", true},
		"altered":      {`{"namespace":1,"title":"Main_Page"}`, "cc363dd114e3c55eea0b384f442bd8639b44b4e9", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := rig.VerifyJob(fmt.Appendf(nil, event, c.params, c.signature), secret)
			if (err == nil) != c.good {
				t.Errorf("VerifyJob = %v, want good: %t", err, c.good)
			}
		})
	}
}

func TestTheEndpointAnswersLikeTheExtensionDoes(t *testing.T) {
	endpoint, err := rig.NewEndpoint(map[string]string{host: secret})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(endpoint.Close)
	good := string(rig.SignedJob("demowiki", host, secret, "demoJob", `{"n":1}`))
	foreign := string(rig.SignedJob("demowiki", host, "another key", "demoJob", `{"n":1}`))
	unsigned := good[:strings.Index(good, `,"mediawiki_signature"`)] + "}"
	cases := []struct {
		name, host, contentType, body string
		readOnly                      bool
		status                        int
		says                          string
	}{
		{"a job", host, "application/json", good, false, 200, `"status":true`},
		{"a charset", host, "application/json; charset=utf-8", good, false, 200, `"status":true`},
		{"read-only, before anything is looked at", host, "text/plain", "{", true, 423, "Wiki is in read-only mode."},
		{"a form", host, "text/plain", good, false, 415, "Unsupported"},
		{"no signature", host, "application/json", unsigned, false, 403, "Missing mediawiki signature"},
		{"another wiki's key", host, "application/json", foreign, false, 403, "Invalid mediawiki signature"},
		{"an array", host, "application/json", "[" + good + "]", false, 400, "Invalid event received"},
		{"another host", "elsewhere.example", "application/json", good, false, 404, "did not match"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			endpoint.SetReadOnly(c.readOnly)
			status, body := post(t, endpoint.URL(), c.host, c.contentType, c.body)
			if status != c.status || !strings.Contains(body, c.says) {
				t.Errorf("status %d, body %s; want %d and %q", status, body, c.status, c.says)
			}
			all := endpoint.Deliveries()
			if last := all[len(all)-1]; last.Status != c.status || last.Host != c.host || string(last.Body) != c.body {
				t.Errorf("recorded %+v", last)
			}
		})
	}
}

func post(t *testing.T, base, toHost, contentType, body string) (status int, answer string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		base+"/w/rest.php/eventbus/v0/internal/job/execute", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Host = toHost
	request.Header.Set("Content-Type", contentType)
	client := http.Client{Timeout: 10 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func TestBatchIsAnArrayOfTheEventsAsTheyAre(t *testing.T) {
	got := rig.Batch([]byte(`{"a": 1}`), []byte(`{"b":2}`))
	if want := `[{"a": 1},{"b":2}]`; string(got) != want {
		t.Errorf("Batch = %s, want %s", got, want)
	}
}

func TestUntilNamesWhatItWaitedForAndWhatItSaw(t *testing.T) {
	err := rig.UntilIn(t.Context(), 20*time.Millisecond, "the moon", func(context.Context) (bool, string, error) {
		return false, "clouds", nil
	})
	if err == nil || !strings.Contains(err.Error(), "the moon") || !strings.Contains(err.Error(), "clouds") {
		t.Errorf("Until = %v, want the moon and clouds in it", err)
	}
	broken := errors.New("no sky")
	err = rig.Until(t.Context(), "the moon", func(context.Context) (bool, string, error) { return false, "", broken })
	if !errors.Is(err, broken) {
		t.Errorf("Until = %v, want %v in its chain", err, broken)
	}
}

func TestAPackageThatDoesNotExistIsMissing(t *testing.T) {
	missing, err := rig.Missing(t.Context(), []string{"no-such-package-as-this"})
	if _, lookErr := exec.LookPath("dpkg-query"); lookErr != nil {
		if _, ok := errors.AsType[*rig.InstallError](err); !ok || !strings.Contains(err.Error(), "not a Debian system") {
			t.Errorf("Missing = %v, want an InstallError that says so", err)
		}
		return
	}
	if err != nil || len(missing) != 1 {
		t.Errorf("Missing = %v, %v", missing, err)
	}
}

// ownAndWait is the other process of the test below: it starts children, says who they are, and
// stays until it is killed.
func ownAndWait(dir string) {
	var pids []string
	for _, forks := range []bool{false, true} {
		child, err := rig.Start(rig.Command{
			Name: "child", Path: "/bin/sh", Args: []string{"-c", `echo $$ >"$0"; sleep 1000 & wait`, filepath.Join(dir, "child-"+strconv.FormatBool(forks))},
			Log: filepath.Join(dir, "log"), Forks: forks,
		})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		pids = append(pids, strconv.Itoa(child.Pid()))
	}
	fmt.Fprintln(os.Stdout, strings.Join(pids, " "))
	select {}
}

func TestAChildAndItsWorkersDieWithTheirOwner(t *testing.T) {
	dir := t.TempDir()
	owner := exec.CommandContext(t.Context(), os.Args[0])
	owner.Env = append(os.Environ(), "RIG_OWNER="+dir)
	var out bytes.Buffer
	owner.Stderr = &out
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	var workers []int
	err := rig.UntilIn(t.Context(), 20*time.Second, "the children", func(context.Context) (bool, string, error) {
		workers = workers[:0]
		for _, forks := range []string{"false", "true"} {
			text, err := os.ReadFile(filepath.Join(dir, "child-"+forks))
			if err != nil {
				return false, err.Error(), nil //nolint:nilerr // it is not there yet
			}
			pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
			if err != nil {
				return false, err.Error(), nil //nolint:nilerr // it is not written yet
			}
			workers = append(workers, pid)
		}
		return true, "", nil
	})
	if err != nil {
		t.Fatal(err, out.String())
	}
	if err := owner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = owner.Wait() // it was killed
	for _, pid := range workers {
		err := rig.UntilIn(t.Context(), 20*time.Second, fmt.Sprintf("the end of process %d", pid), func(context.Context) (bool, string, error) {
			return gone(pid), "alive", nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// gone reports whether a process has ended; one that nobody has waited for yet has ended too.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}

func TestSumMetricAddsTheSamplesThatMatch(t *testing.T) {
	const text = "# HELP jobs_total x\njobs_total{queue=\"a\",outcome=\"done\"} 3\njobs_total{queue=\"b\",outcome=\"done\"} 4\n" +
		"jobs_total{queue=\"b\",outcome=\"dead\"} 9\njobs_total_more 100\nplain 7\n"
	for want, arguments := range map[float64][]string{
		16: {"jobs_total"}, 7: {"jobs_total", `outcome="done"`}, 4: {"jobs_total", `outcome="done"`, `queue="b"`}, 0: {"absent"},
	} {
		got, err := rig.SumMetric(text, arguments[0], arguments[1:]...)
		if err != nil || got != want {
			t.Errorf("SumMetric(%q) = %v, %v, want %v", arguments, got, err, want)
		}
	}
}
