package udp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"

	"auwai/internal/fault"
)

const (
	// maxPacket is more than a datagram can hold.
	maxPacket = 64 << 10
	// socketBuffer is what the system keeps while the reader is busy: some thousand edits. It may give
	// less.
	socketBuffer = 4 << 20
	// maxLogged bounds the unknown names that are logged, each once.
	maxLogged = 100
)

// Outcome is what became of a packet, for counting.
type Outcome string

// The outcomes.
const (
	Woke       Outcome = "woke"       // its wiki was woken, or was awake
	Ignored    Outcome = "ignored"    // its wiki is configured, and needs no waking
	Unknown    Outcome = "unknown"    // it names a wiki that is not configured
	Unreadable Outcome = "unreadable" // it names no wiki
	Refused    Outcome = "refused"    // its sender may not send
)

// Config is what a Receiver is made of.
type Config struct {
	// Hint is called for each packet that names a wiki and answers Woke, Ignored or Unknown. Required.
	// It is called from one goroutine and must not block.
	Hint func(Name) Outcome
	// Allowed says whether packets of an address are taken. Required.
	Allowed func(netip.Addr) bool
	// OnPacket counts. Nil: nothing is counted.
	OnPacket func(Outcome)
	Logger   *slog.Logger // nil: nothing is logged
}

// Receiver reads packets from a socket.
type Receiver struct {
	cfg    Config
	conn   net.PacketConn
	log    *slog.Logger
	logged map[string]struct{} // unknown names; "" for packets without one. Of Run alone
}

// Listen binds the address, "127.0.0.1:8193". From then on the system keeps what comes, for Run. The
// Receiver has to be closed. Errors are of kind Unavailable.
func Listen(ctx context.Context, address string, cfg Config) (*Receiver, error) {
	conn, err := new(net.ListenConfig).ListenPacket(ctx, "udp", address)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "listen for RCFeed packets on "+address+"; rcfeed_listen names another address")
	}
	if udp, ok := conn.(*net.UDPConn); ok {
		_ = udp.SetReadBuffer(socketBuffer) // the system may give less: a lost packet is a late wake-up
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Receiver{cfg: cfg, conn: conn, log: cfg.Logger.With("part", "rcfeed"), logged: map[string]struct{}{}}, nil
}

// Addr returns the address that is listened on.
func (r *Receiver) Addr() net.Addr { return r.conn.LocalAddr() }

// Close ends Run and gives the address up. It may be called more than once.
func (r *Receiver) Close() error {
	if err := r.conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close the socket of RCFeed packets: %w", err)
	}
	return nil
}

// Run reads packets until ctx ends or the Receiver is closed, and then returns nil.
func (r *Receiver) Run(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() { _ = r.conn.Close() })()
	buffer := make([]byte, maxPacket)
	for {
		n, from, err := r.conn.ReadFrom(buffer)
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			return fmt.Errorf("read RCFeed packets: %w", err)
		}
		outcome := r.take(buffer[:n], from)
		if r.cfg.OnPacket != nil {
			r.cfg.OnPacket(outcome)
		}
	}
}

func (r *Receiver) take(packet []byte, from net.Addr) Outcome {
	if sender := addressOf(from); !r.cfg.Allowed(sender) {
		if r.first("\x00" + sender.String()) {
			r.log.Warn("an RCFeed packet came from an address that may not send; name its network in allow_from.produce", "from", from.String())
		}
		return Refused
	}
	n := Parse(packet)
	if n.IsZero() {
		if r.first("") {
			r.log.Warn("an RCFeed packet names no wiki: use JSONRCFeedFormatter, or put the wiki's name behind the port of its uri",
				"from", from.String(), "bytes", len(packet))
		}
		return Unreadable
	}
	outcome := r.cfg.Hint(n)
	if outcome == Unknown && r.first(n.Prefix+"\x00"+n.Wiki+"\x00"+n.Domain) {
		r.log.Warn("an RCFeed packet names a wiki that is not configured",
			"prefix", n.Prefix, "wiki", n.Wiki, "domain", n.Domain, "from", from.String())
	}
	return outcome
}

// addressOf returns the address of a packet's sender.
func addressOf(from net.Addr) netip.Addr {
	if udp, ok := from.(*net.UDPAddr); ok {
		return udp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// first reports whether something is to be logged: once for each name, for a bounded number of them.
func (r *Receiver) first(name string) bool {
	if _, seen := r.logged[name]; seen || len(r.logged) >= maxLogged {
		return false
	}
	r.logged[name] = struct{}{}
	return true
}
