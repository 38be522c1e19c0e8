package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"

	"github.com/coreos/go-systemd/v22/activation"

	"auwai/internal/config"
	"auwai/internal/fault"
)

// sockets are those that are open already: systemd holds them, so that they outlive the process. Each
// may be nil.
type sockets struct {
	http  net.Listener
	purge net.Listener   // of cdn.purge_listen
	htcp  net.PacketConn // of cdn.htcp_listen
}

// handedSockets takes the sockets that systemd holds for us.
func handedSockets(cfg *config.Config, log *slog.Logger) (*sockets, error) {
	s := &sockets{}
	for _, f := range activation.Files(true) {
		if err := s.take(cfg, f, log); err != nil {
			return nil, errors.Join(err, s.close())
		}
	}
	return s, nil
}

// take finds out by its address what a socket is for: that of a wire of purges, or else the HTTP
// interface. The file is closed, the socket stays open.
func (s *sockets) take(cfg *config.Config, f *os.File, log *slog.Logger) error {
	defer f.Close() //nolint:errcheck // the socket has a descriptor of its own now
	l, err := net.FileListener(f)
	if err != nil {
		return s.takePackets(cfg, f, log)
	}
	switch {
	case sameAddress(l.Addr(), cfg.CDN.PurgeListen):
		s.purge = l
		return nil
	case s.http != nil:
		log.Warn("a socket that systemd handed over is not used", "address", l.Addr().String())
		return l.Close()
	}
	s.http = l
	// The address is the unit's: it must be as safe as a configured one.
	if l.Addr().Network() == "tcp" {
		if err := cfg.CheckListen(l.Addr().String()); err != nil {
			return fmt.Errorf("the socket that systemd handed over: %w", err)
		}
	}
	return nil
}

func (s *sockets) takePackets(cfg *config.Config, f *os.File, log *slog.Logger) error {
	p, err := net.FilePacketConn(f)
	if err != nil {
		return fmt.Errorf("take the socket %s from systemd: %w", f.Name(), err)
	}
	if !sameAddress(p.LocalAddr(), cfg.CDN.HTCPListen) {
		log.Warn("a socket that systemd handed over is not used", "address", p.LocalAddr().String())
		return p.Close()
	}
	s.htcp = p
	return nil
}

// sameAddress reports whether a socket has a configured address "host:port".
func sameAddress(a net.Addr, configured string) bool {
	own, err := netip.ParseAddrPort(a.String())
	if err != nil || configured == "" {
		return false
	}
	want, err := net.ResolveTCPAddr("tcp", configured) // a UDP address is resolved alike
	if err != nil {
		return false
	}
	other := want.AddrPort()
	return own.Port() == other.Port() && own.Addr().Unmap() == other.Addr().Unmap()
}

func (s *sockets) close() error {
	var errs []error
	if s.http != nil {
		errs = append(errs, s.http.Close())
	}
	if s.purge != nil {
		errs = append(errs, s.purge.Close())
	}
	if s.htcp != nil {
		errs = append(errs, s.htcp.Close())
	}
	return errors.Join(errs...)
}

// listen takes the sockets that systemd holds for us, and binds the address of the HTTP interface if
// none is for it.
func (o *Options) listen(ctx context.Context) (*sockets, error) {
	if o.Listener != nil {
		return &sockets{http: o.Listener}, nil
	}
	s, err := handedSockets(o.Config, o.Logger)
	if err != nil || s.http != nil {
		return s, err
	}
	if s.http, err = new(net.ListenConfig).Listen(ctx, "tcp", o.Config.Listen); err != nil {
		err = fault.Wrap(fault.Unavailable, err, "listen on "+o.Config.Listen+"; is another auwai running there?")
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}
