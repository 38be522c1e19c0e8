package server

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/google/uuid"

	"auwai/internal/fault"
	"auwai/internal/origin/cdnin"
)

// wires take purges from wikis that know nothing of Auwai. The zero value takes none.
type wires struct {
	purge    *cdnin.HTTP // nil: PURGE is not taken
	front    *front
	listener net.Listener

	htcp   *cdnin.HTCP // nil: HTCP is not taken
	socket net.PacketConn
}

// openWires opens the sockets that the configuration names and that are not open already, and takes
// those over. What arrives waits in them until start.
func (s *service) openWires(ctx context.Context, open *sockets) (*wires, error) {
	w := &wires{listener: open.purge, socket: open.htcp}
	cdn := &s.o.Config.CDN
	if cdn.PurgeListen != "" {
		w.purge = cdnin.NewHTTP(s.wireConfig("http"))
		w.front = newFront(&http.Server{
			Handler: w.purge, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
			MaxHeaderBytes: 32 << 10,
		})
		if err := w.listen(ctx, cdn.PurgeListen); err != nil {
			return nil, err
		}
	}
	if cdn.HTCPListen != "" {
		w.htcp = cdnin.NewHTCP(s.wireConfig("htcp"))
		var err error
		if w.socket == nil {
			w.socket, err = cdnin.ListenHTCP(ctx, cdn.HTCPListen)
		}
		if err != nil {
			return nil, errors.Join(err, w.abandon())
		}
	}
	return w, nil
}

func (w *wires) listen(ctx context.Context, address string) error {
	if w.listener != nil {
		return nil
	}
	var err error
	w.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", address)
	return fault.Wrap(fault.Unavailable, err, "listen for purges on "+address+", as cdn.purge_listen says; is something else there?")
}

func (s *service) wireConfig(wire string) cdnin.Config {
	return cdnin.Config{
		Intake: s.intake, NewID: uuid.NewString, Now: func() time.Time { return time.Now().UTC() },
		Allowed: func(a netip.Addr) bool { return s.live.config().MayPurge(a) },
		Logger:  s.o.Logger, OnPurges: s.metrics.Purges(wire),
	}
}

// start takes purges until close is called and ctx ends.
func (w *wires) start(ctx context.Context, parts *sync.WaitGroup, onError func(error)) {
	if w.purge != nil {
		go w.front.serve(w.listener)
		parts.Go(func() { _ = w.purge.Run(ctx) }) // returns nil
	}
	if w.htcp != nil {
		parts.Go(func() {
			if err := w.htcp.Run(ctx, w.socket); err != nil {
				onError(err)
			}
		})
	}
}

// served tells with what the server of PURGE ended.
func (w *wires) served() chan error {
	if w.front == nil {
		return nil
	}
	return w.front.served
}

// leave has answers ask for another connection.
func (w *wires) leave() {
	if w.front != nil {
		w.front.leave()
	}
}

// close ends the server of PURGE in order; see front.
func (w *wires) close(ctx context.Context, asked time.Duration) error {
	if w.front == nil {
		return nil
	}
	return w.front.close(ctx, asked)
}

// abandon closes sockets that were never served.
func (w *wires) abandon() error {
	var errs []error
	if w.listener != nil {
		errs = append(errs, w.listener.Close())
	}
	if w.socket != nil {
		errs = append(errs, w.socket.Close())
	}
	return errors.Join(errs...)
}
