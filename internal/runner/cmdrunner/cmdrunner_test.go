package cmdrunner_test

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"auwai/internal/jobqueue"
	"auwai/internal/runner"
	"auwai/internal/runner/cmdrunner"
)

// shell is a command that runs a script; its $0, $1, … are args.
func shell(script string, args ...string) []string {
	return append([]string{"/bin/sh", "-c", script}, args...)
}

func work() runner.Work {
	return runner.Work{Wiki: "aawiki", Queue: "thumbs", Fence: 7, Timeout: time.Minute, Jobs: []runner.Item{{
		ID: "aawiki.J1", Attempt: 2, Payload: []byte(`{"file":"A & B.png"}`), RequestID: "r1",
	}}}
}

// run carries out the work and returns the results in the order of the jobs.
func run(ctx context.Context, t *testing.T, cfg cmdrunner.Config, w runner.Work, argv []string) []runner.Result {
	t.Helper()
	cfg.Command = func(string) []string { return argv }
	var got []runner.Result
	err := cmdrunner.New(cfg).Run(ctx, w, func(i int, r runner.Result) {
		if i != len(got) {
			t.Errorf("report(%d) comes after %d results", i, len(got))
		}
		got = append(got, r)
	})
	if err != nil {
		t.Fatalf("Run = %v", err)
	}
	return got
}

// one runs a script for one job.
func one(t *testing.T, script string, args ...string) runner.Result {
	t.Helper()
	got := run(t.Context(), t, cmdrunner.Config{}, work(), shell(script, args...))
	if len(got) != 1 {
		t.Fatalf("got %d results, want 1", len(got))
	}
	return got[0]
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestACommandGetsItsJobAsOneLineOfJSON(t *testing.T) {
	file := filepath.Join(t.TempDir(), "in")
	if res := one(t, `cat > "$0"`, file); res.Outcome != jobqueue.OutcomeDone || res.Error != "" {
		t.Fatalf("result = %+v", res)
	}
	want := `{"id":"aawiki.J1","queue":"thumbs","wiki":"aawiki","attempt":2,"fence":7,"request_id":"r1",` +
		`"from_event":false,"payload":{"file":"A & B.png"}}` + "\n"
	if diff := cmp.Diff(want, read(t, file)); diff != "" {
		t.Error(diff)
	}
}

func TestAPayloadThatIsNoJSONIsHandedOverAsBase64(t *testing.T) {
	file := filepath.Join(t.TempDir(), "in")
	w := work()
	w.Jobs[0].Payload = []byte("a\x00b")
	run(t.Context(), t, cmdrunner.Config{}, w, shell(`cat > "$0"`, file))
	var got struct {
		Payload json.RawMessage `json:"payload"`
		Base64  []byte          `json:"payload_base64"`
	}
	if err := json.Unmarshal([]byte(read(t, file)), &got); err != nil || got.Payload != nil || string(got.Base64) != "a\x00b" {
		t.Errorf("stdin = %+v, %v", got, err)
	}
}

func TestACommandSeesItsJobAndNoSecretsInItsEnvironment(t *testing.T) {
	t.Setenv("AUWAI_TOKEN", "secret")
	file := filepath.Join(t.TempDir(), "env")
	run(t.Context(), t, cmdrunner.Config{Env: []string{"TZ=UTC", "PATH=/usr/bin:/bin"}}, work(), shell(`env > "$0"`, file))
	got := read(t, file)
	for _, want := range []string{
		"AUWAI_JOB=aawiki.J1\n", "AUWAI_QUEUE=thumbs\n", "AUWAI_WIKI=aawiki\n", "AUWAI_ATTEMPT=2\n",
		"AUWAI_FENCE=7\n", "AUWAI_REQUEST_ID=r1\n", "TZ=UTC\n", "PATH=",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the environment has no %q", want)
		}
	}
	if strings.Contains(got, "secret") {
		t.Errorf("the environment has the service's own:\n%s", got)
	}
}

