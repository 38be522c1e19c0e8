package phppool_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// fakeEnv makes this test binary a worker: what PHP and the extension do, without them.
const fakeEnv = "FAKE_PHP_WORKER"

func TestMain(m *testing.M) {
	switch os.Getenv(fakeEnv) {
	case "":
		os.Exit(m.Run())
	case "child":
		_, _ = os.Stdin.Read(make([]byte, 1)) // until the other end is gone
	default:
		fakeWorker()
	}
}

type fakeRequest struct {
	Jobs []struct {
		ID      string `json:"id"`
		Payload struct {
			Params map[string]string `json:"params"`
		} `json:"payload"`
	} `json:"jobs"`
}

// fakeWorker serves requests as src/Worker.php of the extension does. Its arguments are those of PHP:
// script, memory limit, and what the wiki's args say: --wiki=NAME, --fail=TEXT.
func fakeWorker() {
	wiki := ""
	for _, arg := range os.Args[1:] {
		if v, ok := strings.CutPrefix(arg, "--wiki="); ok {
			wiki = v
		}
		if v, ok := strings.CutPrefix(arg, "--fail="); ok {
			fmt.Fprintln(os.Stderr, v)
			os.Exit(3)
		}
	}
	answers := os.NewFile(3, "answers")
	tell := func(v map[string]any) {
		line, _ := json.Marshal(v)
		_, _ = answers.Write(append(line, '\n'))
	}
	tell(map[string]any{"ready": true, "wiki": wiki})
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 8<<20)
	for in.Scan() {
		if strings.Contains(in.Text(), "poison") {
			fmt.Fprintln(os.Stdout, "cannot read this")
			os.Exit(255)
		}
		var q fakeRequest
		if json.Unmarshal(in.Bytes(), &q) != nil {
			tell(map[string]any{"done": true, "stopped": "request", "reason": "not JSON"})
			continue
		}
		stopped, reason, leaving := "", "", false
		for i, job := range q.Jobs {
			p := job.Payload.Params
			if p["refuse"] != "" && (p["pid"] == "" || p["pid"] == strconv.Itoa(os.Getpid())) {
				stopped, reason, leaving = p["refuse"], p["reason"], p["leaving"] != ""
				break
			}
			fmt.Fprintf(os.Stdout, "\x1e%d\n", i)
			line := map[string]any{"id": job.ID, "ok": true}
			fakeJob(p, line)
			tell(line)
			leaving = leaving || p["leave"] != ""
		}
		tell(map[string]any{"done": true, "stopped": stopped, "reason": reason, "leaving": leaving})
		if leaving {
			return
		}
		if len(q.Jobs) > 0 && q.Jobs[0].Payload.Params["die in sleep"] != "" {
			return
		}
	}
}

// fakeJob does what the parameters of a job say. What it says of itself goes back as a noted error.
func fakeJob(p map[string]string, line map[string]any) {
	if p["print"] != "" {
		fmt.Fprintln(os.Stdout, p["print"])
	}
	switch p["do"] {
	case "pid":
		line["error"] = strconv.Itoa(os.Getpid())
	case "args":
		line["error"] = strings.Join(os.Args[1:], " ") + " in " + os.Getenv("MW_INSTALL_PATH")
	case "fail":
		line["ok"], line["error"], line["caught"] = false, "it would not", []string{"RuntimeException"}
	case "crash":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		hang()
	case "exit":
		os.Exit(0)
	case "hang":
		hang()
	case "hold fifo":
		_, _ = os.OpenFile(p["fifo"], os.O_WRONLY, 0) // open as long as this process lives
	case "child and hang":
		startChild(p["fifo"], false)
		hang()
	case "stray and exit":
		startChild(p["fifo"], true)
		os.Exit(1)
	}
}

// startChild starts a process that holds all descriptors of this one, and writes to the fifo when it is
// there. It lives until it is killed.
func startChild(fifo string, ownSession bool) {
	end, err := os.OpenFile(fifo, os.O_WRONLY, 0)
	if err != nil {
		os.Exit(9)
	}
	r, w, _ := os.Pipe()
	child := exec.CommandContext(context.Background(), os.Args[0])
	child.Env = append(os.Environ(), fakeEnv+"=child")
	child.Stdin, child.Stdout, child.Stderr = r, os.Stdout, os.Stderr
	child.ExtraFiles = []*os.File{os.NewFile(3, "answers"), end, w} // w: it is its own other end
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: ownSession}
	if err := child.Start(); err != nil {
		os.Exit(9)
	}
	_, _ = fmt.Fprintf(end, "%d\n", child.Process.Pid)
}

// hang waits for a signal that nobody sends.
func hang() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR1)
	<-c
}
