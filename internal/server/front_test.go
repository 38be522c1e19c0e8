package server

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// door is a listener that tells when it is left and when it has accepted.
type door struct {
	net.Listener
	accepted chan struct{}
	left     chan struct{}
	once     sync.Once
}

func (d *door) Accept() (net.Conn, error) {
	c, err := d.Listener.Accept()
	if err == nil {
		d.accepted <- struct{}{}
	}
	return c, err
}

func (d *door) Close() error {
	d.once.Do(func() { close(d.left) })
	return d.Listener.Close()
}

func openDoor(t *testing.T) *door {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return &door{Listener: l, accepted: make(chan struct{}, 10), left: make(chan struct{})}
}

// guest is a connection of a client that sends what it is told to.
type guest struct {
	t *testing.T
	net.Conn
	in *bufio.Reader
}

func (d *door) guest(t *testing.T) *guest {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", d.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	<-d.accepted
	return &guest{t: t, Conn: c, in: bufio.NewReader(c)}
}

func (g *guest) send(text string) {
	g.t.Helper()
	if _, err := io.WriteString(g, text); err != nil {
		g.t.Fatal(err)
	}
}

// wantAnswer reads an answer that closes its connection, or does not.
func (g *guest) wantAnswer(closes bool) {
	g.t.Helper()
	if closed := g.wantOK(); closed != closes {
		g.t.Errorf("the answer closes its connection: %t, want %t", closed, closes)
	}
}

// wantOK reads an answer and reports whether the server closes the connection after it.
func (g *guest) wantOK() (closed bool) {
	g.t.Helper()
	resp, err := http.ReadResponse(g.in, nil)
	if err != nil {
		g.t.Fatalf("a request was cut off: %v", err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		g.t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusOK {
		g.t.Errorf("answered %d, want 200", resp.StatusCode)
	}
	return resp.Close
}

const request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

func TestWhatWasAcceptedIsAnsweredWhenTheServerEnds(t *testing.T) {
	entered, goOn := make(chan struct{}), make(chan struct{})
	f := newFront(&http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(entered)
			<-goOn
		}
	})})
	d := openDoor(t)
	go f.serve(d)
	used, slow, fresh := d.guest(t), d.guest(t), d.guest(t)
	used.send(request)
	used.wantAnswer(false)
	slow.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
	<-entered
	f.leave()
	used.send(request)
	used.wantAnswer(true) // the client is asked to go elsewhere
	ended := make(chan error, 1)
	go func() { ended <- f.close(t.Context(), lingerFor) }()
	<-d.left
	fresh.send(request) // its connection was accepted, so nobody else will answer it
	fresh.wantAnswer(true)
	close(goOn)
	slow.wantOK()
	if err := <-ended; err != nil {
		t.Errorf("close() = %v, want nil", err)
	}
}

func TestConnectionsThatSayNothingDoNotHoldTheEndUpForLong(t *testing.T) {
	f := newFront(&http.Server{ReadHeaderTimeout: time.Minute, Handler: http.NotFoundHandler()})
	d := openDoor(t)
	go f.serve(d)
	silent := d.guest(t)
	if err := f.close(t.Context(), lingerFor); err != nil {
		t.Errorf("close() = %v, want nil", err)
	}
	if _, err := silent.in.ReadByte(); err != io.EOF {
		t.Errorf("the silent connection reads %v, want its end", err)
	}
}

func TestAServerThatWasNeverServedEndsAtOnce(t *testing.T) {
	f := newFront(&http.Server{ReadHeaderTimeout: time.Minute, Handler: http.NotFoundHandler()})
	if err := f.close(t.Context(), 0); err != nil {
		t.Errorf("close() = %v, want nil", err)
	}
}