func TestExitsAreOutcomes(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		want   runner.Result
	}{
		"0 is done": {
			`echo hello; echo '{"message":"12 made","result_url":"https://x.example/1"}'; exit 0`,
			runner.Result{Outcome: jobqueue.OutcomeDone, Message: "12 made", ResultURL: "https://x.example/1"},
		},
		"another is a failure with what was written": {
			`echo "disk is full" >&2; exit 3`,
			runner.Result{Outcome: jobqueue.OutcomeFailed, Class: "error", Error: "exit status 3: disk is full"},
		},
		"a report explains it": {
			`echo noise; echo '{"error":"no such file","class":"missing","retry_after":90}'; exit 1`,
			runner.Result{Outcome: jobqueue.OutcomeFailed, Class: "missing", Error: "exit status 1: no such file", RetryAfter: 90 * time.Second},
		},
		"75 is tried again, uncounted": {
			`exit 75`,
			runner.Result{Outcome: jobqueue.OutcomeUncounted, Error: "the command cannot do it now (exit status 75)", RetryAfter: time.Minute},
		},
		"75 says when": {
			`printf '{"retry_after":2.5}'; exit 75`,
			runner.Result{Outcome: jobqueue.OutcomeUncounted, Error: `the command cannot do it now (exit status 75): {"retry_after":2.5}`, RetryAfter: 2500 * time.Millisecond},
		},
		"permanent is dead": {
			`echo '{"permanent":true,"message":"gone"}'; exit 4`,
			runner.Result{Outcome: jobqueue.OutcomePermanent, Message: "gone", Error: "the command says that it is of no use to try again: exit status 4: gone"},
		},
		"a signal is a crash": {
			`kill -SEGV $$`,
			runner.Result{Outcome: jobqueue.OutcomeFailed, Class: "crash", Error: "the command was ended: signal: segmentation fault"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := one(t, c.script)
			got.Error = strings.Replace(got.Error, " (core dumped)", "", 1)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestACommandThatIsNotThereFails(t *testing.T) {
	got := run(t.Context(), t, cmdrunner.Config{}, work(), []string{filepath.Join(t.TempDir(), "none")})
	if len(got) != 1 || got[0].Outcome != jobqueue.OutcomeFailed || !strings.Contains(got[0].Error, "no such file") {
		t.Errorf("results = %+v", got)
	}
	got = run(t.Context(), t, cmdrunner.Config{}, work(), nil)
	if len(got) != 1 || got[0].Outcome != jobqueue.OutcomePermanent || !strings.Contains(got[0].Error, "queue thumbs has no command") {
		t.Errorf("results = %+v", got)
	}
}

// held makes a named pipe. A process that has it open for writing keeps reading from it from ending.
func held(t *testing.T) (file string, ended func()) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "held")
	if err := syscall.Mkfifo(file, 0o600); err != nil {
		t.Fatal(err)
	}
	return file, func() {
		t.Helper()
		// Non-blocking: nobody may have it open for writing any more.
		f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close() //nolint:errcheck // it was only read
		if err := f.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, f); err != nil || n != 0 {
			t.Errorf("a process of the group still lives: read %d bytes, %v", n, err)
		}
	}
}

// Both ends are open, so that opening does not wait for a reader.
const grandchild = `exec 3<>"$0"; sleep 600 & `

func TestACommandThatIsTooSlowIsEndedWithAllThatItStarted(t *testing.T) {
	file, ended := held(t)
	w := work()
	w.Timeout = 200 * time.Millisecond
	got := run(t.Context(), t, cmdrunner.Config{KillAfter: 50 * time.Millisecond}, w, shell(`trap '' TERM; `+grandchild+`echo started; while :; do wait; done`, file))
	if len(got) != 1 || got[0].Outcome != jobqueue.OutcomeFailed || got[0].Class != runner.ClassTimeout {
		t.Errorf("results = %+v", got)
	}
	ended()
}

func TestWhatACommandLeavesBehindIsEnded(t *testing.T) {
	file, ended := held(t)
	if res := one(t, grandchild+`exit 0`, file); res.Outcome != jobqueue.OutcomeDone {
		t.Errorf("result = %+v", res)
	}
	ended()
}

func TestACancelledCommandIsEndedAndHasNoResult(t *testing.T) {
	file, ended := held(t)
	ctx, cancel := context.WithCancel(t.Context())
	cfg := cmdrunner.Config{OnProgress: func(string, cmdrunner.Report) { cancel() }}
	if got := run(ctx, t, cfg, work(), shell(grandchild+`echo '{"progress":1}'; wait`, file)); len(got) != 0 {
		t.Errorf("results = %+v", got)
	}
	ended()
}

func TestReportsAreProgress(t *testing.T) {
	var mu sync.Mutex
	var got []string
	cfg := cmdrunner.Config{OnProgress: func(id string, r cmdrunner.Report) {
		mu.Lock()
		defer mu.Unlock()
		text, err := json.Marshal([]any{id, r.Progress, r.Message})
		if err != nil {
			t.Error(err)
		}
		got = append(got, string(text))
	}}
	run(t.Context(), t, cfg, work(), shell(`echo '{"progress":10}'; echo text; echo '{"progress":400,"message":"half"}'; printf '{"message":"end"}'`))
	want := []string{`["aawiki.J1",10,""]`, `["aawiki.J1",100,"half"]`, `["aawiki.J1",null,"end"]`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestALongOutputIsCutToItsEnd(t *testing.T) {
	res := one(t, `i=0; while [ $i -lt 3000 ]; do echo "line $i of an output that is longer than what is kept of it ..."; i=$((i+1)); done; echo "the end"; exit 1`)
	if len(res.Error) > jobqueue.MaxError || !strings.HasPrefix(res.Error, "exit status 1: …") || !strings.HasSuffix(res.Error, "\nthe end") {
		t.Errorf("error = %q", res.Error)
	}
}
