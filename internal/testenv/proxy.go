package testenv

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// Fault is what the proxy does to the next request that a client sends. The proxy knows nothing of
// the protocol: a request is what it reads at once after Arm, so it should have less than 32 KiB.
type Fault int

// The faults. Except after Freeze, the reply never reaches the client.
const (
	// LoseReply delivers the request, and cuts both sides off when the server answers.
	LoseReply Fault = iota + 1
	// HoldRequest cuts the client off at once and delivers the request at Release.
	HoldRequest
	// CutRequest delivers the first bytes of the request, then cuts both sides off.
	CutRequest
	// CutClient delivers the request and cuts both sides off at once.
	CutClient
	// Freeze delivers the first bytes of the request; then nothing moves on this connection and
	// nothing is closed until Release, as if the client had been stopped and went on.
	Freeze
)

// requestBuffer is the size of one read from a client.
const requestBuffer = 32 << 10

// Proxy forwards TCP connections to a unix socket. It does one fault to one request when it is armed
// and is transparent otherwise. It is safe for concurrent use.
type Proxy struct {
	listener net.Listener
	socket   string
	wg       sync.WaitGroup

	mu     sync.Mutex
	closed bool      // Guarded by mu, as all below.
	armed  *Caught   // the next fault, which no request has met yet
	faults []*Caught // every fault, to end those that wait
	conns  []net.Conn
}

// Caught is a fault that waits for its request, or has met it. It is safe for concurrent use.
type Caught struct {
	fault    Fault
	bytes    int
	skip     int // requests to let through first; guarded by the proxy's mu
	size     atomic.Int64
	caught   chan struct{} // closed when the request is there
	released chan struct{} // closed by Release
	over     chan struct{} // closed when the connection has ended
	once     sync.Once
}

// NewProxy starts a proxy in front of a unix socket. It ends with the test.
func NewProxy(tb testing.TB, socket string) *Proxy {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("start a proxy: %v", err)
	}
	p := &Proxy{listener: l, socket: socket}
	p.wg.Go(p.accept)
	tb.Cleanup(p.close)
	return p
}

// Addr returns the address on which the proxy listens.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Arm prepares one fault for the next request that any client sends; bytes is how many bytes of it
// CutRequest and Freeze let through.
func (p *Proxy) Arm(fault Fault, bytes int) *Caught { return p.ArmAfter(0, fault, bytes) }

// ArmAfter is Arm for the request after the next n.
func (p *Proxy) ArmAfter(n int, fault Fault, bytes int) *Caught {
	c := &Caught{
		fault: fault, bytes: bytes, skip: n,
		caught: make(chan struct{}), released: make(chan struct{}), over: make(chan struct{}),
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.armed = c
	p.faults = append(p.faults, c)
	return c
}

// Caught is closed when a request has met the fault.
func (c *Caught) Caught() <-chan struct{} { return c.caught }

// Size returns the number of bytes of the request that met the fault.
func (c *Caught) Size() int { return int(c.size.Load()) }

// Release lets a held request or a frozen connection go on.
func (c *Caught) Release() { c.once.Do(func() { close(c.released) }) }

// Over is closed when the connection has ended. After HoldRequest and LoseReply the server has
// answered by then.
func (c *Caught) Over() <-chan struct{} { return c.over }

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		server, err := net.Dial("unix", p.socket)
		if err != nil {
			_ = client.Close() // to the client the server is not there
			continue
		}
		if p.track(client, server) {
			p.wg.Go(func() { p.serve(client, server) })
		}
	}
}

// track notes both sides for close; false when that has happened.
func (p *Proxy) track(client, server net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_, _ = client.Close(), server.Close() // like all others
		return false
	}
	p.conns = append(p.conns, client, server)
	return true
}

func (p *Proxy) close() {
	_ = p.listener.Close() // the test is over
	p.mu.Lock()
	p.closed = true
	conns, faults := p.conns, p.faults
	p.mu.Unlock()
	for _, c := range conns {
		_ = c.Close() // most are closed already
	}
	for _, c := range faults {
		c.Release()
	}
	p.wg.Wait()
}

// take returns the armed fault when it is for this request.
func (p *Proxy) take() *Caught {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.armed
	if c != nil && c.skip > 0 {
		c.skip--
		return nil
	}
	p.armed = nil
	return c
}

// pair is one forwarded connection.
type pair struct {
	client, server net.Conn
	fault          atomic.Pointer[Caught] // set by the request side, read by the reply side
}

func (p *Proxy) serve(client, server net.Conn) {
	pr := &pair{client: client, server: server}
	var both sync.WaitGroup
	both.Go(func() { p.requests(pr) })
	both.Go(pr.replies)
	both.Wait()
	if c := pr.fault.Load(); c != nil {
		close(c.over)
	}
}

// cut closes both sides. A second Close is an error that says nothing.
func (pr *pair) cut() { _, _ = pr.client.Close(), pr.server.Close() }

// requests forwards what the client sends until the connection ends.
func (p *Proxy) requests(pr *pair) {
	buf := make([]byte, requestBuffer)
	for {
		n, err := pr.client.Read(buf)
		if err != nil {
			// A request under way is answered first, even though nobody waits for it.
			if c := pr.fault.Load(); c == nil || (c.fault != LoseReply && c.fault != HoldRequest) {
				pr.cut()
			}
			return
		}
		c := p.take()
		if c == nil {
			if _, err := pr.server.Write(buf[:n]); err != nil {
				pr.cut()
				return
			}
			continue
		}
		c.size.Store(int64(n))
		pr.fault.Store(c)
		close(c.caught)
		pr.suffer(c, buf[:n])
	}
}

// suffer does the fault to a request.
func (pr *pair) suffer(c *Caught, request []byte) {
	switch c.fault {
	case LoseReply:
		pr.deliver(request) // replies cuts at the server's answer
	case HoldRequest:
		_ = pr.client.Close() // nobody else closes it before
		<-c.released
		pr.deliver(request) // as above
	case CutRequest:
		pr.deliver(request[:min(c.bytes, len(request))])
		pr.cut()
	case CutClient:
		pr.deliver(request)
		pr.cut()
	case Freeze:
		n := min(c.bytes, len(request))
		pr.deliver(request[:n])
		<-c.released
		pr.deliver(request[n:])
	}
}

func (pr *pair) deliver(request []byte) {
	if _, err := pr.server.Write(request); err != nil {
		pr.cut()
	}
}

// replies forwards what the server sends until the connection ends or the reply is to a faulty
// request.
func (pr *pair) replies() {
	buf := make([]byte, requestBuffer)
	for {
		n, err := pr.server.Read(buf)
		c := pr.fault.Load()
		if c != nil && c.fault == Freeze {
			<-c.released
			c = nil
		}
		if err != nil || c != nil {
			pr.cut()
			return
		}
		if _, err := pr.client.Write(buf[:n]); err != nil {
			pr.cut()
			return
		}
	}
}
