package rig

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"time"
)

// Pace of looking for a condition: quick at first, then gentle with the machine.
const (
	firstLook = 5 * time.Millisecond
	slowLook  = 250 * time.Millisecond
)

// Until asks check again and again until it says true, and returns nil; or until ctx ends or check
// fails, and returns an error that names what was waited for. seen is the last state, in words.
func Until(ctx context.Context, what string, check func(context.Context) (ok bool, seen string, err error)) error {
	pause := firstLook
	seen := "nothing yet"
	for {
		ok, now, err := check(ctx)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("wait for %s (last seen: %s): %w", what, seen, context.Cause(ctx))
		case err != nil:
			return fmt.Errorf("wait for %s: %w", what, err)
		case ok:
			return nil
		}
		seen = now
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("wait for %s (last seen: %s): %w", what, seen, context.Cause(ctx))
		}
		pause = min(pause*2, slowLook)
	}
}

// UntilIn is Until with a deadline of its own.
func UntilIn(ctx context.Context, limit time.Duration, what string, check func(context.Context) (bool, string, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not within %s", limit))
	defer cancel()
	return Until(ctx, what, check)
}

// Pause lets the time pass during which something else works, or returns when ctx ends. It is never
// how to wait for something.
func Pause(ctx context.Context, duration time.Duration) {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// Random returns a number below n, for load and for the times of faults.
func Random(n int) int { return rand.IntN(n) } //nolint:gosec // no secrets are made of it

// FreePort returns a TCP port of the loopback address that nobody listens on at this moment.
func FreePort() (int, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	address, isTCP := listener.Addr().(*net.TCPAddr)
	if err := listener.Close(); err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	if !isTCP {
		return 0, fmt.Errorf("find a free port: %s is no TCP address", listener.Addr())
	}
	return address.Port, nil
}

// listening reports whether something accepts connections at the address.
func listening(ctx context.Context, address string) bool {
	dialer := net.Dialer{Timeout: time.Second}
	connection, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	_ = connection.Close() // only its opening was asked about
	return true
}
