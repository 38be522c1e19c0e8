package purgerunner

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"

	"auwai/internal/htcp"
)

// receiver is an address that purges are told by HTCP. Safe for concurrent use.
type receiver struct {
	address string
	timeout time.Duration

	mu          sync.Mutex
	conn        net.Conn // guarded by mu; nil: none yet, or the last one failed
	transaction uint32   // guarded by mu; of the last packet
	packet      []byte   // guarded by mu
}

// send tells the receiver to forget a URL, and returns what went wrong, "" for nothing. That nothing
// did means that the packet is on its way: nobody answers.
func (r *receiver) send(ctx context.Context, t target) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conn == nil {
		ctx, cancel := context.WithTimeout(ctx, r.timeout)
		defer cancel()
		conn, err := new(net.Dialer).DialContext(ctx, "udp", r.address)
		if err != nil {
			return whyNotSent(err)
		}
		r.conn = conn
	}
	var err error
	if r.packet, err = htcp.Append(r.packet[:0], r.transaction+1, "http://"+t.authority+t.path); err != nil {
		return err.Error()
	}
	r.transaction++
	if err = r.conn.SetWriteDeadline(time.Now().Add(r.timeout)); err == nil {
		_, err = r.conn.Write(r.packet)
	}
	if err != nil {
		_ = r.conn.Close() // it has failed; the next purge opens another
		r.conn = nil
		return whyNotSent(err)
	}
	return ""
}

func (r *receiver) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conn != nil {
		_ = r.conn.Close() // everything was sent
		r.conn = nil
	}
}

// whyNotSent puts the reason into an operator's words. That nobody listens is told by the answer to an
// earlier packet, and by no answer where a firewall holds it back.
func whyNotSent(err error) string {
	if name, ok := errors.AsType[*net.DNSError](err); ok {
		return "the name " + name.Name + " does not resolve"
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return "nobody listens there"
	}
	return "cannot be sent to: " + err.Error()
}
