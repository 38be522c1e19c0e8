package purgerunner

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"auwai/internal/runner"
)

func TestTheReasonOfASilenceIsSaidInWords(t *testing.T) {
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	for _, c := range []struct {
		err         error
		words       string
		class       string
		unreachable bool
	}{
		{dial(&net.DNSError{Err: "no such host", Name: "cache.invalid"}), "the name cache.invalid does not resolve", runner.ClassConnection, true},
		{dial(os.ErrDeadlineExceeded), "no connection in time", runner.ClassConnection, true},
		{dial(errors.New("no route to host")), "no connection: no route to host", runner.ClassConnection, true},
		{context.DeadlineExceeded, "no answer within 5s", runner.ClassTimeout, false},
		{errors.New("EOF"), "no answer: EOF", runner.ClassConnection, false},
	} {
		if got := whyNoAnswer(c.err, 5*time.Second); got != (trouble{c.words, c.class, c.unreachable}) {
			t.Errorf("whyNoAnswer(%v) = %+v, want %q, %s, %v", c.err, got, c.words, c.class, c.unreachable)
		}
	}
}

// FuzzTarget: what is sent for a URL is a request line that a server reads back to the same target,
// and reading it again changes nothing.
func FuzzTarget(f *testing.F) {
	for _, text := range []string{"http://wiki.example/wiki/A", "https://W:8080?x#y", "http://[::1]:80/é", "http://a\tb/", "http://%41/"} {
		f.Add(text)
	}
	s := &server{address: "127.0.0.1:1", userAgent: "x"}
	f.Fuzz(func(t *testing.T, text string) {
		got, why := parseTarget(text)
		if why != "" {
			return
		}
		again, why := parseTarget("http://" + got.authority + got.path)
		if why != "" || again != got {
			t.Fatalf("parseTarget(%q) = %+v, again %+v (%s)", text, got, again, why)
		}
		req := s.request(t.Context(), got, "")
		if req.URL.RequestURI() != "http://"+got.authority+got.path || req.Host != got.authority {
			t.Fatalf("request of %q: %s, host %s", text, req.URL.RequestURI(), req.Host)
		}
		if line := req.Method + " " + req.URL.RequestURI() + " HTTP/1.1"; len(strings.Split(line, " ")) != 3 {
			t.Fatalf("the request line of %q has not three parts: %s", text, line)
		}
	})
}
