package cdnin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"auwai/internal/fault"
	"auwai/internal/htcp"
)

// socketBuffer is what the kernel is asked to keep while the reader is busy; it may give less.
const socketBuffer = 4 << 20

// readPause keeps a socket that fails at once from filling the processor.
const readPause = 100 * time.Millisecond

// HTCP reads HTCP packets from a UDP socket. Safe for concurrent use.
type HTCP struct {
	cfg    Config
	gather *gather
}

// NewHTCP returns an HTCP.
func NewHTCP(cfg Config) *HTCP {
	h := &HTCP{cfg: cfg}
	h.gather = newGather(&h.cfg, "htcp", true)
	return h
}

// ListenHTCP opens the socket of an address "host:port". The group of a multicast address is joined on
// the interface that the system chooses. The error has the kind Unavailable.
func ListenHTCP(ctx context.Context, address string) (net.PacketConn, error) {
	a, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "listen for HTCP on "+address)
	}
	var conn net.PacketConn
	if a.IP.IsMulticast() {
		conn, err = net.ListenMulticastUDP("udp", nil, a)
	} else {
		conn, err = new(net.ListenConfig).ListenPacket(ctx, "udp", address)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "listen for HTCP on "+address+"; is something else there?")
	}
	if u, ok := conn.(*net.UDPConn); ok {
		_ = u.SetReadBuffer(socketBuffer) // what the system allows is enough to work
	}
	return conn, nil
}

// Run reads packets and takes their purges until ctx ends. It closes conn, and returns nil, or an error
// when the socket cannot be closed.
func (h *HTCP) Run(ctx context.Context, conn net.PacketConn) error {
	var parts sync.WaitGroup
	parts.Go(func() { h.gather.run(ctx) })
	parts.Go(func() { h.read(ctx, conn) })
	<-ctx.Done()
	err := conn.Close()
	parts.Wait()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close the HTCP socket: %w", err)
	}
	return nil
}

// read waits for nothing but the socket.
func (h *HTCP) read(ctx context.Context, conn net.PacketConn) {
	packet := make([]byte, htcp.MaxPacket+1)
	for {
		n, from, err := conn.ReadFrom(packet)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			h.gather.log.Warn("the HTCP socket cannot be read, will be tried again", "err", err)
			timer := time.NewTimer(readPause)
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
				return
			}
		default:
			h.packet(packet[:n], from)
		}
	}
}

// packet takes one packet, or counts why not.
func (h *HTCP) packet(packet []byte, from net.Addr) {
	if !h.cfg.allows(from) {
		h.cfg.count(Refused, 1)
		return
	}
	text, _, err := htcp.Read(packet)
	p := &purge{url: text}
	if err == nil {
		p.host, err = hostOf(text)
	}
	if err != nil {
		h.gather.log.Debug("an HTCP packet is not understood", "from", from.String(), "err", err)
		h.cfg.count(Invalid, 1)
		return
	}
	if u, ok := from.(*net.UDPAddr); ok {
		p.client = u.IP.String()
	}
	if _, err := h.gather.add(p); err != nil {
		h.cfg.count(Dropped, 1)
	}
}
