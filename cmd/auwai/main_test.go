package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"auwai/api"
	"auwai/client"
	"auwai/internal/cli"
	"auwai/internal/config"
	"auwai/internal/server"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"auwai": main})
}

// The command line as stories. Each has a folder of its own, and may start a service:
//
//	service start    starts one on a free port, in the folder store, with auwai.yaml if that is there
//	service stop     stops it in order
//	wiki STATUS      starts a wiki that answers every job so, and writes an auwai.yaml with it
//	await STATE N    waits until N jobs are in the state
//	configured FILE  writes what tokens new wrote into auwai.yaml, and the token into the file token
//	idof stdout      puts the id of the first job of a JSON list into $ID
func TestTheCommandLine(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"service": service,
			"wiki":    wiki,
			"await":   await,
			"idof":    idOf,

			"configured": configured,
		},
		Setup: func(e *testscript.Env) error {
			e.Values[serviceKey{}] = &running{}
			return nil
		},
	})
}

type serviceKey struct{}

// running is the service of a story.
type running struct {
	cancel context.CancelFunc
	ended  chan error
	on     atomic.Bool
}

func service(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("service start, or service stop")
	}
	r, ok := ts.Value(serviceKey{}).(*running)
	if !ok {
		ts.Fatalf("the story has no place for a service")
	}
	if args[0] == "stop" {
		ts.Check(r.stop())
		return
	}
	cfg := config.Default()
	if file := ts.MkAbs("auwai.yaml"); exists(file) {
		var err error
		cfg, err = config.Load(file)
		ts.Check(err)
	}
	cfg.Data, cfg.Listen = ts.MkAbs("store"), "127.0.0.1:0"
	ready := make(chan string, 1)
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel, r.ended = cancel, make(chan error, 1)
	go func() {
		r.ended <- server.Run(ctx, server.Options{Config: cfg, Drain: time.Second, OnReady: func(a net.Addr) { ready <- a.String() }})
	}()
	select {
	case addr := <-ready:
		ts.Setenv("AUWAI_SERVER", "http://"+addr)
	case err := <-r.ended:
		ts.Fatalf("the service did not start: %v", err)
	}
	r.on.Store(true)
	ts.Defer(func() { _ = r.stop() })
}

func (r *running) stop() error {
	if !r.on.CompareAndSwap(true, false) {
		return nil
	}
	r.cancel()
	return <-r.ended
}

// wiki is aawiki, reached by the runner eventbus.
func wiki(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("wiki STATUS")
	}
	status, err := strconv.Atoi(args[0])
	ts.Check(err)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	ts.Defer(s.Close)
	text := fmt.Sprintf("wikis:\n  aawiki: {url: %q, host: aa.localhost, runner: eventbus}\n", s.URL)
	ts.Check(os.WriteFile(ts.MkAbs("auwai.yaml"), []byte(text), 0o600))
}

// configured makes a configuration of what "tokens new" has written.
func configured(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("configured FILE")
	}
	token, text, _ := strings.Cut(ts.ReadFile(args[0]), "\n")
	_, lines, found := strings.Cut(text, ":\n\n")
	if !found {
		ts.Fatalf("%s has no lines for a configuration", args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs("token"), []byte(token+"\n"), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("auwai.yaml"), []byte("tokens:\n"+lines), 0o600))
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("await STATE N")
	}
	c, err := client.New(client.Config{Server: ts.Getenv("AUWAI_SERVER")})
	ts.Check(err)
	defer c.Close()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		page, err := c.Jobs(context.Background(), client.JobFilter{State: args[0], Limit: 1000})
		ts.Check(err)
		if strconv.Itoa(len(page.Jobs)) == args[1] {
			return
		}
	}
	ts.Fatalf("no %s jobs in state %s in a minute", args[1], args[0])
}

func idOf(ts *testscript.TestScript, neg bool, args []string) {
	var page api.JobPage
	if neg || len(args) != 1 {
		ts.Fatalf("idof FILE")
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &page))
	if len(page.Jobs) == 0 {
		ts.Fatalf("%s has no jobs", args[0])
	}
	ts.Setenv("ID", page.Jobs[0].ID)
}

// Every command has words for people who ask for help, and examples that name flags which exist.
func TestEveryCommandExplainsItself(t *testing.T) {
	for _, c := range []string{
		"serve", "check", "version", "keys", "queues ls", "jobs ls", "jobs show", "jobs retry", "jobs cancel",
		"dead ls", "emit", "tokens new", "completion", "bench queue", "bench intake",
	} {
		var out, errs strings.Builder
		args := append(strings.Fields(c), "--help")
		if code := cli.Run(t.Context(), args, strings.NewReader(""), &out, &errs, cli.Deps{}); code != 0 || errs.Len() > 0 {
			t.Errorf("auwai %s --help: code %d, %s", c, code, errs.String())
		}
		if text := out.String(); !strings.Contains(text, "Examples:\n") || !strings.Contains(text, "auwai "+c) {
			t.Errorf("auwai %s --help has no example:\n%s", c, text)
		}
	}
}

func TestMainStaysSmall(t *testing.T) {
	text, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), "\n"); n >= 30 {
		t.Errorf("main.go has %d lines", n)
	}
}
