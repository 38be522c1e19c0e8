package server

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"time"

	"auwai/internal/config"
)

// Start runs a service on a free port in a folder of its own, for measuring, and returns its base URL
// and what stops it.
func Start(ctx context.Context, dir string) (url string, stop func() error, err error) {
	cfg := config.Default()
	cfg.Data = filepath.Join(dir, "data")
	ctx, cancel := context.WithCancel(ctx)
	ready := make(chan net.Addr, 1)
	ended := make(chan error, 1)
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		cancel()
		return "", nil, err
	}
	cfg.Listen = listener.Addr().String()
	go func() {
		ended <- Run(ctx, Options{Config: cfg, Drain: time.Second, Listener: listener, OnReady: func(a net.Addr) { ready <- a }})
	}()
	select {
	case a := <-ready:
		return "http://" + a.String(), func() error { cancel(); return <-ended }, nil
	case err := <-ended:
		cancel()
		return "", nil, errors.Join(errors.New("the service did not start"), err)
	}
}
