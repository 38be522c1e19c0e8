package testenv

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
)

// Fault is what the proxy does to the next request that the client sends. The proxy knows nothing of
// the protocol: a request is what a client sends after Arm, on one connection.
type Fault int

// The faults.
const (
	// LoseReply delivers the request and cuts the client off at the first byte of the reply.
	LoseReply Fault = iota + 1
	// HoldRequest keeps the request. Release delivers it, whether or not the client still waits.
	HoldRequest
	// CutRequest delivers the first bytes of the request, then cuts both sides off.
	CutRequest
	// CutClient delivers the request and cuts the client off at once.
	CutClient
	// Freeze delivers the first bytes of the request; then nothing moves on this connection any more
	// and nothing is closed, as if the client had been stopped. Release ends it.
	Freeze
)

// Proxy forwards TCP connections to a unix socket. It does one fault to one request when it is armed
// and is transparent otherwise. It is safe for concurrent use.
type Proxy struct {
	listener net.Listener
	socket   string
	wg       sync.WaitGroup

	mu    sync.Mutex
	armed *Caught               // Guarded by mu: the next fault, not yet met by a request.
	conns map[net.Conn]struct{} // Guarded by mu: both sides of every connection.
}

// Caught is a fault that waits for its request, or has met it.
type Caught struct {
	fault Fault
	bytes int

	caught   chan struct{} // closed when the first bytes of the request are there
	released chan struct{} // closed by Release
	over     chan struct{} // closed when the connection that met the fault has ended
	once     sync.Once
}

// NewProxy starts a proxy in front of a unix socket. It ends with the test.
func NewProxy(tb testing.TB, socket string) *Proxy {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("start a proxy: %v", err)
	}
	p := &Proxy{listener: l, socket: socket, conns: make(map[net.Conn]struct{})}
	p.wg.Go(p.accept)
	tb.Cleanup(p.close)
	return p
}

// Addr returns the address on which the proxy listens.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Arm prepares one fault. The next bytes that any client sends meet it; bytes is how many of them
// CutRequest and Freeze let through.
func (p *Proxy) Arm(fault Fault, bytes int) *Caught {
	c := &Caught{
		fault: fault, bytes: bytes,
		caught: make(chan struct{}), released: make(chan struct{}), over: make(chan struct{}),
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.armed = c
	return c
}

// Caught is closed when a request has met the fault.
func (c *Caught) Caught() <-chan struct{} { return c.caught }

// Release lets a held request go on, or ends a frozen connection.
func (c *Caught) Release() { c.once.Do(func() { close(c.released) }) }

// Over is closed when the server has answered what it was sent, or has lost the connection.
func (c *Caught) Over() <-chan struct{} { return c.over }

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		server, err := net.Dial("unix", p.socket)
		if err != nil {
			_ = client.Close() // the client sees a refused server
			continue
		}
		if !p.track(client, server) {
			return
		}
		p.wg.Go(func() { p.serve(client, server) })
	}
}

// track notes both sides, unless the proxy is closed.
func (p *Proxy) track(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		if p.conns == nil {
			_ = c.Close() // the proxy is closed, so is everything of it
			continue
		}
		p.conns[c] = struct{}{}
	}
	return p.conns != nil
}

func (p *Proxy) close() {
	_ = p.listener.Close() // nothing to do about it at the end of a test
	p.mu.Lock()
	conns := p.conns
	p.conns = nil
	if p.armed != nil {
		p.armed.Release()
	}
	p.mu.Unlock()
	for c := range conns {
		_ = c.Close() // some are closed already
	}
	p.wg.Wait()
}

// take returns the armed fault, once.
func (p *Proxy) take() *Caught {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.armed
	p.armed = nil
	return c
}

// pair is one forwarded connection.
type pair struct {
	client, server net.Conn
	faulty         chan *Caught // capacity 1: the request side tells the reply side of its fault
}

func (p *Proxy) serve(client, server net.Conn) {
	pr := &pair{client: client, server: server, faulty: make(chan *Caught, 1)}
	var both sync.WaitGroup
	both.Go(func() { p.requests(pr) })
	both.Go(func() { pr.replies() })
	both.Wait()
	pr.cut()
	p.mu.Lock()
	delete(p.conns, client)
	delete(p.conns, server)
	p.mu.Unlock()
	select {
	case c := <-pr.faulty:
		close(c.over)
	default:
	}
}

func (pr *pair) cut() {
	// Closing twice is an error that says nothing.
	_, _ = pr.client.Close(), pr.server.Close()
}

// requests forwards what the client sends until the connection ends or meets a fault.
func (p *Proxy) requests(pr *pair) {
	buf := make([]byte, 64<<10)
	for {
		n, err := pr.client.Read(buf)
		if n > 0 {
			if c := p.take(); c != nil {
				pr.faulty <- c
				close(c.caught)
				pr.suffer(c, buf[:n])
				return
			}
			if _, err := pr.server.Write(buf[:n]); err != nil {
				pr.cut()
				return
			}
		}
		if err != nil {
			pr.cut()
			return
		}
	}
}

// suffer does the fault to a request whose first bytes are given.
func (pr *pair) suffer(c *Caught, first []byte) {
	switch c.fault {
	case LoseReply, CutClient:
		if !pr.forward(first) {
			return
		}
		if c.fault == CutClient {
			pr.drainSent()
			_ = pr.client.Close() // the client is gone; replies reads the server to its end
			pr.halfClose()
			return
		}
		pr.copyRest()
	case HoldRequest:
		request := append([]byte(nil), first...)
		rest := make(chan []byte, 1)
		go func() {
			more, _ := io.ReadAll(pr.client) // ends when the client gives up
			rest <- more
		}()
		<-c.released
		_ = pr.client.Close() // the client waited in vain
		request = append(request, <-rest...)
		if pr.forward(request) {
			pr.halfClose()
		}
	case CutRequest, Freeze:
		if pr.forward(first[:min(c.bytes, len(first))]) && c.fault == Freeze {
			<-c.released
		}
		pr.cut()
	}
}

func (pr *pair) forward(b []byte) bool {
	if _, err := pr.server.Write(b); err != nil {
		pr.cut()
		return false
	}
	return true
}
